"""Rows that an epoch holds more than once."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Repeats:
    """How many rows of each group an epoch holds.

    Of a group of n rows that is to give s, every row is there s // n times, and s % n of them, others in every epoch, once more.

    Attributes:
      groups: the group of each row, counted from 0: int [N].
      sizes: how many rows of each group an epoch holds, copies counted: int [G], 0 for a group without rows.
    """

    groups: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return int(self.sizes.sum())

    def with_single(self, number: int) -> "Repeats":
        """With so many rows behind the others, which an epoch holds once."""
        groups = np.append(self.groups, np.full(number, len(self.sizes), self.groups.dtype))
        return Repeats(groups, np.append(self.sizes, number))

    def rows(self, random: np.random.Generator) -> np.ndarray:
        """The rows of an epoch, in no order that means anything: int64, as many as `len` says.

        Args:
          random: chooses those that are there once more.
        """
        found = []
        for group, size in enumerate(self.sizes):
            members = np.flatnonzero(self.groups == group)
            if len(members):
                whole, rest = divmod(int(size), len(members))
                found += [np.repeat(members, whole), random.choice(members, rest, replace=False)]
        return np.concatenate(found)
