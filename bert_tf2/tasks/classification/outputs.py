"""What logits mean: probabilities in float64."""

import numpy as np


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the class probabilities [N, C]."""
    shifted = np.asarray(logits, np.float64) - np.max(logits, axis=1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))


def softmax(logits: np.ndarray) -> np.ndarray:
    """The probabilities of classes that exclude each other [N, C]."""
    return np.exp(log_softmax(logits))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """The probability of each label by itself [N, C]."""
    return np.exp(-np.logaddexp(0, -np.asarray(logits, np.float64)))
