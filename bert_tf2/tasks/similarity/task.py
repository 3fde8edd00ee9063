"""Similarity at the model's end: vectors, losses, predictions, files, exports."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.records.feature_spec import CHOICES
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.progress import during
from bert_tf2.tasks.base import Batch, Collected, ExampleSet, Export, Report, Task, chosen_metric
from bert_tf2.tasks.exports import text_export, token_ids_export
from bert_tf2.tasks.portable import Portable, Rows, of_rows, placed, rows_there
from bert_tf2.tasks.several_inputs import is_there
from bert_tf2.tasks.similarity import losses
from bert_tf2.tasks.similarity.facts import LABELS, SCORES, TRIPLETS, SimilarityFacts
from bert_tf2.tasks.similarity.features import NO_SCORE, similarity_features
from bert_tf2.tasks.similarity.files import write_predictions
from bert_tf2.tasks.similarity.model import build_similarity_model, build_vector_model
from bert_tf2.tasks.similarity.objectives import CONTRASTIVE, COSINE, SOFTMAX, TRIPLET
from bert_tf2.tasks.similarity.outcome import Likeness
from bert_tf2.tasks.similarity.report import report_sections

_CHECKED_AT_ONCE = 2048
_USUAL = {SCORES: COSINE, LABELS: SOFTMAX}
_NEEDS = {COSINE: (SCORES, "scores"), SOFTMAX: (LABELS, "labels"), TRIPLET: (TRIPLETS, "a third text that is unlike the first")}


class SimilarityTask(Task):
    """Vectors of texts, near each other where the texts are alike.

    Args:
      facts: what the metadata say of the records.
      metrics: what is measured, the best one first.
      labels: names in the order of their ids; empty for none.
      objective: one of `bert_tf2.tasks.similarity.objectives.OBJECTIVES`; None for what the rows are for.
      pooling: what a text's vector is made of.
      temperature: see `losses.contrastive_losses`.
      margin: see `losses.triplet_losses`.
      initializer_range: of the head that labels need.
      best_metric: the metric that names the best checkpoint; None for the first.

    Raises:
      UserError: the objective needs what the rows do not hold, or `best_metric` is not computed.
    """

    unit = "rows"
    hub_task = "sentence-similarity"

    def __init__(
        self,
        facts: SimilarityFacts,
        metrics: Sequence[str],
        labels: Sequence[str] = (),
        *,
        objective: str | None = None,
        pooling: str = "mean",
        temperature: float = 0.05,
        margin: float = 0.3,
        initializer_range: float = 0.02,
        best_metric: str | None = None,
    ):
        self._objective = objective or _USUAL.get(facts.form, CONTRASTIVE)
        needed, what = _NEEDS.get(self._objective, (facts.form, ""))
        if facts.form != needed:
            raise UserError(
                f"--objective={self._objective} needs {what}, and the records hold {facts.form}; use --objective="
                f"{_USUAL.get(facts.form, CONTRASTIVE)}, or prepare the data with {what}"
            )
        self._facts, self._labels, self._pooling = facts, tuple(labels), pooling
        # Only what is trained on has a range, and only there it is needed.
        self._range = (facts.lowest_score or 0.0, 1.0 if facts.highest_score is None else facts.highest_score)
        self._temperature, self._margin, self._initializer_range = temperature, margin, initializer_range
        self.features, self.most = similarity_features(), {CHOICES: facts.most_texts}
        self.best_metric = chosen_metric(best_metric, list(metrics))
        self._retrieves = "retrieval_accuracy" in metrics
        self.heads = ("similarity",) if self._objective == SOFTMAX else ()
        self.num_labels = len(self._labels)
        self.on_pooler = pooling == "pooler"
        # Of the first token alone where it is all that is looked at.
        self.output_range = 1 if pooling in ("cls", "pooler") else None
        self.sees_whole_batch = self._objective == CONTRASTIVE

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """See `build_similarity_model`."""
        labels = self.num_labels if self._objective == SOFTMAX else 0
        return build_similarity_model(encoder, self._pooling, labels, self._initializer_range)

    def loss(self, outputs: Any, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """Weighted mean of the rows' losses; see `bert_tf2.tasks.base.Task.loss`."""
        of_rows = self._losses(outputs, batch)
        return tf.math.divide_no_nan(tf.reduce_sum(of_rows * batch["example_weight"]), denominators["example_weight"])

    def _losses(self, outputs: Any, batch: Batch) -> tf.Tensor:
        if self._objective == SOFTMAX:
            # Rows that fill a batch up have no label.
            return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(batch["label_ids"], 0), outputs["logits"])
        vectors = outputs["vectors"]
        first, second = vectors[:, 0], vectors[:, 1]
        if self._objective == COSINE:
            lowest, highest = self._range
            wanted = (batch["score"] - lowest) / (highest - lowest)
            return losses.cosine_losses(first, second, tf.where(batch["example_weight"] > 0, wanted, 0.0))
        if self._objective == TRIPLET:
            return losses.triplet_losses(first, second, vectors[:, 2], self._margin)
        third = vectors[:, 2] if self._facts.form == TRIPLETS else None
        is_real = tf.cast(batch["example_weight"] > 0, tf.float32)
        return losses.contrastive_losses(first, second, third, is_real, self._temperature)

    def predictions(self, outputs: Any, batch: Batch) -> Batch:
        """float32 [B] `cosine` of the first two texts, `cosine_of_third` (nan without a third) and `score`; int32 [B]
        `label_ids` and, of a model with a head, `predicted`; `example_id` int64 [B]; vectors `first` and `second`, float32 [B, H]
        of length 1, where texts are to be found among all."""
        vectors, texts = losses.unit(outputs["vectors"]), tf.shape(outputs["vectors"])[1]
        first, second, third = vectors[:, 0], vectors[:, 1], vectors[:, tf.minimum(2, texts - 1)]
        has_third = tf.reduce_sum(tf.cast(is_there(batch["input_mask"]), tf.int32), axis=1) > 2
        found = {
            "cosine": tf.reduce_sum(first * second, axis=1),
            "cosine_of_third": tf.where(has_third, tf.reduce_sum(first * third, axis=1), NO_SCORE),
            **{name: batch[name] for name in ("score", "label_ids", "example_id")},
        }
        if self._objective == SOFTMAX:
            found["predicted"] = tf.argmax(outputs["logits"], axis=1, output_type=tf.int32)
        return found | ({"first": first, "second": second} if self._retrieves else {})

    @during("checking records")
    def check_records(self, records: RecordSet) -> None:
        """Checks that every row has texts to compare, and no label that there is no name for.

        Raises:
          UserError: one does not.
        """
        for first in range(0, len(records), _CHECKED_AT_ONCE):
            rows = range(first, min(first + _CHECKED_AT_ONCE, len(records)))
            batch = records.parse(rows)
            labels, there = batch["label_ids"], batch["input_mask"][:, :, 0] > 0
            wrong = (labels >= max(self.num_labels, 1)) | (there.sum(axis=1) < 2)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise UserError(
                    f"{records.location(rows[row])}: a row must have two texts or three, and a label below {self.num_labels}; "
                    f"got {there[row].sum()} and the label {labels[row]}; prepare the data again"
                )

    def outcome(self, collected: Collected, examples: ExampleSet) -> Likeness:
        """How alike the texts are."""
        del examples
        return Likeness.of(collected)

    def scores(self, outcome: Likeness, examples: ExampleSet) -> dict[str, float]:
        """What can be measured of the rows.

        Raises:
          UserError: nothing can.
        """
        found = outcome.metrics()
        if self.best_metric not in found:
            raise UserError(
                f"{examples.origin or examples.name}: {self.best_metric} cannot be computed, as some rows lack what it needs; "
                "prepare the data again with scores, labels or third texts in all rows"
            )
        return found

    def evaluation_files(self, examples: ExampleSet) -> list[str]:
        """Cosines beside what was known."""
        return [examples.named("eval_predictions.tsv")]

    def write_evaluation(self, directory: str, outcome: Likeness, examples: ExampleSet) -> None:
        """Writes `eval_predictions.tsv`."""
        self._write(directory, self.evaluation_files(examples), outcome, examples)

    def prediction_files(self, examples: ExampleSet) -> list[str]:
        """Cosines."""
        return [examples.named("predictions.tsv")]

    def write_predictions(self, directory: str, outcome: Likeness, examples: ExampleSet) -> None:
        """Writes `predictions.tsv`."""
        self._write(directory, self.prediction_files(examples), outcome, examples)

    def _write(self, directory: str, names: Sequence[str], outcome: Likeness, examples: ExampleSet) -> None:
        (name,) = names
        write_predictions(os.path.join(directory, name), outcome, examples.records, self._labels)

    def report(self, directory: str, outcome: Likeness, examples: ExampleSet) -> Report:
        """Cosines by score, and the rows that are farthest from their place."""
        del directory
        return Report(sections=report_sections(outcome, examples.records.values("texts")))

    def portable(self, model: tf_keras.Model, meta: Any) -> Portable:
        """A row for each text, and its vector; the head over two vectors, which only training needs, stays behind."""
        del meta
        inner = build_vector_model(model)
        vectors = tf_keras.Model(inner.input, {"embedding": inner.output}, name="bert_text_embedding")

        def joined(found: Rows, batch: Mapping[str, Any]) -> dict[str, tf.Tensor]:
            placed_vectors = tf.constant(placed(found["embedding"], batch, 0.0))
            head = getattr(model, "similarity", None)
            return {"vectors": placed_vectors} | ({} if head is None else {"logits": head(placed_vectors)})

        return dataclasses.replace(of_rows(vectors), rows=rows_there, joined=joined)

    def exports(self, model: tf_keras.Model, tokenizer: Any, meta: Any) -> dict[str, Export]:
        """Token ids in, a vector out; where a tokenizer is at hand also texts in."""
        from bert_tf2.text.in_graph import InGraphTokenizer

        def outputs(vectors: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"embedding": vectors, "normalized_embedding": losses.unit(vectors)}

        vectors = build_vector_model(model)
        found = {"": token_ids_export(vectors, outputs)}
        if tokenizer is None:
            return found
        tokenize = InGraphTokenizer(tokenizer, meta.max_seq_length)
        return found | {"_text": text_export(vectors, tokenize, outputs, has_pairs=False, says="raw text in, vectors out")}
