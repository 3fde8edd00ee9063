"""Extractive question answering: where an answer begins and ends in a passage."""

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.tasks.base import Batch
from bert_tf2.tasks.question_answering.character_scores import PREFIX, WORDS, evaluate
from bert_tf2.tasks.question_answering.decoding import DecodedAnswers, DecodingOptions, decode
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.windows import QuestionSet

# Low enough that a softmax gives it nothing, and finite, so that differences with it are.
_MASKED = -1e9
_METRICS = {
    False: ("f1", "exact_match"),
    True: ("best_f1", "best_exact", "f1", "exact", "HasAns_f1", "HasAns_exact", "NoAns_f1", "NoAns_exact"),
}


class SpanTask:
    """Marks the answer's first and last token (Devlin et al. 2018, section 4.2; 4.3 for questions without an answer).

    The loss is the mean of the two cross-entropies over the positions of a row. Unlike the model garden's it leaves padding
    out, so that it does not depend on which rows share a batch.

    Args:
      decoding: how answers are made of logits; `version_2` says whether there are questions without an answer.
      initializer_range: standard deviation of the truncated normal that the head's kernel starts from.
      best_metric: the metric that names the best checkpoint; None is `f1`, or with `version_2` `best_f1`, the F1 at the best
        threshold; of characters where the language is written without spaces.
      language: what answers are scored by; see `bert_tf2.tasks.question_answering.character_scores`.

    Raises:
      UserError: `best_metric` is not computed for this task.
    """

    def __init__(
        self,
        decoding: DecodingOptions,
        *,
        initializer_range: float = 0.02,
        best_metric: str | None = None,
        language: str = WORDS,
    ):
        known = _METRICS[decoding.version_2]
        if language != WORDS:
            known = (*(f"{PREFIX}{name}" for name in known), *known)
        self.best_metric = best_metric or known[0]
        if self.best_metric not in known:
            raise UserError(
                f"--best_metric={best_metric} is not computed for this task.{did_you_mean(self.best_metric, known)} "
                f"Known: {', '.join(known)}"
            )
        self.decoding, self.language = decoding, language
        self.features = squad_features(training=True)
        self._initializer_range = initializer_range

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """Puts one dense layer on the encoder's sequence output; see `predictions` for what the model gives.

        Variables and their places are those of the model garden's `BertSpanLabeler`.
        """
        inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in _INPUT_NAMES}
        sequence = tf.cast(encoder(inputs)["sequence_output"], tf.float32)
        head = _head(sequence.shape[-1], self._initializer_range)
        start, end = head(sequence)
        model = tf_keras.Model(inputs=inputs, outputs={"start_positions": start, "end_positions": end}, name="bert_span_labeler")
        model.span_labeling = head
        return model

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The sum of the windows' weights."""
        return {"example_weight": tf.reduce_sum(batch["example_weight"])}

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

    def predictions(self, outputs: Batch, batch: Batch) -> Batch:
        """Logits of the answer's start and end, float32 [B, L]."""
        del batch
        return {name: outputs[name] for name in ("start_positions", "end_positions")}

    def answers(self, questions: QuestionSet, collected: dict[str, np.ndarray]) -> DecodedAnswers:
        """The answers, from what `predictions` gave for the questions' windows."""
        return decode(questions, collected["start_positions"], collected["end_positions"], self.decoding)

    def scores(self, questions: QuestionSet, answers: DecodedAnswers) -> dict[str, float]:
        """The official scripts' scores in percent: of v1.1, or of v2.0 where `version_2`; and those of characters.

        The best scores of v2.0 and their thresholds are those of the answers before any threshold made some of them "".
        """
        scores = evaluate(questions.questions, answers.predictions, self.decoding.version_2, language=self.language)
        if not self.decoding.version_2:
            return scores
        best = evaluate(questions.questions, answers.best_non_null, True, answers.null_odds, self.language)
        return scores | {name: value for name, value in best.items() if name.removeprefix(PREFIX).startswith("best_")}

    def higher_is_better(self, metric: str) -> bool:
        """All metrics but a loss."""
        return metric != "loss"

    def serving_outputs(self, outputs: Batch) -> dict[str, tf.Tensor]:
        """The model garden's signature: the logits [B, L] under `start_positions` and `end_positions`."""
        return outputs


_INPUT_NAMES = ("input_word_ids", "input_mask", "input_type_ids")


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
