"""The job of `python -m bert_tf2.extract_features`."""

import dataclasses
import itertools
import logging
from collections.abc import Iterator
from typing import Any

from bert_tf2 import cli, files
from bert_tf2.errors import UserError
from bert_tf2.inference.vectors.inputs import Text
from bert_tf2.inference.vectors.settings import VectorSettings, read_layers
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.jobs.commands.asking import told_when_written
from bert_tf2.jobs.commands.input_file import InputFile
from bert_tf2.jobs.vectors.computing import Parts, compute, vectors_of
from bert_tf2.jobs.vectors.contents import Contents
from bert_tf2.jobs.vectors.extract_options import ExtractFeaturesOptions, check
from bert_tf2.jobs.vectors.journal import Journal, journal_of
from bert_tf2.jobs.vectors.model_options import load_encoder, settings_of
from bert_tf2.options import required, tell_ignored
from bert_tf2.progress import Progress
from bert_tf2.runtime import job

logger = logging.getLogger(__name__)

_GOOGLES_LAYERS = "-1,-2,-3,-4"


def command(description: str = "Writes the vectors of texts.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(extract_features, ExtractFeaturesOptions, description)


@job
def extract_features(options: ExtractFeaturesOptions) -> int:
    """Writes the vectors of a file of texts, or fits a whitening, or both.

    Args:
      options: what to do.

    Returns:
      How many texts got vectors.

    Raises:
      UserError: an option, a file or a row cannot be used; nothing was written.
      JobError: the vectors could not be written; the same command goes on with what is done.
    """
    check(options)
    tell_ignored(options)
    settings = _settings(options)
    if options.attention_page is not None:
        return _show_attention(options, settings)
    source, contents = None, None
    if options.input_file is not None:
        path = files.require_file(options.input_file, "input_file")
        source = InputFile(path, options.text_column, options.text_b_column, as_features=True)
        # All of it is looked at before the model is loaded.
        contents = Contents.of(source)
    if options.fit_whitening is not None:
        _fit_whitening(options, settings)
    if source is None or contents is None:
        return 0
    encoder = load_encoder(options, settings, options.whitening_file)
    if options.attentions:
        _write_attentions(options, encoder, source, contents)
    else:
        _write(options, encoder, source, contents)
    return contents.count


def _settings(options: ExtractFeaturesOptions) -> VectorSettings:
    if options.of_tokens:
        return settings_of(options, "mean", options.layers or _GOOGLES_LAYERS)
    return settings_of(options, options.pooling, options.layers)


def _show_attention(options: ExtractFeaturesOptions, settings: VectorSettings) -> int:
    encoder = load_encoder(options, settings, None)
    from bert_tf2.inference.vectors.attentions import Attentions
    from bert_tf2.jobs.vectors.attention_files import write_page

    path = files.expand(required(options.attention_page))
    write_page(path, Attentions(encoder, settings.layers), encoder, required(options.text), options.text_b)
    _tell_cut(encoder.inputs.cut, 1, encoder)
    print(f"wrote {path}: open it in a browser")
    return 1


def _write_attentions(options: ExtractFeaturesOptions, encoder: TextEncoder, source: InputFile, contents: Contents) -> None:
    from bert_tf2.inference.vectors.attentions import Attentions
    from bert_tf2.jobs.vectors.attention_files import write_attentions

    target = files.expand(required(options.output_file))
    contents.tell_empty("only special tokens attend there")
    with told_when_written(target, contents.count, "texts"):
        write_attentions(target, Attentions(encoder, encoder.settings.layers), source, contents, options.batch_size)
    _tell_cut(encoder.inputs.cut, contents.count, encoder)


def _fit_whitening(options: ExtractFeaturesOptions, settings: VectorSettings) -> None:
    from bert_tf2.inference.vectors.whitening import Whitening

    path = files.require_file(required(options.fit_whitening), "fit_whitening")
    target, digest = files.expand(required(options.whitening_file)), files.sha256_of_file(path)
    if files.exists(target) and not options.overwrite:
        # The same command, once more: it goes on behind its first part. Whether all else is the same is known with the model.
        if Whitening.load(target).texts == digest:
            return
        raise UserError(f"--whitening_file={target} is there already, of other texts; name another file, or give --overwrite")
    texts = InputFile(path, options.text_column, options.text_b_column, as_features=True)
    count = Contents.of(texts).count
    encoder = load_encoder(options, settings, None)

    def vectors() -> Iterator[Any]:
        with Progress("fitting the whitening", count, "texts") as progress:
            for part in encoder.pooled(((row.text, row.text_b) for row in texts.rows()), options.batch_size):
                yield part
                progress.advance(len(part))

    whitening = dataclasses.replace(Whitening.fit(vectors(), encoder.identity), texts=digest)
    whitening.save(target)
    print(f"wrote {target}: {whitening.dimension} directions, from {count:,} texts")


def _write(options: ExtractFeaturesOptions, encoder: TextEncoder, source: InputFile, contents: Contents) -> None:
    target = files.expand(required(options.output_file))
    contents.tell_empty(_of_empty_texts(options))
    command = _what_decides(options, encoder, source)
    with told_when_written(target, contents.count, "texts"), journal_of(target, command, options.overwrite) as journal:
        if journal.done:
            logger.info("going on behind %d of %d texts", journal.done, contents.count)
        _compute(options, encoder, source, contents, journal)
        if options.of_tokens:
            _write_lines(journal.data, target)
        else:
            from bert_tf2.jobs.vectors.output_forms import write_vectors

            write_vectors(target, journal.data, encoder.dimension, source, contents)
        cut = journal.cut
    cure = "" if options.of_tokens or contents.has_pairs else "; --long_text=windows reads all of them"
    _tell_cut(cut, contents.count, encoder, cure)


def _tell_cut(cut: int, count: int, encoder: TextEncoder, cure: str = "") -> None:
    if cut:
        logger.warning("%d of %d texts have more than %d tokens and were cut%s", cut, count, encoder.max_seq_length, cure)


def _of_empty_texts(options: ExtractFeaturesOptions) -> str:
    if options.of_tokens:
        return "only special tokens have vectors there"
    return "their vector is that of [CLS] [SEP]" if options.special_tokens else "their vector is zero"


def _compute(
    options: ExtractFeaturesOptions, encoder: TextEncoder, source: InputFile, contents: Contents, journal: Journal
) -> None:
    """Computes what the journal lacks."""
    texts: Iterator[Text] = ((row.text, row.text_b) for row in itertools.islice(source.rows(), journal.done, None))
    of_tokens = options.of_tokens
    parts = _lines(options, encoder, texts, journal.done) if of_tokens else vectors_of(encoder, texts, options.batch_size)
    compute(parts, encoder, contents.count, journal)


def _lines(options: ExtractFeaturesOptions, encoder: TextEncoder, texts: Iterator[Text], first: int) -> Parts:
    from bert_tf2.inference.vectors.token_states import BATCHES_AT_ONCE, TokenStates

    states = TokenStates(encoder, read_layers(options.layers or _GOOGLES_LAYERS))
    while part := list(itertools.islice(texts, options.batch_size * BATCHES_AT_ONCE)):
        yield len(part), (line.encode() for line in states.lines(part, options.batch_size, first))
        first += len(part)


def _write_lines(data: str, target: str) -> None:
    with files.written_whole(target) as temporary, open(data, "rb") as source, files.open_to_write(temporary) as file:
        while block := source.read(1 << 20):
            file.write(block)


def _what_decides(options: ExtractFeaturesOptions, encoder: TextEncoder, source: InputFile) -> dict[str, Any]:
    """All that decides what the output holds, for the journal."""
    whitening = options.whitening_file
    return {
        "input_file": files.sha256_of_file(source.path),
        "text_column": options.text_column,
        "text_b_column": options.text_b_column,
        **encoder.identity,
        **{name: getattr(options, name) for name in ("normalize", "dimension", "long_text", "batch_size")},
        "max_seq_length": encoder.max_seq_length,
        "whitening_file": None if whitening is None else files.sha256_of_file(files.expand(whitening)),
        "pooling": encoder.settings.pooling if not options.of_tokens else "none",
    }
