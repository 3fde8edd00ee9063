"""Dropout whose decisions are a function of a seed and the layer, and of nothing else.

Nothing here remembers anything: the trainer derives a seed from (run seed, step, replica) and enters `dropout_seed` while it
traces its step, so a restored step repeats its decisions exactly.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.own_weights import keeps_little

_context = threading.local()

Draws = Callable[[tf.Tensor], tf.Tensor]

# A decision takes 16 random bits: half the random numbers of 32 bits, and every rate is met to 1/131072. With 8 bits a rate of
# 0.1 would be 0.1016.
_LEVELS = 1 << 16


@contextlib.contextmanager
def salted(offset: tf.Tensor) -> Iterator[None]:
    """Adds a number, int32, to the salt of every `Dropout` called in this thread: one layer stands for many."""
    previous = getattr(_context, "offset", 0)
    _context.offset = offset
    try:
        yield
    finally:
        _context.offset = previous


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


def drawing() -> tuple[tf.Tensor, tf.Tensor | int]:
    """What draws the same once more: the seed that `dropout_seed` gave, or a new one, and the offset that `salted` gave."""
    seed = getattr(_context, "seed", None)
    return (_new_seed() if seed is None else seed), getattr(_context, "offset", 0)


def fold(seed: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    """Another seed for every number: int32 [2] -> int32 [2].

    Equal to `tf.random.experimental.stateless_fold_in`, whose numbers are others in code that XLA compiled.
    """
    number = tf.cast(number, tf.int32)
    return tf.stack([tf.random.stateless_uniform([], seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"), number])


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

    def draws(self, training: bool | None) -> Draws | None:
        """What draws the random numbers that decide over the elements of a shape: int16 and uniform, the same ones every time for
        a shape. None where nothing is dropped."""
        if not training or self._threshold == 0:
            return None
        seed = getattr(_context, "seed", None)
        if seed is None:
            seed = _new_seed()
        # Distinct salts give the counter-based generator distinct keys; their streams are independent by design.
        seed = fold(tf.cast(seed, tf.int32), self._salt + getattr(_context, "offset", 0))

        def drawn(shape: tf.Tensor) -> tf.Tensor:
            size = tf.reduce_prod(shape)
            words = tf.random.stateless_uniform([(size + 1) // 2], seed, minval=None, maxval=None, dtype=tf.int32, alg="philox")
            return tf.reshape(tf.reshape(tf.bitcast(words, tf.int16), [-1])[:size], shape)

        return drawn

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns `inputs` (any floating shape), dropped out when `training`."""
        draws = self.draws(training)
        if draws is None:
            return inputs

        def scaled(values: tf.Tensor) -> tf.Tensor:
            return values * (kept(draws(tf.shape(values)), self.lowest_kept, values.dtype) * tf.cast(self.scale, values.dtype))

        if not keeps_little():
            return scaled(inputs)
        return tf.custom_gradient(lambda values: (scaled(values), scaled))(inputs)

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {**super().get_config(), "rate": self._rate, "salt": self._salt}


def kept(draws: tf.Tensor, lowest_kept: int, dtype: tf.DType) -> tf.Tensor:
    """1 where an element stays, 0 where it is dropped: int16 of any shape -> `dtype` of that shape."""
    return tf.cast(draws >= tf.constant(lowest_kept, tf.int16), dtype)


def _new_seed() -> tf.Tensor:
    return tf.random.uniform([2], minval=tf.int32.min, maxval=tf.int32.max, dtype=tf.int32)
