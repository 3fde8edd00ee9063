"""Layer normalisation with what surrounds it in BERT: LayerNorm(residual + Dropout(update))."""

import tensorflow as tf
import tf_keras

from bert_tf2.models.dropout import Dropout, kept
from bert_tf2.models.kernels import Kernel


class LayerNormalization(tf_keras.layers.Layer):
    """Layer normalisation over the last axis, in float32 (https://arxiv.org/abs/1607.06450).

    Args:
      epsilon: added to the variance.
      compiled: whether its chains of operations are compiled.
    """

    def __init__(self, epsilon: float, compiled: bool, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self._epsilon = epsilon
        self._is_compiled = compiled

    def build(self, input_shape):
        """Makes `gamma` and `beta`, float32 [width]."""
        width = input_shape[-1]
        self.gamma = self.add_weight("gamma", [width], dtype=tf.float32, initializer="ones")
        self.beta = self.add_weight("beta", [width], dtype=tf.float32, initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[..., width] -> float32 [..., width]."""
        flat = tf.reshape(tf.cast(inputs, tf.float32), [-1, inputs.shape[-1]])
        return tf.reshape(self._normalize(flat, None, None, None), tf.shape(inputs))

    def after(self, residual: tf.Tensor, update: tf.Tensor, dropout: Dropout, training: bool | None) -> tf.Tensor:
        """Normalises residual + dropout(update).

        Args:
          residual: float32 [T, width].
          update: [T, width] of any floating dtype.
          dropout: of the update.
          training: whether there is dropout.

        Returns:
          float32 [T, width].
        """
        return self._normalize(residual, update, dropout.draws(tf.shape(update), training), dropout)

    def _normalize(self, residual, update, draws, dropout) -> tf.Tensor:
        compiled, epsilon = self._is_compiled, self._epsilon
        lowest, scale = (0, 1.0) if draws is None else (dropout.lowest_kept, dropout.scale)

        @tf.custom_gradient
        def apply(gamma, beta, *summands):
            result, normalized, inverse = _FORWARD(compiled, summands, draws, gamma, beta, lowest, scale, epsilon)

            def gradient(upstream):
                return _BACKWARD(compiled, upstream, normalized, inverse, draws, gamma, lowest, scale, _dtypes(summands))

            return result, gradient

        summands = [residual] if update is None else [residual, update]
        return apply(tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta), *summands)


def _dtypes(tensors) -> tuple[str, ...]:
    return tuple(tensor.dtype.name for tensor in tensors)


def _forward(summands, draws, gamma, beta, lowest, scale, epsilon):
    """Returns the result [T, width], and for the gradient the normalised values [T, width] and 1 / deviation [T, 1]."""
    total = summands[0]
    if len(summands) == 2:
        update = tf.cast(summands[1], tf.float32)
        total += update if draws is None else update * (kept(draws, lowest, tf.float32) * scale)
    centred = total - tf.reduce_mean(total, axis=-1, keepdims=True)
    inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True) + epsilon)
    normalized = centred * inverse
    return normalized * gamma + beta, normalized, inverse


def _backward(upstream, normalized, inverse, draws, gamma, lowest, scale, dtypes):
    """Returns the gradients of gamma, beta and the summands."""
    inner = upstream * gamma
    mean = tf.reduce_mean(inner, axis=-1, keepdims=True)
    along = tf.reduce_mean(inner * normalized, axis=-1, keepdims=True)
    total = inverse * (inner - mean - normalized * along)
    summands = [total]
    if len(dtypes) == 2:
        update = total if draws is None else total * (kept(draws, lowest, tf.float32) * scale)
        summands.append(tf.cast(update, dtypes[1]))
    return tf.reduce_sum(upstream * normalized, axis=0), tf.reduce_sum(upstream, axis=0), *summands


_FORWARD, _BACKWARD = Kernel(_forward), Kernel(_backward)
