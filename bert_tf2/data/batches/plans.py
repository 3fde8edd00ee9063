"""Which rows each step trains on.

The order of the rows is a function of (seed, epoch) and of nothing else, so a step's batch is known from the step's number:
a restored trainer continues at the right row without reading what came before, and every number of workers sees the same
global batches.
"""

from typing import Protocol

import numpy as np

from bert_tf2.data.batches.repeats import Repeats

# Rows are sorted by length inside windows of this many batches: long enough that a batch's rows are of nearly one length,
# short enough that which rows meet in a batch stays random.
_WINDOW_BATCHES = 64


class BatchPlan:
    """Which rows each training step takes; every row exactly once in an epoch, or as often as `repeats` says.

    Rows are shuffled, sorted by length inside windows, cut into batches, and the full batches shuffled. When the batch size
    does not divide the number of rows, the last batch of an epoch holds the rest, drawn at random like every other row.

    Args:
      lengths: number of tokens of each row, int32 [N].
      batch_size: rows of a global batch.
      seed: with the epoch's number it decides the order.
      sort_by_length: False leaves the rows as they were shuffled (fixed lengths).
      repeats: which rows an epoch holds more than once; None for none.
    """

    interleaved = False

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        seed: int,
        sort_by_length: bool = True,
        repeats: Repeats | None = None,
    ):
        self._lengths, self._repeats = lengths, repeats
        self.batch_size = batch_size
        self._seed = seed
        self._sort_by_length = sort_by_length
        self._epoch: tuple[int, np.ndarray] = (-1, np.zeros(0, np.int64))

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every row is seen once, or as often as it is repeated, the partial batch included."""
        return -(-self._rows_per_epoch // self.batch_size)

    @property
    def _rows_per_epoch(self) -> int:
        return len(self._lengths) if self._repeats is None else len(self._repeats)

    def rows(self, step: int) -> np.ndarray:
        """Row numbers of the global batch of a step, counted from 0: int64 [at most batch_size]."""
        epoch, position = divmod(step, self.steps_per_epoch)
        known, order = self._epoch
        if known != epoch:
            order = self.order(epoch)
            self._epoch = (epoch, order)
        return order[position * self.batch_size : (position + 1) * self.batch_size]

    def sample_ids(self, step: int) -> np.ndarray:
        """Numbers of the batch's samples, which no other sample of the training has: int64, one for each row."""
        epoch, position = divmod(step, self.steps_per_epoch)
        return epoch * self._rows_per_epoch + position * self.batch_size + np.arange(len(self.rows(step)), dtype=np.int64)

    def random(self, epoch: int) -> np.random.Generator:
        """What an epoch's order is drawn from."""
        return np.random.Generator(np.random.Philox(key=[self._seed & 0xFFFFFFFFFFFFFFFF, epoch]))

    def order(self, epoch: int) -> np.ndarray:
        """All row numbers in the order of an epoch: int64 [N], or as many as there are with the repeated ones."""
        random = self.random(epoch)
        order = self._shuffled(random)
        if not self._sort_by_length:
            return order
        full = len(order) - len(order) % self.batch_size
        window = _WINDOW_BATCHES * self.batch_size
        for first in range(0, full, window):
            part = order[first : min(first + window, full)]
            order[first : first + len(part)] = part[np.argsort(self._lengths[part], kind="stable")]
        batches = order[:full].reshape(-1, self.batch_size)
        order[:full] = batches[random.permutation(len(batches))].reshape(-1)
        return order

    def _shuffled(self, random: np.random.Generator) -> np.ndarray:
        return random.permutation(len(self._lengths) if self._repeats is None else self._repeats.rows(random))


class LengthSortedPlan:
    """The batches of one evaluation: all rows once, longest first, so that too large a batch fails at once.

    Args and methods as for `BatchPlan`; there is one epoch. With `only`, int64, of those rows alone.
    """

    interleaved = False

    def __init__(self, lengths: np.ndarray, batch_size: int, only: np.ndarray | None = None):
        rows = np.arange(len(lengths)) if only is None else only
        self.batch_size = batch_size
        self._order = rows[np.argsort(-lengths[rows].astype(np.int64), kind="stable")]
        self.steps = -(-len(rows) // batch_size)

    def rows(self, step: int) -> np.ndarray:
        """Row numbers of a batch: int64 [at most batch_size]."""
        return self._order[step * self.batch_size : (step + 1) * self.batch_size]

    def sample_ids(self, step: int) -> np.ndarray:
        """The rows themselves: what is drawn for a row is the same in every evaluation."""
        return self.rows(step).astype(np.int64)


class Plan(Protocol):
    """Which rows each step takes: `BatchPlan`, `packed_plan.PackedPlan`, `LengthSortedPlan`, `striped_plan.StripedPlan`."""

    batch_size: int
    interleaved: bool
    """Worker w of W takes the places w, w + W, … of every batch; otherwise places that stand together."""

    def rows(self, step: int) -> np.ndarray:
        """Row numbers of the global batch of a step: int64 [at most batch_size]."""

    def sample_ids(self, step: int) -> np.ndarray:
        """Numbers by which the same row is told apart in different steps: int64, one for each row."""
