"""Token classification at the model's end: head, loss, tags, scores and files."""

import operator
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.records.metadata import MetaData
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.models.dropout import Dropout
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.models.families.names import Head, Weight, register_head
from bert_tf2.progress import during
from bert_tf2.tasks.base import Batch, Collected, ExampleSet, Export, Report, Task, chosen_metric
from bert_tf2.tasks.exports import token_ids_export
from bert_tf2.tasks.portable import Portable, of_rows
from bert_tf2.tasks.soft_targets import softmax_divergence
from bert_tf2.tasks.tagging import crf
from bert_tf2.tasks.tagging.decoding import Tagged, mean_loss, tagged
from bert_tf2.tasks.tagging.features import NO_TAG, tagging_features
from bert_tf2.tasks.tagging.files import write_entities, write_tags
from bert_tf2.tasks.tagging.report import report_sections
from bert_tf2.tasks.tagging.schemes import PLAIN, transitions
from bert_tf2.tasks.tagging.scores import entities, entity_scores
from bert_tf2.tasks.tally import Tally, f1, share

# Far above the salts that the encoder's own dropout layers use.
_HEAD_DROPOUT_SALT = 1_000_003
_CHECKED_AT_ONCE = 2048
_TRANSITIONS = Weight("crf/transitions", (None, None), "crf.transitions")
register_head(Head("crf", "conditional random field", (_TRANSITIONS,), {_TRANSITIONS.name: ("crf", "transitions")}))


class TaggingTask(Task):
    """One tag for every word, read off its first piece (Devlin et al. 2018, section 5.3).

    The loss is the mean cross-entropy of all words, or with a conditional random field the negative log-likelihood of the
    sentences divided by the number of their words.

    Args:
      labels: tags in id order.
      scheme: one of `schemes.SCHEMES`.
      use_crf: put a linear-chain conditional random field on the logits; tags are then such as the scheme allows.
      strict_entities: score entities by the rules of the scheme instead of conlleval's.
      label_all_tokens: later pieces of a word are trained too; the records have `word_starts`.
      words_of_text: how the model that takes text finds words; see `TaggingFacts`.
      dropout_rate: dropout on the encoder's output while training.
      initializer_range: standard deviation of the truncated normal the head's kernel starts from.
      best_metric: the metric that names the best checkpoint.

    Raises:
      UserError: two of them contradict each other, or the metric is unknown.
    """

    unit = "records"
    hub_task = "token-classification"
    answer_feature = "label_ids"

    def __init__(
        self,
        labels: Sequence[str],
        scheme: str,
        *,
        use_crf: bool = False,
        strict_entities: bool = False,
        label_all_tokens: bool = False,
        words_of_text: bool = False,
        dropout_rate: float = 0.1,
        initializer_range: float = 0.02,
        best_metric: str | None = None,
    ):
        if use_crf and label_all_tokens:
            raise UserError(
                "--use_crf is for a tag for each word, but the records have tags for all pieces (--label_all_tokens); make them "
                "without it"
            )
        if strict_entities and scheme == PLAIN:
            raise UserError("--strict_entities is for entities, but the records have plain tags; leave it out")
        self.labels, self.scheme = list(labels), scheme
        self.num_labels = len(self.labels)
        self.heads = ("classifier", "crf") if use_crf else ("classifier",)
        self.features = tagging_features(label_all_tokens)
        metrics = ["token_accuracy", "loss"]
        if scheme != PLAIN:
            metrics = ["entity_f1", "entity_precision", "entity_recall", *metrics]
        self.best_metric = chosen_metric(best_metric, metrics)
        self._strict = scheme if strict_entities else None
        self._all_pieces, self._words_of_text = label_all_tokens, words_of_text
        self._dropout_rate, self._initializer_range = dropout_rate, initializer_range
        self._allowed = transitions(labels, scheme)
        self._use_crf = use_crf
        self._crf: crf.Crf | None = None

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """Puts dropout and a dense layer on the encoder's sequence output: `logits`, float32 [B, L, C], and with a conditional
        random field its `transitions`.

        The layer's variables lie where those of the model garden's `BertTokenClassifier` do.
        """
        inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in INPUT_NAMES}
        sequence = encoder(inputs)["sequence_output"]
        dropped = Dropout(self._dropout_rate, salt=_HEAD_DROPOUT_SALT, name="sequence_dropout")(sequence)
        classifier = tf_keras.layers.Dense(
            len(self.labels),
            kernel_initializer=tf_keras.initializers.TruncatedNormal(stddev=self._initializer_range),
            dtype="float32",
            name="predictions/transform/logits",
        )
        logits = classifier(tf.cast(dropped, tf.float32))
        outputs = {"logits": logits}
        if self._use_crf:
            self._crf = crf.Crf(len(self.labels), name="crf")
            outputs = self._crf(logits)
        model = tf_keras.Model(inputs=inputs, outputs=outputs, name="bert_token_classifier")
        model.classifier = classifier
        if self._crf is not None:
            model.crf = self._crf
        return model

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """How many pieces have a tag."""
        return {"tags": tf.reduce_sum(self._weights(batch))}

    def loss(self, outputs: Batch, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """Mean over the tags; see `bert_tf2.tasks.base.Task.loss`."""
        tags = batch["label_ids"]
        if self._use_crf:
            emissions, tags, lengths = _words_first(outputs["logits"], tags)
            losses = -crf.log_likelihood(emissions, tags, lengths, outputs["transitions"]) * batch["example_weight"]
        else:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.maximum(tags, 0), logits=outputs["logits"])
            losses *= self._weights(batch)
        return tf.math.divide_no_nan(tf.reduce_sum(losses), denominators["tags"])

    def soft_loss(
        self, outputs: Batch, targets: Batch, batch: Batch, denominators: dict[str, tf.Tensor], temperature: float
    ) -> tf.Tensor:
        """Mean over the tags; see `bert_tf2.tasks.base.Task.soft_loss`.

        With a conditional random field too it is of the logits: what a softmax leaves open of them, the same number for all tags
        of a word, changes nothing to the field.
        """
        losses = softmax_divergence(outputs["logits"], targets["logits"], temperature) * self._weights(batch)
        return tf.math.divide_no_nan(tf.reduce_sum(losses), denominators["tags"])

    def _weights(self, batch: Batch) -> tf.Tensor:
        has_tag = tf.cast(batch["label_ids"] != NO_TAG, tf.float32)
        return has_tag * batch["example_weight"][:, tf.newaxis]

    def predictions(self, outputs: Batch, batch: Batch) -> Batch:
        """Logits float32 [B, L, C], gold `label_ids` [B, L], whether a piece is a word's first `is_word` [B, L], and the window's
        number in its sentence [B]."""
        is_word = batch["word_starts"] if self._all_pieces else tf.cast(batch["label_ids"] != NO_TAG, tf.int32)
        return {
            "logits": outputs["logits"],
            "label_ids": batch["label_ids"],
            "is_word": is_word,
            "sub_sentence_id": batch["sub_sentence_id"],
        }

    @during("checking records")
    def check_records(self, records: RecordSet) -> None:
        """Checks that every tag is one that the model has an output for.

        Raises:
          UserError: one is not.
        """
        for first in range(0, len(records), _CHECKED_AT_ONCE):
            rows = range(first, min(first + _CHECKED_AT_ONCE, len(records)))
            tags = records.parse(rows)["label_ids"]
            wrong = (tags < NO_TAG) | (tags >= len(self.labels))
            if wrong.any():
                row, place = np.argwhere(wrong)[0]
                raise UserError(
                    f"{records.location(rows[row])}: label_ids must be from -1 to {len(self.labels) - 1} (num_labels in the "
                    f"metadata); got {tags[row, place]}; prepare the data again"
                )

    def outcome(self, collected: Collected, examples: ExampleSet) -> Tagged:
        """Whole sentences, each word's logits from the window that answers it, and the best tags."""
        del examples
        table = None if self._crf is None else crf.closed(self._crf.transitions, self._allowed)
        return tagged(collected, table)

    def scores(self, outcome: Tagged, examples: ExampleSet) -> dict[str, float]:
        """Scores of entities in total and of each type, the share of right tags, and the loss."""
        del examples
        gold, predicted = self.names(outcome.gold), self.names(outcome.predicted)
        words = sum(map(len, gold))
        right = sum(one == other for pair in zip(gold, predicted) for one, other in zip(*pair))
        found = {"token_accuracy": right / max(words, 1)}
        if self.scheme != PLAIN:
            total, types = entity_scores(gold, predicted, self._strict)
            found = {f"entity_{name}": getattr(total, name) for name in ("f1", "precision", "recall")} | found
            for kind, score in types.items():
                found |= {f"entity_{name}/{kind}": getattr(score, name) for name in ("f1", "precision", "recall")}
        return found | {"loss": mean_loss(outcome, None if self._crf is None else self._crf.transitions)}

    def tally(self, outcome: Tagged, examples: ExampleSet) -> Tally:
        """What each sentence adds to the F1 of entities; of plain tags to the share of right ones."""
        del examples
        gold, predicted = self.names(outcome.gold), self.names(outcome.predicted)
        if self.scheme == PLAIN:
            right = [[sum(map(operator.eq, *pair)), len(pair[0])] for pair in zip(gold, predicted)]
            return Tally("token_accuracy", np.array(right, np.float64), share)
        found = [(set(entities(one, self._strict)), set(entities(other, self._strict))) for one, other in zip(gold, predicted)]
        counts = [[len(those & these), len(these), len(those)] for those, these in found]
        return Tally("entity_f1", np.array(counts, np.float64), f1)

    def shown(self, scores: Mapping[str, float]) -> str:
        """The total scores in one line for the log; those of each type are in the files."""
        totals = ("entity_f1", "entity_precision", "entity_recall", "token_accuracy", "loss")
        return super().shown({name: scores[name] for name in totals if name in scores})

    def names(self, tags: Sequence[np.ndarray]) -> list[list[str]]:
        """The names of tags given by their ids."""
        return [[self.labels[tag] for tag in sentence] for sentence in tags]

    def evaluation_files(self, examples: ExampleSet) -> list[str]:
        """Every word with gold and predicted tag."""
        return [examples.named("eval_predictions.conll")]

    def write_evaluation(self, directory: str, outcome: Tagged, examples: ExampleSet) -> None:
        """Writes `eval_predictions.conll`."""
        (name,) = self.evaluation_files(examples)
        write_tags(os.path.join(directory, name), examples.records, self.names(outcome.predicted), self.names(outcome.gold))

    def prediction_files(self, examples: ExampleSet) -> list[str]:
        """Every word with its tags; where tags are of entities, these too."""
        names = ["predictions.conll"] if self.scheme == PLAIN else ["entities.jsonl", "predictions.conll"]
        return list(map(examples.named, names))

    def write_predictions(self, directory: str, outcome: Tagged, examples: ExampleSet) -> None:
        """Writes `predictions.conll`, and `entities.jsonl`."""
        paths = [os.path.join(directory, name) for name in self.prediction_files(examples)]
        predicted = self.names(outcome.predicted)
        write_tags(paths[-1], examples.records, predicted, self.names(outcome.gold) if examples.is_labelled else None)
        if self.scheme != PLAIN:
            write_entities(paths[0], examples.records, predicted, outcome)

    def report(self, directory: str, outcome: Tagged, examples: ExampleSet) -> Report:
        """Scores and confusion of the types or tags, and some of the errors."""
        del directory
        gold, predicted = self.names(outcome.gold), self.names(outcome.predicted)
        return Report(sections=report_sections(gold, predicted, self.scheme, self._strict, examples.records))

    def portable(self, model: tf_keras.Model, meta: Any) -> Portable:
        """The logits of all tokens; the tags, their scheme, and with a conditional random field its transitions."""
        del meta
        facts: dict[str, Any] = {"labels": self.labels, "scheme": self.scheme}
        if self._crf is not None:
            facts["transitions"] = crf.closed(self._crf.transitions, self._allowed).numpy().tolist()
        logits = tf_keras.Model(model.input, {"logits": model.output["logits"]}, name="bert_token_logits")
        return of_rows(logits, facts=facts)

    def exports(self, model: tf_keras.Model, tokenizer: Any, meta: MetaData) -> dict[str, Export]:
        """Token ids in, logits out; where a tokenizer is at hand also text in, entities out."""
        found = {"": token_ids_export(model, lambda outputs: outputs)}
        if tokenizer is None:
            return found
        from bert_tf2.tasks.tagging.in_graph import EntityTaggingModule

        module = EntityTaggingModule(
            model,
            tokenizer,
            meta.max_seq_length,
            self.labels,
            self.scheme,
            allowed=self._allowed if self._use_crf else None,
            joins_signs=not self._words_of_text,
        )
        says = "raw text in, entities with their places out" if self.scheme != PLAIN else "raw text in, words with their tags out"
        return found | {"_text": Export(module, {"serving_default": module.tag}, says)}


def _words_first(logits: tf.Tensor, tags: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Logits [B, W, C] and tags [B, W] of the pieces that have a tag, moved to the front in their order, and their number [B].

    W is the most there are, or where shapes are fixed the length of the rows.
    """
    has_tag = tags != NO_TAG
    lengths = tf.reduce_sum(tf.cast(has_tag, tf.int32), axis=1)
    order = tf.argsort(tf.cast(~has_tag, tf.int32), axis=1, stable=True)
    if tags.shape[1] is None:
        order = order[:, : tf.maximum(tf.reduce_max(lengths), 1)]
    tags = tf.maximum(tf.gather(tags, order, batch_dims=1), 0)
    return tf.gather(logits, order, batch_dims=1), tags, lengths
