"""What a model answered to questions: probabilities of their choices, and scores."""

import dataclasses

import numpy as np

from bert_tf2.tasks.multiple_choice.features import NO_ANSWER


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """The answers to N questions of up to C choices.

    Attributes:
      log_probabilities: float64 [N, C]; -inf where a question has fewer choices.
      counts: int64 [N], how many choices each question has.
      gold: int64 [N], the right choices' numbers; `NO_ANSWER` where they are not known.
      example_ids: int64 [N], the questions' numbers in their file; -1 where they are not known.
    """

    log_probabilities: np.ndarray
    counts: np.ndarray
    gold: np.ndarray
    example_ids: np.ndarray

    @classmethod
    def of(cls, collected: dict[str, np.ndarray]) -> "Answers":
        """The answers that `MultipleChoiceTask.predictions` gave."""
        counts = collected["choices"].astype(np.int64)
        there = np.arange(collected["logits"].shape[1]) < counts[:, np.newaxis]
        logits = np.where(there, collected["logits"].astype(np.float64), -np.inf)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return cls(log_probabilities, counts, collected["label_ids"].astype(np.int64), collected["example_id"])

    @property
    def predicted(self) -> np.ndarray:
        """The most probable choices' numbers, the first of equal ones: int64 [N]."""
        return self.log_probabilities.argmax(axis=1)

    @property
    def is_right(self) -> np.ndarray:
        """Which answers are right: bool [N]."""
        return self.predicted == self.gold

    def probabilities(self, row: int) -> np.ndarray:
        """Those of the choices of one question: float64 [its choices]."""
        return np.exp(self.log_probabilities[row, : self.counts[row]])

    def scores(self) -> dict[str, float]:
        """The share of right answers and the mean cross-entropy."""
        assert (self.gold != NO_ANSWER).all(), "scores need answers"
        of_gold = self.log_probabilities[np.arange(len(self.gold)), self.gold]
        return {"accuracy": float(np.mean(self.is_right)), "loss": float(-np.mean(of_gold))}
