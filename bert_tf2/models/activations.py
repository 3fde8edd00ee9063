"""The activations a BERT configuration may name."""

import math
from collections.abc import Callable

import tensorflow as tf

from bert_tf2.models.converted import is_for_converter
from bert_tf2.models.own_weights import keeps_little

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
    if is_for_converter():
        return 0.5 * x * (1.0 + tf.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * tf.pow(x, 3))))
    return _in_float32(x, _gelu)


def gelu_exact(x: tf.Tensor) -> tf.Tensor:
    """x * Phi(x) with the error function, as Hugging Face's `gelu`; float32 inside."""
    if is_for_converter():
        # The one form that TFLite's converter and ONNX Runtime make one operation of. TFLite knows no error function alone.
        return 0.5 * x * (1.0 + tf.math.erf(x / math.sqrt(2)))
    return _in_float32(x, _gelu_exact)


def _in_float32(x: tf.Tensor, function: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
    """The value of a function that gives its derivative too, both in float32.

    This makes fewer passes over memory than automatic differentiation of the formulas: the activation is the largest tensor of a
    block, and these passes cost as much as a tenth of the products. What the gradient needs is one tensor, the derivative, made
    where its parts are at hand; without training nobody asks for it and the graph leaves it out.
    """
    makes_again = keeps_little()

    @tf.custom_gradient
    def apply(x):
        value, derivative = function(tf.cast(x, tf.float32))

        def gradient(upstream):
            slope = function(tf.cast(x, tf.float32))[1] if makes_again else derivative
            return tf.cast(tf.cast(upstream, tf.float32) * slope, x.dtype)

        return tf.cast(value, x.dtype), gradient

    return apply(x)


def _gelu(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    slope = tf.square(x) * _CUBIC + _SLOPE
    gate = tf.sigmoid(x * slope)
    y = x * gate
    return y, gate + y * (1 - gate) * (slope * 3 - 2 * _SLOPE)


def _gelu_exact(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    gate = _normal_distribution(x)
    return x * gate, gate + x * tf.exp(tf.square(x) * -0.5) * (1 / math.sqrt(2 * math.pi))


def _normal_distribution(x: tf.Tensor) -> tf.Tensor:
    """Phi(x), the distribution function of the standard normal distribution."""
    return 0.5 + 0.5 * tf.math.erf(x * math.sqrt(0.5))
