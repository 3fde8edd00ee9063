"""Options of kinds of task whose own files are rows of columns; one place, so that such kinds share the flags."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.options import Options, option

ROWS = "Columns of your own files"
PUBLISHED_TASK = "A task with published files, or your own processor"


@dataclasses.dataclass(frozen=True)
class DataDirOptions(Options):
    """Where published files are."""

    input_data_dir: str | None = option(None, "Directory of the task's files.", section=PUBLISHED_TASK)


@dataclasses.dataclass(frozen=True)
class RowFileOptions(Options):
    """What the files are."""

    header: str = option(
        "auto",
        "Whether the first row names the columns; auto: yes if a column is given by name or none is given, no if all are places.",
        choices=("auto", "yes", "no"),
        section=ROWS,
    )
    data_format: str = option(
        "auto",
        "What the files are; auto goes by their names and contents. jsonl: an object on each line; json: an array of objects; "
        "parquet needs pip install 'bert_tf2[parquet]'.",
        choices=("auto", "tsv", "csv", "jsonl", "json", "parquet"),
        section=ROWS,
    )
    quotechar: str = option(
        "", 'Character that encloses cells [default: "; between tabs of a TSV none, quotes are text].', section=ROWS
    )
    delimiter: str = option(
        "",
        "Character between two cells, or tab, comma, semicolon, pipe [default: tab or comma by the file's name, another where "
        "the file's beginning leaves no doubt].",
        section=ROWS,
    )


@dataclasses.dataclass(frozen=True)
class TextColumnOptions(RowFileOptions):
    """Where a text is in a row."""

    text_column: str | int | None = option(None, "Name or place (from 0) of the text [default: text, sentence, …].", section=ROWS)


@dataclasses.dataclass(frozen=True)
class TextPairOptions(TextColumnOptions):
    """Where a text, or a pair of texts, with its label is in a row."""

    text_b_column: str | int | None = option(None, "Name or place of the second text of a pair.", section=ROWS)
    label_column: str | int | None = option(None, "Name or place of the label [default: label, …].", section=ROWS)


@dataclasses.dataclass(frozen=True)
class TextRowOptions(TextPairOptions):
    """The same, of rows with weights."""

    weight_column: str | int | None = option(None, "Name or place of the weight of a training row.", section=ROWS)


@dataclasses.dataclass(frozen=True)
class LabelOptions(Options):
    """What the labels are."""

    labels: str | None = option(
        None,
        "Label names in id order, comma-separated [default: collected from --train_file and --eval_file, sorted].",
        section="Classes",
        comma_separated=True,
    )


def label_names(options: Any) -> tuple[str, ...]:
    """The names that `--labels` gives."""
    return tuple(name.strip() for name in options.labels.split(",")) if options.labels else ()


def check_label_names(options: Any, what: str) -> None:
    """Checks the names that `--labels` gives.

    Args:
      options: of data preparation.
      what: the names are of, for messages: `label` or `tag`.

    Raises:
      UserError: one is empty, or occurs twice.
    """
    names = label_names(options)
    if not all(names):
        raise UserError(f"--labels must be names with one comma between two; got '{options.labels}', where a name is empty")
    refuse_repeated_name("--labels", names, what)


def refuse_repeated_name(given: str, names: Sequence[str], what: str = "label") -> None:
    """Refuses names of which one occurs twice.

    Args:
      given: how they were given.
      names: in the order of their ids.
      what: they are of.

    Raises:
      UserError: one does.
    """
    twice = next((name for name, count in collections.Counter(names).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"{given} names '{twice}' twice; a {what}'s place is its id, so name each once")
