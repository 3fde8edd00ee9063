"""The head that kinds share whose logits come from the pooled output."""

from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.dropout import Dropout

# Far above the salts that the encoder's own dropout layers use.
_DROPOUT_SALT = 1_000_003


class ClassificationHead(tf_keras.layers.Layer):
    """A dense layer from the pooled output [B, H] to logits [B, C]; its variables lie where the model garden's do.

    Args:
      num_labels: number of classes C; 1 for regression.
      initializer_range: standard deviation of the truncated normal the kernel starts from.
    """

    def __init__(self, num_labels: int, initializer_range: float, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        self.out_proj = tf_keras.layers.Dense(
            num_labels,
            kernel_initializer=tf_keras.initializers.TruncatedNormal(stddev=initializer_range),
            name="logits",
            dtype="float32",
        )

    def call(self, pooled_output: tf.Tensor) -> tf.Tensor:
        return self.out_proj(tf.cast(pooled_output, tf.float32))


def classification_head(pooled_output: tf.Tensor, num_labels: int, dropout_rate: float, initializer_range: float) -> tf.Tensor:
    """Logits float32 [B, C] of a pooled output [B, H], with dropout before them while training."""
    dropped = Dropout(dropout_rate, salt=_DROPOUT_SALT, name="pooled_dropout")(pooled_output)
    return ClassificationHead(num_labels, initializer_range, name="sentence_prediction")(dropped)
