"""The order of pre-training's records: every step's rows are known from its number, whatever the size of the corpus."""

from collections.abc import Callable
from typing import Any

import numpy as np

# As in `plans`: rows are sorted by length inside windows of this many batches.
_WINDOW_BATCHES = 64
_ROUNDS = 6


class StripedPlan:
    """Which rows each training step takes, from many files.

    Files take turns: sample i, counted from the first of the training, comes from file i modulo F. Each file gives its
    records in a new random order every time it has given them all. So the global batches depend on the seed and the files
    alone; and where the number of workers divides that of the files and the batch size, every place of a batch belongs to one
    worker's files for ever.

    Args:
      sizes: number of records of each file, int64 [F]. Of a file with 0 (not known here) a worker gives numbers of rows that
        mean nothing; it does not read them.
      rows_of: makes row numbers of file numbers and numbers of records in them.
      batch_size: rows of a global batch.
      seed: decides the order.
      lengths_of: gives the numbers of tokens of rows. Then rows are sorted by length inside windows of 64 batches, and the
        batches of a window are shuffled. None leaves them as they are (fixed lengths, or files of other workers).
    """

    interleaved = True

    def __init__(
        self,
        sizes: np.ndarray,
        rows_of: Callable[[np.ndarray, np.ndarray], np.ndarray],
        batch_size: int,
        seed: int,
        lengths_of: Callable[[np.ndarray], np.ndarray] | None = None,
    ):
        self.batch_size = batch_size
        self._sizes = np.maximum(np.asarray(sizes, np.int64), 1)
        self._total = int(np.sum(sizes))
        self._rows_of = rows_of
        self._seed = seed
        self._lengths_of = lengths_of
        self._window: tuple[int, np.ndarray, np.ndarray] = (-1, np.zeros(0, np.int64), np.zeros(0, np.int64))

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which about every row is seen once."""
        return max(1, -(-self._total // self.batch_size))

    def rows(self, step: int) -> np.ndarray:
        """Row numbers of the global batch of a step, counted from 0: int64 [batch_size]."""
        return self._batch(step)[0]

    def sample_ids(self, step: int) -> np.ndarray:
        """Numbers of the batch's samples, which no other sample of the training has: int64 [batch_size]."""
        return self._batch(step)[1]

    def _batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        if self._lengths_of is None:
            samples = step * self.batch_size + np.arange(self.batch_size, dtype=np.int64)
            return self._rows_of_samples(samples), samples
        window, place = divmod(step, _WINDOW_BATCHES)
        if self._window[0] != window:
            self._window = (window, *self._sorted_window(window, self._lengths_of))
        _, rows, samples = self._window
        return rows[place], samples[place]

    def _sorted_window(self, window: int, lengths_of: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        size = _WINDOW_BATCHES * self.batch_size
        samples = window * size + np.arange(size, dtype=np.int64)
        rows = self._rows_of_samples(samples)
        order = np.argsort(lengths_of(rows), kind="stable").reshape(_WINDOW_BATCHES, self.batch_size)
        random = np.random.Generator(np.random.Philox(key=[self._seed & 0xFFFFFFFFFFFFFFFF, window]))
        order = order[random.permutation(_WINDOW_BATCHES)]
        return rows[order], samples[order]

    def _rows_of_samples(self, samples: np.ndarray) -> np.ndarray:
        files = samples % len(self._sizes)
        sizes = self._sizes[files]
        epochs, places = np.divmod(samples // len(self._sizes), sizes)
        keys = _mixed(
            _mixed(_mixed(np.uint64(self._seed & 0xFFFFFFFFFFFFFFFF)) ^ files.astype(np.uint64)) ^ epochs.astype(np.uint64)
        )
        return self._rows_of(files, permuted(places, sizes, keys))


def permuted(places: np.ndarray, sizes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Where a random permutation takes some numbers, without making the permutation.

    A Feistel network permutes the numbers below the next power of four; what it takes outside the size is taken on until it
    is inside (Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains").

    Args:
      places: int64 [N], from 0 to below `sizes`.
      sizes: int64 [N].
      keys: uint64 [N]; each names a permutation.

    Returns:
      int64 [N], from 0 to below `sizes`.
    """
    half = np.array([(int(size - 1).bit_length() + 1) // 2 for size in np.unique(sizes)], np.uint64)
    half = half[np.searchsorted(np.unique(sizes), sizes)]
    mask = (np.uint64(1) << half) - np.uint64(1)
    values, outside = places.astype(np.uint64), np.ones(len(places), bool)
    while outside.any():
        values[outside] = _feistel(values[outside], half[outside], mask[outside], keys[outside])
        outside = values >= sizes.astype(np.uint64)
    return values.astype(np.int64)


def _feistel(values: np.ndarray, half: np.ndarray, mask: np.ndarray, keys: np.ndarray) -> np.ndarray:
    left, right = values >> half, values & mask
    for number in range(_ROUNDS):
        left, right = right, left ^ (_mixed(right ^ keys ^ np.uint64(number << 56)) & mask)
    return left << half | right


def _mixed(values: Any) -> Any:
    """SplitMix64's mixing function (Steele, Lea and Flood 2014): uint64 to uint64, one to one."""
    with np.errstate(over="ignore"):
        values = values + np.uint64(0x9E3779B97F4A7C15)
        values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        return values ^ values >> np.uint64(31)
