"""XLNet's layers for answers (`function_builder.get_qa_outputs` of zihangdai/xlnet; section 2.5 of https://arxiv.org/abs/1906.08237
tells of the model they are for)."""

from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import Dropout
from bert_tf2.models.normalization import LayerNormalization
from bert_tf2.tasks.question_answering.start_conditioned.places import context_tokens, gold_places, summary_token

START, END = "start_top_log_probs", "end_top_log_probs"
START_PLACES, END_PLACES = "start_top_index", "end_top_index"
NO_ANSWER = "cls_logits"
START_LOGITS, END_LOGITS = "start_logits", "end_logits"

# As there. Finite, so that differences with it are.
_MASKED = -1e30
# Behind all that is masked: what a row has not, being shorter than so many best places.
_MISSING = -3e38
# Far above the salts of the blocks' dropouts, and another one than the encoders' and other heads'.
_DROPOUT_SALT = 1_000_021


class AnswerHead(tf_keras.layers.Layer):
    """Start, end given a start, and whether there is no answer, in float32.

    Masked are all tokens but those of the context and the one whose vector stands for the input, which is start and end where
    there is no answer. The vector of the start in the last layer is the mean of all by their probability to be it, in training
    too; `transformers` takes the gold start's there.

    Args:
      config: the encoder's.
      start_n_top: how many starts an end is looked for.
      end_n_top: how many ends of each.
      tells_answerability: whether there may be no answer (SQuAD 2.0).
    """

    def __init__(self, config: BertConfig, start_n_top: int, end_n_top: int, tells_answerability: bool, **kwargs: Any):
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self._from_last, self._tops = config.last_token_stands_for_input, (start_n_top, end_n_top)
        self.start_logits, self.end_logits = StartLogits(config, name="start_logits"), EndLogits(config, name="end_logits")
        self.answer_class = AnswerClass(config, name="answer_class") if tells_answerability else None

    def call(self, sequence: tf.Tensor, inputs: dict[str, tf.Tensor], training: bool | None = None) -> dict[str, tf.Tensor]:
        """Looks for the best answers.

        Args:
          sequence: float32 [B, L, H].
          inputs: the encoder's, int32 [B, L].
          training: whether there is dropout.

        Returns:
          Of the N best starts, and of the M best ends for each, the logarithms of their probabilities, float32 [B, N] and
          [B, N, M], best first, and their places in the row, int32 of these shapes; `cls_logits` float32 [B], which is more where
          there is no answer. In a row of fewer tokens the last ones are no answers' places.
        """
        allowed, summary = self._allowed(inputs)
        starts = _masked(self.start_logits(sequence), allowed)
        start_values, start_places = _best(tf.nn.log_softmax(starts), self._tops[0])
        states = tf.gather(sequence, start_places, batch_dims=1)
        ends = _masked(self.end_logits(sequence, states), allowed[:, tf.newaxis])
        end_values, end_places = _best(tf.nn.log_softmax(ends), self._tops[1])
        outputs = {START: start_values, START_PLACES: start_places, END: end_values, END_PLACES: end_places}
        return outputs | self._no_answer(sequence, starts, summary, training)

    def taught(self, sequence: tf.Tensor, inputs: dict[str, tf.Tensor], start: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        """What the loss is of: the ends are those of the gold start.

        Args:
          sequence, inputs, training: as for `call`.
          start: int32 [B], the gold start; 0 where there is no answer.

        Returns:
          `start_logits` and `end_logits` float32 [B, L], masked; `cls_logits` as from `call`.
        """
        allowed, summary = self._allowed(inputs)
        starts = _masked(self.start_logits(sequence), allowed)
        state = _vectors(sequence, gold_places(start, summary))
        ends = _masked(self.end_logits(sequence, state[:, tf.newaxis])[:, 0], allowed)
        return {START_LOGITS: starts, END_LOGITS: ends} | self._no_answer(sequence, starts, summary, training)

    def _allowed(self, inputs: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        summary = summary_token(inputs, self._from_last)
        is_summary = tf.range(tf.shape(inputs["input_mask"])[1])[tf.newaxis] == summary[:, tf.newaxis]
        return context_tokens(inputs) | is_summary, summary

    def _no_answer(
        self, sequence: tf.Tensor, starts: tf.Tensor, summary: tf.Tensor, training: bool | None
    ) -> dict[str, tf.Tensor]:
        if self.answer_class is None:
            return {}
        state = tf.einsum("bl,blh->bh", tf.nn.softmax(starts), sequence)
        return {NO_ANSWER: self.answer_class(state, _vectors(sequence, summary), training=training)}


class StartLogits(tf_keras.layers.Layer):
    """float32 [B, L, H] -> [B, L]."""

    def __init__(self, config: BertConfig, **kwargs: Any):
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self.dense = _dense(config, 1, "dense")

    def call(self, sequence: tf.Tensor) -> tf.Tensor:
        return self.dense(sequence)[:, :, 0]


class EndLogits(tf_keras.layers.Layer):
    """The logits of the ends for some starts: those of tanh(W [h; h of the start] + b), normalised."""

    def __init__(self, config: BertConfig, **kwargs: Any):
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self._width = config.hidden_size
        self.dense_0, self.dense_1 = _dense(config, config.hidden_size, "dense_0"), _dense(config, 1, "dense_1")
        self.layer_norm = LayerNormalization(config.layer_norm_eps, name="LayerNorm")

    def build(self, input_shape: Any) -> None:
        """Makes the kernel of both halves."""
        self.dense_0.build([None, 2 * self._width])
        super().build(input_shape)

    def call(self, sequence: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
        """float32 [B, L, H] and [B, N, H] -> [B, N, L]."""
        # The product with the vectors side by side, without the rows that would differ in one half alone.
        of_token, of_start = tf.split(self.dense_0.kernel, 2)
        ends = tf.tensordot(sequence, of_token, 1)[:, tf.newaxis]
        given = (tf.tensordot(starts, of_start, 1) + self.dense_0.bias)[:, :, tf.newaxis]
        return self.dense_1(self.layer_norm(tf.tanh(ends + given)))[..., 0]


class AnswerClass(tf_keras.layers.Layer):
    """Whether there is no answer."""

    def __init__(self, config: BertConfig, **kwargs: Any):
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self.dense_0 = _dense(config, config.hidden_size, "dense_0", activation="tanh")
        self.dense_1 = _dense(config, 1, "dense_1", use_bias=False)
        self._dropout = Dropout(config.hidden_dropout_prob, salt=_DROPOUT_SALT, name="dropout")

    def call(self, start: tf.Tensor, summary: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """float32 [B, H] twice -> [B]."""
        hidden = self.dense_0(tf.concat([start, summary], axis=-1))
        return self.dense_1(self._dropout(hidden, training=training))[:, 0]


def _dense(config: BertConfig, units: int, name: str, **more: Any) -> tf_keras.layers.Dense:
    initializer = tf_keras.initializers.TruncatedNormal(stddev=config.initializer_range)
    return tf_keras.layers.Dense(units, kernel_initializer=initializer, dtype="float32", name=name, **more)


def _masked(logits: tf.Tensor, allowed: tf.Tensor) -> tf.Tensor:
    return tf.where(allowed, logits, _MASKED)


def _vectors(sequence: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """The vectors of one token of each row, float32 [B, L, H], int32 [B] -> [B, H]; by a product, whose gradient is one too."""
    return tf.einsum("bl,blh->bh", tf.one_hot(places, tf.shape(sequence)[1], dtype=tf.float32), sequence)


def _best(values: tf.Tensor, n: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The n highest values of the last axis and their places; where it is shorter, its last place is given for those missing."""
    length = tf.shape(values)[-1]
    padded = tf.pad(values, [*[[0, 0]] * (values.shape.rank - 1), [0, n]], constant_values=_MISSING)
    found, places = tf.math.top_k(padded, n)
    return found, tf.minimum(places, length - 1)
