"""Correlations of two arrays of numbers, in float64; their values where nothing is defined are SciPy's (nan)."""

import math

import numpy as np


def pearson(gold: np.ndarray, predicted: np.ndarray) -> float:
    """Pearson correlation of two float arrays [N]; nan when either is constant."""
    x, y = np.asarray(gold, np.float64), np.asarray(predicted, np.float64)
    # The mean of equal numbers may be off by a rounding error, which would correlate.
    if is_constant(x) or is_constant(y):
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def spearman(gold: np.ndarray, predicted: np.ndarray) -> float:
    """Spearman rank correlation of two float arrays [N]; ties share their mean rank; nan when either is constant."""
    return pearson(_ranks(gold), _ranks(predicted))


def is_constant(values: np.ndarray) -> bool:
    """Whether all values [N] are the same."""
    return bool(np.min(values) == np.max(values))


def _ranks(values: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(counts)
    return (last_rank - (counts - 1) / 2)[inverse.ravel()]
