"""How sure metrics are, against formulas and SciPy."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from bert_tf2.tasks import tally


@pytest.fixture
def random():
    return np.random.default_rng(1)


def test_the_error_of_a_share_is_that_of_the_binomial_distribution(random):
    right = random.random(400) < 0.8
    found = tally.of_means("accuracy", right)
    assert found.value == pytest.approx(right.mean())
    assert tally.standard_error(found) == pytest.approx(np.sqrt(right.mean() * (1 - right.mean()) / 400), rel=0.06)


def test_f1_and_correlation_are_those_of_others(random):
    gold, predicted = random.random(300) < 0.3, random.random(300) < 0.4
    values = np.stack([gold & predicted, predicted, gold], axis=1).astype(float)
    assert tally.Tally("f1", values, tally.f1).value == pytest.approx(f1_score(gold, predicted))
    assert tally.Tally("f1", np.zeros((3, 3)), tally.f1).value == 0
    one, other = random.random(300) + 1e4, random.random(300)
    other += 0.3 * (one - 1e4)
    found = tally.of_pearson(one, other)
    expected = stats.pearsonr(one, other).statistic
    assert found.value == pytest.approx(expected)
    # Fisher: the deviation of a correlation of normal variables, near enough for these.
    assert tally.standard_error(found) == pytest.approx((1 - expected**2) / np.sqrt(299), rel=0.15)


def test_mcnemar_is_the_binomial_test(random):
    first, second = random.random(500) < 0.8, random.random(500) < 0.85
    one, other = int((first & ~second).sum()), int((second & ~first).sum())
    assert tally.mcnemar(first, second) == pytest.approx(stats.binomtest(one, one + other).pvalue)
    assert tally.mcnemar(first, first) == 1


def test_a_difference_is_told_with_its_error(random):
    first = random.random(2000) < 0.80
    second = first.copy()
    second[random.choice(np.flatnonzero(~first), 60, replace=False)] = True
    second[random.choice(np.flatnonzero(first), 20, replace=False)] = False
    found = tally.difference(tally.of_means("accuracy", first), tally.of_means("accuracy", second))
    assert found.value == pytest.approx(0.02)
    changes = second.astype(float) - first
    assert found.standard_error == pytest.approx(changes.std() / np.sqrt(2000), rel=0.06)
    assert found.p_value < 0.01
    assert found.mcnemar == pytest.approx(stats.binomtest(20, 80).pvalue)
    same = tally.difference(tally.of_means("accuracy", first), tally.of_means("accuracy", first))
    assert (same.value, same.p_value, same.mcnemar) == (0, 1, 1)


def test_numbers_that_are_neither_right_nor_wrong_have_no_mcnemar(random):
    one, other = (tally.of_means("f1", random.random(50)) for _ in range(2))
    assert tally.difference(one, other).mcnemar is None


def test_other_examples_cannot_be_compared():
    with pytest.raises(ValueError, match="the same metric of the same examples"):
        tally.difference(tally.of_means("accuracy", np.ones(3)), tally.of_means("accuracy", np.ones(4)))
