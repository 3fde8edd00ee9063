"""The options that the kinds of classification add to data preparation, and what they must agree in."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from bert_tf2.data.sources.row_files import delimiter_of
from bert_tf2.errors import UserError
from bert_tf2.options import Options, not_negative, option, refuse_given
from bert_tf2.tasks.classification.label_numbers import FACTORS, WEIGHTS
from bert_tf2.tasks.classification.long_texts.options import DECIDED_BY_DATA, LongTextOptions, LongTextRunOptions
from bert_tf2.tasks.classification.long_texts.rule import LongText
from bert_tf2.tasks.classification.reading.label_sets import separator_of
from bert_tf2.tasks.row_options import PUBLISHED_TASK, DataDirOptions, LabelOptions, TextRowOptions, check_label_names

USUAL_THRESHOLD = 0.5
AUTOMATIC, PER_LABEL = "auto", "per_label"
"""Rules by which thresholds are found: one for all labels, or one for each."""
CLASSES = "Classes"
_UNEQUAL = "Unequal labels"


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
class RegressionDataOptions(TextRowOptions, PublishedTaskOptions, LongTextOptions):
    """Where texts and numbers come from."""


@dataclasses.dataclass(frozen=True)
class ClassificationDataOptions(LabelOptions, TextRowOptions, PublishedTaskOptions, LongTextOptions):
    """Where texts and labels come from."""

    multi_label: bool | None = option(
        None,
        "A row has any number of labels, in one cell or as a list [default: found from the rows, unless --labels is given].",
        section=CLASSES,
    )
    label_separator: str = option(
        "",
        "Character between the labels of a cell, or comma, semicolon, pipe, space [default: found from the rows].",
        section=CLASSES,
    )
    label_columns: str | None = option(
        None,
        "Instead of --label_column: columns of 0 and 1, one for each label, comma-separated.",
        section=CLASSES,
        comma_separated=True,
    )


def _is_threshold(value: str | float) -> str | None:
    if value in (AUTOMATIC, PER_LABEL):
        return None
    try:
        return None if 0 < float(value) < 1 else "must be between 0 and 1, auto or per_label"
    except ValueError:
        return "must be a number between 0 and 1, auto or per_label"


def _is_share(value: float) -> str | None:
    return None if 0 <= value < 1 else "must be at least 0 and less than 1"


@dataclasses.dataclass(frozen=True)
class LabelLossOptions(Options):
    """What a training minimises besides the plain cross-entropy; evaluations tell that one, whatever is given here."""

    class_weights: str | None = option(
        None,
        "How much the labels count in training: balanced (as scikit-learn's, by the training records), a file.json that holds "
        "{label: weight}, or label=weight,label=weight. With several labels of a text: what a label counts where it is there.",
        check=WEIGHTS.why_not,
        section=_UNEQUAL,
        of_loss=True,
    )
    label_smoothing: float = option(
        0.0,
        "Train towards targets of which all labels share this much, such as 0.1; with several labels, being there and not.",
        check=_is_share,
        section=_UNEQUAL,
        of_loss=True,
    )
    focal_gamma: float = option(
        0.0,
        "Focal loss: what the model is sure of costs less, by (1 - probability) to this power, such as 2.",
        check=not_negative,
        section=_UNEQUAL,
        of_loss=True,
    )


@dataclasses.dataclass(frozen=True)
class OversamplingOptions(Options):
    """How often rows are trained on."""

    oversample: str | None = option(
        None,
        "Train on rows of rare labels several times in an epoch: balanced (all labels as often as the most frequent one), "
        "label=factor,label=factor, or a file.json that holds {label: factor}; labels that are not named keep 1. Of several "
        "labels of a text the greatest factor counts.",
        check=FACTORS.why_not,
        section=_UNEQUAL,
        of_training=True,
    )


@dataclasses.dataclass(frozen=True)
class ClassificationRunOptions(LabelLossOptions, OversamplingOptions, LongTextRunOptions):
    """What is minimised, on which rows, and what happens to long texts."""


@dataclasses.dataclass(frozen=True)
class TemperatureOptions(Options):
    """How certain predictions are said to be."""

    fit_temperature: bool = option(
        False,
        "Divide logits by the one number with which probabilities fit the evaluation data best "
        "(https://arxiv.org/abs/1706.04599); no label changes. It is kept with the model; predict and export with the same flag.",
        section=CLASSES,
        may_change=True,
    )


@dataclasses.dataclass(frozen=True)
class SingleLabelRunOptions(ClassificationRunOptions, TemperatureOptions):
    """What is minimised and learned besides labels, what happens to long texts, and how certain predictions are said to be."""

    soft_labels: str | None = option(
        None,
        "Learn from probabilities besides labels, --distillation_alpha of the loss at --distillation_temperature: a table with a "
        "column probability_LABEL for each, of which the training records were made, such as soft_labels.tsv of "
        "--pattern_ensemble.",
        section=CLASSES,
        may_change=True,
        of_loss=True,
    )


@dataclasses.dataclass(frozen=True)
class MultiLabelRunOptions(ClassificationRunOptions):
    """The same, and when a label is chosen."""

    label_threshold: str | float = option(
        str(USUAL_THRESHOLD),
        "Probability from which on a label is chosen. auto: the one of the best micro F1 on the evaluation data; per_label: for "
        "each label that of its best F1 there. They are kept with the model; predict and export with the same flag.",
        check=_is_threshold,
        section=CLASSES,
        may_change=True,
    )


def threshold_of(given: str | float) -> str | float:
    """What `--label_threshold` says: a number, or a rule by which thresholds are found."""
    return given if given in (AUTOMATIC, PER_LABEL) else float(given)


_TASK_FLAGS = tuple(field.name for field in dataclasses.fields(PublishedTaskOptions) if field.name != "classification_task_name")
_ROW_FLAGS = tuple(
    field.name
    for field in dataclasses.fields(ClassificationDataOptions)
    if field.name not in (*_TASK_FLAGS, *DECIDED_BY_DATA, "classification_task_name")
)


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
    check_label_names(options, "label")
    LongText.of_options(options, options.max_seq_length or 128)
    if len(options.quotechar) > 1:
        raise UserError(f"--quotechar must be one character; got '{options.quotechar}'")
    delimiter_of(options.delimiter)
    if not all(label_columns(options)):
        raise UserError(
            f"--label_columns must be names with one comma between two; got '{options.label_columns}', where a name is empty"
        )
    separator_of(options.label_separator)


def label_columns(options: Any) -> tuple[str, ...]:
    """The names that `--label_columns` gives."""
    return tuple(name.strip() for name in options.label_columns.split(",")) if options.label_columns else ()
