"""Dropout whose decisions are a function of a seed and the layer, and of nothing else.

Nothing here remembers anything: the trainer derives a seed from (run seed, step, replica) and enters `dropout_seed` while it
traces its step, so a restored step repeats its decisions exactly.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
import tf_keras

_context = threading.local()

# A decision takes 16 random bits: half the random numbers of 32 bits, and every rate is met to 1/131072. With 8 bits a rate of
# 0.1 would be 0.1016.
_LEVELS = 1 << 16


@contextlib.contextmanager
def dropout_seed(seed: tf.Tensor) -> Iterator[None]:
    """Makes every `Dropout` called in this thread draw from `seed`.

    Enter it inside the function that a replica runs (each replica has its own thread) with a seed that differs by step and by
    replica. Without it dropout draws a seed from TensorFlow's generator, so that a model also trains in other loops.

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

    Args:
      rate: from 0 to below 1.
      salt: a number that no other layer of the model has; the same seed gives other decisions under another salt.
    """

    def __init__(self, rate: float, salt: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._salt = salt
        self._rate = rate
        self._threshold = min(round(rate * _LEVELS), _LEVELS - 1)

    @property
    def scale(self) -> float:
        """What a kept element is multiplied by, from the rate that is really drawn."""
        return _LEVELS / (_LEVELS - self._threshold)

    @property
    def lowest_kept(self) -> int:
        """An element stays when its draw is at least this."""
        return self._threshold - _LEVELS // 2

    def draws(self, shape: tf.Tensor, training: bool | None) -> tf.Tensor | None:
        """Random numbers that decide over the elements of `shape`, int16 and uniform, or None where nothing is dropped."""
        if not training or self._threshold == 0:
            return None
        seed = getattr(_context, "seed", None)
        if seed is None:
            seed = tf.random.uniform([2], minval=tf.int32.min, maxval=tf.int32.max, dtype=tf.int32)
        # Distinct salts give the counter-based generator distinct keys; their streams are independent by design.
        seed = tf.random.experimental.stateless_fold_in(tf.cast(seed, tf.int32), self._salt)
        size = tf.reduce_prod(shape)
        words = tf.random.stateless_uniform([(size + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32, alg="philox")
        return tf.reshape(tf.reshape(tf.bitcast(words, tf.int16), [-1])[:size], shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns `inputs` (any floating shape), dropped out when `training`."""
        draws = self.draws(tf.shape(inputs), training)
        if draws is None:
            return inputs
        return inputs * (kept(draws, self.lowest_kept, inputs.dtype) * tf.cast(self.scale, inputs.dtype))

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {**super().get_config(), "rate": self._rate, "salt": self._salt}


def kept(draws: tf.Tensor, lowest_kept: int, dtype: tf.DType) -> tf.Tensor:
    """1 where an element stays, 0 where it is dropped: int16 of any shape -> `dtype` of that shape."""
    return tf.cast(draws >= tf.constant(lowest_kept, tf.int16), dtype)
