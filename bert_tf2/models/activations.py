"""The activations a BERT configuration may name."""

import math
from collections.abc import Callable

import tensorflow as tf


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
    """x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))): the approximation in Google's BERT (https://arxiv.org/abs/1606.08415)."""
    return tf.nn.gelu(x, approximate=True)


def gelu_exact(x: tf.Tensor) -> tf.Tensor:
    """x * Phi(x) with the error function, as Hugging Face's `gelu` computes it."""
    return x * tf.cast(0.5, x.dtype) * (1 + tf.math.erf(x * tf.cast(math.sqrt(0.5), x.dtype)))
