"""The masked tokens of a batch as a list, of rows that have different numbers of them."""

from typing import Any

import tensorflow as tf
import tf_keras


class Predictions(tf_keras.layers.Layer):
    """Lists the predictions of a batch.

    Args:
      all_of_them: also those without weight, whose number would otherwise decide the shape.
    """

    def __init__(self, all_of_them: bool, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._all_of_them = all_of_them

    def call(self, label_ids: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Chooses among [B, P].

        Args:
          label_ids: int32 [B, P].
          weights: float32 [B, P].

        Returns:
          Places among the B * (1 + P) tokens of `with_first` int32 [N], label ids int32 [N], weights float32 [N], rows
          int32 [N].
        """
        number, predictions = tf.unstack(tf.shape(label_ids))
        rows = tf.broadcast_to(tf.range(number)[:, tf.newaxis], [number, predictions])
        places = rows * (1 + predictions) + 1 + tf.range(predictions)
        listed = [tf.reshape(values, [-1]) for values in (places, label_ids, weights, rows)]
        if self._all_of_them:
            return tuple(listed)
        used = tf.squeeze(tf.where(listed[2] > 0), axis=1)
        return tuple(tf.gather(values, used) for values in listed)


def with_first(positions: tf.Tensor) -> tf.Tensor:
    """The first token of each row, then the given ones: int32 [B, P] -> [B, 1 + P]."""
    return tf.pad(positions, [[0, 0], [1, 0]])
