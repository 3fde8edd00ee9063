"""Thresholds against trying out every one with scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics

from bert_tf2.tasks.classification.thresholds import best_common_threshold, best_thresholds


def random_sets(seed, density=0.2):
    rng = np.random.default_rng(seed)
    gold = rng.random((31, 5)) < density
    return gold, np.round(np.clip(0.3 * gold + 0.7 * rng.random(gold.shape), 0, 1), 1 + seed % 5)


def f1_of(gold, chosen):
    return sklearn.metrics.f1_score(gold, chosen, zero_division=0)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_threshold_is_better(seed):
    gold, probabilities = random_sets(seed)
    candidates = np.concatenate([[0.0, 0.5, 1.1], np.unique(probabilities)])
    common = best_common_threshold(gold, probabilities)
    tried = [f1_of(gold.ravel(), (probabilities >= value).ravel()) for value in candidates]
    assert f1_of(gold.ravel(), (probabilities >= common).ravel()) == max(tried)
    for label, threshold in enumerate(best_thresholds(gold, probabilities)):
        tried = [f1_of(gold[:, label], probabilities[:, label] >= value) for value in candidates]
        assert f1_of(gold[:, label], probabilities[:, label] >= threshold) == max(tried)


@pytest.mark.parametrize("seed", range(12))
def test_a_threshold_lies_between_probabilities(seed):
    gold, probabilities = random_sets(seed)
    for label, threshold in enumerate(best_thresholds(gold, probabilities)):
        distance = np.abs(probabilities[:, label] - threshold).min()
        assert distance > 1e-6 or threshold == 0.5


def test_one_half_stays_where_nothing_is_better():
    gold = np.array([[1, 0, 0], [0, 0, 1]], bool)
    assert best_thresholds(gold, np.array([[0.9, 0.6, 0.5], [0.1, 0.7, 0.51]])).tolist() == [0.5, 0.5, pytest.approx(0.505)]
    assert best_common_threshold(np.zeros((2, 2), bool), np.full((2, 2), 0.7)) == 0.5


def test_neighbouring_numbers_are_told_apart():
    low = np.float64(0.3)
    high = np.nextafter(low, 1)
    (threshold,) = best_thresholds(np.array([[True], [False]]), np.array([[high], [low]]))
    assert low < threshold <= high
