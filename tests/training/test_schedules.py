"""Learning rates against numbers computed without TensorFlow."""

import logging
import math

import numpy as np
import pytest

from bert_tf2.errors import UserError
from bert_tf2.training.schedules import WarmUpThenDecay, warmup_steps_from_proportion


def rates(steps, *args, **kwargs):
    schedule = WarmUpThenDecay(*args, **kwargs)
    return [float(schedule(step)) for step in steps]


def test_the_peak_is_never_reached_as_in_the_garden():
    # Measured on the garden: warm-up 10 of 100 steps gives lr(9) = lr(10) = 0.9.
    np.testing.assert_allclose(
        rates([0, 1, 9, 10, 55, 99, 100, 150], 1.0, 100, 10), [0, 0.1, 0.9, 0.9, 0.45, 0.01, 0, 0], atol=1e-6
    )


@pytest.mark.parametrize(
    ("decay", "extra", "remaining"),
    [
        ("linear", {}, lambda done: 1 - done),
        ("polynomial", {"power": 2.0}, lambda done: (1 - done) ** 2),
        ("cosine", {}, lambda done: (1 + math.cos(math.pi * done)) / 2),
        ("cosine_restarts", {"cycles": 3}, lambda done: (1 + math.cos(math.pi * (done * 3 % 1))) / 2 if done < 1 else 0),
    ],
)
def test_decays(decay, extra, remaining):
    steps = [20, 37, 50, 101, 150, 199, 200, 1000]
    expected = [1e-5 + 4e-5 * remaining(min(step / 200, 1)) for step in steps]
    np.testing.assert_allclose(rates(steps, 5e-5, 200, 20, decay, 1e-5, **extra), expected, rtol=1e-4, atol=1e-10)
    np.testing.assert_allclose(rates([0, 5], 5e-5, 200, 20, decay, 1e-5, **extra), [0, 1.25e-5], rtol=1e-5)


def test_constant_and_no_warm_up():
    np.testing.assert_allclose(rates([0, 3, 99, 500], 2e-5, 100, 0, "constant"), [2e-5] * 4)
    np.testing.assert_allclose(rates([2, 4, 50], 2e-5, 100, 4, "constant"), [1e-5, 2e-5, 2e-5])


def test_equals_the_garden():
    from official.nlp.optimization import WarmUp
    from tf_keras.optimizers.schedules import PolynomialDecay

    garden = WarmUp(3e-5, PolynomialDecay(3e-5, 50, 0.0), 7)
    ours = WarmUpThenDecay(3e-5, 50, 7)
    for step in range(60):
        assert float(ours(step)) == pytest.approx(float(garden(step)), rel=1e-5, abs=1e-12)


def test_survives_its_configuration():
    schedule = WarmUpThenDecay(3e-5, 50, 7, "polynomial", 1e-6, 2.0)
    assert float(WarmUpThenDecay.from_config(schedule.get_config())(20)) == float(schedule(20))


def test_wrong_values(caplog):
    with pytest.raises(UserError, match=r"unknown learning-rate decay 'cosin'. Did you mean 'cosine'\?"):
        WarmUpThenDecay(1.0, 10, 0, "cosin")
    with pytest.raises(UserError, match="must be a finite number"):
        WarmUpThenDecay(math.nan, 10)
    with pytest.raises(UserError, match="at least"):
        WarmUpThenDecay(1.0, 0)
    with caplog.at_level(logging.WARNING):
        WarmUpThenDecay(1.0, 10, 10)
    assert "never reaches" in caplog.text
    assert warmup_steps_from_proportion(115, 0.1) == 11
