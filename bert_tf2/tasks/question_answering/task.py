"""Extractive question answering: where an answer begins and ends in a passage."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.records.metadata import MetaData
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.progress import during
from bert_tf2.tasks.base import Batch, Collected, ExampleSet, Export, Report, Task, chosen_metric
from bert_tf2.tasks.exports import token_ids_export
from bert_tf2.tasks.portable import Portable, of_rows
from bert_tf2.tasks.question_answering import threshold
from bert_tf2.tasks.question_answering.character_scores import PREFIX, WORDS, evaluate
from bert_tf2.tasks.question_answering.decoding import DecodedAnswers, DecodingOptions, decode
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.files import ANSWER_FILES, write_answers
from bert_tf2.tasks.question_answering.in_graph import answering_export
from bert_tf2.tasks.question_answering.report import report_sections
from bert_tf2.tasks.question_answering.scores import question_scores
from bert_tf2.tasks.question_answering.windows import QuestionSet, WindowOptions
from bert_tf2.tasks.soft_targets import softmax_divergence
from bert_tf2.tasks.tally import Tally, of_means

# Low enough that a softmax gives it nothing, and finite, so that differences with it are.
_MASKED = -1e9
_AT_ONCE = 2048
_METRICS = {
    False: ("f1", "exact_match"),
    True: ("best_f1", "best_exact", "f1", "exact", "HasAns_f1", "HasAns_exact", "NoAns_f1", "NoAns_exact"),
}


class SpanTask(Task):
    """Marks the answer's first and last token (Devlin et al. 2018, section 4.2; 4.3 for questions without an answer).

    The loss is the mean of the two cross-entropies over the positions of a row. Unlike the model garden's it leaves padding
    out, so that it does not depend on which rows share a batch.

    Args:
      decoding: how answers are made of logits; `version_2` says whether there are questions without an answer.
      initializer_range: standard deviation of the truncated normal that the head's kernel starts from.
      best_metric: the metric that names the best checkpoint; None is `f1`, or with `version_2` `best_f1`, the F1 at the best
        threshold; of characters where the language is written without spaces.
      language: what answers are scored by; see `bert_tf2.tasks.question_answering.character_scores`.
      windows: how contexts are cut, for the export that takes text.
      finds_threshold: the threshold for no answer is found by an evaluation, instead of that of `decoding`.

    Raises:
      UserError: `best_metric` is not computed for this task.
    """

    heads: tuple[str, ...] = ("span",)
    unit = "questions"
    in_percent = True
    hub_task = "question-answering"

    def __init__(
        self,
        decoding: DecodingOptions,
        *,
        initializer_range: float = 0.02,
        best_metric: str | None = None,
        language: str = WORDS,
        windows: WindowOptions | None = None,
        finds_threshold: bool = False,
    ):
        known = _METRICS[decoding.version_2]
        if language != WORDS:
            known = (*(f"{PREFIX}{name}" for name in known), *known)
        self.best_metric = chosen_metric(best_metric, known)
        self.decoding, self.language = decoding, language
        self.features = squad_features(training=True)
        self.tuning = threshold.TUNING if finds_threshold else None
        self.windows = windows or WindowOptions()
        # None until the one that is asked for is found, or read.
        self._threshold = None if finds_threshold else decoding.null_score_diff_threshold
        self._initializer_range = initializer_range

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """Puts one dense layer on the encoder's sequence output; see `predictions` for what the model gives.

        Variables and their places are those of the model garden's `BertSpanLabeler`.
        """
        inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in INPUT_NAMES}
        sequence = tf.cast(encoder(inputs)["sequence_output"], tf.float32)
        head = _head(sequence.shape[-1], self._initializer_range)
        start, end = head(sequence)
        model = tf_keras.Model(inputs=inputs, outputs={"start_positions": start, "end_positions": end}, name="bert_span_labeler")
        model.span_labeling = head
        return model

    def loss(self, outputs: Batch, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """Mean over the windows; see `bert_tf2.tasks.base.Task.loss`."""
        is_token = batch["input_mask"] > 0
        losses = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(batch[name], tf.where(is_token, outputs[name], _MASKED))
            for name in ("start_positions", "end_positions")
        ]
        return tf.math.divide_no_nan(
            tf.reduce_sum(tf.add_n(losses) / 2 * batch["example_weight"]), denominators["example_weight"]
        )

    def soft_loss(
        self, outputs: Batch, targets: Batch, batch: Batch, denominators: dict[str, tf.Tensor], temperature: float
    ) -> tf.Tensor:
        """Mean over the windows of the mean of both divergences; see `bert_tf2.tasks.base.Task.soft_loss`."""
        is_token = batch["input_mask"] > 0
        losses = []
        for name in ("start_positions", "end_positions"):
            logits, wanted = (tf.where(is_token, some[name], _MASKED) for some in (outputs, targets))
            losses.append(softmax_divergence(logits, wanted, temperature))
        return tf.math.divide_no_nan(
            tf.reduce_sum(tf.add_n(losses) / 2 * batch["example_weight"]), denominators["example_weight"]
        )

    def predictions(self, outputs: Batch, batch: Batch) -> Batch:
        """Logits of the answer's start and end, float32 [B, L]."""
        del batch
        return {name: outputs[name] for name in ("start_positions", "end_positions")}

    def check_records(self, records: RecordSet) -> None:
        """Checks that every answer lies inside its row.

        Raises:
          UserError: a position is outside.
        """
        _check_positions(records)

    def outcome(self, collected: Collected, examples: ExampleSet) -> DecodedAnswers:
        """The answers; their `source` is the `QuestionSet`, whose windows may be none."""
        empty = np.zeros((0, 1), np.float32)
        start, end = (collected.get(name, empty) for name in ("start_positions", "end_positions"))
        return self.tuned(decode(examples.source, start, end, self.decoding))

    def tuned(self, answers: DecodedAnswers) -> DecodedAnswers:
        """Answers, with the threshold that was found, where one is to be."""
        if self.tuning is not None and self._threshold is not None:
            threshold.apply(answers, self._threshold)
        return answers

    def scores(self, outcome: DecodedAnswers, examples: ExampleSet) -> dict[str, float]:
        """The official scripts' scores in percent: of v1.1, or of v2.0 where `version_2`; and those of characters.

        The best scores of v2.0 and their thresholds are those of the answers before any threshold made some of them "".
        """
        questions: QuestionSet = examples.source
        scores = evaluate(questions.questions, outcome.predictions, self.decoding.version_2, language=self.language)
        if not self.decoding.version_2:
            return scores
        best = evaluate(questions.questions, outcome.best_non_null, True, outcome.null_odds, self.language)
        return scores | {name: value for name, value in best.items() if name.removeprefix(PREFIX).startswith("best_")}

    def tally(self, outcome: DecodedAnswers, examples: ExampleSet) -> Tally:
        """The F1 of each question, in percent."""
        found = question_scores(examples.source.questions, outcome.predictions, self.decoding.version_2)
        return of_means("f1", np.array([100 * score.f1 for score in found.values()]))

    def shown(self, scores: Mapping[str, float]) -> str:
        """In percent, two digits."""
        return ", ".join(f"{name} {value:.2f}" for name, value in scores.items() if isinstance(value, float))

    def evaluation_files(self, examples: ExampleSet) -> list[str]:
        """Google's files of answers."""
        return [examples.named(name) for name in ANSWER_FILES]

    def write_evaluation(self, directory: str, outcome: DecodedAnswers, examples: ExampleSet) -> None:
        """Writes the answers as google-research/bert does; see `write_answers`."""
        write_answers(directory, outcome, self.decoding.version_2, examples.prefix)

    prediction_files = evaluation_files
    write_predictions = write_evaluation

    def why_no_score(self, examples: ExampleSet) -> str | None:
        """Empty where every question has an answer, or in version 2.0 some have and the others say that they have none."""
        questions, version_2 = examples.source.questions, self.decoding.version_2
        without = [question.id for question in questions if not question.answers and not (version_2 and question.is_impossible)]
        if len(without) == len(questions):
            return "the questions come without answers"
        if without:
            first = f"the first has the id {without[0]}"
            return f"{len(without):,} of {len(questions):,} questions have no answer to score against ({first})"
        return None

    def count(self, examples: ExampleSet) -> int:
        """Questions; a record is one of their windows."""
        return len(examples.source.questions)

    def report(self, directory: str, outcome: DecodedAnswers, examples: ExampleSet) -> Report:
        """How answers fare by their length and kind, and the worst of them."""
        questions, version_2 = examples.source, self.decoding.version_2
        contexts = [questions.contexts[index].text for index in questions.context_of_question]
        sections = report_sections(questions.questions, contexts, outcome.predictions, version_2, language=self.language)
        of_file = f", {examples.prefix.rstrip('-')}" if examples.prefix else ""
        return Report(sections=[(f"{heading}{of_file}", text) for heading, text in sections])

    def tune(self, outcome: DecodedAnswers, examples: ExampleSet) -> dict[str, Any]:
        """The threshold for no answer of the best F1, with that F1 in percent and the file it was found on."""
        self._threshold, f1 = threshold.find(examples.source.questions, outcome, self.language)
        threshold.apply(outcome, self._threshold)
        return {"value": self._threshold, "f1": f1, "predict_file": examples.origin}

    def use_tuned(self, value: Any) -> None:
        """Uses a threshold that was found earlier."""
        self._threshold = float(value)

    def exports(self, model: tf_keras.Model, tokenizer: Any, meta: MetaData | None) -> dict[str, Export]:
        """Token ids in, logits out; where a tokenizer is at hand also question and context in, the answer out."""
        found = {"": token_ids_export(model, self.serving_outputs)}
        if tokenizer is None:
            return found
        return found | {"_text": answering_export(model, tokenizer, self.windows, self.exported_decoding)}

    @property
    def exported_decoding(self) -> DecodingOptions:
        """How an exported model chooses answers."""
        assert self._threshold is not None, "what was tuned is used before a model is exported"
        return dataclasses.replace(self.decoding, null_score_diff_threshold=self._threshold, google_text=False)

    def portable(self, model: tf_keras.Model, meta: Any) -> Portable:
        """Logits of start and end; how contexts are cut and answers chosen."""
        del meta
        window = self.windows
        facts = {
            "doc_stride": window.doc_stride,
            "max_query_length": window.max_query_length,
            "max_answer_length": self.decoding.max_answer_length,
            "version_2": self.decoding.version_2,
            "null_score_diff_threshold": self._threshold,
        }
        return of_rows(model, facts=facts)

    def serving_outputs(self, outputs: Batch) -> dict[str, tf.Tensor]:
        """The model garden's signature: the logits [B, L] under `start_positions` and `end_positions`."""
        return outputs


def _head(width: int, initializer_range: float) -> tf_keras.Model:
    """A model from [B, L, H] to the two logits [B, L]."""
    sequence = tf_keras.Input((None, width), dtype=tf.float32, name="sequence_output")
    logits = tf_keras.layers.Dense(
        2,
        kernel_initializer=tf_keras.initializers.TruncatedNormal(stddev=initializer_range),
        dtype="float32",
        name="predictions/transform/logits",
    )(sequence)
    start, end = tf.unstack(logits, axis=-1)
    return tf_keras.Model(sequence, [start, end], name="span_labeling")


@during("checking records")
def _check_positions(records: RecordSet) -> None:
    for first in range(0, len(records), _AT_ONCE):
        rows = range(first, min(first + _AT_ONCE, len(records)))
        features = records.parse(rows)
        lengths = records.lengths[rows.start : rows.stop]
        for name in ("start_positions", "end_positions"):
            wrong = (features[name] < 0) | (features[name] >= lengths)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise UserError(
                    f"{records.location(first + row)}: {name} must be from 0 to {lengths[row] - 1}, the row's last token; "
                    f"got {features[name][row]}; prepare the data again"
                )
