"""`--mode=add` and `--mode=trim`: another vocabulary for a checkpoint, or for none yet."""

import dataclasses
import logging
import math
import os
from typing import TYPE_CHECKING, Any

from bert_tf2 import files, folders
from bert_tf2.data.sources.text_files import read_lines
from bert_tf2.errors import UserError
from bert_tf2.jobs.commands.conversion_source import ConversionSource, find_source
from bert_tf2.jobs.vocabulary.options import VocabularyOptions
from bert_tf2.jobs.vocabulary.texts import Texts, tokenizer_of
from bert_tf2.options import required
from bert_tf2.text.tokenizer import Tokenizer, warnings_of
from bert_tf2.text.tokenizer_files import VOCABULARY, tokenizer_files
from bert_tf2.text.vocabulary import check_tokens, whole_tokens
from bert_tf2.text.vocabulary_changes import VocabularyChange, add_tokens
from bert_tf2.text.vocabulary_changes import trim as trimmed
from bert_tf2.text.vocabulary_training import count_words
from bert_tf2.text.wordpiece import WordPieceTokenizer

if TYPE_CHECKING:
    from bert_tf2.models.checkpoints.source import Source

logger = logging.getLogger(__name__)

_CHECKPOINT = "bert_model.ckpt"
_LONGEST_INPUT = 512
# Published tables are padded to a multiple of up to so many rows.
_PADDING = 128
_CLASSES = ("classifier", "tagger", "multiple_choice")
_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class _Given:
    """What is changed: the vocabulary, and the checkpoint if there is one."""

    tokenizer: WordPieceTokenizer
    source: "Source | None" = None
    known: ConversionSource | None = None

    @property
    def table_rows(self) -> int:
        return self.tokenizer.vocab_size if self.known is None else self.known.config.vocab_size


def add(options: VocabularyOptions) -> dict[str, Any]:
    """Adds tokens and writes the folder.

    Raises:
      UserError: a token is there already or can never be met, or vocabulary and checkpoint do not fit.
      JobError: writing failed.
    """
    words, kept = _words(options), whole_tokens(options.keep_tokens)
    given = _given(options)
    change = add_tokens(given.tokenizer, words, kept, use_unused=options.use_unused, table_rows=given.table_rows)
    folder = _write(options, given, change)
    _tell_size(folder, given, change)
    if change.reused:
        print(f"  {change.reused} of them in the place of [unusedN]")
    of_rows = ": its row is the mean of theirs" if given.source else ""
    for word, pieces in list(change.added.items())[:_SHOWN]:
        print(f"  {word} (id {change.tokenizer.vocabulary[word]}) was {' '.join(pieces)}{of_rows}")
    if len(change.added) > _SHOWN:
        print(f"  … and {len(change.added) - _SHOWN:,} more")
    if whole := change.tokenizer.normalization.never_split:
        print(f"  kept whole between spaces (never_split in tokenizer_config.json): {' '.join(whole)}")
    _tell_use(folder, given)
    return _facts(folder, given, change) | {"added": change.added, "reused": change.reused}


def trim(options: VocabularyOptions) -> dict[str, Any]:
    """Leaves the tokens of a text and writes the folder.

    Raises:
      UserError: there is no text, or vocabulary and checkpoint do not fit.
      JobError: writing failed.
    """
    kept = whole_tokens(options.keep_tokens)
    texts = Texts(required(options.text_files), options.text_field)
    given = _given(options)
    counts = count_words(texts, given.tokenizer.normalization)
    texts.require_words(counts.total())
    change = trimmed(
        given.tokenizer,
        counts,
        min_count=options.min_count or 1,
        keep_characters=options.keep_characters,
        kept=kept,
    )
    other = sum(count for word, count in counts.items() if _tokens(given.tokenizer, word) != _tokens(change.tokenizer, word))
    folder = _write(options, given, change)
    _tell_size(folder, given, change)
    print(f"  {counts.total():,} words in the text ({len(counts):,} different); {other:,} have other tokens than before")
    _tell_use(folder, given)
    return _facts(folder, given, change) | {"words": counts.total(), "other_tokens": other}


def _tokens(tokenizer: WordPieceTokenizer, word: str) -> list[str]:
    return [tokenizer.id_to_token(id) for id in tokenizer.word_or_whole_ids(word)]


def _words(options: VocabularyOptions) -> list[str]:
    words = list(whole_tokens(options.add_tokens, "add_tokens"))
    if options.add_tokens_file is not None:
        path = files.require_file(options.add_tokens_file, "add_tokens_file")
        words += [line.strip() for _, line in read_lines(path) if line.strip()]
        if not words:
            raise UserError(f"--add_tokens_file: {path} holds no word")
        check_tokens(words, "add_tokens_file")
    return words


def _given(options: VocabularyOptions) -> _Given:
    if options.init_checkpoint is None:
        tokenizer = tokenizer_of(required(options.vocab_file), options.do_lower_case, options.strip_accents)
        for warning in warnings_of(tokenizer):
            logger.warning("%s", warning)
        return _Given(_wordpiece(tokenizer, options))
    from bert_tf2.models.checkpoints.formats import open_source
    from bert_tf2.models.checkpoints.loading import fitted

    source = open_source(options.init_checkpoint)
    known = find_source(
        source.path,
        bert_config_file=options.bert_config_file,
        vocab_file=options.vocab_file,
        do_lower_case=options.do_lower_case,
        strip_accents=options.strip_accents,
    )
    if known.tokenizer is None:
        raise UserError(f"--vocab_file is required: there is no vocabulary beside {source.path}")
    tokenizer = _wordpiece(known.tokenizer, options)
    rows, size = known.config.vocab_size, tokenizer.vocab_size
    if not size <= rows < size + _PADDING:
        raise UserError(
            f"--vocab_file: {tokenizer.file} has {size:,} entries, the table of {source.path} {rows:,} rows; give the vocabulary "
            "that belongs to the checkpoint"
        )
    return _Given(tokenizer, fitted(source, known.config), known)


def _wordpiece(tokenizer: Tokenizer, options: VocabularyOptions) -> WordPieceTokenizer:
    if isinstance(tokenizer, WordPieceTokenizer):
        return tokenizer
    kind = "a SentencePiece model" if tokenizer.kind == "sentencepiece" else "a byte-level BPE"
    raise UserError(f"--mode={options.mode} takes WordPiece vocabularies; {tokenizer.file} is {kind}")


def _write(options: VocabularyOptions, given: _Given, change: VocabularyChange) -> str:
    """Writes vocabulary and model, and returns the folder."""
    folder = files.expand(required(options.output_dir)).rstrip("/")
    with folders.written_whole(folder) as temporary:
        if given.source is None or given.known is None:
            contents = tokenizer_files(change.tokenizer, _LONGEST_INPUT)
        else:
            config = dataclasses.replace(given.known.config, vocab_size=len(change.rows))
            known = dataclasses.replace(given.known, config=config, tokenizer=change.tokenizer)
            contents = _write_model(given.source.with_vocabulary(change.rows), known, temporary)
        for name, content in contents.items():
            with open(os.path.join(temporary, name), "wb") as file:
                file.write(content)
    return folder


def _write_model(source: "Source", known: ConversionSource, folder: str) -> dict[str, bytes]:
    """Writes a checkpoint in the format that it had, and returns what goes beside it."""
    from bert_tf2.models.checkpoints.convert import convert

    is_folder = source.format == "huggingface"
    converted = convert(
        source,
        known.config,
        folder if is_folder else os.path.join(folder, _CHECKPOINT),
        source.format,
        kind=known.kind,
        tokenizer=known.tokenizer,
        label_names=known.label_names,
        problem_type=known.problem_type,
    )
    if is_folder:
        return {}
    classes = source.shapes["output_bias"][0] if converted.kind in _CLASSES else None
    config = files.json_text(known.config.to_dict()).encode()
    return {"bert_config.json": config, **known.files_beside(classes)}


def _tell_size(folder: str, given: _Given, change: VocabularyChange) -> None:
    print(f"wrote {folder}: {change.tokenizer.vocab_size:,} tokens instead of {given.tokenizer.vocab_size:,}")
    if given.source is not None:
        before, after = _weights(given.source), _weights(given.source.with_vocabulary(change.rows))
        rows = f"table of {len(change.rows):,} rows instead of {given.table_rows:,}"
        print(f"  {rows}; {after:,} weights instead of {before:,} ({after / before - 1:+.1%})")


def _tell_use(folder: str, given: _Given) -> None:
    flags = f"--vocab_file={os.path.join(folder, VOCABULARY)}"
    if given.source is not None:
        is_folder = given.source.format == "huggingface"
        checkpoint = folder if is_folder else os.path.join(folder, _CHECKPOINT)
        config = os.path.join(folder, "config.json" if is_folder else "bert_config.json")
        flags = f"--init_checkpoint={checkpoint} --bert_config_file={config} {flags}"
    print(f"use it with: {flags}")


def _weights(source: "Source") -> int:
    return sum(math.prod(shape) for shape in source.shapes.values())


def _facts(folder: str, given: _Given, change: VocabularyChange) -> dict[str, Any]:
    return {"path": folder, "size": change.tokenizer.vocab_size, "size_before": given.tokenizer.vocab_size}
