"""The model: the input of each choice goes through the encoder and gets one logit (Radford et al. 2018)."""

from collections.abc import Mapping

import tensorflow as tf
import tf_keras

from bert_tf2.models.encoder import INPUT_NAMES
from bert_tf2.tasks.pooled_head import classification_head

# Low enough that a softmax gives it nothing, and finite, so that differences with it are.
NO_CHOICE = -1e9


def build_choice_model(encoder: tf_keras.Model, dropout_rate: float, initializer_range: float) -> tf_keras.Model:
    """Puts dropout and a layer with one output on the encoder's pooled output.

    Args:
      encoder: see `bert_tf2.models.encoder.build_encoder`.
      dropout_rate: dropout on the pooled output while training.
      initializer_range: standard deviation of the truncated normal that the head's kernel starts from.

    Returns:
      A model from a dict of int32 [B, C, L] (`input_word_ids`, `input_mask`, `input_type_ids`) to logits float32 [B, C];
      `NO_CHOICE` where a question has fewer than C choices: there `input_mask` is 0 throughout.
    """
    inputs = {name: tf_keras.Input((None, None), dtype=tf.int32, name=name) for name in INPUT_NAMES}
    rows = ChoiceRows(name="choice_rows")(inputs)
    logits = classification_head(encoder(rows)["pooled_output"], 1, dropout_rate, initializer_range)
    outputs = ChoiceLogits(name="choice_logits")(logits, inputs["input_mask"])
    return tf_keras.Model(inputs=inputs, outputs=outputs, name="bert_multiple_choice")


def is_choice(input_mask: tf.Tensor) -> tf.Tensor:
    """Which choices there are: int32 [B, C, L] -> bool [B, C]; every input begins with [CLS]."""
    return input_mask[:, :, 0] > 0


def _rows_computed(input_mask: tf.Tensor) -> tf.Tensor | None:
    """The numbers of the choices that the encoder computes, int64 [R], counted through a batch; None for all.

    Choices that are not there need no computing. Where a batch has a fixed number of rows (TPU, XLA), so must its choices.
    """
    if input_mask.shape[0] is not None:
        return None
    return tf.where(tf.reshape(is_choice(input_mask), [-1]))[:, 0]


class ChoiceRows(tf_keras.layers.Layer):
    """A row for each choice: a dict of int32 [B, C, L] -> the same of [R, L]; see `_rows_computed`."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        chosen = _rows_computed(inputs["input_mask"])
        found = {}
        for name, values in inputs.items():
            rows = tf.reshape(values, [-1, tf.shape(values)[2]])
            found[name] = rows if chosen is None else tf.gather(rows, chosen)
        return found


class ChoiceLogits(tf_keras.layers.Layer):
    """Logits back where their choices stand: (float32 [R, 1], int32 [B, C, L]) -> float32 [B, C]."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, logits: tf.Tensor, input_mask: tf.Tensor) -> tf.Tensor:
        there, chosen = is_choice(input_mask), _rows_computed(input_mask)
        values = logits[:, 0]
        if chosen is not None:
            values = tf.scatter_nd(chosen[:, tf.newaxis], values, [tf.size(there, tf.int64)])
        return tf.where(there, tf.reshape(values, tf.shape(there)), NO_CHOICE)
