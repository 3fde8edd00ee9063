"""Temperature scaling: logits are divided by one number, so that probabilities are what they say; no prediction changes.

Guo et al. 2017, https://arxiv.org/abs/1706.04599, section 4.2.
"""

import logging

import numpy as np

from bert_tf2.tasks.base import Tuning
from bert_tf2.tasks.classification.calibration import Calibration
from bert_tf2.tasks.classification.outputs import log_softmax, softmax

logger = logging.getLogger(__name__)

NONE = 1.0
"""What changes nothing."""
TUNING = Tuning(
    flag="--fit_temperature",
    file="temperature.json",
    advice="evaluate first (--mode=eval --fit_temperature with labelled data), or leave it out",
    what="temperature",
    without="leave it out",
    usual=NONE,
)
_LOWEST, _HIGHEST = 0.05, 20.0
_HALVINGS = 40


def best_temperature(logits: np.ndarray, gold: np.ndarray) -> float:
    """The temperature of the least negative log-likelihood; 1 where there is none from 0.05 to 20, which is told.

    Args:
      logits: float [N, C].
      gold: label ids [N].
    """
    low, high = 1 / _HIGHEST, 1 / _LOWEST
    # The likelihood is convex in what logits are multiplied by: its slope rises through 0.
    if not _slope(logits, gold, low) < 0 < _slope(logits, gold, high):
        logger.warning(
            "--fit_temperature: no temperature from %g to %g is the best for these %d examples (as where all of them are right); "
            "it stays %g: fit it on more of them, or on harder ones",
            _LOWEST, _HIGHEST, len(gold), NONE,
        )  # fmt: skip
        return NONE
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if _slope(logits, gold, middle) < 0 else (low, middle)
    return float((low * high) ** -0.5)


def _slope(logits: np.ndarray, gold: np.ndarray, factor: float) -> float:
    """The derivative of the mean negative log-likelihood by what the logits are multiplied by."""
    logits = np.asarray(logits, np.float64)
    expected = (softmax(factor * logits) * logits).sum(axis=1)
    return float(np.mean(expected - logits[np.arange(len(gold)), gold]))


def found(logits: np.ndarray, gold: np.ndarray, temperature: float) -> dict[str, object]:
    """What is kept of a temperature: `value`, and loss and expected calibration error without and with it."""
    kept: dict[str, object] = {"value": temperature}
    for name, divisor in (("without", NONE), ("with", temperature)):
        log_probabilities = log_softmax(np.asarray(logits, np.float64) / divisor)
        kept[f"loss_{name}"] = float(-np.mean(log_probabilities[np.arange(len(gold)), gold]))
        error = Calibration.of(gold, np.exp(log_probabilities)).error
        kept[f"expected_calibration_error_{name}"] = error
    return kept


def require_temperature(value: object) -> float:
    """A temperature as a file holds it.

    Raises:
      ValueError, TypeError: it is none.
    """
    temperature = float(value)  # type: ignore[arg-type]
    if not 0 < temperature < np.inf:
        raise ValueError("a temperature is above 0")
    return temperature
