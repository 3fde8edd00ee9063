"""The probabilities from which on a label is chosen, found on texts whose labels are known."""

import numpy as np

from bert_tf2.tasks.classification.label_scores import accepted_above
from bert_tf2.tasks.classification.options import USUAL_THRESHOLD


def best_common_threshold(gold: np.ndarray, probabilities: np.ndarray) -> float:
    """The one threshold for all labels that gives the best micro F1.

    Args:
      gold: bool [N, C].
      probabilities: float [N, C], from 0 to 1.
    """
    return _best(gold.ravel(), probabilities.ravel())


def best_thresholds(gold: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """For each label the threshold that gives its best F1, and all together the best macro F1; 0.5 for one that is never gold.

    Args:
      gold: bool [N, C].
      probabilities: float [N, C], from 0 to 1.

    Returns:
      float64 [C].
    """
    return np.array([_best(*column) for column in zip(gold.T, probabilities.T)])


def _best(gold: np.ndarray, probabilities: np.ndarray) -> float:
    """The threshold of the best F1; of equally good ones that which is nearest to 0.5."""
    lowest, both, accepted = accepted_above(gold, np.asarray(probabilities, np.float64))
    if not both[-1]:
        return USUAL_THRESHOLD
    f1 = 2 * both / (accepted + both[-1])
    # Between two probabilities, so that another device's rounding does not turn a choice.
    next_lower = np.append(lowest[1:], 0.0)
    middle = (lowest + next_lower) / 2
    thresholds = np.where(middle > next_lower, middle, lowest)
    thresholds[(next_lower < USUAL_THRESHOLD) & (lowest >= USUAL_THRESHOLD)] = USUAL_THRESHOLD
    best = np.flatnonzero(f1 == f1.max())
    return float(thresholds[best[np.argmin(np.abs(thresholds[best] - USUAL_THRESHOLD))]])
