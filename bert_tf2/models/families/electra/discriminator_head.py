"""The head that tells of every token whether it was replaced."""

from typing import Any

import tensorflow as tf

from bert_tf2.models.activations import get_activation
from bert_tf2.models.config import BertConfig
from bert_tf2.models.layers import Projection, build_under_name, initializer
from bert_tf2.models.own_weights import OwnWeights


class DiscriminatorHead(OwnWeights):
    """Dense layer, the blocks' activation, one logit (arXiv 2003.10555, section 2).

    Args:
      config: shape of the discriminator.
      compute_dtype: of the first product; the logits are float32.
    """

    def __init__(self, config: BertConfig, compute_dtype: tf.DType = tf.float32, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._width, self._product_dtype = config.hidden_size, compute_dtype
        self._activation = get_activation(config.hidden_act)
        shape = [self._width, self._width]
        self.dense = Projection(shape, shape[1:], shape, initializer(config), name="dense")
        self.dense_prediction = Projection([self._width, 1], [1], [self._width, 1], initializer(config), name="dense_prediction")

    def build(self, input_shape: tf.TensorShape) -> None:
        """Builds both layers."""
        build_under_name(self.dense, input_shape)
        build_under_name(self.dense_prediction, input_shape)
        super().build(input_shape)

    def call(self, sequence_output: tf.Tensor) -> tf.Tensor:
        """float32 [B, L, H] -> float32 [B, L]; above 0 for a token that was rather replaced than not."""
        flat = tf.cast(tf.reshape(sequence_output, [-1, self._width]), self._product_dtype)
        hidden = self._activation(self.dense(flat))
        return tf.reshape(self.dense_prediction(tf.cast(hidden, tf.float32)), tf.shape(sequence_output)[:2])
