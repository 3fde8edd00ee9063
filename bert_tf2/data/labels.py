"""What stands in a row as label or weight, as the number that a record holds, or what is wrong with it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from bert_tf2.data.statistics import SplitStatistics
from bert_tf2.errors import did_you_mean

_LARGEST_FLOAT32 = 3.4028234e38


def label_reader(counts: SplitStatistics, is_regression: bool, optional: bool) -> Callable[[Any], tuple[float, str | None]]:
    """A function from a label that is no class name as it stands to its value in the record and what is wrong with it."""

    def class_id(label: Any) -> tuple[int, str | None]:
        if label is None:
            return 0, None if optional else "the label is missing"
        stripped = str(label).strip()
        if stripped not in counts.label_ids:
            return 0, _unknown_label(stripped, counts.label_names)
        counts.stripped_labels += isinstance(label, str)
        return counts.label_ids[stripped], None

    def number(label: Any) -> tuple[float, str | None]:
        if label is None:
            return 0.0, None if optional else "the label is missing"
        try:
            value = float(label)
        except (TypeError, ValueError):
            return 0.0, f"label {str(label)[:60]!r} is not a number"
        if not math.isfinite(value) or abs(value) > _LARGEST_FLOAT32:
            return 0.0, f"label '{label}' is not a finite float32 number"
        return value, None

    return number if is_regression else class_id


def _unknown_label(label: str, known: Sequence[str]) -> str:
    if not label:
        return "the label is missing"
    shown = ", ".join(known[:20]) + (f", … ({len(known)} in all)" if len(known) > 20 else "")
    return f"unknown label {label[:60]!r}.{did_you_mean(label, known[:1000])} Known labels: {shown}"


def read_weight(weight: Any, complaint: str | None) -> tuple[float, str | None]:
    """An example's weight, 1 when it gives none, and what is wrong with it."""
    try:
        value = float(1 if weight is None else weight)
    except (TypeError, ValueError):
        value = math.nan
    if 0 <= value <= _LARGEST_FLOAT32:
        return value, complaint
    return 1, complaint or f"weight {str(weight)[:60]!r} is not a finite number from 0"
