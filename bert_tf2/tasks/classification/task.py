"""Sentence and sentence-pair classification and regression: one label or one number for a text or a pair."""

import logging
import os
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.records.metadata import MetaData
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.models.encoder import INPUT_NAMES
from bert_tf2.progress import during
from bert_tf2.tasks.base import Batch, Collected, ExampleSet, Export, Report, Task, chosen_metric
from bert_tf2.tasks.classification import metrics as metric_functions
from bert_tf2.tasks.classification.features import classification_features
from bert_tf2.tasks.classification.files import write_predictions, write_test_results
from bert_tf2.tasks.classification.outputs import log_softmax
from bert_tf2.tasks.classification.pictures import AGAINST_GOLD, CONFUSION, draw_evaluation
from bert_tf2.tasks.classification.report import report_sections
from bert_tf2.tasks.exports import text_export, token_ids_export
from bert_tf2.tasks.pooled_head import classification_head

logger = logging.getLogger(__name__)


class ClassificationTask(Task):
    """Classification into `label_list`, or regression when there is none.

    The loss is cross-entropy (Devlin et al. 2018, section 4.1) or the squared error, weighted by each example's weight.

    Args:
      label_list: label names in id order; None for regression.
      metrics: names from `bert_tf2.tasks.classification.metrics`; the first is the default `best_metric`.
      dropout_rate: dropout on the pooled output while training.
      initializer_range: see `bert_tf2.tasks.pooled_head.ClassificationHead`.
      has_sample_weights: records carry a `weight`.
      best_metric: the metric that names the best checkpoint.

    Raises:
      UserError: an unknown metric, or fewer than two labels.
    """

    heads = ("classifier",)
    on_pooler = True
    # The head looks at the pooled output only.
    output_range = 1
    pictures = (CONFUSION, AGAINST_GOLD)

    def __init__(
        self,
        label_list: list[str] | None,
        metrics: list[str] | None = None,
        *,
        dropout_rate: float = 0.1,
        initializer_range: float = 0.02,
        has_sample_weights: bool = False,
        best_metric: str | None = None,
    ):
        self.is_regression = label_list is None
        self.label_list = label_list
        if label_list is not None and len(label_list) < 2:
            raise UserError(f"classification needs at least 2 labels; the metadata names {len(label_list)}: {label_list}")
        names = metrics or (["pearson", "spearman", "mean_squared_error"] if self.is_regression else ["accuracy"])
        self._metrics = metric_functions.select(names, self.is_regression)
        self.best_metric = chosen_metric(best_metric, [*names, "loss"])
        self.num_labels = 1 if self.is_regression else len(label_list)
        self.features = classification_features(regression=self.is_regression, weighted=has_sample_weights)
        self._dropout_rate = dropout_rate
        self._initializer_range = initializer_range
        self._told: set[str] = set()

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """Puts dropout and the head on the encoder's pooled output; the model maps the encoder's inputs to logits [B, C]."""
        inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in INPUT_NAMES}
        pooled_output = encoder(inputs)["pooled_output"]
        logits = classification_head(pooled_output, self.num_labels, self._dropout_rate, self._initializer_range)
        return tf_keras.Model(inputs=inputs, outputs=logits, name="bert_classifier")

    def loss(self, outputs: tf.Tensor, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """Weighted mean of the examples' losses; see `bert_tf2.tasks.base.Task.loss`."""
        if self.is_regression:
            losses = tf.square(outputs[:, 0] - tf.cast(batch["label_ids"], tf.float32))
        else:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=batch["label_ids"], logits=outputs)
        return tf.math.divide_no_nan(tf.reduce_sum(losses * batch["example_weight"]), denominators["example_weight"])

    def predictions(self, outputs: tf.Tensor, batch: Batch) -> Batch:
        """Logits [B, C] float32, the gold `label_ids` [B] and `example_id` int64 [B], -1 where the records have none."""
        return {"logits": outputs, "label_ids": batch["label_ids"], "example_id": batch["example_id"]}

    def check_records(self, records: RecordSet) -> None:
        """Checks that every label is one the model has an output for, or a finite number.

        Raises:
          UserError: a label is not.
        """
        check_labels(records, self.num_labels, self.is_regression)

    def scores(self, outcome: Collected, examples: ExampleSet) -> dict[str, float]:
        """As `metrics`."""
        del examples
        return self.metrics(outcome)

    def evaluation_files(self, examples: ExampleSet) -> list[str]:
        """Predictions with gold labels."""
        return [examples.named("eval_predictions.tsv")]

    def write_evaluation(self, directory: str, outcome: Collected, examples: ExampleSet) -> None:
        """Writes `eval_predictions.tsv`."""
        (name,) = self.evaluation_files(examples)
        logits, ids, gold = outcome["logits"], outcome["example_id"], outcome["label_ids"]
        write_predictions(os.path.join(directory, name), self, logits, example_ids=ids, gold=gold)

    def prediction_files(self, examples: ExampleSet) -> list[str]:
        """Google's file, and ours with names."""
        return [examples.named("test_results.tsv"), examples.named("predictions.tsv")]

    def write_predictions(self, directory: str, outcome: Collected, examples: ExampleSet) -> None:
        """Writes `test_results.tsv` as google-research/bert does, and `predictions.tsv`."""
        results, predictions = (os.path.join(directory, name) for name in self.prediction_files(examples))
        logits, ids = outcome["logits"], outcome["example_id"]
        write_test_results(results, self, logits)
        gold = outcome["label_ids"] if examples.is_labelled else None
        # Evaluation data that is predicted is at hand; of test data people look at the texts.
        texts = examples.texts(ids) if examples.texts is not None and examples.name.startswith("test") else None
        write_predictions(predictions, self, logits, example_ids=ids, gold=gold, texts=texts)

    def report(self, directory: str, outcome: Collected, examples: ExampleSet) -> Report:
        """A picture of the predictions against gold; each label's scores, and the worst errors with their texts."""
        logits, ids, gold = outcome["logits"], outcome["example_id"], outcome["label_ids"]
        texts = examples.texts(ids) if examples.texts is not None else None
        picture = draw_evaluation(directory, self, logits, gold)
        return Report([("Predictions", picture)] if picture else [], report_sections(self, logits, gold, ids, texts))

    def exports(self, model: tf_keras.Model, tokenizer: Any, meta: MetaData) -> dict[str, Export]:
        """Token ids in, logits out; where a tokenizer is at hand also text in, labels and probabilities out."""
        found = {"": token_ids_export(model, self.serving_outputs)}
        if tokenizer is None:
            return found
        from bert_tf2.text.in_graph import InGraphTokenizer

        tokenize = InGraphTokenizer(tokenizer, meta.max_seq_length)
        return found | {"_text": text_export(model, tokenize, self.readable_outputs, meta.has_pairs)}

    def metrics(self, collected: dict[str, np.ndarray]) -> dict[str, float]:
        """The task's metrics and the mean loss over all examples; warns once of each reason for which a metric says nothing."""
        logits, gold = collected["logits"], collected["label_ids"]
        predicted = self.predicted_values(logits)
        positive = "" if self.is_regression else self.label_list[1]
        for doubt in metric_functions.doubts(self._metrics, gold, predicted, positive):
            if doubt not in self._told:
                logger.warning("%s", doubt)
                self._told.add(doubt)
        results = {name: function(gold, predicted) for name, function in self._metrics.items()}
        if self.is_regression:
            results["loss"] = metric_functions.mean_squared_error(gold, predicted)
        else:
            results["loss"] = float(-np.mean(log_softmax(logits)[np.arange(len(gold)), gold]))
        return results

    def higher_is_better(self, metric: str) -> bool:
        """All metrics but losses and errors."""
        return metric not in metric_functions.LOWER_IS_BETTER

    def predicted_values(self, logits: np.ndarray) -> np.ndarray:
        """Label ids int64 [N] of the largest logit, or the predicted numbers float32 [N] for regression."""
        return logits[:, 0] if self.is_regression else np.argmax(logits, axis=1)

    def serving_outputs(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The model garden's signature: the logits [B, C] under `sentence_prediction`."""
        return {"sentence_prediction": outputs}

    def readable_outputs(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the raw-text export answers: `score` [B] for regression; else `label` string [B], `probabilities` float32 [B, C]
        and `labels`, the label names [B, C] string that the probabilities belong to."""
        if self.is_regression:
            return {"score": outputs[:, 0]}
        names = tf.constant(self.label_list)
        return {
            "label": tf.gather(names, tf.argmax(outputs, axis=-1)),
            "probabilities": tf.nn.softmax(outputs),
            "labels": tf.tile(names[tf.newaxis, :], [tf.shape(outputs)[0], 1]),
        }


@during("checking records")
def check_labels(records: RecordSet, num_labels: int, is_regression: bool) -> None:
    """Checks that every label is one the model has an output for.

    Raises:
      UserError: a record's label is not from 0 to `num_labels` - 1, or not finite.
    """
    spec = [spec for spec in records.specs if spec.name == "label_ids"]
    serialized = [records.read(row) for row in range(len(records))]
    labels = parse_records(tf.constant(serialized), spec)["label_ids"].numpy()
    wrong = ~np.isfinite(labels) if is_regression else (labels < 0) | (labels >= num_labels)
    if wrong.any():
        row = int(np.argmax(wrong))
        rule = "must be a finite number" if is_regression else f"must be from 0 to {num_labels - 1} (num_labels in the metadata)"
        raise UserError(
            f"{records.location(row)}: label_ids {rule}; got {labels[row]} ({int(wrong.sum())} of {len(labels)} records); "
            "prepare the data again"
        )
