"""Multiple choice at the model's end: head, loss, predictions, files, exports."""

import dataclasses
import os
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.records.feature_spec import CHOICES
from bert_tf2.data.records.metadata import MetaData
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.progress import during
from bert_tf2.tasks.base import Batch, Collected, ExampleSet, Export, Report, Task, chosen_metric
from bert_tf2.tasks.multiple_choice.facts import ChoiceFacts
from bert_tf2.tasks.multiple_choice.features import NO_ANSWER, choice_features
from bert_tf2.tasks.multiple_choice.files import QuestionTexts, write_predictions, write_test_results
from bert_tf2.tasks.multiple_choice.model import NO_CHOICE, build_choice_model, build_row_model
from bert_tf2.tasks.multiple_choice.outcome import Answers
from bert_tf2.tasks.multiple_choice.packing_options import PackingOptions
from bert_tf2.tasks.multiple_choice.report import report_sections
from bert_tf2.tasks.portable import Portable, of_rows, placed, rows_there
from bert_tf2.tasks.several_inputs import is_there
from bert_tf2.tasks.soft_targets import softmax_divergence
from bert_tf2.tasks.tally import Tally, of_means

_CHECKED_AT_ONCE = 2048


class MultipleChoiceTask(Task):
    """Chooses one of a question's choices: softmax and cross-entropy over one logit for each (Devlin et al. 2018, section 4.4).

    Args:
      dropout_rate: dropout on the pooled output while training.
      initializer_range: standard deviation of the truncated normal that the head's kernel starts from.
      best_metric: the metric that names the best checkpoint; None is the accuracy.
      most_choices: no question has more; None where that is not known.

    Raises:
      UserError: `best_metric` is not computed for this task.
    """

    heads = ("classifier",)
    on_pooler = True
    # The head looks at the pooled output only.
    output_range = 1
    output_axes = (CHOICES,)
    num_labels = 1
    unit = "questions"
    hub_task = "multiple-choice"
    answer_feature = "label_ids"

    def __init__(
        self,
        dropout_rate: float = 0.1,
        initializer_range: float = 0.02,
        best_metric: str | None = None,
        most_choices: int | None = None,
    ):
        self.features = choice_features()
        self.best_metric = chosen_metric(best_metric, ["accuracy", "loss"])
        self.most = {} if most_choices is None else {CHOICES: most_choices}
        self._dropout_rate, self._initializer_range = dropout_rate, initializer_range

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """See `build_choice_model`."""
        return build_choice_model(encoder, self._dropout_rate, self._initializer_range)

    def loss(self, outputs: tf.Tensor, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """Weighted mean of the questions' losses; see `bert_tf2.tasks.base.Task.loss`."""
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["label_ids"], outputs)
        return tf.math.divide_no_nan(tf.reduce_sum(losses * batch["example_weight"]), denominators["example_weight"])

    def soft_loss(
        self, outputs: tf.Tensor, targets: tf.Tensor, batch: Batch, denominators: dict[str, tf.Tensor], temperature: float
    ) -> tf.Tensor:
        """Weighted mean of the divergences of each question's choices; see `bert_tf2.tasks.base.Task.soft_loss`."""
        there = is_there(batch["input_mask"])
        losses = softmax_divergence(outputs, tf.where(there, targets, NO_CHOICE), temperature)
        return tf.math.divide_no_nan(tf.reduce_sum(losses * batch["example_weight"]), denominators["example_weight"])

    def predictions(self, outputs: tf.Tensor, batch: Batch) -> Batch:
        """Logits [B, C] float32; int32 [B] `choices`, the number of each question's choices, and `label_ids`; `example_id`
        int64 [B]."""
        choices = tf.reduce_sum(tf.cast(is_there(batch["input_mask"]), tf.int32), axis=1)
        return {"logits": outputs, "choices": choices} | {name: batch[name] for name in ("label_ids", "example_id")}

    @during("checking records")
    def check_records(self, records: RecordSet) -> None:
        """Checks that every answer is one of the question's choices, or not known.

        Raises:
          UserError: one is not.
        """
        for first in range(0, len(records), _CHECKED_AT_ONCE):
            rows = range(first, min(first + _CHECKED_AT_ONCE, len(records)))
            batch = records.parse(rows)
            counts, answers = (batch["input_mask"][:, :, 0] > 0).sum(axis=1), batch["label_ids"]
            wrong = (answers < NO_ANSWER) | (answers >= counts)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise UserError(
                    f"{records.location(rows[row])}: label_ids must be from 0 to {counts[row] - 1}, a choice of the question, or "
                    f"{NO_ANSWER} where the answer is not known; got {answers[row]}; prepare the data again"
                )

    def outcome(self, collected: Collected, examples: ExampleSet) -> Answers:
        """Probabilities of the choices."""
        del examples
        return Answers.of(collected)

    def scores(self, outcome: Answers, examples: ExampleSet) -> dict[str, float]:
        """Accuracy and loss."""
        del examples
        return outcome.scores()

    def tally(self, outcome: Answers, examples: ExampleSet) -> Tally:
        """Which questions are answered right."""
        del examples
        return of_means("accuracy", outcome.is_right)

    def evaluation_files(self, examples: ExampleSet) -> list[str]:
        """Predictions with the right answers."""
        return [examples.named("eval_predictions.tsv")]

    def write_evaluation(self, directory: str, outcome: Answers, examples: ExampleSet) -> None:
        """Writes `eval_predictions.tsv`."""
        (name,) = self.evaluation_files(examples)
        write_predictions(os.path.join(directory, name), outcome, QuestionTexts(examples.records), with_gold=True)

    def prediction_files(self, examples: ExampleSet) -> list[str]:
        """Probabilities as Google's programs write them, and a table for people."""
        return [examples.named("test_results.tsv"), examples.named("predictions.tsv")]

    def write_predictions(self, directory: str, outcome: Answers, examples: ExampleSet) -> None:
        """Writes `test_results.tsv` and `predictions.tsv`."""
        results, predictions = (os.path.join(directory, name) for name in self.prediction_files(examples))
        write_test_results(results, outcome)
        write_predictions(predictions, outcome, QuestionTexts(examples.records), with_gold=examples.is_labelled)

    def report(self, directory: str, outcome: Answers, examples: ExampleSet) -> Report:
        """Accuracy by number of choices and by length, and the worst errors."""
        del directory
        texts = QuestionTexts(examples.records)
        return Report(sections=report_sections(outcome, examples.records.lengths, texts))

    def portable(self, model: tf_keras.Model, meta: Any) -> Portable:
        """A row for each choice, and its logit."""
        of_choices = of_rows(build_row_model(model), facts=ChoiceFacts.of(meta).to_json())
        return dataclasses.replace(
            of_choices, rows=rows_there, joined=lambda found, batch: tf.constant(placed(found["logits"], batch, NO_CHOICE))
        )

    def exports(self, model: tf_keras.Model, tokenizer: Any, meta: MetaData) -> dict[str, Export]:
        """Token ids in, logits out; where a tokenizer is at hand also texts in, probabilities out."""
        from bert_tf2.tasks.multiple_choice.in_graph import text_export, token_ids_export

        found = {"": token_ids_export(model)}
        if tokenizer is None:
            return found
        facts = ChoiceFacts.of(meta)
        options = PackingOptions(meta.max_seq_length, facts.max_qa_length)
        return found | {"_text": text_export(model, tokenizer, options, facts.fills_blank)}
