"""What a model said of rows of texts: how alike they are, and scores of that."""

import dataclasses

import numpy as np

from bert_tf2.tasks.correlations import pearson, spearman
from bert_tf2.tasks.similarity.features import NO_LABEL

_COMPARED_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class Likeness:
    """How alike the texts of N rows are.

    Attributes:
      cosines: float64 [N], of the first and the second text.
      cosines_of_third: float64 [N], of the first and the third text; nan where there is none.
      scores: float64 [N], how alike they are; nan where that is not known.
      labels, predicted: int64 [N], the label and the predicted one; `NO_LABEL` where there is none.
      example_ids: int64 [N], the rows' numbers in their file; -1 where they are not known.
      vectors: float32 [N, H] of the first texts and of the second ones; None where they are not needed.
    """

    cosines: np.ndarray
    cosines_of_third: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    example_ids: np.ndarray
    vectors: tuple[np.ndarray, np.ndarray] | None

    @classmethod
    def of(cls, collected: dict[str, np.ndarray]) -> "Likeness":
        """That of what `SimilarityTask.predictions` gave."""
        labels = collected["label_ids"].astype(np.int64)
        predicted = collected["predicted"].astype(np.int64) if "predicted" in collected else np.full_like(labels, NO_LABEL)
        vectors = (collected["first"], collected["second"]) if "first" in collected else None
        cosines, of_third, scores = (collected[name].astype(np.float64) for name in ("cosine", "cosine_of_third", "score"))
        return cls(cosines, of_third, scores, labels, predicted, collected["example_id"], vectors)

    def metrics(self) -> dict[str, float]:
        """What can be measured of these rows: see `bert_tf2.tasks.similarity.preparation.METRICS`."""
        if not np.isnan(self.scores).any():
            return {"spearman": spearman(self.scores, self.cosines), "pearson": pearson(self.scores, self.cosines)}
        if (self.labels != NO_LABEL).all() and (self.predicted != NO_LABEL).all():
            return {"accuracy": float(np.mean(self.labels == self.predicted))}
        found = {}
        if not np.isnan(self.cosines_of_third).any():
            found["triplet_accuracy"] = float(np.mean(self.cosines > self.cosines_of_third))
        if self.vectors is not None:
            found["retrieval_accuracy"] = retrieval_accuracy(*self.vectors)
        return found


def retrieval_accuracy(first: np.ndarray, second: np.ndarray) -> float:
    """For how many first texts the own second one is the nearest of all, a text that occurs twice counted as itself.

    Args:
      first, second: float32 [N, H], of length 1.
    """
    right = 0
    for begin in range(0, len(first), _COMPARED_AT_ONCE):
        scores = first[begin : begin + _COMPARED_AT_ONCE] @ second.T
        own = np.take_along_axis(scores, begin + np.arange(len(scores))[:, np.newaxis], axis=1)[:, 0]
        # The same text has the same cosine but for the last bits, which the place in a product may change.
        right += int(np.sum(own >= scores.max(axis=1) - 1e-6))
    return right / len(first)
