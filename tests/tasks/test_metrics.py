"""Metrics against scikit-learn and SciPy, which this project does not use itself."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from bert_tf2.errors import UserError
from bert_tf2.tasks import metrics


@pytest.mark.parametrize("num_labels", [2, 3, 7])
@pytest.mark.parametrize("seed", range(5))
def test_classification_metrics_equal_scikit_learn(num_labels, seed):
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, num_labels, 200)
    predicted = np.where(rng.random(200) < 0.6, gold, rng.integers(0, num_labels, 200))
    assert metrics.accuracy(gold, predicted) == pytest.approx(sklearn.metrics.accuracy_score(gold, predicted))
    assert metrics.macro_f1(gold, predicted) == pytest.approx(sklearn.metrics.f1_score(gold, predicted, average="macro"))
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


def test_constant_predictions_score_zero_instead_of_nan():
    gold, constant = np.array([0, 1, 1, 0]), np.zeros(4, np.int64)
    assert metrics.matthews_corrcoef(gold, constant) == 0.0
    assert metrics.f1(gold, constant) == 0.0
    assert metrics.pearson(gold, constant) == 0.0
    assert metrics.spearman(gold, constant) == 0.0


def test_unknown_metric_suggests_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'accuracy'"):
        metrics.select(["acuracy"], is_regression=False)
    with pytest.raises(UserError, match="unknown regression metric 'accuracy'"):
        metrics.select(["accuracy"], is_regression=True)
