"""Layer normalisation (https://arxiv.org/abs/1607.06450)."""

from typing import Any

import tensorflow as tf

from bert_tf2.models.converted import is_for_converter
from bert_tf2.models.own_weights import OwnWeights, value


class LayerNormalization(OwnWeights):
    """Layer normalisation over the last axis, in float32.

    Args:
      epsilon: added to the variance.
    """

    def __init__(self, epsilon: float, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._epsilon = epsilon

    def build(self, input_shape: tf.TensorShape) -> None:
        """Makes `gamma` and `beta`, float32 [width]."""
        width = input_shape[-1]
        self.gamma = self.add_weight("gamma", [width], dtype=tf.float32, initializer="ones")
        self.beta = self.add_weight("beta", [width], dtype=tf.float32, initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[..., width] -> float32 [..., width]."""
        flat = tf.reshape(tf.cast(inputs, tf.float32), [-1, inputs.shape[-1]])
        gamma, beta = (tf.convert_to_tensor(value(variable)) for variable in (self.gamma, self.beta))
        result = normalize(flat, gamma, beta, self._epsilon)
        return tf.reshape(result, tf.shape(inputs))


def normalize(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float) -> tf.Tensor:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta over the last axis.

    Args:
      x: float32 [T, width].
      gamma: float32 [width].
      beta: float32 [width].
      epsilon: added to the variance.

    Returns:
      float32 [T, width].
    """

    if is_for_converter():
        # The form that ONNX Runtime makes one operation of.
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.pow(centred, 2.0), axis=-1, keepdims=True)
        return centred / tf.sqrt(variance + epsilon) * gamma + beta

    @tf.custom_gradient
    def apply(x, gamma, beta):
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True) + epsilon)
        normalized = centred * inverse

        def gradient(upstream):
            # The two row means that are weighted with gamma are products with a vector: they read the matrix once and
            # write nothing of its size.
            weights = tf.expand_dims(gamma / tf.cast(tf.shape(gamma)[0], gamma.dtype), axis=-1)
            product = upstream * normalized
            along = normalized * tf.matmul(product, weights)
            of_x = inverse * (upstream * gamma - along - tf.matmul(upstream, weights))
            return of_x, tf.reduce_sum(product, axis=0), tf.reduce_sum(upstream, axis=0)

        return normalized * gamma + beta, gradient

    return apply(x, gamma, beta)
