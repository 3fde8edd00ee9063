"""Pre-training: masked tokens are guessed, and whether one segment follows the other (Devlin et al. 2018, section 3.1)."""

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder_parts import COMPUTE_DTYPES, INPUT_NAMES
from bert_tf2.models.masked_lm import MaskedLM
from bert_tf2.tasks.base import Batch, chosen_metric
from bert_tf2.tasks.pretraining.features import pretraining_features
from bert_tf2.tasks.pretraining.objective import Objective, of_examples, prediction_weights
from bert_tf2.tasks.pretraining.predictions import Predictions, with_first
from bert_tf2.tasks.soft_targets import softmax_divergence

_PREDICTIONS = ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights")
_MASKED_LM = ("masked_lm_loss", "masked_lm_accuracy")
_MASKED_LM_SUMS = ("masked_lm_predictions", "masked_lm_loss", "masked_lm_correct")
_NEXT_SENTENCE_SUMS = ("examples", "next_sentence_loss", "next_sentence_correct")
_NEXT_SENTENCE = ("next_sentence_loss", "next_sentence_accuracy")


class PretrainingTask(Objective):
    """Masked LM, and next sentence (or sentence order, which has the same labels) where the records hold pairs.

    The loss is the mean cross-entropy of the masked tokens plus that of the pairs, each over the whole batch. Losses,
    accuracies and the places of all variables are those of the model garden's `BertPretrainer`.

    Args:
      config: shape of the encoder.
      next_sentence: whether pairs are judged.
      masked: the records say which tokens are masked; otherwise training chooses them, see `data.dynamic_masking`.
      policy: `float32`, `mixed_bfloat16` or `mixed_float16`.
      static_shapes: unused predictions of a row are computed too, with weight 0, so that all shapes are known (TPU, XLA).
      best_metric: the metric that names the best checkpoint.
      gives_logits: models give their whole guesses, for `soft_loss`.

    Raises:
      UserError: `best_metric` is not computed for this task.
    """

    takes_places = True
    # The garden's names.
    summary_names: ClassVar[Mapping[str, str]] = {
        "masked_lm_accuracy": "masked_lm_accuracy",
        "masked_lm_loss": "lm_example_loss",
        "next_sentence_accuracy": "next_sentence_accuracy",
        "next_sentence_loss": "next_sentence_loss",
    }

    def __init__(
        self,
        config: BertConfig,
        *,
        next_sentence: bool = True,
        masked: bool = True,
        policy: str = "float32",
        static_shapes: bool = False,
        best_metric: str | None = None,
        gives_logits: bool = False,
    ):
        self.next_sentence = next_sentence
        self.heads = ("masked_lm", "next_sentence") if next_sentence else ("masked_lm",)
        self.on_pooler = next_sentence
        self.features = pretraining_features(masked=masked, next_sentence=next_sentence)
        known = ("loss", *_MASKED_LM, *(_NEXT_SENTENCE if next_sentence else ()))
        self.best_metric = chosen_metric(best_metric, known)
        self.measure_names = (*_MASKED_LM_SUMS, *(_NEXT_SENTENCE_SUMS if next_sentence else ()))
        self._config, self._policy, self._static_shapes, self._gives_logits = config, policy, static_shapes, gives_logits

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """Puts the heads on an encoder that was built `for_pretraining`.

        The model takes the encoder's inputs, `masked_lm_positions` and `masked_lm_ids` int32 [B, P] and `masked_lm_weights`
        float32 [B, P]. Of the N predictions, those with a weight (all B * P with `static_shapes`), it gives `masked_lm_loss`,
        `masked_lm_correct` and `masked_lm_weights` float32 [N] and the numbers of their rows, `masked_lm_rows` int32 [N]; and
        where there are pairs `classification`, logits float32 [B, 2]. Whole distributions are given by `model.masked_lm.logits`,
        and as `masked_lm_logits`, float32 [N, V], where they were asked for.
        """
        inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in (*INPUT_NAMES, *_PREDICTIONS[:2])}
        inputs["masked_lm_weights"] = tf_keras.Input((None,), dtype=tf.float32, name="masked_lm_weights")
        # Of the last block only what is looked at is computed: the first token, for the pairs, and the masked ones.
        positions = tf_keras.layers.Lambda(with_first, name="output_positions")(inputs["masked_lm_positions"])
        encoded = encoder({**{name: inputs[name] for name in INPUT_NAMES}, "output_positions": positions})
        outputs = {}
        if self.next_sentence:
            classification = _classification(self._config)
            outputs["classification"] = classification(encoded["pooled_output"])
        head = MaskedLM(self._config, encoder._embedding_layer, COMPUTE_DTYPES[self._policy], name="cls/predictions")
        chosen = Predictions(self._static_shapes, name="predictions")(*(inputs[name] for name in _PREDICTIONS[1:]))
        places, label_ids, outputs["masked_lm_weights"], outputs["masked_lm_rows"] = chosen
        found = head(encoded["sequence_output"], places, label_ids, encoded["word_table"], gives_logits=self._gives_logits)
        outputs |= zip(("masked_lm_loss", "masked_lm_correct", "masked_lm_logits"), found)
        model = tf_keras.Model(inputs=inputs, outputs=outputs, name="bert_pretrainer")
        model.encoder, model.masked_lm = encoder, head
        if self.next_sentence:
            model.classification = classification
        return model

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The number of predictions and of examples, as sums of their weights."""
        weights = batch["example_weight"]
        predictions = tf.reduce_sum(batch["masked_lm_weights"] * weights[:, tf.newaxis])
        return {"masked_lm": predictions, "next_sentence": tf.reduce_sum(weights)}

    def loss(self, outputs: Batch, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """Sum of both losses; see `bert_tf2.tasks.base.Task.loss`."""
        loss = tf.math.divide_no_nan(
            tf.reduce_sum(outputs["masked_lm_loss"] * prediction_weights(outputs, batch)), denominators["masked_lm"]
        )
        if self.next_sentence:
            losses, _ = self._judged(outputs, batch)
            loss += tf.math.divide_no_nan(tf.reduce_sum(losses * batch["example_weight"]), denominators["next_sentence"])
        return loss

    def soft_loss(
        self, outputs: Batch, targets: Batch, batch: Batch, denominators: dict[str, tf.Tensor], temperature: float
    ) -> tf.Tensor:
        """The divergence of the guesses from the teacher's, the mean over the masked tokens, plus, where both models judge pairs,
        that of their answers to these; see `bert_tf2.tasks.base.Task.soft_loss`."""
        losses = softmax_divergence(outputs["masked_lm_logits"], targets["masked_lm_logits"], temperature)
        loss = tf.math.divide_no_nan(tf.reduce_sum(losses * prediction_weights(outputs, batch)), denominators["masked_lm"])
        if self.next_sentence and "classification" in targets:
            losses = softmax_divergence(outputs["classification"], targets["classification"], temperature)
            loss += tf.math.divide_no_nan(tf.reduce_sum(losses * batch["example_weight"]), denominators["next_sentence"])
        return loss

    def measures(self, outputs: Batch, batch: Batch) -> dict[str, tf.Tensor]:
        """Sums over this part of a batch, of which `metrics_of_sums` makes metrics, by `measure_names`: float32 scalars."""
        weights = prediction_weights(outputs, batch)
        sums = {
            "masked_lm_predictions": tf.reduce_sum(weights),
            "masked_lm_loss": tf.reduce_sum(outputs["masked_lm_loss"] * weights),
            "masked_lm_correct": tf.reduce_sum(outputs["masked_lm_correct"] * weights),
        }
        if self.next_sentence:
            losses, right = self._judged(outputs, batch)
            weights = batch["example_weight"]
            sums["examples"] = tf.reduce_sum(weights)
            sums["next_sentence_loss"] = tf.reduce_sum(losses * weights)
            sums["next_sentence_correct"] = tf.reduce_sum(right * weights)
        return sums

    def metrics_of_sums(self, sums: Mapping[str, float]) -> dict[str, float]:
        """The metrics of what `measures` gave, summed over any number of parts and steps."""
        # Of nothing there is no mean.
        predictions = sums["masked_lm_predictions"] or math.nan
        metrics = {
            "masked_lm_loss": sums["masked_lm_loss"] / predictions,
            "masked_lm_accuracy": sums["masked_lm_correct"] / predictions,
        }
        if self.next_sentence:
            examples = sums["examples"] or math.nan
            metrics["next_sentence_loss"] = sums["next_sentence_loss"] / examples
            metrics["next_sentence_accuracy"] = sums["next_sentence_correct"] / examples
        return metrics

    def predictions(self, outputs: Batch, batch: Batch) -> Batch:
        """What `measures` sums, for each example: float32 [B] by name."""
        weights = outputs["masked_lm_weights"]
        collected = {
            "masked_lm_predictions": of_examples(weights, outputs, batch),
            "masked_lm_loss": of_examples(outputs["masked_lm_loss"] * weights, outputs, batch),
            "masked_lm_correct": of_examples(outputs["masked_lm_correct"] * weights, outputs, batch),
        }
        if self.next_sentence:
            losses, right = self._judged(outputs, batch)
            collected |= {"examples": tf.ones_like(losses), "next_sentence_loss": losses, "next_sentence_correct": right}
        return collected

    def metrics(self, collected: dict[str, np.ndarray]) -> dict[str, float]:
        """All metrics and the loss, from what `predictions` gave for every example."""
        metrics = self.metrics_of_sums({name: float(np.sum(values, dtype=np.float64)) for name, values in collected.items()})
        return {"loss": metrics["masked_lm_loss"] + metrics.get("next_sentence_loss", 0.0), **metrics}

    def _judged(self, outputs: Batch, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """Cross-entropies of the pairs, and 1 for each that is judged rightly: float32 [B] both."""
        logits, labels = outputs["classification"], batch["next_sentence_labels"]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return losses, tf.cast(tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels, tf.float32)


def _classification(config: BertConfig) -> tf_keras.Model:
    """A model from the pooled output [B, H] to logits [B, 2]; the garden has the head's dense layer inside a model too."""
    pooled_output = tf_keras.Input((config.hidden_size,), dtype=tf.float32, name="cls_output")
    logits = tf_keras.layers.Dense(
        2,
        kernel_initializer=tf_keras.initializers.TruncatedNormal(stddev=config.initializer_range),
        dtype="float32",
        name="predictions/transform/logits",
    )(pooled_output)
    return tf_keras.Model(pooled_output, logits, name="classification")
