"""Which few lengths batches are padded to."""

import itertools

import numpy as np
import pytest

from bert_tf2.data.batches.few_lengths import few_lengths


def slots(lengths, chosen):
    """How many tokens are computed when every row is padded to the next of the lengths."""
    return sum(min(one for one in chosen if one >= length) for length in lengths)


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_no_choice_of_so_many_pads_less(most):
    random = np.random.default_rng(most)
    for _ in range(20):
        lengths = random.integers(1, 61, 30)
        chosen = few_lengths(lengths, 61, most, padding=0.0)
        ends = [8, 16, 24, 32, 40, 48, 56, 61]
        covering = [ends_of for ends_of in itertools.combinations(ends, most) if ends_of[-1] >= lengths.max()]
        assert len(chosen) <= most
        assert slots(lengths, chosen) == min(slots(lengths, one) for one in covering)


def test_no_more_than_are_needed():
    lengths = np.repeat([40, 104], 50)
    assert few_lengths(lengths, 128) == (40, 104)
    assert few_lengths(lengths, 128, padding=0.5) == (104,)
    assert few_lengths(np.array([7]), 7) == few_lengths(np.array([5, 6]), 7) == (7,)
    assert few_lengths(np.array([128] * 5), 128) == (128,)


def test_rows_like_those_of_mrpc_waste_less_than_a_tenth():
    lengths = np.clip(np.random.default_rng(0).normal(53, 14, 3668), 20, 103).astype(int)
    chosen = few_lengths(lengths, 128)
    assert len(chosen) <= 6
    assert lengths.sum() > 0.9 * slots(lengths, chosen)
    assert slots(lengths, chosen) < 0.5 * 128 * len(lengths)
