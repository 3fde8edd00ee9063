"""Dropout whose decisions are a function of a seed, the layer and nothing else.

Nothing here remembers anything: the trainer derives a seed from (run seed, step, replica) and enters `dropout_seed` while it
traces its step, so a restored step repeats its decisions exactly.
"""

import contextlib
import threading
from collections.abc import Iterator

import tensorflow as tf
import tf_keras

_context = threading.local()


@contextlib.contextmanager
def dropout_seed(seed: tf.Tensor) -> Iterator[None]:
    """Makes every `Dropout` called in this thread draw from `seed`.

    Enter it inside the function that a replica runs (each replica has its own thread) with a seed that differs by step and by
    replica.

    Args:
      seed: int32 [2].
    """
    previous = getattr(_context, "seed", None)
    _context.seed = seed
    try:
        yield
    finally:
        _context.seed = previous


class Dropout(tf_keras.layers.Layer):
    """Zeroes elements with probability `rate` and scales the others so that the expectation stays (Srivastava et al. 2014).

    A decision takes 16 random bits, so the rate is met to 2^-17; the scale belongs to the rate that is really drawn.

    Args:
      rate: from 0 to below 1.
      salt: a number that no other layer of the model has; the same seed gives other decisions under another salt.
    """

    def __init__(self, rate: float, salt: int, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self._rate = rate
        self._salt = salt

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns `inputs` (any floating shape), dropped out when `training`."""
        if not training or self._rate == 0:
            return inputs
        keep, scale = keep_decisions(tf.shape(inputs), self._rate, self._salt)
        return inputs * (tf.cast(keep, inputs.dtype) * tf.cast(scale, inputs.dtype))

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {**super().get_config(), "rate": self._rate, "salt": self._salt}


def keep_decisions(shape: tf.Tensor, rate: float, salt: int) -> tuple[tf.Tensor, float]:
    """Draws which elements stay.

    Args:
      shape: int32 [rank].
      rate: probability of dropping an element.
      salt: the layer's number.

    Returns:
      bool of `shape`, True where an element stays, and the factor that keeps the expectation.
    """
    dropped = min(round(rate * 65536), 65535)
    size = tf.reduce_prod(shape)
    words = tf.random.stateless_uniform(
        [(size + 1) // 2], seed=_layer_seed(salt), minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    pieces = tf.reshape(tf.bitcast(words, tf.int16), [-1])[:size]
    keep = tf.reshape(pieces >= tf.constant(dropped - 32768, tf.int16), shape)
    return keep, 65536 / (65536 - dropped)


def _layer_seed(salt: int) -> tf.Tensor:
    seed = getattr(_context, "seed", None)
    if seed is None:
        seed = tf.random.uniform([2], minval=tf.int32.min, maxval=tf.int32.max, dtype=tf.int32)
    # Distinct salts give distinct keys to the counter-based generator, whose streams are independent by design.
    return tf.random.experimental.stateless_fold_in(tf.cast(seed, tf.int32), salt)
