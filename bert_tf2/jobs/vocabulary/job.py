"""The job of `python -m bert_tf2.vocabulary`."""

import logging
import os
from collections.abc import Mapping
from typing import Any

from bert_tf2 import cli, files, folders
from bert_tf2.jobs.vocabulary.options import VocabularyOptions, check_vocabulary_options
from bert_tf2.options import required
from bert_tf2.runtime import job

logger = logging.getLogger(__name__)

_LONGEST_INPUT = 512
_SHOWN = 8


def command(description: str = "Makes, grows, trims and compares vocabularies.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(vocabulary, VocabularyOptions, description)


@job
def vocabulary(options: VocabularyOptions) -> dict[str, Any]:
    """Does what `--mode` says, prints what came out and returns it.

    Raises:
      UserError: an option, a file or a text cannot be used; nothing was written.
      JobError: writing failed; nothing is left of it.
    """
    check_vocabulary_options(options)
    if options.output_dir is not None:
        folders.refuse_filled(files.expand(options.output_dir).rstrip("/"))
    if options.mode == "train":
        return _train(options)
    if options.mode == "compare":
        return _compare(options)
    from bert_tf2.jobs.vocabulary.changes import add, trim

    return add(options) if options.mode == "add" else trim(options)


def _train(options: VocabularyOptions) -> dict[str, Any]:
    from bert_tf2.jobs.vocabulary.texts import Texts
    from bert_tf2.text import vocabulary_training as training
    from bert_tf2.text.coverage import measure
    from bert_tf2.text.normalization import Normalization
    from bert_tf2.text.tokenizer_files import VOCABULARY, tokenizer_files
    from bert_tf2.text.vocabulary import SENTENCEPIECE_MODEL, whole_tokens

    folder = files.expand(required(options.output_dir)).rstrip("/")
    lower_case = True if options.do_lower_case is None else options.do_lower_case
    normalization = Normalization(lower_case, options.strip_accents, never_split=whole_tokens(options.keep_tokens))
    texts = Texts(required(options.text_files), options.text_field)
    settings: dict[str, Any] = {"num_unused": options.num_unused_tokens, "character_coverage": options.character_coverage}
    name = VOCABULARY if options.tokenization == "WordPiece" else SENTENCEPIECE_MODEL
    with folders.written_whole(folder) as temporary:
        path = os.path.join(temporary, name)
        if options.tokenization == "WordPiece":
            counts = training.count_words(texts, normalization)
            texts.require_words(counts.total())
            min_count = 2 if options.min_count is None else options.min_count
            tokens = training.train_wordpiece(counts, options.vocab_size, normalization, min_count=min_count, **settings)
            _write(path, "".join(f"{token}\n" for token in tokens).encode())
        else:
            texts.require_words(sum(1 for text in texts if text.strip()))
            _write(path, training.train_sentencepiece(texts, options.vocab_size, normalization, **settings))
        tokenizer = _trained(path, options.tokenization, normalization)
        for other, content in tokenizer_files(tokenizer, _LONGEST_INPUT, "AlbertTokenizer").items():
            _write(os.path.join(temporary, other), content)
        (coverage,) = measure([tokenizer], texts)
    path = os.path.join(folder, name)
    found = {"path": path, "size": tokenizer.vocab_size, **_facts(coverage)}
    fewer = (
        "" if tokenizer.vocab_size == options.vocab_size else f" (the text has no more; {options.vocab_size:,} were asked for)"
    )
    print(f"wrote {path}: {tokenizer.vocab_size:,} tokens{fewer}")
    print(f"  on its text: {_shown(found)}")
    flag = "--vocab_file" if name == VOCABULARY else "--tokenization=SentencePiece --sp_model_file"
    print(f"use it with: {flag}={path}, and a configuration with vocab_size {tokenizer.vocab_size}")
    return found


def _trained(path: str, tokenization: str, normalization: Any) -> Any:
    from bert_tf2.text.tokenizer import load_tokenizer

    return load_tokenizer(vocab_file=path, sp_model_file=path, tokenization=tokenization, normalization=normalization)


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def _compare(options: VocabularyOptions) -> dict[str, Any]:
    from bert_tf2.jobs.vocabulary.texts import Texts, tokenizer_of
    from bert_tf2.text.coverage import difference, measure
    from bert_tf2.text.tokenizer import warnings_of

    one_path, other_path = required(options.vocab_file), required(options.other_vocab_file)
    lower_case = options.other_do_lower_case
    tokenizers = [
        tokenizer_of(one_path, options.do_lower_case, options.strip_accents),
        tokenizer_of(
            other_path,
            options.do_lower_case if lower_case is None else lower_case,
            options.strip_accents,
            "other_vocab_file",
        ),
    ]
    for warning in (line for tokenizer in tokenizers for line in warnings_of(tokenizer)):
        logger.warning("%s", warning)
    texts = None if options.text_files is None else Texts(options.text_files, options.text_field)
    differing = difference(*tokenizers)
    found: dict[str, Any] = {
        "sizes": list(differing.sizes),
        "shared": differing.shared,
        "other_id": len(differing.moved),
        "only": [len(tokens) for tokens in differing.only],
    }
    print(f"{one_path}: {differing.sizes[0]:,} tokens; {other_path}: {differing.sizes[1]:,}")
    print(f"in both: {differing.shared:,}, of which with another id: {len(differing.moved):,}{_examples(differing.moved)}")
    for path, tokens in zip((one_path, other_path), differing.only):
        print(f"only in {path}: {len(tokens):,}{_examples(tokens)}")
    if texts is not None:
        coverages = measure(tokenizers, texts)
        texts.require_words(coverages[0].words)
        found["text"] = [_facts(coverage) for coverage in coverages]
        for path, facts in zip((one_path, other_path), found["text"]):
            print(f"on the text, {path}: {_shown(facts)}")
    if options.output_file is not None:
        files.write_json(files.expand(options.output_file), found)
    return found


def _facts(coverage: Any) -> dict[str, Any]:
    return {
        "words": coverage.words,
        "tokens": coverage.tokens,
        "pieces_per_word": coverage.pieces_per_word,
        "unknown_share": coverage.unknown_share,
    }


def _shown(facts: Mapping[str, Any]) -> str:
    return (
        f"{facts['words']:,} words, {facts['tokens']:,} tokens, {facts['pieces_per_word']:.3f} pieces per word, "
        f"[UNK] {facts['unknown_share']:.3%}"
    )


def _examples(tokens: tuple[str, ...]) -> str:
    if not tokens:
        return ""
    return f" ({' '.join(tokens[:_SHOWN])}{' …' if len(tokens) > _SHOWN else ''})"
