"""Precision, recall and F1 of each label and their averages, the same for one label of a text and for several.

Definitions are those of scikit-learn (`precision_recall_fscore_support`, `average_precision_score`): what has nothing to
divide by counts as 0 in scores and averages.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from bert_tf2.errors import UserError, did_you_mean

MOST_LABELS = 200
"""Of more labels single ones are not scored unless a metric of one is asked for."""

_METRICS = ("precision", "recall", "f1")


@dataclasses.dataclass(frozen=True)
class LabelCounts:
    """How often each label is gold, predicted and both.

    Attributes:
      both, predicted, gold: int64 [C].
    """

    both: np.ndarray
    predicted: np.ndarray
    gold: np.ndarray

    @classmethod
    def of_labels(cls, gold: np.ndarray, predicted: np.ndarray, num_labels: int) -> "LabelCounts":
        """Of one label for each text: label ids [N]."""
        counts = [
            np.bincount(np.asarray(ids, np.int64), minlength=num_labels) for ids in (gold[gold == predicted], predicted, gold)
        ]
        return cls(*counts)

    @classmethod
    def of_sets(cls, gold: np.ndarray, predicted: np.ndarray) -> "LabelCounts":
        """Of any number of labels for each text: bool [N, C]."""
        return cls(*(np.asarray(chosen.sum(axis=0, dtype=np.int64)) for chosen in (gold & predicted, predicted, gold)))

    def present(self) -> "LabelCounts":
        """The labels that are gold or predicted at least once."""
        occurs = (self.gold + self.predicted) > 0
        return LabelCounts(self.both[occurs], self.predicted[occurs], self.gold[occurs])

    def precision(self) -> np.ndarray:
        """Share of the predicted that are gold: float64 [C], nan for a label that is never predicted."""
        return _ratio(self.both, self.predicted)

    def recall(self) -> np.ndarray:
        """Share of the gold that are predicted: float64 [C], nan for a label that is never gold."""
        return _ratio(self.both, self.gold)

    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall: float64 [C], nan for a label that is neither gold nor predicted."""
        return _ratio(2 * self.both, self.gold + self.predicted)

    def averages(self) -> dict[str, float]:
        """`micro_f1` over all decisions, `macro_f1` as the mean of the labels, `weighted_f1` with each label as often as it is
        gold; and so for precision and recall."""
        total = LabelCounts(*(np.sum(count, keepdims=True) for count in (self.both, self.predicted, self.gold)))
        found = {}
        for name in ("f1", "precision", "recall"):
            values, (micro,) = np.nan_to_num(getattr(self, name)()), np.nan_to_num(getattr(total, name)())
            found[f"micro_{name}"] = float(micro)
            found[f"macro_{name}"] = float(np.mean(values))
            found[f"weighted_{name}"] = float(values @ self.gold / max(self.gold.sum(), 1))
        return found

    def scores(self, names: Sequence[str]) -> dict[str, float]:
        """Precision, recall, F1 and support of each label, as `precision/joy`.

        Args:
          names: of the labels, in id order.
        """
        columns = {"precision": self.precision(), "recall": self.recall(), "f1": self.f1(), "support": self.gold}
        return {
            f"{what}/{name}": float(value)
            for what, values in columns.items()
            for name, value in zip(names, np.nan_to_num(values), strict=True)
        }


def chosen_label_metric(wanted: str | None, names: Sequence[str]) -> str | None:
    """The metric of one label that is to name the best checkpoint, such as `f1/joy`; None where that is none of one label.

    Args:
      wanted: what the user asked for.
      names: of the labels.

    Raises:
      UserError: there is no such label, or no such metric of one.
    """
    if wanted is None or "/" not in wanted:
        return None
    known = [f"{what}/{name}" for what in _METRICS for name in names]
    if wanted in known:
        return wanted
    labels = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    raise UserError(
        f"--best_metric={wanted} is not computed for this task.{did_you_mean(wanted, known)} Of each label there are "
        f"{', '.join(f'{what}/LABEL' for what in _METRICS)}; the labels are {labels}"
    )


def scores_of_labels(counts: LabelCounts, names: Sequence[str], best_metric: str) -> dict[str, float]:
    """`LabelCounts.scores`; of more than `MOST_LABELS` labels only the one that `best_metric` is about."""
    if len(names) <= MOST_LABELS:
        return counts.scores(names)
    return {best_metric: counts.scores(names)[best_metric]} if "/" in best_metric else {}


def why_not_each_label(names: Sequence[str]) -> list[str]:
    """A line for the log where single labels are not scored."""
    if len(names) <= MOST_LABELS:
        return []
    return [f"{len(names):,} labels are too many to score each (at most {MOST_LABELS}); report.md shows the most frequent ones"]


def average_precision(gold: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Average precision of each label: the mean of the precisions at each recall that a threshold can reach, weighted by the
    step in recall; no interpolation. 0 for a label that is never gold.

    Args:
      gold: bool [N, C].
      probabilities: float [N, C], or anything that orders the texts.

    Returns:
      float64 [C].
    """
    return np.array([_average_precision(*column) for column in zip(gold.T, probabilities.T)])


def _average_precision(gold: np.ndarray, probabilities: np.ndarray) -> float:
    _, both, predicted = accepted_above(gold, probabilities)
    if not both[-1]:
        return 0.0
    return float(np.sum(np.diff(both, prepend=0) * (both / predicted)) / both[-1])


def accepted_above(gold: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each possible threshold of one label lets through.

    Args:
      gold: bool [N].
      probabilities: float [N].

    Returns:
      the different probabilities from high to low, and of the texts that have at least as much: how many are gold, and how many
      there are; int64.
    """
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    # The last text of each probability: equal ones pass together.
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    return ordered[last], np.cumsum(gold[order], dtype=np.int64)[last], last + 1


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
