"""What the kinds of classification share at the model's end: a head on the pooled output, files of predictions, exports."""

import abc
import dataclasses
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.repeats import Repeats
from bert_tf2.data.records.feature_spec import CHOICES, LABELS
from bert_tf2.data.records.metadata import MetaData
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.progress import during
from bert_tf2.tasks.base import Batch, Collected, ExampleSet, Export, Task
from bert_tf2.tasks.classification.features import Labels, classification_features
from bert_tf2.tasks.classification.files import write_predictions, write_test_results
from bert_tf2.tasks.classification.label_loss import LabelLoss
from bert_tf2.tasks.classification.long_texts.model import Windowed, build_row_model, build_window_model, pooled
from bert_tf2.tasks.classification.long_texts.rule import LongText
from bert_tf2.tasks.classification.oversampling import Oversampling
from bert_tf2.tasks.exports import text_export, token_ids_export
from bert_tf2.tasks.pooled_head import classification_head
from bert_tf2.tasks.portable import Portable, of_rows, rows_there, there

logger = logging.getLogger(__name__)

_LABEL_WEIGHT = "label_weight"


class TextTask(Task):
    """Logits for a text or a pair of texts, and what they say.

    Args:
      num_labels: number of logits C.
      labels: what records hold; see `classification_features`.
      dropout_rate: dropout on the pooled output while training.
      initializer_range: standard deviation of the truncated normal that the head's kernel starts from.
      has_sample_weights: records carry a `weight`.
      label_loss: what a training minimises instead of the plain `losses`; scores know nothing of it. None for nothing.
      windowed: texts are in windows, and what is made of them; None where each is one input.
      oversampling: which rows a training has several times in an epoch; None for none.

    Attributes:
      label_list: label names in id order; empty for numbers.
    """

    hub_task = "text-classification"
    heads: tuple[str, ...] = ("classifier",)
    on_pooler = True
    # The head looks at the pooled output only.
    output_range: int | None = 1
    output_axes: tuple[str, ...] | None = (LABELS,)
    label_list: Sequence[str] = ()

    def __init__(
        self,
        num_labels: int,
        labels: Labels,
        dropout_rate: float,
        initializer_range: float,
        has_sample_weights: bool,
        label_loss: LabelLoss | None = None,
        windowed: Windowed | None = None,
        oversampling: Oversampling | None = None,
    ):
        self.num_labels, self._windowed, self._oversampling = num_labels, windowed, oversampling
        self.features = classification_features(labels, weighted=has_sample_weights, in_windows=windowed is not None)
        if windowed is not None:
            self.heads, self.bounds_inputs = windowed.heads, True
            self.most = {} if windowed.most is None else {CHOICES: windowed.most}
            self.facts = {"window_pooling": windowed.pooling}
        self._dropout_rate = dropout_rate
        self._initializer_range = initializer_range
        self._label_loss = label_loss
        self._told: set[str] = set()

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """Puts dropout and the head on the encoder's pooled output; the model maps the encoder's inputs to logits [B, C]. Of
        windows see `build_window_model`."""
        if self._windowed is not None:
            sizes = self.num_labels, self._dropout_rate, self._initializer_range
            return build_window_model(encoder, *sizes, self._windowed.pooling)
        inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in INPUT_NAMES}
        pooled_output = encoder(inputs)["pooled_output"]
        logits = classification_head(pooled_output, self.num_labels, self._dropout_rate, self._initializer_range)
        return tf_keras.Model(inputs=inputs, outputs=logits, name="bert_classifier")

    def begin_training(self, records: RecordSet) -> dict[str, Any]:
        """Counts the labels where the loss depends on it."""
        identity = {} if self._label_loss is None else self._label_loss.begin(_label_ids(records))
        return identity if self._oversampling is None else identity | self._oversampling.identity()

    def repeats(self, records: RecordSet) -> Repeats | None:
        """As `--oversample` says."""
        return None if self._oversampling is None else self._oversampling.repeats(_label_ids(records))

    def strata(self, records: RecordSet) -> np.ndarray | None:
        """The labels, where a text has one of several."""
        labels = _label_ids(records)
        return labels if labels.ndim == 1 and np.issubdtype(labels.dtype, np.integer) else None

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The sum of the weights, and where labels have weights that of both together."""
        denominators = super().loss_denominators(batch)
        if self._label_loss is None or not self._label_loss.is_weighted:
            return denominators
        weights = self._label_loss.weights(batch["label_ids"]) * batch["example_weight"]
        return denominators | {_LABEL_WEIGHT: tf.reduce_sum(weights)}

    def loss(self, outputs: tf.Tensor, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """Weighted mean of the examples' losses; see `bert_tf2.tasks.base.Task.loss`."""
        losses_of = self.losses if self._label_loss is None else self._label_loss.losses
        losses = losses_of(outputs, batch["label_ids"])
        denominator = denominators.get(_LABEL_WEIGHT, denominators["example_weight"])
        return tf.math.divide_no_nan(tf.reduce_sum(losses * batch["example_weight"]), denominator)

    def soft_loss(
        self, outputs: tf.Tensor, targets: tf.Tensor, batch: Batch, denominators: dict[str, tf.Tensor], temperature: float
    ) -> tf.Tensor:
        """Weighted mean of the examples' losses; see `bert_tf2.tasks.base.Task.soft_loss`."""
        losses = self.soft_losses(outputs, targets, temperature)
        return tf.math.divide_no_nan(tf.reduce_sum(losses * batch["example_weight"]), denominators["example_weight"])

    @abc.abstractmethod
    def soft_losses(self, logits: tf.Tensor, targets: tf.Tensor, temperature: float) -> tf.Tensor:
        """The loss of each example against a teacher's logits, both [B, C]: float32 [B]."""

    @abc.abstractmethod
    def losses(self, logits: tf.Tensor, label_ids: tf.Tensor) -> tf.Tensor:
        """The loss of each example float32 [B], from logits [B, C] and what the records hold as labels."""

    def logits(self, outputs: tf.Tensor) -> tf.Tensor:
        """The logits float32 [B, C] of what the model gives, which here are that."""
        return outputs

    def predictions(self, outputs: tf.Tensor, batch: Batch) -> Batch:
        """Logits [B, C] float32, the gold `label_ids` and `example_id` int64 [B], -1 where the records have none."""
        return {"logits": outputs, "label_ids": batch["label_ids"], "example_id": batch["example_id"]}

    def check_records(self, records: RecordSet) -> None:
        """Checks that every label is one the model has an output for, or a finite number.

        Raises:
          UserError: a label is not.
        """
        _check_labels(records, self)

    @abc.abstractmethod
    def wrong_labels(self, label_ids: np.ndarray) -> np.ndarray:
        """Which records' labels the model has no output for: bool [N]."""

    @property
    @abc.abstractmethod
    def rule_of_labels(self) -> str:
        """What a label must be, for messages."""

    @abc.abstractmethod
    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """What the logits [N, C] say: probabilities, or numbers, float64 [N, C]."""

    def lengths(self, examples: ExampleSet) -> tuple[np.ndarray, str]:
        """How long each example is, int32 [N], and what that counts: tokens, of texts in windows those."""
        if self._windowed is None:
            return examples.records.lengths, "tokens"
        return examples.records.sizes_of(np.arange(len(examples.records)))[CHOICES], "windows"

    @abc.abstractmethod
    def readable_predictions(self, logits: np.ndarray) -> list[str]:
        """What is predicted, as people read it."""

    @abc.abstractmethod
    def readable_labels(self, label_ids: np.ndarray) -> list[str]:
        """Gold labels in the same words."""

    def evaluation_files(self, examples: ExampleSet) -> list[str]:
        """Predictions with gold labels."""
        return [examples.named("eval_predictions.tsv")]

    def write_evaluation(self, directory: str, outcome: Collected, examples: ExampleSet) -> None:
        """Writes `eval_predictions.tsv`."""
        (name,) = self.evaluation_files(examples)
        self._write_predictions(os.path.join(directory, name), outcome, True, None)

    def prediction_files(self, examples: ExampleSet) -> list[str]:
        """Google's file, and ours with names."""
        return [examples.named("test_results.tsv"), examples.named("predictions.tsv")]

    def write_predictions(self, directory: str, outcome: Collected, examples: ExampleSet) -> None:
        """Writes `test_results.tsv` as google-research/bert does, and `predictions.tsv`."""
        results, predictions = (os.path.join(directory, name) for name in self.prediction_files(examples))
        write_test_results(results, self.probabilities(outcome["logits"]))
        # Evaluation data that is predicted is at hand; of test data people look at the texts.
        texts = examples.texts if examples.name.startswith("test") else None
        of_examples = None if texts is None else texts(outcome["example_id"])
        self._write_predictions(predictions, outcome, examples.is_labelled, of_examples)

    def _write_predictions(self, path: str, outcome: Collected, is_labelled: bool, texts: Any) -> None:
        write_predictions(
            path,
            self.readable_predictions(outcome["logits"]),
            example_ids=outcome["example_id"],
            probabilities=self.probabilities(outcome["logits"]) if self.label_list else None,
            label_names=self.label_list,
            gold=self.readable_labels(outcome["label_ids"]) if is_labelled else None,
            texts=texts,
        )

    def exports(self, model: tf_keras.Model, tokenizer: Any, meta: MetaData) -> dict[str, Export]:
        """Token ids in, logits out; where a tokenizer is at hand also text in, labels and probabilities out."""
        rule = LongText.of(meta)
        found = {"": token_ids_export(model, self.serving_outputs, 3 if rule.has_windows else 2)}
        if tokenizer is None:
            return found
        from bert_tf2.text.in_graph import InGraphTokenizer

        tokenize: Any = InGraphTokenizer(tokenizer, meta.max_seq_length, rule.head_share)
        if rule.has_windows:
            from bert_tf2.tasks.classification.long_texts.in_graph import InGraphWindows

            tokenize = InGraphWindows(tokenizer, meta.max_seq_length, rule)
        return found | {"_text": text_export(model, tokenize, self.readable_outputs, meta.has_pairs)}

    def serving_outputs(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The model garden's signature: the logits [B, C] under `sentence_prediction`."""
        return {"sentence_prediction": outputs}

    def portable(self, model: tf_keras.Model, meta: Any) -> Portable:
        """The logits under the garden's name; the labels they belong to, and thresholds or a temperature where there are any. Of
        texts in windows a row for each window, and the facts by which a program cuts and pools."""
        facts: dict[str, Any] = {"labels": list(self.label_list), **LongText.of(meta).facts, **self.facts}
        if (thresholds := getattr(self, "thresholds", None)) is not None:
            facts["thresholds"] = thresholds.tolist()
        if (temperature := getattr(self, "temperature", 1.0)) != 1.0:
            facts["temperature"] = temperature
        if self._windowed is not None:
            pooling = self._windowed.pooling
            of_windows = of_rows(build_row_model(model, pooling), facts=facts)
            return dataclasses.replace(
                of_windows, rows=rows_there, joined=lambda found, batch: tf.constant(pooled(found, there(batch), pooling))
            )
        return of_rows(model, "sentence_prediction", facts)

    @abc.abstractmethod
    def readable_outputs(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the raw-text export answers."""

    def shown(self, scores: Mapping[str, float]) -> str:
        """Scores in one line for the log, without those of single labels."""
        return super().shown({name: value for name, value in scores.items() if "/" not in name})

    def _tell_once(self, doubts: Iterable[str]) -> None:
        for doubt in doubts:
            if doubt not in self._told:
                logger.warning("%s", doubt)
                self._told.add(doubt)


def tiled_names(label_list: Sequence[str], outputs: tf.Tensor) -> tf.Tensor:
    """The label names string [B, C] that outputs [B, C] belong to."""
    return tf.tile(tf.constant(list(label_list))[tf.newaxis, :], [tf.shape(outputs)[0], 1])


@during("checking records")
def _check_labels(records: RecordSet, task: TextTask) -> None:
    labels = _label_ids(records)
    wrong = task.wrong_labels(labels)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UserError(
            f"{records.location(row)}: label_ids {task.rule_of_labels}; got {labels[row]} ({int(wrong.sum())} of {len(labels)} "
            "records); prepare the data again"
        )


def _label_ids(records: RecordSet) -> np.ndarray:
    """What all records hold as labels."""
    spec = [spec for spec in records.specs if spec.name == "label_ids"]
    serialized = [records.read(row) for row in range(len(records))]
    return parse_records(tf.constant(serialized), spec)["label_ids"].numpy()
