"""How far a classifier's probabilities are what they say: of texts that get a label with 0.8, 80 % should be right."""

import dataclasses

import numpy as np

from bert_tf2.tasks.written_tables import markdown_table

BINS = 15
"""As in https://arxiv.org/abs/1706.04599."""

_ROWS = (
    "expected calibration error",
    "the same by chance, with probabilities that are right",
    "mean probability of the predicted label",
    "accuracy",
    "too certain by",
)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Examples in bins of equal width of their largest probability, each bin with its upper edge and without its lower one.

    Attributes:
      counts: int64 [BINS], how many examples are in each bin.
      confidence: float64 [BINS], their mean largest probability; 0 where there are none.
      accuracy: float64 [BINS], the share of them that is right; 0 where there are none.
      by_chance: about what `error` would be on as many examples with these probabilities if they were just right. It is not 0,
        because a bin's share of right ones is of a few examples.
    """

    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    by_chance: float

    @classmethod
    def of(cls, gold: np.ndarray, probabilities: np.ndarray) -> "Calibration":
        """Of label ids int [N] and probabilities float64 [N, C]."""
        largest, is_right = probabilities.max(axis=1), np.argmax(probabilities, axis=1) == gold
        found = np.clip(np.searchsorted(np.linspace(0, 1, BINS + 1), largest, side="left") - 1, 0, BINS - 1)
        counts = np.bincount(found, minlength=BINS)
        confidence, accuracy = (
            np.bincount(found, values, BINS) / np.maximum(counts, 1) for values in (largest, is_right.astype(np.float64))
        )
        # Of a sum of draws with these chances, which is about normal, the mean distance from what is expected.
        variance = np.bincount(found, largest * (1 - largest), BINS)
        by_chance = float(np.sqrt(2 / np.pi * np.clip(variance, 0, None)).sum() / max(len(gold), 1))
        return cls(counts, confidence, accuracy, by_chance)

    @property
    def error(self) -> float:
        """The expected calibration error: the mean over all examples of their bin's distance of accuracy from confidence
        (https://arxiv.org/abs/1706.04599, equation 3)."""
        return float(self._mean(np.abs(self.accuracy - self.confidence)))

    @property
    def overconfidence(self) -> float:
        """By how much the mean largest probability is above the accuracy."""
        return float(self._mean(self.confidence - self.accuracy))

    def _mean(self, values: np.ndarray) -> np.floating:
        return self.counts @ values / max(self.counts.sum(), 1)

    def section(self, before: "Calibration | None" = None, changed_by: str = "") -> tuple[str, str]:
        """Heading and Markdown for `bert_tf2.training.reporting.report.write_report`.

        Args:
          before: of the same examples, where something changed their probabilities.
          changed_by: what did.
        """
        columns = [self._values(), *([before._values()] if before is not None else [])]
        rows = list(zip(_ROWS, *columns))
        said = f"Of {self.counts.sum():,} examples, in {BINS} bins of equal width of the largest probability:\n\n"
        headings = ("", changed_by, "without") if before is not None else ("", "value")
        return "Calibration", said + markdown_table(headings, rows)

    def _values(self) -> list[str]:
        values = (self.error, self.by_chance, self._mean(self.confidence), self._mean(self.accuracy))
        return [*(f"{value:.4f}" for value in values), f"{self.overconfidence:+.4f}"]
