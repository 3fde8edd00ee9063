"""Which tokens are masked, how many, and by what; against the binomial."""

import math

import numpy as np
import pytest

from bert_tf2.tasks.pretraining import masking

CLS, SEP, MASK, VOCABULARY = 101, 102, 103, 30000
# Five standard deviations: one false alarm in two million checks.
SIGMAS = 5


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def about(share: float, expected: float, draws: int) -> bool:
    return abs(share - expected) <= SIGMAS * math.sqrt(expected * (1 - expected) / draws)


def batch(rows: int = 400, width: int = 128, seed: int = 1):
    """Inputs of 20 to `width` tokens with two segments: ids, lengths and candidates."""
    draws = rng(seed)
    ids = draws.integers(1000, VOCABULARY, (rows, width), np.int32)
    lengths = draws.integers(20, width + 1, rows)
    columns = np.arange(width)
    ids[:, 0] = CLS
    ids[np.arange(rows), 10] = SEP
    ids[np.arange(rows), lengths - 1] = SEP
    ids *= columns < lengths[:, np.newaxis]
    return ids, lengths, (ids != CLS) & (ids != SEP) & (ids != 0)


@pytest.mark.parametrize(("probability", "most"), [(0.15, 20), (0.15, 1000), (0.5, 20), (1.0, 1000), (0.001, 20)])
def test_the_number_of_predictions_is_googles(probability, most):
    lengths = np.arange(5, 513)
    expected = [min(most, max(1, round(int(length) * probability)), int(length) - 3) for length in lengths]
    assert masking.prediction_counts(lengths, lengths - 3, probability, most).tolist() == expected


@pytest.mark.parametrize("width", [128, 512, 700])
def test_tokens_are_chosen_evenly_and_never_special_ones(width):
    _, lengths, candidates = batch(3000, width)
    counts = masking.prediction_counts(lengths, candidates.sum(1), 0.15, 1000)
    chosen = masking.choose_tokens(candidates, counts, rng())
    assert (chosen.sum(1) == counts).all()
    assert not (chosen & ~candidates).any()
    # Early and late tokens alike: the share of the first half of the candidates.
    order = np.cumsum(candidates, axis=1)
    first_half = candidates & (order <= candidates.sum(1, keepdims=True) // 2)
    expected = (counts * first_half.sum(1) / candidates.sum(1)).sum()
    assert abs((chosen & first_half).sum() - expected) <= SIGMAS * math.sqrt(counts.sum() / 4)


def test_nothing_is_chosen_where_nothing_is_asked_for():
    _, _, candidates = batch(5)
    assert not masking.choose_tokens(candidates, np.zeros(5, np.int64), rng()).any()
    some = masking.choose_tokens(candidates, np.array([0, 3, 0, 1, 2]), rng())
    assert some.sum(1).tolist() == [0, 3, 0, 1, 2]


def test_units_are_words_and_do_not_cross_special_tokens():
    candidates = np.array([[0, 1, 1, 1, 0, 1, 1, 1, 0, 0]], bool)
    starts = np.array([[1, 1, 0, 1, 1, 0, 0, 1, 1, 1]], bool)
    assert masking.masking_units(candidates, starts).tolist() == [[0, 1, 1, 2, 0, 3, 3, 4, 0, 0]]
    single = masking.masking_units(candidates, np.ones_like(starts))
    assert single.tolist() == [[0, 1, 2, 3, 0, 4, 5, 6, 0, 0]]


def words(rows: int = 400, seed: int = 3):
    _, lengths, candidates = batch(rows, seed=seed)
    units = masking.masking_units(candidates, rng(seed).random(candidates.shape) < 0.75)
    return lengths, candidates, units


def is_whole(units: np.ndarray, chosen: np.ndarray) -> bool:
    """Whether every unit is chosen with all of its tokens or none."""
    for row_units, row_chosen in zip(units, chosen):
        for unit in set(row_units.tolist()) - {0}:
            if len(set(row_chosen[row_units == unit].tolist())) != 1:
                return False
    return True


def test_words_are_chosen_whole_and_as_many_as_fit():
    lengths, candidates, units = words()
    counts = masking.prediction_counts(lengths, candidates.sum(1), 0.15, 20)
    chosen = masking.choose_words(units, counts, rng())
    assert is_whole(units, chosen)
    assert not (chosen & ~candidates).any()
    assert (chosen.sum(1) <= counts).all()
    # Short words are many, so it nearly always comes out.
    assert (chosen.sum(1) == counts).mean() > 0.98


def test_a_word_that_is_too_long_is_passed_over():
    units = np.array([[0, 1, 1, 1, 1, 0], [0, 1, 1, 2, 3, 0]])
    for seed in range(20):
        chosen = masking.choose_words(units, np.array([2, 2]), rng(seed))
        assert not chosen[0].any()
        assert chosen[1].sum() == 2


@pytest.mark.parametrize("size", [2, 3, 5])
def test_ngrams_are_whole_words_without_overlap(size):
    lengths, candidates, units = words()
    counts = masking.prediction_counts(lengths, candidates.sum(1), 0.15, 20)
    chosen = masking.choose_ngrams(units, counts, size, rng())
    assert is_whole(units, chosen)
    assert not (chosen & ~candidates).any()
    assert (chosen.sum(1) <= counts).all()
    assert (chosen.sum(1) == counts).mean() > 0.95


def test_ngrams_of_very_short_inputs():
    units = np.array([[0, 1, 0, 2, 0], [0, 1, 1, 2, 0], [0, 0, 0, 0, 0]])
    chosen = masking.choose_ngrams(units, np.array([2, 3, 0]), 6, rng())
    assert chosen[:, 1:4].tolist() == [[True, False, True], [True, True, True], [False, False, False]]


def test_the_length_of_an_ngram_has_a_weight_of_one_by_its_length():
    # One draw for each row: with room for exactly three tokens of single-token words, the first draw is not always whole.
    rows = 20000
    units = np.tile(np.arange(0, 41), (rows, 1))
    chosen = masking.choose_ngrams(units, np.full(rows, 3), 3, rng())
    edges = np.diff(chosen.astype(int), axis=1, prepend=0)
    runs = (edges == 1).sum(axis=1)
    # A run of three is drawn first with 2/11; or single words fall side by side, which is rare among forty.
    assert 2 / 11 < (runs == 1).mean() < 2 / 11 + 0.06


def test_four_fifths_are_masked_a_tenth_stays_and_a_tenth_is_random():
    ids, lengths, candidates = batch(4000)
    before = ids.copy()
    chosen = masking.choose_tokens(candidates, masking.prediction_counts(lengths, candidates.sum(1), 0.15, 20), rng())
    positions, labels = masking.replace_chosen(ids, chosen, MASK, VOCABULARY, rng(5))
    number = len(labels)
    assert (before[~chosen] == ids[~chosen]).all()
    assert labels.tolist() == before[chosen].tolist()
    assert (np.diff(positions)[np.diff(np.nonzero(chosen)[0]) == 0] > 0).all()
    after = ids[chosen]
    assert about((after == MASK).mean(), 0.8 + 0.1 / VOCABULARY, number)
    assert about((after == labels).mean(), 0.1 + 0.1 / VOCABULARY, number)
    others = after[(after != MASK) & (after != labels)]
    assert about(len(others) / number, 0.1, number)
    assert about((others < VOCABULARY // 2).mean(), 0.5, len(others))
    assert others.min() >= 0
    assert others.max() < VOCABULARY


def test_inside_a_word_every_token_is_decided_by_itself():
    units = np.tile([0, 1, 1, 0], (4000, 1))
    ids = np.tile(np.array([CLS, 1000, 1001, SEP], np.int32), (4000, 1))
    masking.replace_chosen(ids, masking.choose_words(units, np.full(4000, 2), rng()), MASK, VOCABULARY, rng(1))
    both = ((ids[:, 1:3] == MASK).sum(axis=1) == 2).mean()
    assert about(both, 0.64, 4000)


def test_choices_depend_on_the_seed_alone():
    lengths, candidates, units = words()
    counts = masking.prediction_counts(lengths, candidates.sum(1), 0.15, 20)
    for choose in (
        lambda seed: masking.choose_tokens(candidates, counts, rng(seed)),
        lambda seed: masking.choose_words(units, counts, rng(seed)),
        lambda seed: masking.choose_ngrams(units, counts, 3, rng(seed)),
    ):
        assert (choose(1) == choose(1)).all()
        assert (choose(1) != choose(2)).any()
