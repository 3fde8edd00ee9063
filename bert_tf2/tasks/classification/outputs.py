"""What a classifier's outputs mean: labels or a number."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Labelling(Protocol):
    """Gives outputs their names, as `ClassificationTask` does."""

    label_list: Sequence[str] | None
    num_labels: int
    is_regression: bool

    def predicted_values(self, logits: np.ndarray) -> np.ndarray:
        """Label ids int64 [N] of the largest logit, or the predicted numbers float32 [N] for regression."""


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the class probabilities [N, C], in float64."""
    shifted = np.asarray(logits, np.float64) - np.max(logits, axis=1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
