"""Metrics over whole data sets, in float64 NumPy: one function each from gold and predicted values to a number.

Definitions are those of the GLUE benchmark (Wang et al. 2018, arXiv 1804.07461, table 1). Where one of them says nothing, its
value is what SciPy (nan for correlations) and scikit-learn (0 for the others) give, and `doubts` tells why.
"""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.tasks.correlations import is_constant, pearson, spearman


def accuracy(gold: np.ndarray, predicted: np.ndarray) -> float:
    """Share of label ids [N] that agree."""
    return float(np.mean(gold == predicted))


def f1(gold: np.ndarray, predicted: np.ndarray) -> float:
    """F1 of label id 1 against the rest (MRPC, QQP); 0 when no gold label or no predicted one is positive."""
    return _f1_of(1, gold, predicted)


def macro_f1(gold: np.ndarray, predicted: np.ndarray) -> float:
    """Mean of the F1 of each label id that occurs in either array."""
    return float(np.mean([_f1_of(label, gold, predicted) for label in np.union1d(gold, predicted)]))


def weighted_f1(gold: np.ndarray, predicted: np.ndarray) -> float:
    """Mean of the F1 of each label id, each as often as it is gold."""
    labels, counts = np.unique(gold, return_counts=True)
    return float(np.average([_f1_of(label, gold, predicted) for label in labels], weights=counts))


def matthews_corrcoef(gold: np.ndarray, predicted: np.ndarray) -> float:
    """Matthews correlation of label ids, for any number of classes (Gorodkin 2004); 0 when either array is constant."""
    size = int(max(gold.max(), predicted.max())) + 1
    confusion = confusion_matrix(gold, predicted, size).astype(np.float64)
    gold_counts, predicted_counts, total = confusion.sum(axis=1), confusion.sum(axis=0), confusion.sum()
    covariance = np.trace(confusion) * total - gold_counts @ predicted_counts
    spread = np.sqrt((total**2 - gold_counts @ gold_counts) * (total**2 - predicted_counts @ predicted_counts))
    return float(covariance / spread) if spread > 0 else 0.0


def mean_squared_error(gold: np.ndarray, predicted: np.ndarray) -> float:
    """Mean squared difference of two float arrays [N]."""
    return float(np.mean(np.square(np.asarray(gold, np.float64) - np.asarray(predicted, np.float64))))


Metric = Callable[[np.ndarray, np.ndarray], float]

CLASSIFICATION: dict[str, Metric] = {
    "accuracy": accuracy,
    "f1": f1,
    "macro_f1": macro_f1,
    "weighted_f1": weighted_f1,
    "matthews_corrcoef": matthews_corrcoef,
}
REGRESSION: dict[str, Metric] = {
    "pearson": pearson,
    "spearman": spearman,
    "mean_squared_error": mean_squared_error,
}
LOWER_IS_BETTER = frozenset({"loss", "mean_squared_error"})


def select(names: Iterable[str], known: Mapping[str, Metric]) -> dict[str, Metric]:
    """The metric functions of the given names.

    Args:
      names: of metrics.
      known: `CLASSIFICATION` or `REGRESSION`.

    Raises:
      UserError: a name is unknown or belongs to the other kind of task.
    """
    names = list(names)
    for name in names:
        if name not in known:
            kind = "regression" if known is REGRESSION else "classification"
            raise UserError(f"unknown {kind} metric '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}")
    return {name: known[name] for name in names}


def doubts(names: Iterable[str], gold: np.ndarray, predicted: np.ndarray, positive: str = "1") -> list[str]:
    """Why metrics say nothing of these values, one line for each reason; empty where all of them mean something.

    Args:
      names: of the metrics.
      gold: label ids or numbers [N].
      predicted: label ids or numbers [N].
      positive: name of label id 1.
    """
    told, names = [], set(names)
    constant = [what for what, values in (("gold", gold), ("predicted", predicted)) if is_constant(values)]
    if constant:
        same = f"all {' and all '.join(f'{what} values' for what in constant)} are the same"
        if correlations := sorted(names & {"pearson", "spearman"}):
            told.append(f"{' and '.join(correlations)} cannot be computed (nan): {same}")
        if "matthews_corrcoef" in names:
            told.append(f"matthews_corrcoef is put at 0, as scikit-learn does: {same.replace('values', 'labels')}")
    if "f1" in names and not np.any(gold == 1):
        told.append(f"f1 can only be 0: it is that of the label '{positive}', which no example has")
    return told


def confusion_matrix(gold: np.ndarray, predicted: np.ndarray, num_labels: int) -> np.ndarray:
    """Counts [num_labels, num_labels]: gold label id by row, predicted label id by column."""
    flat = np.asarray(gold, np.int64) * num_labels + np.asarray(predicted, np.int64)
    return np.bincount(flat, minlength=num_labels * num_labels).reshape(num_labels, num_labels)


def _f1_of(label: int, gold: np.ndarray, predicted: np.ndarray) -> float:
    both = np.sum((gold == label) & (predicted == label))
    either = np.sum(gold == label) + np.sum(predicted == label)
    return float(2 * both / either) if both else 0.0
