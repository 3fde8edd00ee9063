"""How many rows of a replica go through the model at once, and from which step on.

What a run found to fit is noted in its directory. So it goes on with it when it is resumed, and what is drawn for dropout, which
differs with the parts of a batch, is the same in every step that is run again.
"""

import math

from bert_tf2.training.run_directory import RunDirectory

NOTE = "micro_batch_size"


class MicroBatches:
    """The parts in which a run's batches go through the model.

    Args:
      directory: the run's.
      rows: of a replica in a whole batch.
      parts: in which they go through the model as long as nothing else is noted; a divisor of `rows`.
      may_halve: what does not fit into memory may be divided further.

    Attributes:
      may_halve: as given.
    """

    def __init__(self, directory: RunDirectory, rows: int, parts: int, may_halve: bool):
        self._directory, self._rows, self._most, self.may_halve = directory, rows, rows // parts, may_halve
        found = directory.found(NOTE) or []
        self._changes = [(int(step), int(number)) for step, number in found]

    def at_once(self, step: int) -> int:
        """How many rows of a replica go through the model at once in a step."""
        noted = [rows for first, rows in self._changes if first <= step]
        return _divisor(self._rows, min([self._most, *noted]))

    def parts(self, step: int) -> int:
        """In how many parts they go through it."""
        return self._rows // self.at_once(step)

    def next_change(self, step: int) -> float:
        """The first step after this one from which on it is another number; infinite where there is none."""
        return min((first for first, _ in self._changes if first > step), default=math.inf)

    def can_be_halved(self, step: int) -> bool:
        """Whether fewer rows may be tried from a step on."""
        return self.may_halve and self.at_once(step) > 1

    def halve(self, step: int) -> int:
        """Lets at most half as many rows go through the model at once from a step on, and notes it; returns how many."""
        rows = _divisor(self._rows, self.at_once(step) // 2)
        self._changes = sorted([*(change for change in self._changes if change[0] != step), (step, rows)])
        self._directory.note(NOTE, self._changes)
        return rows


def _divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is at most `most`."""
    return next(one for one in range(min(most, number), 0, -1) if number % one == 0)
