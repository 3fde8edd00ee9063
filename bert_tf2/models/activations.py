"""The activations a BERT configuration may name."""

import math
from collections.abc import Callable

import tensorflow as tf

from bert_tf2.models.kernels import Kernel

# gelu(x) = x * sigmoid(x * (_SLOPE + _CUBIC x^2)) is the tanh approximation of https://arxiv.org/abs/1606.08415, written
# with tanh(z) = 2 sigmoid(2z) - 1.
_SLOPE = 2 * math.sqrt(2 / math.pi)
_CUBIC = _SLOPE * 0.044715


def get_activation(name: str, compiled: bool) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function behind a `BertConfig.hidden_act`: floating tensor of any shape -> the same shape and dtype.

    Args:
      name: one of `config.ACTIVATIONS`.
      compiled: whether the gelus are compiled; the others are single operations.
    """
    return {
        "gelu": lambda x: gelu(x, compiled),
        "gelu_exact": lambda x: gelu_exact(x, compiled),
        "relu": tf.nn.relu,
        "silu": tf.nn.silu,
        "tanh": tf.tanh,
        "linear": tf.identity,
    }[name]


def gelu(x: tf.Tensor, compiled: bool = False) -> tf.Tensor:
    """x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))), as in Google's BERT; float32 inside."""
    return _with_recomputed_slope(x, _GELU, _GELU_GRADIENT, compiled)


def gelu_exact(x: tf.Tensor, compiled: bool = False) -> tf.Tensor:
    """x * Phi(x) with the error function, as Hugging Face's `gelu`; float32 inside."""
    return _with_recomputed_slope(x, _GELU_EXACT, _GELU_EXACT_GRADIENT, compiled)


def _with_recomputed_slope(x: tf.Tensor, function: Kernel, gradient: Kernel, compiled: bool) -> tf.Tensor:
    """Applies `function` and keeps only x for its gradient, where autodiff would keep every intermediate."""

    @tf.custom_gradient
    def apply(x):
        return function(compiled, x), lambda upstream: gradient(compiled, x, upstream)

    return apply(x)


def _gelu(x: tf.Tensor) -> tf.Tensor:
    wide = tf.cast(x, tf.float32)
    return tf.cast(wide * tf.sigmoid(wide * (_CUBIC * wide * wide + _SLOPE)), x.dtype)


def _gelu_gradient(x: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    wide = tf.cast(x, tf.float32)
    square = wide * wide
    gate = tf.sigmoid(wide * (_CUBIC * square + _SLOPE))
    slope = gate * (1 + wide * (1 - gate) * (3 * _CUBIC * square + _SLOPE))
    return tf.cast(slope * tf.cast(upstream, tf.float32), x.dtype)


def _gelu_exact(x: tf.Tensor) -> tf.Tensor:
    wide = tf.cast(x, tf.float32)
    return tf.cast(wide * (0.5 + 0.5 * tf.math.erf(wide * math.sqrt(0.5))), x.dtype)


def _gelu_exact_gradient(x: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    wide = tf.cast(x, tf.float32)
    density = tf.exp(-0.5 * wide * wide) * (1 / math.sqrt(2 * math.pi))
    slope = 0.5 + 0.5 * tf.math.erf(wide * math.sqrt(0.5)) + wide * density
    return tf.cast(slope * tf.cast(upstream, tf.float32), x.dtype)


_GELU, _GELU_GRADIENT = Kernel(_gelu), Kernel(_gelu_gradient)
_GELU_EXACT, _GELU_EXACT_GRADIENT = Kernel(_gelu_exact), Kernel(_gelu_exact_gradient)
