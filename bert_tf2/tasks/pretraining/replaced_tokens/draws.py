"""Random numbers of single tokens, and tokens drawn with them.

Each number is a hash of (seed, the row's text, the token's place): it depends neither on padding nor on what else is in the
batch, so an evaluation gives the same in batches of any size. The 32-bit hash is computed in int64, which every device has.
"""

import math

import tensorflow as tf

_BITS = 0xFFFFFFFF
# Below 2^31, so that the product with 32 bits fits into int64.
_FACTOR, _STEP = 0x45D9F3B, 0x3C6EF372
# A float32 below 1 times a total is below the total only with so few bits.
_DRAWN_BITS = 23


class RowDraws:
    """Draws for the tokens of a batch.

    Args:
      seed: int32 [2].
      ids: the rows' tokens, int32 [B, L].
      mask: 1 for a token, 0 for padding, int32 [B, L].
    """

    def __init__(self, seed: tf.Tensor, ids: tf.Tensor, mask: tf.Tensor):
        places = tf.range(tf.shape(ids)[1], dtype=tf.int64)
        tokens = _mixed(tf.cast(ids, tf.int64) + _mixed(places + 1)) * tf.cast(mask, tf.int64)
        first, second = tf.unstack(tf.bitwise.bitwise_and(tf.cast(seed, tf.int64), tf.constant(_BITS, tf.int64)))
        self._rows = _mixed(tf.reduce_sum(tokens, axis=1) + _mixed(first + _mixed(second)))

    def uniform(self, stream: int, rows: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Numbers from 0 to below 1.

        Args:
          stream: streams of different numbers are independent of each other.
          rows, places: of the tokens, int32 [N].

        Returns:
          float32 [N].
        """
        keys = tf.gather(self._rows, rows) + _mixed(tf.cast(places, tf.int64) + tf.constant(stream * _STEP, tf.int64))
        bits = tf.bitwise.right_shift(_mixed(keys), tf.constant(32 - _DRAWN_BITS, tf.int64))
        return tf.cast(bits, tf.float32) * 2.0**-_DRAWN_BITS


def drawn_tokens(likelihoods: tf.Tensor, temperature: float, of_group: tf.Tensor, of_token: tf.Tensor) -> tf.Tensor:
    """Tokens with probabilities in proportion to `likelihoods ** (1 / temperature)`.

    So is the largest of logits with Gumbel noise; here it takes two random numbers, not one for each token of the vocabulary: the
    first chooses among groups of about sqrt(V) tokens, the second within the group, both by cumulative sums.

    Args:
      likelihoods: float32 [N, V], from 0 to 1, of which 1 is the likeliest.
      temperature: above 0.
      of_group, of_token: uniform random numbers of `RowDraws`, float32 [N].

    Returns:
      int32 [N]; never a token of likelihood 0.
    """
    tokens = likelihoods.shape[1]
    size = math.isqrt(tokens - 1) + 1
    number = -(-tokens // size)
    if temperature != 1.0:
        likelihoods = tf.pow(likelihoods, 1.0 / temperature)
    groups = tf.reshape(tf.pad(likelihoods, [[0, 0], [0, number * size - tokens]]), [-1, number, size])
    group = _first_above(tf.reduce_sum(groups, axis=2), of_group)
    return group * size + _first_above(tf.gather(groups, group, batch_dims=1), of_token)


def _first_above(weights: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """The first place where the sum of the weights up to it is more than the drawn share of all: int32 [N] of float32 [N, K]."""
    sums = tf.cumsum(weights, axis=1)
    return tf.reduce_sum(tf.cast(sums <= draws[:, tf.newaxis] * sums[:, -1:], tf.int32), axis=1)


def _mixed(values: tf.Tensor) -> tf.Tensor:
    """A hash of 32 bits of int64 numbers of which the lower 32 bits count; one to one in them."""
    values = tf.bitwise.bitwise_and(values, tf.constant(_BITS, tf.int64))
    for _ in range(2):
        values = _folded(values) * tf.constant(_FACTOR, tf.int64)
        values = tf.bitwise.bitwise_and(values, tf.constant(_BITS, tf.int64))
    return _folded(values)


def _folded(values: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(values, tf.bitwise.right_shift(values, tf.constant(16, tf.int64)))
