"""Sentence and sentence-pair classification and regression: one label or one number for a text or a pair."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.tasks.base import Collected, ExampleSet, Report, chosen_metric
from bert_tf2.tasks.classification import metrics as metric_functions
from bert_tf2.tasks.classification import temperature
from bert_tf2.tasks.classification.calibration import Calibration
from bert_tf2.tasks.classification.label_loss import LabelLoss
from bert_tf2.tasks.classification.label_scores import LabelCounts, chosen_label_metric, scores_of_labels, why_not_each_label
from bert_tf2.tasks.classification.length_report import length_section
from bert_tf2.tasks.classification.long_texts.model import Windowed
from bert_tf2.tasks.classification.outputs import log_softmax, softmax
from bert_tf2.tasks.classification.oversampling import Oversampling
from bert_tf2.tasks.classification.pictures import (
    CALIBRATION,
    CONFUSION,
    DIFFERENCES,
    draw_calibration,
    draw_confusion,
    draw_differences,
)
from bert_tf2.tasks.classification.report import difference_sections, label_sections
from bert_tf2.tasks.classification.text_task import TextTask, tiled_names
from bert_tf2.tasks.soft_targets import softmax_divergence
from bert_tf2.tasks.tally import Tally, of_means, of_pearson


class ClassificationTask(TextTask):
    """Classification into `label_list`. The loss is cross-entropy (Devlin et al. 2018, section 4.1), weighted by each example's
    weight.

    Args:
      label_list: label names in id order.
      metrics: names from `bert_tf2.tasks.classification.metrics`; the first is the default `best_metric`.
      dropout_rate, initializer_range, has_sample_weights, label_loss, windowed, oversampling: see
        `TextTask`.
      fits_temperature: evaluations find what logits are divided by before they are probabilities.
      best_metric: the metric that names the best checkpoint: any of those, or of one label, as `f1/positive`.

    Raises:
      UserError: an unknown metric, or fewer than two labels.
    """

    pictures = (CONFUSION, CALIBRATION)
    answer_feature = "label_ids"

    def __init__(
        self,
        label_list: Sequence[str],
        metrics: Sequence[str] = (),
        *,
        dropout_rate: float = 0.1,
        initializer_range: float = 0.02,
        has_sample_weights: bool = False,
        best_metric: str | None = None,
        label_loss: LabelLoss | None = None,
        windowed: Windowed | None = None,
        oversampling: Oversampling | None = None,
        fits_temperature: bool = False,
    ):
        require_labels(label_list)
        of_training = label_loss, windowed, oversampling
        super().__init__(len(label_list), "class", dropout_rate, initializer_range, has_sample_weights, *of_training)
        self.label_list = self.class_names = list(label_list)
        self.tuning = temperature.TUNING if fits_temperature else None
        self._temperature = temperature.NONE
        names = list(metrics) or ["accuracy"]
        metric_functions.select(names, metric_functions.CLASSIFICATION)
        known = dict.fromkeys([*names, *metric_functions.CLASSIFICATION, "loss"])
        self.best_metric = chosen_label_metric(best_metric, label_list) or chosen_metric(best_metric, list(known))
        wanted = [self.best_metric] if self.best_metric in metric_functions.CLASSIFICATION else []
        self._metrics = metric_functions.select(dict.fromkeys([*names, *wanted]), metric_functions.CLASSIFICATION)

    def losses(self, logits: tf.Tensor, label_ids: tf.Tensor) -> tf.Tensor:
        """Cross-entropy."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label_ids, logits=logits)

    def soft_losses(self, logits: tf.Tensor, targets: tf.Tensor, temperature: float) -> tf.Tensor:
        """The divergence of the classes' probabilities from the teacher's."""
        return softmax_divergence(logits, targets, temperature)

    def wrong_labels(self, label_ids: np.ndarray) -> np.ndarray:
        return (label_ids < 0) | (label_ids >= self.num_labels)

    @property
    def rule_of_labels(self) -> str:
        return f"must be from 0 to {self.num_labels - 1} (num_labels in the metadata)"

    def scores(self, outcome: Collected, examples: ExampleSet | None = None) -> dict[str, float]:
        """The task's metrics and the mean loss over all examples, and the scores of each label; warns once of each reason for
        which a metric says nothing."""
        del examples
        logits, gold = outcome["logits"], outcome["label_ids"]
        predicted = np.argmax(logits, axis=1)
        self._tell_once(metric_functions.doubts(self._metrics, gold, predicted, self.label_list[1]))
        self._tell_once(why_not_each_label(self.label_list))
        found = {name: function(gold, predicted) for name, function in self._metrics.items()}
        found["loss"] = float(-np.mean(log_softmax(logits)[np.arange(len(gold)), gold]))
        counts = LabelCounts.of_labels(gold, predicted, self.num_labels)
        return found | scores_of_labels(counts, self.label_list, self.best_metric)

    def tally(self, outcome: Collected, examples: ExampleSet) -> Tally:
        """Which texts get the right label."""
        del examples
        return of_means("accuracy", np.argmax(outcome["logits"], axis=1) == outcome["label_ids"])

    def why_degenerate(self, outcome: Collected, examples: ExampleSet) -> str | None:
        """Where no more labels are right than by giving all texts the most frequent one."""
        del examples
        gold = outcome["label_ids"]
        accuracy = float(np.mean(np.argmax(outcome["logits"], axis=1) == gold))
        majority = float(np.bincount(gold).max() / len(gold))
        if accuracy > majority:
            return None
        return f"accuracy {accuracy:.4f} is not above {majority:.4f}, the share of the most frequent label"

    def report(self, directory: str, outcome: Collected, examples: ExampleSet) -> Report:
        """Pictures of the predictions against gold and of their probabilities; each label's scores, those by length, and the
        worst errors with their texts."""
        probabilities, gold, ids = self.probabilities(outcome["logits"]), outcome["label_ids"], outcome["example_id"]
        texts = None if examples.texts is None else examples.texts(ids)
        calibration = Calibration.of(gold, probabilities)
        pictures = [
            ("Predictions", draw_confusion(directory, self.label_list, gold, np.argmax(probabilities, axis=1))),
            ("Calibration curve", draw_calibration(directory, calibration)),
        ]
        labels, *errors = label_sections(self.label_list, gold, probabilities, ids, texts)
        by_length = length_section(self.label_list, gold, probabilities, *self.lengths(examples))
        further = [self._calibration_section(calibration, outcome), *([by_length] if by_length else [])]
        return Report([(caption, path) for caption, path in pictures if path], [labels, *further, *errors])

    def _calibration_section(self, calibration: Calibration, outcome: Collected) -> tuple[str, str]:
        if self._temperature == temperature.NONE:
            return calibration.section()
        plain = Calibration.of(outcome["label_ids"], softmax(outcome["logits"]))
        return calibration.section(plain, f"temperature {self._temperature:.4g}")

    def tune(self, outcome: Collected, examples: ExampleSet) -> dict[str, Any]:
        """The temperature that fits the examples best: `value`, and what comes of it."""
        logits, gold = outcome["logits"], outcome["label_ids"]
        self._temperature = temperature.best_temperature(logits, gold)
        found = temperature.found(logits, gold, self._temperature)
        return {**found, "found_on": examples.origin or examples.name}

    def use_tuned(self, value: Any) -> None:
        """Uses a temperature that `tune` found."""
        self._temperature = temperature.require_temperature(value)

    @property
    def temperature(self) -> float:
        """What logits are divided by before they are probabilities."""
        return self._temperature

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        return softmax(logits if self._temperature == temperature.NONE else np.asarray(logits, np.float64) / self._temperature)

    def readable_predictions(self, logits: np.ndarray) -> list[str]:
        return self.readable_labels(np.argmax(logits, axis=1))

    def readable_labels(self, label_ids: np.ndarray) -> list[str]:
        return [self.label_list[int(label)] for label in label_ids]

    def readable_outputs(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the raw-text export answers: `label` string [B], `probabilities` float32 [B, C] and `labels`, the label names
        [B, C] string that the probabilities belong to."""
        return {
            "label": tf.gather(tf.constant(self.label_list), tf.argmax(outputs, axis=-1)),
            "probabilities": tf.nn.softmax(outputs if self._temperature == temperature.NONE else outputs / self._temperature),
            "labels": tiled_names(self.label_list, outputs),
        }


class RegressionTask(TextTask):
    """A number for a text or a pair. The loss is the squared error, weighted by each example's weight.

    Args:
      metrics: names from `bert_tf2.tasks.classification.metrics`; the first is the default `best_metric`.
      dropout_rate, initializer_range, has_sample_weights, windowed: see `TextTask`.
      best_metric: the metric that names the best checkpoint.

    Raises:
      UserError: an unknown metric.
    """

    pictures = (DIFFERENCES,)

    def __init__(
        self,
        metrics: Sequence[str] = (),
        *,
        dropout_rate: float = 0.1,
        initializer_range: float = 0.02,
        has_sample_weights: bool = False,
        best_metric: str | None = None,
        windowed: Windowed | None = None,
    ):
        super().__init__(1, "number", dropout_rate, initializer_range, has_sample_weights, windowed=windowed)
        names = list(metrics) or list(metric_functions.REGRESSION)
        metric_functions.select(names, metric_functions.REGRESSION)
        known = dict.fromkeys([*names, *metric_functions.REGRESSION, "loss"])
        self.best_metric = chosen_metric(best_metric, list(known))
        wanted = [self.best_metric] if self.best_metric in metric_functions.REGRESSION else []
        self._metrics = metric_functions.select(dict.fromkeys([*names, *wanted]), metric_functions.REGRESSION)

    def losses(self, logits: tf.Tensor, label_ids: tf.Tensor) -> tf.Tensor:
        """The squared error."""
        return tf.square(logits[:, 0] - tf.cast(label_ids, tf.float32))

    def soft_losses(self, logits: tf.Tensor, targets: tf.Tensor, temperature: float) -> tf.Tensor:
        """The squared difference from the teacher's number, which no temperature changes."""
        del temperature
        return tf.square(logits[:, 0] - targets[:, 0])

    def wrong_labels(self, label_ids: np.ndarray) -> np.ndarray:
        return ~np.isfinite(label_ids)

    @property
    def rule_of_labels(self) -> str:
        return "must be a finite number"

    def scores(self, outcome: Collected, examples: ExampleSet | None = None) -> dict[str, float]:
        """As `ClassificationTask.scores`."""
        del examples
        gold, predicted = outcome["label_ids"], outcome["logits"][:, 0]
        self._tell_once(metric_functions.doubts(self._metrics, gold, predicted))
        found = {name: function(gold, predicted) for name, function in self._metrics.items()}
        return found | {"loss": metric_functions.mean_squared_error(gold, predicted)}

    def tally(self, outcome: Collected, examples: ExampleSet) -> Tally:
        """What each text adds to Pearson's correlation."""
        del examples
        return of_pearson(outcome["label_ids"], outcome["logits"][:, 0])

    def higher_is_better(self, metric: str) -> bool:
        """Correlations; not losses and errors."""
        return metric not in metric_functions.LOWER_IS_BETTER

    def report(self, directory: str, outcome: Collected, examples: ExampleSet) -> Report:
        """A picture of the predicted numbers against gold; the largest differences with their texts."""
        predicted, gold, ids = outcome["logits"][:, 0], outcome["label_ids"], outcome["example_id"]
        texts = None if examples.texts is None else examples.texts(ids)
        picture = draw_differences(directory, gold, predicted)
        return Report([("Predictions", picture)] if picture else [], difference_sections(gold, predicted, ids, texts))

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        return logits

    def readable_predictions(self, logits: np.ndarray) -> list[str]:
        return self.readable_labels(logits[:, 0])

    def readable_labels(self, label_ids: np.ndarray) -> list[str]:
        return [f"{float(value):.6g}" for value in label_ids]

    def readable_outputs(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the raw-text export answers: `score` [B]."""
        return {"score": outputs[:, 0]}


def require_labels(label_list: Sequence[str]) -> None:
    """Checks that there is something to choose from.

    Raises:
      UserError: fewer than two labels.
    """
    if len(label_list) < 2:
        raise UserError(f"classification needs at least 2 labels; the metadata names {len(label_list)}: {list(label_list)}")
