"""Classification by patterns at the model's end: the head is the masked LM's, all else is classification's."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.records.feature_spec import CHOICES
from bert_tf2.data.records.metadata import MetaData
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.tasks.base import Batch, Collected, ExampleSet, Export, Prompt, Report
from bert_tf2.tasks.classification.files import write_predictions
from bert_tf2.tasks.classification.prompting.model import SCORES, build_prompt_model, build_row_model, mean_probabilities
from bert_tf2.tasks.classification.prompting.preparation import prompt_features
from bert_tf2.tasks.classification.prompting.rule import PromptRule
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.tasks.exports import text_export, token_ids_export
from bert_tf2.tasks.portable import Portable, Rows, of_rows, placed, rows_there
from bert_tf2.tasks.written_tables import markdown_table

_FLATTENED = ("label_ids", "example_weight")


class PromptTask(ClassificationTask):
    """Classification into the labels that have verbalizers. The loss is the cross-entropy of each pattern's scores, its mean over
    the patterns (Schick and Schütze 2021, section 3.1, without the further masked-LM loss of section 3.4).

    Args:
      label_list: label names in id order.
      metrics: see `ClassificationTask`.
      config: shape of the encoder.
      rule: of patterns and verbalizers.
      number: of the only pattern that is used, from 1; None for all.
      settings: of `ClassificationTask`.
    """

    heads = ("masked_lm",)
    on_pooler = False
    output_range = None
    # More than a number for each class.
    output_axes = None
    needs_trained_heads = True

    def __init__(
        self,
        label_list: Sequence[str],
        metrics: Sequence[str],
        config: BertConfig,
        rule: PromptRule,
        number: int | None = None,
        *,
        has_sample_weights: bool = False,
        **settings: Any,
    ):
        super().__init__(label_list, metrics, has_sample_weights=has_sample_weights, **settings)
        self.features = prompt_features(has_sample_weights)
        self.most = {CHOICES: len(rule.prompts.patterns)}
        self.bounds_inputs = number is None
        self.facts = {} if number is None else {"pattern": number}
        self.prompt = _prompt(rule, number)
        self._config, self._rule, self._number = config, rule, number

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """See `build_prompt_model`."""
        return build_prompt_model(encoder, self._config, self._rule, self._number)

    def loss(self, outputs: tf.Tensor, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """Every pattern of an example is one with its share of the weight."""
        patterns = tf.shape(outputs)[1]
        flat = {name: tf.repeat(batch[name], patterns) for name in _FLATTENED}
        flat["example_weight"] /= tf.cast(patterns, tf.float32)
        return super().loss(_flat(outputs), {**batch, **flat}, denominators)

    def soft_losses(self, logits: tf.Tensor, targets: tf.Tensor, temperature: float) -> tf.Tensor:
        """The mean over the patterns of the divergences from the teacher's probabilities with the same pattern."""
        losses = super().soft_losses(_flat(logits), _flat(targets), temperature)
        return tf.reduce_mean(tf.reshape(losses, tf.shape(logits)[:2]), axis=1)

    def logits(self, outputs: tf.Tensor) -> tf.Tensor:
        """The logarithms of the patterns' mean probabilities: float32 [B, P, C] -> [B, C]."""
        return mean_probabilities(outputs)

    def predictions(self, outputs: tf.Tensor, batch: Batch) -> Batch:
        """As there: `logits` float32 [B, C] are the logarithms of the patterns' mean probabilities. Besides `pattern_scores`
        float32 [B, P, C]."""
        return {**super().predictions(self.logits(outputs), batch), "pattern_scores": outputs}

    def write_predictions(self, directory: str, outcome: Collected, examples: ExampleSet) -> None:
        """As there, with the texts, which records to predict keep."""
        super().write_predictions(directory, outcome, _with_texts(examples))

    def write_soft_labels(self, path: str, outcome: Collected, examples: ExampleSet) -> None:
        """Writes texts with the predicted label and the probabilities, as rows to train another model on; nothing where records
        do not keep their texts."""
        examples, ids = _with_texts(examples), outcome["example_id"]
        if examples.texts is not None:
            predicted, found = self.readable_predictions(outcome["logits"]), self.probabilities(outcome["logits"])
            labels, texts = self.label_list, examples.texts(ids)
            write_predictions(
                path, predicted, example_ids=ids, probabilities=found, label_names=labels, gold=predicted, texts=texts
            )

    def report(self, directory: str, outcome: Collected, examples: ExampleSet) -> Report:
        """As there, and how good each pattern is."""
        report = super().report(directory, outcome, _with_texts(examples))
        scores = outcome.get("pattern_scores")
        if scores is None or scores.shape[1] < 2:
            return report
        right = np.mean(np.argmax(scores, axis=2) == outcome["label_ids"][:, np.newaxis], axis=0)
        rows = [
            [str(number), f"`{text}`".replace("|", "\\|"), f"{share:.4f}"]
            for number, (text, share) in enumerate(zip(self._rule.prompts.patterns, right), 1)
        ]
        return dataclasses.replace(
            report, sections=[*report.sections, ("Patterns", markdown_table(("", "pattern", "accuracy"), rows))]
        )

    def serving_outputs(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """The logarithms of the mean probabilities [B, C] under the model garden's `sentence_prediction`."""
        return super().serving_outputs(self.logits(outputs))

    def readable_outputs(self, outputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """As there."""
        return super().readable_outputs(self.logits(outputs))

    def exports(self, model: tf_keras.Model, tokenizer: Any, meta: MetaData) -> dict[str, Export]:
        """Token ids of every pattern in, logits out; where a tokenizer is at hand also text in, labels and probabilities out."""
        found = {"": token_ids_export(model, self.serving_outputs, 3)}
        if tokenizer is None:
            return found
        from bert_tf2.tasks.classification.prompting.in_graph import InGraphPrompts

        tokenize = InGraphPrompts(self._rule, tokenizer, meta.max_seq_length)
        return found | {"_text": text_export(model, tokenize, self.readable_outputs, self._rule.prompts.has_pairs)}

    def portable(self, model: tf_keras.Model, meta: Any) -> Portable:
        """A row for each pattern, and its labels' scores; what a program puts around texts."""
        del meta
        facts = {"labels": list(self.label_list), "temperature": self.temperature, "pattern": self._number, **self._rule.facts}
        of_patterns = of_rows(build_row_model(model), facts=facts)

        def rows(batch: Mapping[str, Any]) -> Rows:
            return rows_there(self._used(batch))

        def joined(found: Rows, batch: Mapping[str, Any]) -> tf.Tensor:
            return tf.constant(placed(found[SCORES], self._used(batch), 0.0))

        return dataclasses.replace(of_patterns, rows=rows, joined=joined)

    def _used(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        chosen = slice(None) if self._number is None else slice(self._number - 1, self._number)
        return {name: np.asarray(batch[name])[:, chosen] for name in INPUT_NAMES}


def _prompt(rule: PromptRule, number: int | None) -> Prompt | None:
    if not rule.vectors:
        return None
    by_pattern = [[vector for place in of_pattern for vector in place] for of_pattern in rule.vectors]
    used = by_pattern if number is None else by_pattern[number - 1 : number]
    groups = [[id for id, _ in vectors] for vectors in used if vectors]
    return Prompt({id: word for vectors in by_pattern for id, word in vectors}, groups, rule.facts)


def _flat(scores: tf.Tensor) -> tf.Tensor:
    return tf.reshape(scores, [-1, scores.shape[-1]])


def _with_texts(examples: ExampleSet) -> ExampleSet:
    """The examples with the texts that their records keep, if they do."""
    if examples.texts is not None:
        return examples
    kept = examples.records.values("texts")
    if not all(len(texts) for texts in kept):
        return examples
    texts: list[tuple[str, str | None]] = [(texts[0], texts[1] if len(texts) > 1 else None) for texts in kept]
    # Whoever asks, asks for all of them in their order.
    return dataclasses.replace(examples, texts=lambda example_ids: texts)
