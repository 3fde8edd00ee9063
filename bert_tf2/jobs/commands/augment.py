"""The job of `python -m bert_tf2.augment`."""

import dataclasses
import json
import logging
import os
import time
from collections.abc import Iterator
from typing import Any

from bert_tf2 import cli, files
from bert_tf2.errors import UserError
from bert_tf2.jobs.commands.asking import loading
from bert_tf2.jobs.commands.input_file import InputFile, TextRow
from bert_tf2.jobs.commands.masked_lm_options import MaskedLMOptions, check_model
from bert_tf2.jobs.commands.row_output import cells_of, line_of, output_form, write_lines
from bert_tf2.options import at_least, between, option, require_given, required, share
from bert_tf2.progress import track
from bert_tf2.runtime import job

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class AugmentCommandOptions(MaskedLMOptions):
    """Which model guesses, which texts are changed, and how."""

    input_file: str | None = option(
        None, "The texts: a TSV, CSV, JSONL or Parquet file with a column of texts, or a .txt file with a text on each line."
    )
    text_column: str | None = option(None, "Name or place (from 0) of the text [default: text, sentence, …].")
    text_b_column: str | None = option(None, "Name or place of the second text of a pair [default: text_b, sentence2, …].")
    output_file: str | None = option(
        None,
        "Where the copies go, as TSV, CSV or JSONL by its name: those of each row of --input_file together, with all its "
        "other columns, labels too. It appears when it is complete.",
    )
    overwrite: bool = option(False, "Replace an --output_file that is there.")
    keep_original: bool = option(False, "Write each row as it is, too, before its copies.")
    num_copies: int = option(
        20, "How many copies of each text are drawn; those that equal it or each other are left out.", check=at_least(1)
    )
    top_k: int = option(15, "Among how many of the model's guesses a word is drawn.", check=between(1, 1000))
    replace_probability: float = option(0.4, "With which probability each word is replaced.", check=share)
    max_seq_length: int = option(
        128, "Longest input in tokens; words beyond it stay [at most the model's longest].", check=at_least(5)
    )
    seed: int = option(1, "Of what is drawn: the same texts, model and seed give the same copies.", check=at_least(0))
    batch_size: int = option(64, "How many masked inputs go through the model at a time.", check=at_least(1))


def command(description: str = "Makes more texts of given ones by a masked language model.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(augment, AugmentCommandOptions, description)


@dataclasses.dataclass
class AugmentResult:
    """What was read and written.

    Attributes:
      texts: rows of the input.
      copies: rows of the output, but for those that are kept as they are.
      equal: copies that equalled their text or another copy of it, and were left out.
      unchangeable: texts without a word that can be replaced.
      words, replaceable: how many words the texts have, and how many of them can be.
    """

    texts: int = 0
    copies: int = 0
    equal: int = 0
    unchangeable: int = 0
    words: int = 0
    replaceable: int = 0


@job
def augment(options: AugmentCommandOptions) -> AugmentResult:
    """Writes copies of the texts of a file.

    Raises:
      UserError: an option, a file or a row cannot be used; nothing was written.
      JobError: the copies could not be written; nothing is left of them.
    """
    _check(options)
    source = InputFile(files.require_file(required(options.input_file), "input_file"), options.text_column, options.text_b_column)
    target = files.expand(required(options.output_file))
    # All of it is looked at before the model is loaded.
    count = sum(1 for _ in source.rows())
    augmenter, start, found = _load(options), time.monotonic(), AugmentResult()
    write_lines(target, _lines(output_form(target), source, _copies(options, source, augmenter, count, found)))
    seconds = time.monotonic() - start
    print(
        f"wrote {target}: {found.copies:,} copies of {found.texts:,} texts in {seconds:.1f} s "
        f"({found.texts / max(seconds, 1e-9):.1f} texts/s); {found.equal:,} equal ones were left out"
    )
    print(f"{found.replaceable:,} of {found.words:,} words can be replaced (the others are several tokens, or beyond the length)")
    if found.unchangeable:
        logger.warning("%s of %s texts have no word that can be replaced", f"{found.unchangeable:,}", f"{found.texts:,}")
    return found


def _check(options: AugmentCommandOptions) -> None:
    needed = {
        "init_checkpoint or model_dir": "the model that guesses words",
        "input_file": "the texts",
        "output_file": "where their copies go",
    }
    require_given(options, needed)
    check_model(options)
    source, target = files.expand(required(options.input_file)), files.expand(required(options.output_file))
    output_form(target)
    if os.path.realpath(source) == os.path.realpath(target):
        raise UserError(f"--output_file={options.output_file} is --input_file; name another file")
    if os.path.isdir(target):
        raise UserError(f"--output_file={options.output_file} is a directory; name a file in it, such as more.tsv")
    if files.exists(target) and not options.overwrite:
        raise UserError(f"--output_file={options.output_file} is there already; name another file, or give --overwrite")


def _load(options: AugmentCommandOptions) -> Any:
    from bert_tf2.inference.text_augmenter import AugmentOptions, TextAugmenter

    names = [field.name for field in dataclasses.fields(AugmentOptions)]
    how = AugmentOptions(**{name: getattr(options, name) for name in names})
    with loading(options.model_path):
        return TextAugmenter.from_checkpoint(options.model_path, how, options.batch_size, **options.beside_model)


def _copies(
    options: AugmentCommandOptions, source: InputFile, augmenter: Any, count: int, found: AugmentResult
) -> Iterator[tuple[TextRow, Any]]:
    """The rows of the input with the values of each row that is written of them."""
    # The rows are read twice side by side; those between the two readers are a few batches.
    changed = augmenter.augmented((row.text, row.text_b) for row in source.rows())
    for row, one in zip(source.rows(), track(changed, "augmenting", count, "texts"), strict=True):
        found.texts += 1
        found.copies += len(one.copies)
        found.words, found.replaceable = found.words + one.words, found.replaceable + one.replaceable
        found.unchangeable += not one.replaceable
        found.equal += options.num_copies - len(one.copies) if one.replaceable else 0
        if options.keep_original:
            yield row, row.values
        for text, text_b in one.copies:
            yield row, source.with_texts(row, text, text_b)


def _lines(form: str, source: InputFile, rows: Iterator[tuple[TextRow, Any]]) -> Iterator[str]:
    if form == "jsonl":
        for _, values in rows:
            known = dict(zip(source.names, values)) if source.is_table else values
            yield json.dumps(known, ensure_ascii=False, default=str) + "\n"
        return
    line = line_of(form)
    yield line(source.names)
    for row, values in rows:
        yield line(cells_of(source, row.where, values))
