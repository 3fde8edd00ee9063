"""How alike the vectors of two texts are, and how well that agrees with people."""

from collections.abc import Callable, Mapping

import numpy as np

from bert_tf2.tasks.correlations import pearson, spearman

_DIGITS = 12


def cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The cosine of each pair of vectors [N, D] -> [N]; 0 where one is zero."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return dot(one, other) / np.where(lengths > 0, lengths, 1)


def dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The dot product of each pair of vectors [N, D] -> [N]."""
    return np.einsum("nd,nd->n", one, other)


def euclidean(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The negative Euclidean distance of each pair of vectors [N, D] -> [N]."""
    return -np.linalg.norm(one - other, axis=1)


def manhattan(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The negative sum of differences of each pair of vectors [N, D] -> [N]."""
    return -np.abs(one - other).sum(axis=1)


SIMILARITIES: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "cosine": cosine,
    "dot": dot,
    "euclidean": euclidean,
    "manhattan": manhattan,
}
"""By name; more is more alike."""


def agreement(one: np.ndarray, other: np.ndarray, scores: np.ndarray) -> dict[str, dict[str, float]]:
    """By kind of similarity its `spearman` and `pearson` with people's scores.

    Args:
      one, other: the vectors of each pair, [N, D].
      scores: what people said of it, [N].
    """
    one, other = one.astype(np.float64), other.astype(np.float64)
    found = {}
    for name, similarity in SIMILARITIES.items():
        # Pairs of the same two texts are equally alike, whatever the last digit of a sum says.
        values = np.round(similarity(one, other), _DIGITS)
        found[name] = {"spearman": spearman(scores, values), "pearson": pearson(scores, values)}
    return found
