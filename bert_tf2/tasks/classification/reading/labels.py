"""What stands in a row as label or weight, as the number that a record holds, or what is wrong with it."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from bert_tf2.data.examples import InputExample
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.tasks.classification.reading.label_sets import find_separator
from bert_tf2.tasks.classification.statistics import LabelStatistics

ReadLabels = Callable[[Any], tuple[Sequence[str], str | None]]

_LARGEST_FLOAT32 = 3.4028234e38
# From so many labels on, so few rows for each are no classes but identifiers, texts or numbers.
_FEW_LABELS = 20
_FEWEST_ROWS_OF_LABEL = 1.5


def sorted_labels(names: Iterable[str]) -> list[str]:
    """Label names in the order of their ids: as numbers when all are whole numbers, else as text."""
    names = list(names)
    whole = all(re.fullmatch(r"-?\d{1,18}", name) for name in names)
    return sorted(names, key=(lambda name: (int(name), name)) if whole else None)


def refuse_unique_labels(where: str, rows: int, labels: Collection[str]) -> None:
    """Refuses labels collected from data of which (nearly) every row has one of its own.

    Args:
      where: the file or the data.
      rows: that have a label.
      labels: that occur in them.

    Raises:
      UserError: they cannot be classes.
    """
    if len(labels) >= _FEW_LABELS and rows < _FEWEST_ROWS_OF_LABEL * len(labels):
        raise UserError(
            f"{where}: {len(labels):,} different labels in {rows:,} rows, such as '{next(iter(labels))[:40]}': is this the label "
            "(--label_column)? For numbers pass --fine_tuning_task_type=regression; to insist, name all classes by --labels"
        )


def label_reader(counts: LabelStatistics, is_regression: bool) -> Callable[[Any], tuple[float, str | None]]:
    """A function from a label that is no class name as it stands to its value in the record and what is wrong with it."""

    def class_id(label: Any) -> tuple[int, str | None]:
        if label is None:
            return 0, "the label is missing"
        stripped = str(label).strip()
        if stripped not in counts.label_ids:
            return 0, _unknown_label(stripped, counts.label_names)
        counts.stripped_labels += isinstance(label, str)
        return counts.label_ids[stripped], None

    return _number if is_regression else class_id


def set_reader(label_ids: Mapping[str, int], read: ReadLabels) -> Callable[[Any], tuple[bytes, str | None]]:
    """A function from what stands in a row that has any number of labels to 1 or 0 for each label, and what is wrong with it.

    Args:
      label_ids: by name.
      read: see `bert_tf2.data.processors.DataProcessor.read_labels`.
    """
    names, none = list(label_ids), bytes(len(label_ids))

    def label_set(label: Any) -> tuple[bytes, str | None]:
        found, complaint = read(label)
        if complaint:
            return none, complaint
        chosen = bytearray(len(names))
        for name in found:
            if name not in label_ids:
                return none, _unknown_label(name, names)
            chosen[label_ids[name]] = 1
        return bytes(chosen), None

    return label_set


def _number(label: Any) -> tuple[float, str | None]:
    if label is None:
        return 0.0, "the label is missing"
    try:
        value = float(label)
    except (TypeError, ValueError):
        return 0.0, f"label {str(label)[:60]!r} is not a number"
    if not math.isfinite(value) or abs(value) > _LARGEST_FLOAT32:
        return 0.0, f"label '{label}' is not a finite float32 number"
    return value, None


def why_unlabelled(
    examples: Iterable[InputExample], label_names: Sequence[str], is_regression: bool, placeholders: bool
) -> str | None:
    """Why the labels of a test split are none, or None where they are to be read.

    Hidden labels are published as blanks, as -1 in every row or, by the classic processors, as one of the classes in every row.
    So the labels of a test split count only if one of them is a class (for regression a number); then another that is none is
    an error, as everywhere.

    Args:
      examples: the split; read as far as is needed to know.
      label_names: the classes.
      is_regression: labels are numbers. One number in all rows is none: nothing can be correlated with it.
      placeholders: a class that all rows share is none either.

    Returns:
      The reason, empty where no row has a label.
    """
    known, place, any_known, rows = set(label_names), "", False, 0
    values: list[Any] = []
    for example in examples:
        rows += 1
        value: Any = None if example.label is None else str(example.label).strip()
        if is_regression:
            number, complaint = _number(example.label)
            is_known, value = not complaint, value if complaint else number
        else:
            is_known = value in known
        any_known = any_known or is_known
        if value is not None and not place:
            place = f"'{str(example.label)[:60]}' ({example.where()})"
        if len(values) < 2 and value not in values:
            values.append(value)
        if any_known and (len(values) > 1 or not (placeholders or is_regression)):
            return None
    if any_known and is_regression and rows == 1:
        return None
    if any_known:
        return f"every row has the label {place}, which counts as a placeholder"
    return f"no label is {'a number' if is_regression else 'one of the classes'}; the first is {place}" if place else ""


def why_no_sets(examples: Iterable[InputExample], label_names: Collection[str], read: ReadLabels) -> str | None:
    """As `why_unlabelled`, of rows that have any number of labels: they are read if one row has a label that is known."""
    known, place = set(label_names), ""
    for example in examples:
        names, complaint = ((), None) if example.label is None else read(example.label)
        if names and not complaint and known.issuperset(names):
            return None
        if (names or complaint) and not place:
            shown = example.label if isinstance(example.label, str) else ",".join(map(str, example.label or ()))  # type: ignore[arg-type]  # a set of labels is no number
            place = f"'{shown[:60]}' ({example.where()})"
    return f"no row has labels of the model; the first that has something is {place}" if place else ""


def _unknown_label(label: str, known: Sequence[str]) -> str:
    if not label:
        return "the label is missing"
    shown = ", ".join(known[:20]) + (f", … ({len(known)} in all)" if len(known) > 20 else "")
    advice = "" if find_separator([label], known) is None else "; for several labels of a row pass --multi_label"
    return f"unknown label {label[:60]!r}.{did_you_mean(label, known[:1000])} Known labels: {shown}{advice}"


def read_weight(weight: Any, complaint: str | None) -> tuple[float, str | None]:
    """An example's weight, 1 when it gives none, and what is wrong with it."""
    try:
        value = float(1 if weight is None else weight)
    except (TypeError, ValueError):
        value = math.nan
    if 0 <= value <= _LARGEST_FLOAT32:
        return value, complaint
    return 1, complaint or f"weight {str(weight)[:60]!r} is not a finite number from 0"
