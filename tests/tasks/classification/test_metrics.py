"""Metrics against scikit-learn and SciPy, which this project does not use itself."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from bert_tf2.errors import UserError
from bert_tf2.tasks.classification import metrics


@pytest.mark.parametrize("num_labels", [2, 3, 7])
@pytest.mark.parametrize("seed", range(5))
def test_classification_metrics_equal_scikit_learn(num_labels, seed):
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, num_labels, 200)
    predicted = np.where(rng.random(200) < 0.6, gold, rng.integers(0, num_labels, 200))
    assert metrics.accuracy(gold, predicted) == pytest.approx(sklearn.metrics.accuracy_score(gold, predicted))
    assert metrics.macro_f1(gold, predicted) == pytest.approx(sklearn.metrics.f1_score(gold, predicted, average="macro"))
    assert metrics.weighted_f1(gold, predicted) == pytest.approx(sklearn.metrics.f1_score(gold, predicted, average="weighted"))
    assert metrics.matthews_corrcoef(gold, predicted) == pytest.approx(sklearn.metrics.matthews_corrcoef(gold, predicted))
    assert np.array_equal(
        metrics.confusion_matrix(gold, predicted, num_labels), sklearn.metrics.confusion_matrix(gold, predicted)
    )
    if num_labels == 2:
        assert metrics.f1(gold, predicted) == pytest.approx(sklearn.metrics.f1_score(gold, predicted))


@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_correlations_equal_scipy_with_and_without_ties(decimals):
    rng = np.random.default_rng(decimals)
    gold = np.round(rng.random(300) * 5, decimals)
    predicted = np.round(gold + rng.normal(size=300), decimals)
    assert metrics.pearson(gold, predicted) == pytest.approx(scipy.stats.pearsonr(gold, predicted).statistic)
    assert metrics.spearman(gold, predicted) == pytest.approx(scipy.stats.spearmanr(gold, predicted).statistic)
    assert metrics.mean_squared_error(gold, predicted) == pytest.approx(sklearn.metrics.mean_squared_error(gold, predicted))


# 0.1 has a rounding error, so the mean of seven of them is another number.
CONSTANT = np.full(7, 0.1)
VARIED = np.array([0.3, 2.5, 0.1, 4.0, 4.0, 1.0, 0.0])


@pytest.mark.filterwarnings("ignore::scipy.stats.ConstantInputWarning")
@pytest.mark.parametrize("values", [(CONSTANT, VARIED), (VARIED, CONSTANT), (CONSTANT, CONSTANT), (VARIED[:1], VARIED[:1])])
def test_a_constant_correlates_with_nothing_as_in_scipy(values):
    for ours, theirs in ((metrics.pearson, scipy.stats.pearsonr), (metrics.spearman, scipy.stats.spearmanr)):
        assert np.isnan(ours(*values))
        if len(values[0]) > 1:
            assert np.isnan(theirs(*values).statistic)


def test_nan_does_not_correlate():
    assert np.isnan(metrics.pearson(VARIED, np.where(VARIED == 1, np.nan, VARIED)))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning", "ignore:A single label was found")
@pytest.mark.parametrize("gold", [[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
@pytest.mark.parametrize("predicted", [[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
def test_one_class_alone_scores_as_in_scikit_learn(gold, predicted):
    gold, predicted = np.array(gold), np.array(predicted)
    assert metrics.matthews_corrcoef(gold, predicted) == pytest.approx(sklearn.metrics.matthews_corrcoef(gold, predicted))
    assert metrics.f1(gold, predicted) == pytest.approx(sklearn.metrics.f1_score(gold, predicted))


def test_what_says_nothing_is_told_with_the_reason():
    names = list(metrics.REGRESSION)
    assert metrics.doubts(names, VARIED, VARIED) == []
    line = "pearson and spearman cannot be computed (nan): all {} are the same"
    assert metrics.doubts(names, CONSTANT, VARIED) == [line.format("gold values")]
    assert metrics.doubts(names, VARIED, CONSTANT) == [line.format("predicted values")]
    assert metrics.doubts(names, CONSTANT, CONSTANT) == [line.format("gold values and all predicted values")]
    assert metrics.doubts(["mean_squared_error"], CONSTANT, CONSTANT) == []

    names, mixed, first, second = list(metrics.CLASSIFICATION), np.array([0, 1]), np.array([0, 0]), np.array([1, 1])
    assert metrics.doubts(names, mixed, mixed) == []
    assert metrics.doubts(["f1", "accuracy"], mixed, first) == []
    put = "matthews_corrcoef is put at 0, as scikit-learn does: all {} are the same"
    assert metrics.doubts(names, second, mixed) == [put.format("gold labels")]
    assert metrics.doubts(names, mixed, second) == [put.format("predicted labels")]
    assert metrics.doubts(names, first, mixed, "yes") == [
        put.format("gold labels"),
        "f1 can only be 0: it is that of the label 'yes', which no example has",
    ]
    assert metrics.doubts(["accuracy", "macro_f1"], first, second) == []


def test_unknown_metric_suggests_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'accuracy'"):
        metrics.select(["acuracy"], metrics.CLASSIFICATION)
    with pytest.raises(UserError, match="unknown regression metric 'accuracy'"):
        metrics.select(["accuracy"], metrics.REGRESSION)
