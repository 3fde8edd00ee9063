"""Examples of several inputs each: every input that is there goes through the encoder as a row of its own."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras


def is_there(input_mask: tf.Tensor) -> tf.Tensor:
    """Which inputs there are: int32 [B, C, L] -> bool [B, C]; every input begins with a token."""
    return input_mask[:, :, 0] > 0


def rows_computed(input_mask: tf.Tensor) -> tf.Tensor | None:
    """The numbers of the inputs that the encoder computes, int64 [R], counted through a batch; None for all.

    Those that are not there need no computing. Where a batch has a fixed number of rows (TPU, XLA), so must its inputs.
    """
    if input_mask.shape[0] is not None:
        return None
    return tf.where(tf.reshape(is_there(input_mask), [-1]))[:, 0]


class InputRows(tf_keras.layers.Layer):
    """A row for each input: a dict of int32 [B, C, L] -> the same of [R, L]; see `rows_computed`."""

    def __init__(self, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)

    def call(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        chosen = rows_computed(inputs["input_mask"])
        found = {}
        for name, values in inputs.items():
            rows = tf.reshape(values, [-1, tf.shape(values)[2]])
            found[name] = rows if chosen is None else tf.gather(rows, chosen)
        return found


class OfInputs(tf_keras.layers.Layer):
    """What was computed of the rows, back where their inputs stand: (float32 [R, D], int32 [B, C, L]) -> float32 [B, C, D].

    Args:
      missing: what stands where there is no input.
    """

    def __init__(self, missing: float = 0.0, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._missing = missing

    def call(self, values: tf.Tensor, input_mask: tf.Tensor) -> tf.Tensor:
        there, chosen = is_there(input_mask), rows_computed(input_mask)
        width = values.shape[-1]
        if chosen is not None:
            values = tf.scatter_nd(chosen[:, tf.newaxis], values, [tf.size(there, tf.int64), width])
        placed = tf.reshape(values, tf.concat([tf.shape(there), [width]], axis=0))
        return tf.where(there[:, :, tf.newaxis], placed, self._missing)
