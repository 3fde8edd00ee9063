"""The activations a BERT configuration may name."""

import math
from collections.abc import Callable

import tensorflow as tf

# gelu(x) = x * sigmoid(x * (_SLOPE + _CUBIC x^2)) is the tanh approximation of https://arxiv.org/abs/1606.08415, written
# with tanh(z) = 2 sigmoid(2z) - 1.
_SLOPE = 2 * math.sqrt(2 / math.pi)
_CUBIC = _SLOPE * 0.044715


def get_activation(name: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function behind a `BertConfig.hidden_act`: floating tensor of any shape -> the same shape and dtype."""
    return {
        "gelu": gelu,
        "gelu_exact": gelu_exact,
        "relu": tf.nn.relu,
        "silu": tf.nn.silu,
        "tanh": tf.tanh,
        "linear": tf.identity,
    }[name]


def gelu(x: tf.Tensor) -> tf.Tensor:
    """x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))), as in Google's BERT; float32 inside."""
    return _in_float32(x, _gelu)


def gelu_exact(x: tf.Tensor) -> tf.Tensor:
    """x * Phi(x) with the error function, as Hugging Face's `gelu`; float32 inside."""
    return _in_float32(x, _gelu_exact)


def _in_float32(x: tf.Tensor, function: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    return tf.cast(function(tf.cast(x, tf.float32)), x.dtype)


# Both keep only x for their gradient and make fewer passes over memory than automatic differentiation of the formulas: the
# activation is the largest tensor of a block, and these passes cost as much as a tenth of the products.
@tf.custom_gradient
def _gelu(x):
    def gradient(upstream):
        square = tf.square(x)
        gate = tf.sigmoid(x * (square * _CUBIC + _SLOPE))
        return upstream * gate * (1 + x * (1 - gate) * (square * (3 * _CUBIC) + _SLOPE))

    return x * tf.sigmoid(x * (tf.square(x) * _CUBIC + _SLOPE)), gradient


@tf.custom_gradient
def _gelu_exact(x):
    def gradient(upstream):
        density = tf.exp(tf.square(x) * -0.5) * (1 / math.sqrt(2 * math.pi))
        return upstream * (_normal_distribution(x) + x * density)

    return x * _normal_distribution(x), gradient


def _normal_distribution(x: tf.Tensor) -> tf.Tensor:
    """Phi(x), the distribution function of the standard normal distribution."""
    return 0.5 + 0.5 * tf.math.erf(x * math.sqrt(0.5))
