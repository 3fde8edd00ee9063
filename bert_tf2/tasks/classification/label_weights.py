"""The weights of labels, as `--class_weights` gives them."""

import math
import numbers
from collections.abc import Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.tasks.row_options import refuse_repeated_name

BALANCED = "balanced"
"""All labels weigh the same in the whole of the training records."""

_FORMS = f"must be {BALANCED}, a file.json that holds {{label: weight}}, or label=weight with commas between"
_FLAG = "class_weights"
_MOST_SHOWN = 20


def why_no_weights(given: str) -> str | None:
    """What is wrong with the form of a value of the flag; None for nothing."""
    if given.lower() == BALANCED or _is_file(given) or all(part.rpartition("=")[0].strip() for part in given.split(",")):
        return None
    if meant := did_you_mean(given, [BALANCED]):
        return f"{_FORMS}.{meant.removesuffix('?')}"
    return f"{_FORMS} (a label with a comma in it needs the file)"


def weights_in(given: str, names: Sequence[str]) -> str | list[float]:
    """What a value of the flag says.

    Args:
      given: the value.
      names: of the labels, in id order.

    Returns:
      `BALANCED`, or a weight for each label in id order.

    Raises:
      UserError: a label that does not exist, is left out or occurs twice, or a weight that is none.
    """
    if given.lower() == BALANCED:
        return BALANCED
    named = f"--{_FLAG}={given}"
    pairs = _pairs_of_file(given, named) if _is_file(given) else _pairs_of_list(given)
    labels = [label for label, _ in pairs]
    refuse_repeated_name(named, labels)
    known = ", ".join(names[:_MOST_SHOWN]) + (", …" if len(names) > _MOST_SHOWN else "")
    for label in labels:
        if label not in names:
            raise UserError(f"{named}: there is no label '{label}'.{did_you_mean(label, names)} The labels are {known}")
    if missing := [name for name in names if name not in labels]:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise UserError(f"{named} gives no weight to '{missing[0]}'{more}; name every label once: {known}")
    found = {label: _weight(value) for label, value in pairs}
    for label, value in pairs:
        if found[label] is None:
            raise UserError(f"{named}: the weight of '{label}' must be a number greater than 0; got {value}")
    return [found[name] or 0.0 for name in names]


def _is_file(given: str) -> bool:
    return given.endswith(".json")


def _pairs_of_list(given: str) -> list[tuple[str, Any]]:
    parts = [part.rpartition("=") for part in given.split(",")]
    return [(label.strip(), value.strip()) for label, _, value in parts]


def _pairs_of_file(path: str, named: str) -> list[tuple[str, Any]]:
    # An object as a tuple of its pairs, so that a label is seen that occurs twice.
    value = files.read_json(files.require_file(path, _FLAG), "a JSON file of weights", pairs=tuple)
    if not isinstance(value, tuple):
        raise UserError(f'{named}: the file must hold an object such as {{"negative": 1, "positive": 4.5}}')
    return list(value)


def _weight(value: Any) -> float | None:
    """The weight that a number, or a text in a list, is; None for none."""
    if isinstance(value, bool) or not isinstance(value, str | numbers.Real):
        return None
    try:
        weight = float(value)
    except (ValueError, OverflowError):
        return None
    return weight if math.isfinite(weight) and weight > 0 else None
