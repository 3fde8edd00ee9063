"""Scores of labels against scikit-learn, on random data and on the cases in which there is nothing to divide by."""

import numpy as np
import pytest
import sklearn.metrics

from bert_tf2.tasks.classification.label_scores import LabelCounts, average_precision

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning", "ignore:No positive class found")


def random_sets(seed, rows, labels, density):
    """Gold labels and probabilities, with ties."""
    rng = np.random.default_rng(seed)
    gold = rng.random((rows, labels)) < density
    probabilities = np.round(np.clip(0.4 * gold + 0.6 * rng.random((rows, labels)), 0, 1), int(rng.integers(1, 8)))
    return gold, probabilities


NONE, ALL = np.zeros((6, 4), bool), np.ones((6, 4), bool)
MIXED = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 0]], bool)
CASES = [(gold, predicted) for gold in (NONE, ALL, MIXED) for predicted in (NONE, ALL, MIXED, ~MIXED)]
CASES += [(gold, probabilities >= 0.5) for gold, probabilities in (random_sets(s, 57, 9, 0.02 + 0.06 * s) for s in range(12))]
CASES += [(MIXED[:1], ~MIXED[:1]), (MIXED[:, :1], MIXED[:, 1:2])]


@pytest.mark.parametrize(("gold", "predicted"), CASES)
def test_scores_of_sets_equal_scikit_learn(gold, predicted):
    counts = LabelCounts.of_sets(gold, predicted)
    # Of a single column scikit-learn would take the two classes of it.
    labels = {"labels": [1]} if gold.shape[1] == 1 else {}
    expected = sklearn.metrics.precision_recall_fscore_support(gold, predicted, zero_division=0, **labels)
    names = [f"label {index}" for index in range(gold.shape[1])]
    scores = counts.scores(names)
    for what, values in zip(("precision", "recall", "f1", "support"), expected):
        np.testing.assert_allclose([scores[f"{what}/{name}"] for name in names], values, rtol=0, atol=1e-15)
    averages = counts.averages()
    for average in ("micro", "macro", "weighted"):
        values = sklearn.metrics.precision_recall_fscore_support(gold, predicted, average=average, zero_division=0, **labels)
        for what, value in zip(("precision", "recall", "f1"), values):
            assert averages[f"{average}_{what}"] == pytest.approx(value, abs=1e-15), f"{average} {what}"


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("num_labels", [2, 5, 30])
def test_scores_of_single_labels_equal_scikit_learn(seed, num_labels):
    rng = np.random.default_rng(seed)
    gold, predicted = rng.integers(0, num_labels, (2, 40))
    counts, names = LabelCounts.of_labels(gold, predicted, num_labels), [str(label) for label in range(num_labels)]
    expected = sklearn.metrics.precision_recall_fscore_support(gold, predicted, labels=range(num_labels), zero_division=0)
    scores = counts.scores(names)
    for what, values in zip(("precision", "recall", "f1", "support"), expected):
        np.testing.assert_allclose([scores[f"{what}/{name}"] for name in names], values, rtol=0, atol=1e-15)
    averages = counts.present().averages()
    for average in ("macro", "weighted"):
        expected = sklearn.metrics.f1_score(gold, predicted, average=average, zero_division=0)
        assert averages[f"{average}_f1"] == pytest.approx(expected, abs=1e-15)


def test_what_has_nothing_to_divide_by_is_told_apart_from_zero():
    counts = LabelCounts.of_sets(MIXED, ~MIXED)
    assert counts.precision().tolist() == [0, 0, 0, 0]
    assert np.isnan(counts.recall()[3])
    assert counts.f1()[3] == 0
    assert np.isnan(LabelCounts.of_sets(NONE, NONE).f1()).all()


@pytest.mark.parametrize("seed", range(20))
def test_average_precision_equals_scikit_learn(seed):
    gold, probabilities = random_sets(seed, 40 + seed, 6, 0.05 * (seed % 7))
    expected = sklearn.metrics.average_precision_score(gold, probabilities, average=None)
    np.testing.assert_allclose(average_precision(gold, probabilities), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("probabilities", [np.zeros((6, 4)), np.ones((6, 4)), np.where(MIXED, 0.0, 1.0), MIXED * 0.3])
@pytest.mark.parametrize("gold", [NONE, ALL, MIXED])
def test_average_precision_of_hard_cases_equals_scikit_learn(gold, probabilities):
    expected = sklearn.metrics.average_precision_score(gold, probabilities, average=None)
    np.testing.assert_allclose(average_precision(gold, probabilities), expected, rtol=0, atol=1e-15)
