"""Batches of rows of like length as transformers' Trainer makes them with `group_by_length`. Standard library only."""

import random
from collections.abc import Sequence


def length_grouped(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """The batches of an epoch: rows in random order, sorted by length, longest first, within groups of up to fifty batches.

    As `transformers.trainer_pt_utils.get_length_grouped_indices` (4.57): a group holds a quarter of the batches at most, and the
    longest row of all comes first, so that memory that does not suffice is known at once.

    Args:
      lengths: of all rows.
      batch_size: rows of a batch; the last one may be smaller.
    """
    order = random.sample(range(len(lengths)), len(lengths))
    group = max(1, min(len(lengths) // (4 * batch_size), 50)) * batch_size
    groups = [
        sorted(order[start : start + group], key=lambda row: lengths[row], reverse=True) for start in range(0, len(order), group)
    ]
    longest = max(range(len(groups)), key=lambda number: lengths[groups[number][0]])
    groups[0][0], groups[longest][0] = groups[longest][0], groups[0][0]
    rows = [row for one in groups for row in one]
    return [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]


def spread(batches: Sequence[list[int]], number: int) -> list[list[int]]:
    """So many full batches, evenly spread over an epoch: together they are as long as all of them."""
    full = [batch for batch in batches if len(batch) == len(batches[0])]
    return [full[step * len(full) // number] for step in range(number)]
