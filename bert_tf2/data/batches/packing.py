"""Several short examples in one row of the encoder: where the tokens of each go.

A batch stays as it is, an example in each row; these arrays say besides how its tokens are packed. A *pack* is a row of tokens of
whole examples, one behind the other.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

PACKING = ("pack_slots", "pack_places", "pack_firsts", "pack_seats")
"""What the features of a packed batch are called, in the order in which `packing_of` gives them."""

_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True)
class PackShape:
    """The shape of the packs of every batch, which code is compiled for.

    Attributes:
      packs: packs P of each part of a batch.
      slots: tokens S that a pack has room for.
      most: examples K that a pack has room for.
    """

    packs: int
    slots: int
    most: int


def first_fit(lengths: np.ndarray, slots: int, most: int) -> np.ndarray:
    """Which pack each example goes into: the first that has room for it, the longest examples first (first fit decreasing).

    Args:
      lengths: tokens of the examples of several batches, int [M, n], none above `slots`; with 0 an example goes nowhere.
      slots, most: see `PackShape`.

    Returns:
      Numbers of packs from 0, int64 [M, n]; -1 for nowhere.
    """
    found = [_first_fit(lengths[first : first + _AT_ONCE], slots, most) for first in range(0, len(lengths), _AT_ONCE)]
    return np.concatenate([np.zeros((0, lengths.shape[1]), np.int64), *found])


def _first_fit(lengths: np.ndarray, slots: int, most: int) -> np.ndarray:
    order = np.argsort(-lengths.astype(np.int64), axis=1, kind="stable")
    number, examples = lengths.shape
    free, count = np.full((number, examples), slots, np.int32), np.zeros((number, examples), np.int32)
    packs, batch = np.full((number, examples), -1, np.int64), np.arange(number)
    for example in order.T:
        length = lengths[batch, example]
        pack = np.argmax((free >= length[:, np.newaxis]) & (count < most), axis=1)
        free[batch, pack] -= length
        count[batch, pack] += length > 0
        packs[batch, example] = np.where(length > 0, pack, -1)
    return packs


def packing_of(lengths: np.ndarray, shape: PackShape, parts: int) -> tuple[np.ndarray, ...]:
    """Where the tokens of a batch go, each of its parts for itself.

    Args:
      lengths: tokens of the examples int [parts * n], 0 of those that only fill the batch up.
      shape: of the packs; they fit.
      parts: how many parts of n examples the batch has.

    Returns:
      int32 arrays, each with the parts one behind the other:
      - [parts * P, S]: what a slot holds, as the number of a token among the n * S of the part's padded examples; -1 for none.
      - [parts * n, S]: where a token is, as the number of a slot among the part's P * S; -1 for none.
      - [parts * P, K]: which slot of a pack holds the first token of its first example, of its second, …; 0 for none.
      - [parts * n]: which of the P * K of those an example's is; -1 for none.
    """
    found = [_packing(part, shape) for part in np.reshape(lengths, [parts, -1])]
    return tuple(np.concatenate(arrays) for arrays in zip(*found))


def _packing(lengths: np.ndarray, shape: PackShape) -> Sequence[np.ndarray]:
    slots = np.full([shape.packs, shape.slots], -1, np.int32)
    places = np.full([len(lengths), shape.slots], -1, np.int32)
    firsts, seats = np.zeros([shape.packs, shape.most], np.int32), np.full(len(lengths), -1, np.int32)
    used, count = np.zeros(shape.packs, np.int32), np.zeros(shape.packs, np.int32)
    for example, (length, pack) in enumerate(zip(lengths, first_fit(lengths[np.newaxis], shape.slots, shape.most)[0])):
        if pack >= 0:
            begin, tokens = used[pack], np.arange(length)
            slots[pack, begin : begin + length] = example * shape.slots + tokens
            places[example, :length] = pack * shape.slots + begin + tokens
            firsts[pack, count[pack]] = begin
            seats[example] = pack * shape.most + count[pack]
            used[pack] += length
            count[pack] += 1
    return slots, places, firsts, seats
