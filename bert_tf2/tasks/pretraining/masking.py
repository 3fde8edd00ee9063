"""Which tokens are predicted, and what stands in their place: the masked language model of Devlin et al. (2018).

Everything works on a batch of inputs at once. As in google-research/bert an input of n tokens, the special ones counted,
gives `round(n * masked_lm_prob)` predictions, at least one and at most `max_predictions_per_seq`; each of them becomes [MASK]
(80 %), stays (10 %) or becomes any token of the vocabulary (10 %), which is decided for every token by itself, also inside a
word. Runs of words (`max_ngram_size`) are chosen as in the model garden: their length n with a weight of 1/n.
"""

from typing import Any

import numpy as np


def prediction_counts(lengths: np.ndarray, maskable: np.ndarray, masked_lm_prob: float, max_predictions: int) -> np.ndarray:
    """How many tokens of each input are predicted: int64 [B].

    Args:
      lengths: int [B], tokens of the inputs, special ones included.
      maskable: int [B], tokens that are not special.
      masked_lm_prob: share of the tokens to predict.
      max_predictions: the most of an input.
    """
    asked = np.maximum(1, np.rint(lengths * masked_lm_prob).astype(np.int64))
    return np.minimum(np.minimum(asked, max_predictions), maskable)


def masking_units(candidates: np.ndarray, word_starts: np.ndarray) -> np.ndarray:
    """Numbers the units that are masked together: int32 [B, L], 0 for a token that is never masked, else from 1.

    Args:
      candidates: bool [B, L], tokens that may be masked.
      word_starts: bool [B, L], tokens that begin a word. A candidate after a token that is none begins one anyhow.
    """
    begins = candidates.copy()
    begins[:, 1:] &= word_starts[:, 1:] | ~candidates[:, :-1]
    return np.cumsum(begins, axis=1, dtype=np.int32) * candidates


def choose_tokens(candidates: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Chooses single tokens, all sets of the right size being equally likely: bool [B, L].

    Args:
      candidates: bool [B, L], tokens that may be chosen.
      counts: int [B], how many to choose, at most the number of candidates.
      rng: draws.
    """
    keys = _ordered_keys(candidates, rng)
    most = int(counts.max(initial=0))
    if not most:
        return np.zeros_like(candidates)
    smallest = np.sort(keys, axis=1)[:, :most]
    last = np.take_along_axis(smallest, np.maximum(counts - 1, 0)[:, np.newaxis], axis=1)
    return (keys <= last) & (counts > 0)[:, np.newaxis]


def choose_words(units: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Chooses whole words in random order, passing over those that would make more tokens than asked for: bool [B, L].

    Args:
      units: int32 [B, L], as `masking_units` gives them.
      counts: int [B], the most tokens to choose.
      rng: draws.
    """
    sizes = _unit_sizes(units)
    keys = _ordered_keys(sizes > 0, rng)
    order = np.argsort(keys, axis=1)
    ordered_sizes = np.take_along_axis(sizes, order, axis=1)
    taken, total = np.zeros_like(sizes, bool), np.zeros(len(units), np.int64)
    for place in range(sizes.shape[1]):
        size = ordered_sizes[:, place]
        # No word has the size 0; it stands for the end of the row.
        fits = (size > 0) & (total + size <= counts)
        taken[:, place] = fits
        total += size * fits
        if (total == counts).all():
            break
    chosen = np.zeros_like(taken)
    np.put_along_axis(chosen, order, taken, axis=1)
    return _tokens_of(units, chosen)


def choose_ngrams(units: np.ndarray, counts: np.ndarray, max_ngram_size: int, rng: np.random.Generator) -> np.ndarray:
    """Chooses runs of up to `max_ngram_size` words that do not overlap: bool [B, L].

    A run of n words is drawn with a weight of 1/n; then the next run of that length in a random order, which is passed over
    when it overlaps a chosen one or would make more tokens than asked for. Runs do not go across special tokens.

    Args:
      units: int32 [B, L], as `masking_units` gives them.
      counts: int [B], the most tokens to choose.
      max_ngram_size: the most words of a run.
      rng: draws.
    """
    sizes = _unit_sizes(units)
    rows, width = sizes.shape
    ends = np.cumsum(sizes, axis=1)
    orders, left = _ngram_orders(units, sizes, max_ngram_size, rng)
    position = np.zeros((max_ngram_size, rows), np.int64)
    limits = np.cumsum(1 / np.arange(1, max_ngram_size + 1))
    chosen, total = np.zeros((rows, width + max_ngram_size), bool), np.zeros(rows, np.int64)
    active = np.flatnonzero(total < counts)
    while len(active):
        drawn = np.minimum(np.searchsorted(limits, rng.random(len(active)) * limits[-1], side="right"), max_ngram_size - 1)
        place = position[drawn, active]
        is_left = place < left[drawn, active]
        position[drawn, active] += is_left
        row, length = active[is_left], drawn[is_left] + 1
        first = orders[length - 1, row, place[is_left]]
        before = np.where(first > 0, ends[row, first - 1], 0)
        size = ends[row, first + length - 1] - before
        good = total[row] + size <= counts[row]
        for offset in range(max_ngram_size):
            good &= ~(chosen[row, first + offset] & (offset < length))
        for offset in range(max_ngram_size):
            within = good & (offset < length)
            chosen[row[within], first[within] + offset] = True
        total[row[good]] += size[good]
        some_left = (position[:, active] < left[:, active]).any(axis=0)
        active = active[(total[active] < counts[active]) & some_left]
    return _tokens_of(units, chosen[:, :width])


def _ngram_orders(
    units: np.ndarray, sizes: np.ndarray, max_ngram_size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """For every length a random order of the first words of runs, int64 [n, B, U], and their number, int64 [n, B]."""
    rows, width = sizes.shape
    # Two words touch when the second one's first token stands right after the last token of the first.
    columns = np.arange(units.shape[1])
    first = np.full((rows, width + 1), -2)
    last = np.full((rows, width + 1), -2)
    row, column = np.nonzero(units)
    np.maximum.at(last, (row, units[row, column] - 1), columns[column])
    first[:, :width] = last[:, :width] - sizes + 1
    touches = first[:, 1:] == last[:, :-1] + 1
    orders, left = [], []
    valid = sizes > 0
    for length in range(1, max_ngram_size + 1):
        if length > 1:
            reach = np.zeros_like(valid)
            reach[:, : max(width - length + 2, 0)] = touches[:, length - 2 : width]
            valid = valid & reach
        orders.append(np.argsort(_ordered_keys(valid, rng), axis=1))
        left.append(valid.sum(axis=1))
    return np.stack(orders), np.stack(left)


def replace_chosen(
    ids: np.ndarray, chosen: np.ndarray, mask_id: int, vocab_size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Puts [MASK], the token itself or any token in the place of the chosen ones.

    Args:
      ids: int [B, L]; changed in place.
      chosen: bool [B, L].
      mask_id: the id of [MASK].
      vocab_size: ids are drawn below it.
      rng: draws.

    Returns:
      Columns and former ids of the chosen tokens, int [N], row after row with ascending columns.
    """
    rows, columns = np.nonzero(chosen)
    labels = ids[rows, columns]
    draws = rng.random(len(rows), np.float32)
    random_ids = rng.integers(0, vocab_size, len(rows), ids.dtype)
    ids[rows, columns] = np.where(draws < 0.8, ids.dtype.type(mask_id), np.where(draws < 0.9, labels, random_ids))
    return columns, labels


def _ordered_keys(candidates: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random keys without ties in a row, unsigned [B, N]; those of no candidates are larger than all others."""
    width = candidates.shape[1]
    bits = max(width - 1, 1).bit_length()
    # The place in the lowest bits settles ties. Of 512 places each has 22 random bits besides.
    kind: Any = np.uint32 if bits <= 9 else np.uint64
    drawn = rng.integers(0, np.iinfo(kind).max, candidates.shape, kind, endpoint=True)
    keys = drawn >> kind(bits + 1) << kind(bits) | np.arange(width, dtype=kind)
    keys[~candidates] |= kind(1 << (kind(0).itemsize * 8 - 1))
    return keys


def _unit_sizes(units: np.ndarray) -> np.ndarray:
    """Number of tokens by row and unit, int64 [B, U]; unit 1 stands first."""
    width = int(units.max(initial=0)) + 1
    places = units + np.arange(len(units), dtype=np.int64)[:, np.newaxis] * width
    return np.bincount(places.ravel(), minlength=len(units) * width).reshape(len(units), width)[:, 1:]


def _tokens_of(units: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The tokens of the chosen units: bool [B, L]."""
    with_none = np.concatenate([np.zeros((len(units), 1), bool), chosen], axis=1)
    return np.take_along_axis(with_none, units.astype(np.int64), axis=1)
