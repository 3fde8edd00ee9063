"""The options that classification and regression add to data preparation, and what they must agree in."""

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

from bert_tf2.data.sources.row_files import delimiter_of
from bert_tf2.errors import UserError
from bert_tf2.options import option, refuse_given
from bert_tf2.tasks.row_options import PUBLISHED_TASK, DataDirOptions, TextRowOptions


@dataclasses.dataclass(frozen=True)
class PublishedTaskOptions(DataDirOptions):
    """Which published data set to read."""

    classification_task_name: str | None = option(
        None,
        "AX, CoLA, IMDB, MNLI, MRPC, PAWS-X, QNLI, QQP, RTE, SNLI, SST-2, STS-B, WNLI, XNLI or a registered processor.",
        section=PUBLISHED_TASK,
    )
    mnli_type: str = option(
        "matched",
        "Which MNLI sets to take; matched also writes the mismatched ones beside them where their files are there.",
        choices=("matched", "mismatched"),
        section=PUBLISHED_TASK,
    )
    xnli_language: str = option("en", "Language of XNLI training data, or all.", section=PUBLISHED_TASK)
    pawsx_language: str = option("en", "Language of PAWS-X training data, or all.", section=PUBLISHED_TASK)


@dataclasses.dataclass(frozen=True)
class RegressionDataOptions(TextRowOptions, PublishedTaskOptions):
    """Where texts and numbers come from."""


@dataclasses.dataclass(frozen=True)
class ClassificationDataOptions(TextRowOptions, PublishedTaskOptions):
    """Where texts and labels come from."""

    labels: str | None = option(
        None,
        "Label names in id order, comma-separated [default: collected from --train_file and --eval_file, sorted].",
        section="Classes",
    )


_TASK_FLAGS = tuple(field.name for field in dataclasses.fields(PublishedTaskOptions) if field.name != "classification_task_name")
_ROW_FLAGS = (*(field.name for field in dataclasses.fields(TextRowOptions)), "labels")


def check_data_options(options: Any, own: Sequence[str]) -> None:
    """Checks what the options must agree in.

    Args:
      options: of data preparation.
      own: the flags of own files that are given.

    Raises:
      UserError: two things are given that exclude each other, or one that cannot be read.
    """
    if own:
        refuse_given(options, _TASK_FLAGS, f"belongs to --classification_task_name; it can do nothing beside --{own[0]}")
    else:
        refuse_given(options, _ROW_FLAGS, "belongs to --train_file, --eval_file and --test_file; a task knows its own columns")
    names = label_names(options)
    if not all(names):
        raise UserError(f"--labels must be names with one comma between two; got '{options.labels}', where a name is empty")
    refuse_repeated_label("--labels", names)
    if len(options.quotechar) > 1:
        raise UserError(f"--quotechar must be one character; got '{options.quotechar}'")
    delimiter_of(options.delimiter)


def label_names(options: Any) -> tuple[str, ...]:
    """The names that `--labels` gives."""
    return tuple(name.strip() for name in options.labels.split(",")) if options.labels else ()


def refuse_repeated_label(what: str, names: Sequence[str]) -> None:
    """Refuses label names of which one occurs twice; `what` is how they were given."""
    twice = next((name for name, count in collections.Counter(names).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"{what} names '{twice}' twice; a label's place is its id, so name each once")
