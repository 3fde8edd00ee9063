"""Any number of labels for a text or a pair: each label is decided by itself."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf2.tasks.base import Collected, ExampleSet, Report, Tuning, chosen_metric
from bert_tf2.tasks.classification.label_loss import LabelLoss
from bert_tf2.tasks.classification.label_scores import (
    LabelCounts,
    average_precision,
    chosen_label_metric,
    scores_of_labels,
    why_not_each_label,
)
from bert_tf2.tasks.classification.label_set_report import label_set_sections
from bert_tf2.tasks.classification.long_texts.model import Windowed
from bert_tf2.tasks.classification.options import AUTOMATIC, PER_LABEL, USUAL_THRESHOLD
from bert_tf2.tasks.classification.outputs import sigmoid
from bert_tf2.tasks.classification.oversampling import Oversampling
from bert_tf2.tasks.classification.pictures import LABEL_SCORES, draw_label_scores
from bert_tf2.tasks.classification.reading.label_sets import joined
from bert_tf2.tasks.classification.task import require_labels
from bert_tf2.tasks.classification.text_task import TextTask, tiled_names
from bert_tf2.tasks.classification.thresholds import best_common_threshold, best_thresholds
from bert_tf2.tasks.soft_targets import sigmoid_cross_entropy
from bert_tf2.tasks.tally import Tally, f1

METRICS = (
    "micro_f1", "macro_f1", "weighted_f1", "micro_precision", "macro_precision", "weighted_precision", "micro_recall",
    "macro_recall", "weighted_recall", "exact_match", "average_precision",
)  # fmt: skip
"""What is computed over all labels: averages, the share of texts with just their labels, the mean average precision."""


class MultiLabelTask(TextTask):
    """Any number of labels of `label_list` for each text. The loss is sigmoid cross-entropy, the mean over the labels of each
    example, weighted by the example's weight.

    A label is chosen where its probability is at least its threshold.

    Args:
      label_list: label names in id order.
      metrics: of `METRICS`; the first is the default `best_metric`.
      threshold: of all labels; `auto` finds the one of the best micro F1 and `per_label` for each label that of its best F1, both
        on the examples that are evaluated.
      dropout_rate, initializer_range, has_sample_weights, label_loss, windowed, oversampling: see
        `TextTask`.
      best_metric: the metric that names the best checkpoint: any of `METRICS`, or of one label, as `f1/joy`.

    Raises:
      UserError: an unknown metric, or fewer than two labels.
    """

    pictures = (LABEL_SCORES,)
    answer_feature = "label_ids"

    def __init__(
        self,
        label_list: Sequence[str],
        metrics: Sequence[str] = (),
        *,
        threshold: str | float = USUAL_THRESHOLD,
        dropout_rate: float = 0.1,
        initializer_range: float = 0.02,
        has_sample_weights: bool = False,
        best_metric: str | None = None,
        label_loss: LabelLoss | None = None,
        windowed: Windowed | None = None,
        oversampling: Oversampling | None = None,
    ):
        require_labels(label_list)
        of_training = label_loss, windowed, oversampling
        super().__init__(len(label_list), "set", dropout_rate, initializer_range, has_sample_weights, *of_training)
        self.label_list = list(label_list)
        known = list(dict.fromkeys([*metrics, *METRICS, "loss"]))
        self.best_metric = chosen_label_metric(best_metric, label_list) or chosen_metric(best_metric, known)
        self._rule = threshold
        # None until they are found.
        self._thresholds: np.ndarray | None = None
        if threshold in (AUTOMATIC, PER_LABEL):
            advice = f"evaluate first (--mode=eval --label_threshold={threshold} with labelled data), or give a number"
            self.tuning = Tuning(f"--label_threshold={threshold}", "label_thresholds.json", advice, USUAL_THRESHOLD)
        else:
            self._thresholds = np.full(self.num_labels, float(threshold))

    def losses(self, logits: tf.Tensor, label_ids: tf.Tensor) -> tf.Tensor:
        """Sigmoid cross-entropy, the mean over the labels."""
        gold = tf.cast(label_ids, tf.float32)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=gold, logits=logits), axis=-1)

    def soft_losses(self, logits: tf.Tensor, targets: tf.Tensor, temperature: float) -> tf.Tensor:
        """Sigmoid cross-entropy with the teacher's probabilities, the mean over the labels."""
        return sigmoid_cross_entropy(logits, targets, temperature)

    def wrong_labels(self, label_ids: np.ndarray) -> np.ndarray:
        if label_ids.shape[1] != self.num_labels:
            return np.ones(len(label_ids), bool)
        return ((label_ids != 0) & (label_ids != 1)).any(axis=1)

    @property
    def rule_of_labels(self) -> str:
        return f"must be {self.num_labels} values (num_labels in the metadata), each 0 or 1"

    @property
    def thresholds(self) -> np.ndarray:
        """From which probability on each label is chosen: float64 [C]."""
        assert self._thresholds is not None, "no thresholds were found yet"
        return self._thresholds

    def scores(self, outcome: Collected, examples: ExampleSet | None = None) -> dict[str, float]:
        """`METRICS`, the mean loss over all examples, and the scores of each label.

        While thresholds are not settled, each evaluation is scored with those that are the best on it.
        """
        del examples
        gold, probabilities = outcome["label_ids"].astype(bool), self.probabilities(outcome["logits"])
        thresholds = self._best_thresholds(gold, probabilities) if self._thresholds is None else self._thresholds
        chosen = probabilities >= thresholds
        counts, precisions = LabelCounts.of_sets(gold, chosen), average_precision(gold, probabilities)
        found = counts.averages() | {
            "exact_match": float(np.mean((gold == chosen).all(axis=1))),
            "average_precision": float(np.mean(precisions)),
        }
        self._tell_once(self._doubts(counts))
        found = {name: found[name] for name in METRICS} | {"loss": _mean_loss(gold, outcome["logits"])}
        return found | scores_of_labels(counts, self.label_list, self.best_metric)

    def tally(self, outcome: Collected, examples: ExampleSet) -> Tally:
        """What each text adds to the F1 over all labels."""
        del examples
        gold, probabilities = outcome["label_ids"].astype(bool), self.probabilities(outcome["logits"])
        chosen = probabilities >= (self._best_thresholds(gold, probabilities) if self._thresholds is None else self._thresholds)
        counts = np.stack([part.sum(axis=1) for part in (gold & chosen, chosen, gold)], axis=1)
        return Tally("micro_f1", counts.astype(np.float64), f1)

    def _doubts(self, counts: LabelCounts) -> list[str]:
        absent = [name for name, count in zip(self.label_list, counts.gold) if not count]
        if not absent:
            return why_not_each_label(self.label_list)
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        told = f"no example has the label '{absent[0]}'{more}; such labels count as 0 in macro averages, as scikit-learn does"
        return [told, *why_not_each_label(self.label_list)]

    def tune(self, outcome: Collected, examples: ExampleSet) -> dict[str, Any]:
        """The thresholds that are the best on the examples: `value`, one number or one by label."""
        gold, probabilities = outcome["label_ids"].astype(bool), self.probabilities(outcome["logits"])
        self._thresholds = self._best_thresholds(gold, probabilities)
        value: Any = float(self._thresholds[0])
        if self._rule == PER_LABEL:
            value = dict(zip(self.label_list, self._thresholds.tolist()))
        counts = LabelCounts.of_sets(gold, probabilities >= self._thresholds)
        scores = {name: counts.averages()[name] for name in ("micro_f1", "macro_f1")}
        return {"value": value, **scores, "found_on": examples.origin or examples.name}

    def use_tuned(self, value: Any) -> None:
        """Uses thresholds that `tune` found."""
        if isinstance(value, dict):
            if set(value) != set(self.label_list):
                raise ValueError("thresholds of other labels")
            found = np.array([float(value[name]) for name in self.label_list])
        else:
            found = np.full(self.num_labels, float(value))
        if not all(map(math.isfinite, found)):
            raise ValueError("thresholds must be finite")
        self._thresholds = found

    def _best_thresholds(self, gold: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        if self._rule == PER_LABEL:
            return best_thresholds(gold, probabilities)
        return np.full(self.num_labels, best_common_threshold(gold, probabilities))

    def report(self, directory: str, outcome: Collected, examples: ExampleSet) -> Report:
        """A picture of each label's scores, a table of them, how many labels texts have, the worst errors with their texts."""
        gold, probabilities = outcome["label_ids"].astype(bool), self.probabilities(outcome["logits"])
        ids = outcome["example_id"]
        texts = None if examples.texts is None else examples.texts(ids)
        counts = LabelCounts.of_sets(gold, probabilities >= self.thresholds)
        picture = draw_label_scores(directory, self.label_list, counts)
        sections = label_set_sections(self.label_list, gold, probabilities, self.thresholds, ids, texts)
        return Report([("Labels", picture)] if picture else [], sections)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        return sigmoid(logits)

    def readable_predictions(self, logits: np.ndarray) -> list[str]:
        return self.readable_labels(self.probabilities(logits) >= self.thresholds)

    def readable_labels(self, label_ids: np.ndarray) -> list[str]:
        return [joined([self.label_list[label] for label in np.flatnonzero(row).tolist()], self.label_list) for row in label_ids]

    def readable_outputs(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the raw-text export answers: `chosen` bool [B, C], whether `probabilities` float32 [B, C] reach `thresholds`, and
        `labels`, the label names [B, C] string that they belong to."""
        probabilities = tf.sigmoid(outputs)
        thresholds = tf.broadcast_to(tf.constant(self.thresholds, tf.float32), tf.shape(outputs))
        return {
            "chosen": probabilities >= thresholds,
            "probabilities": probabilities,
            "thresholds": thresholds,
            "labels": tiled_names(self.label_list, outputs),
        }


def _mean_loss(gold: np.ndarray, logits: np.ndarray) -> float:
    """Sigmoid cross-entropy in float64: log(1 + exp(-x)) of a label that is gold, log(1 + exp(x)) of one that is not."""
    return float(np.mean(np.logaddexp(0, np.where(gold, -1.0, 1.0) * np.asarray(logits, np.float64))))
