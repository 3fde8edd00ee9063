"""A few lengths that batches are padded to, for code that is compiled anew for every length."""

from collections.abc import Sequence

import numpy as np

# Tensor cores take eight numbers at a time.
_MULTIPLE = 8


def few_lengths(lengths: np.ndarray, longest: int, most: int = 6, padding: float = 0.1) -> tuple[int, ...]:
    """The fewest lengths with which little of what is computed is padding, chosen from those of the rows.

    Of all choices of so many multiples of 8 (and `longest`) the one that pads least, when each row is padded to the next; batches
    hold rows of like length. Found by dynamic programming.

    Args:
      lengths: tokens of each row, int [N].
      longest: no length is above it, and none of the rows.
      most: how many lengths there may be.
      padding: the share of padding that is little; with it reached, there are no further lengths.

    Returns:
      Ascending; the last one takes every row.
    """
    rounded = np.minimum(-(-np.asarray(lengths) // _MULTIPLE) * _MULTIPLE, longest)
    ends: list[int] = np.unique(rounded).tolist() or [longest]
    counts = np.bincount(np.searchsorted(ends, rounded), minlength=len(ends))
    below = np.concatenate([[0], np.cumsum(counts)])
    real = int(np.sum(lengths, dtype=np.int64))
    # cost[last] are the slots of all rows up to the length ends[last]; chosen[last] are the lengths that give it.
    cost = [end * int(below[last + 1]) for last, end in enumerate(ends)]
    chosen: list[tuple[int, ...]] = [(end,) for end in ends]
    while len(chosen[-1]) < min(most, len(ends)) and real < (1 - padding) * cost[-1]:
        cost, chosen = _with_one_more(ends, below, cost, chosen)
    return chosen[-1]


def _with_one_more(
    ends: Sequence[int], below: np.ndarray, cost: Sequence[int], chosen: Sequence[tuple[int, ...]]
) -> tuple[list[int], list[tuple[int, ...]]]:
    costs, choices = [cost[0]], [chosen[0]]
    for last in range(1, len(ends)):
        totals = [cost[before] + ends[last] * int(below[last + 1] - below[before + 1]) for before in range(last)]
        best = int(np.argmin(totals))
        costs.append(totals[best])
        choices.append((*chosen[best], ends[last]))
    return costs, choices
