"""A number for each label, as `--class_weights` and `--oversample` give them."""

import dataclasses
import math
import numbers
from collections.abc import Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.tasks.row_options import refuse_repeated_name

BALANCED = "balanced"
"""All labels count the same in the whole of the training records."""

_MOST_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class LabelNumbers:
    """What a flag takes: `balanced`, a list of label=number, or a file.json with an object of them.

    Attributes:
      flag: its name.
      word: what a number is called.
      least: numbers are at least this; of 0 they are above it.
      usual: of a label that is not named; None where all must be.
    """

    flag: str
    word: str
    least: float = 0.0
    usual: float | None = None

    def why_not(self, given: str) -> str | None:
        """What is wrong with the form of a value of the flag; None for nothing."""
        if given.lower() == BALANCED or _is_file(given) or all(part.rpartition("=")[0].strip() for part in given.split(",")):
            return None
        forms = f"a file.json that holds {{label: {self.word}}}, or label={self.word} with commas between"
        forms = f"must be {BALANCED}, {forms}"
        if meant := did_you_mean(given, [BALANCED]):
            return f"{forms}.{meant.removesuffix('?')}"
        return f"{forms} (a label with a comma in it needs the file)"

    def read(self, given: str, names: Sequence[str]) -> str | list[float]:
        """What a value of the flag says.

        Args:
          given: the value.
          names: of the labels, in id order.

        Returns:
          `BALANCED`, or a number for each label in id order.

        Raises:
          UserError: a label that does not exist, is left out or occurs twice, or a number that is none or too small.
        """
        if given.lower() == BALANCED:
            return BALANCED
        named = f"--{self.flag}={given}"
        pairs = self._pairs_of_file(given, named) if _is_file(given) else _pairs_of_list(given)
        labels = [label for label, _ in pairs]
        refuse_repeated_name(named, labels)
        known = ", ".join(names[:_MOST_SHOWN]) + (", …" if len(names) > _MOST_SHOWN else "")
        for label in labels:
            if label not in names:
                raise UserError(f"{named}: there is no label '{label}'.{did_you_mean(label, names)} The labels are {known}")
        if self.usual is None and (missing := [name for name in names if name not in labels]):
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            raise UserError(f"{named} gives no {self.word} to '{missing[0]}'{more}; name every label once: {known}")
        found = {label: self._number(value) for label, value in pairs}
        for label, value in pairs:
            if found[label] is None:
                rule = f"of at least {self.least:g}" if self.least else "greater than 0"
                raise UserError(f"{named}: the {self.word} of '{label}' must be a number {rule}; got {value}")
        return [found.get(name) or self.usual or 0.0 for name in names]

    def _pairs_of_file(self, path: str, named: str) -> list[tuple[str, Any]]:
        # An object as a tuple of its pairs, so that a label is seen that occurs twice.
        value = files.read_json(files.require_file(path, self.flag), f"a JSON file of {self.word}s", pairs=tuple)
        if not isinstance(value, tuple):
            raise UserError(f'{named}: the file must hold an object such as {{"negative": 1, "positive": 4.5}}')
        return list(value)

    def _number(self, value: Any) -> float | None:
        """The number that a value, or a text in a list, is; None for none, or a smaller one than there may be."""
        if isinstance(value, bool) or not isinstance(value, str | numbers.Real):
            return None
        try:
            number = float(value)
        except (ValueError, OverflowError):
            return None
        return number if math.isfinite(number) and number > 0 and number >= self.least else None


WEIGHTS = LabelNumbers("class_weights", "weight")
FACTORS = LabelNumbers("oversample", "factor", least=1.0, usual=1.0)


def _is_file(given: str) -> bool:
    return given.endswith(".json")


def _pairs_of_list(given: str) -> list[tuple[str, Any]]:
    parts = [part.rpartition("=") for part in given.split(",")]
    return [(label.strip(), value.strip()) for label, _, value in parts]
