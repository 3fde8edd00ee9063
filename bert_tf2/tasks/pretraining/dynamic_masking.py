"""Masking drawn anew for every sample of a training, in the input pipeline.

Everything random is a hash of (seed, sample, unit or token), so what is masked depends neither on the workers nor on what came
before: a resumed run masks as the uninterrupted one.
"""

import dataclasses

import tensorflow as tf

# Streams of numbers that are independent of each other.
_ORDER, _KIND, _TOKEN = 1, 2, 3
# A unit that does not fit any more is skipped; after so many of them no more are looked for.
_SKIPS = 4
_AS_MASK, _AS_IT_IS = 0.8, 0.9


@dataclasses.dataclass(frozen=True)
class DynamicMasking:
    """Masks a batch as Devlin et al. 2018 (section 3.1): of the tokens chosen, 80 % become [MASK], 10 % random tokens.

    Whole units are chosen at random, as many as fit into the share of the row's tokens.

    Args:
      seed: the run's.
      masked_lm_prob: share of a row's tokens to predict, special tokens counted as in Google's program.
      max_predictions_per_seq: the most tokens of a row.
      vocab_size: random tokens are drawn from the whole vocabulary; the model may have room for more.
      mask_id: id of [MASK].
    """

    seed: int
    masked_lm_prob: float
    max_predictions_per_seq: int
    vocab_size: int
    mask_id: int

    def __call__(self, batch: dict[str, tf.Tensor], sample_ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Masks a batch.

        Args:
          batch: `input_word_ids`, `input_mask` and `masking_units` int32 [B, L], and more.
          sample_ids: int64 [B].

        Returns:
          The batch with masked `input_word_ids`, and instead of `masking_units`: `masked_lm_positions` and `masked_lm_ids`
          int32 [B, P], `masked_lm_weights` float32 [B, P] with P = `max_predictions_per_seq`; positions ascend.
        """
        ids, units = batch["input_word_ids"], batch["masking_units"]
        chosen = self._chosen(units, batch["input_mask"], sample_ids)
        place = tf.range(tf.shape(ids)[1], dtype=tf.int32)[tf.newaxis, :]
        kind = self._uniform(_KIND, sample_ids, place)
        random_ids = tf.cast(self._uniform(_TOKEN, sample_ids, place) * self.vocab_size, tf.int32)
        masked = tf.where(
            kind < _AS_MASK, self.mask_id, tf.where(kind < _AS_IT_IS, ids, tf.minimum(random_ids, self.vocab_size - 1))
        )
        predictions = self.max_predictions_per_seq
        # Those not chosen sort behind all others.
        positions = tf.sort(tf.where(chosen, place, tf.int32.max), axis=1)[:, :predictions]
        positions = tf.pad(positions, [[0, 0], [0, predictions - tf.shape(positions)[1]]], constant_values=tf.int32.max)
        positions = tf.ensure_shape(positions, [None, predictions])
        used = positions < tf.int32.max
        positions = tf.where(used, positions, 0)
        result = {name: value for name, value in batch.items() if name != "masking_units"}
        return result | {
            "input_word_ids": tf.where(chosen, masked, ids),
            "masked_lm_positions": positions,
            "masked_lm_ids": tf.where(used, tf.gather(ids, positions, batch_dims=1), 0),
            "masked_lm_weights": tf.cast(used, tf.float32),
        }

    def _chosen(self, units: tf.Tensor, mask: tf.Tensor, sample_ids: tf.Tensor) -> tf.Tensor:
        """Which tokens are to be predicted: bool [B, L]."""
        rows, length = tf.shape(units)[0], tf.shape(units)[1]
        tokens = tf.cast(tf.reduce_sum(mask, axis=1, keepdims=True), tf.float64)
        wanted = tf.maximum(1, tf.cast(tf.round(tokens * self.masked_lm_prob), tf.int32))
        room = tf.minimum(wanted, self.max_predictions_per_seq)
        # Sizes of the units [B, U], U = L + 1; unit 0 is never masked.
        number = length + 1
        flat = tf.reshape(units + tf.range(rows)[:, tf.newaxis] * number, [-1])
        sizes = tf.reshape(tf.math.unsorted_segment_sum(tf.ones_like(flat), flat, rows * number), [rows, number])
        unit = tf.range(number)[tf.newaxis, :]
        sizes = tf.where(unit > 0, sizes, 0)
        order = tf.argsort(self._uniform(_ORDER, sample_ids, unit) + tf.cast(sizes == 0, tf.float64), axis=1, stable=True)
        sizes = tf.gather(sizes, order, batch_dims=1)
        taken = tf.zeros_like(sizes, tf.bool)
        for _ in range(_SKIPS):
            left = room - tf.reduce_sum(tf.where(taken, sizes, 0), axis=1, keepdims=True)
            fits = tf.logical_and(tf.logical_and(sizes > 0, sizes <= left), tf.logical_not(taken))
            # In their order, until the first that does not fit any more.
            taken = tf.logical_or(taken, tf.logical_and(fits, tf.cumsum(tf.where(fits, sizes, 0), axis=1) <= left))
        of_unit = tf.gather(taken, tf.argsort(order, axis=1), batch_dims=1)
        return tf.logical_and(tf.gather(of_unit, units, batch_dims=1), units > 0)

    def _uniform(self, stream: int, sample_ids: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
        """Numbers from 0 to below 1, one for each sample and place: float64 [B, …] with 32 random bits."""
        key = _mixed(tf.constant(self.seed & 0xFFFFFFFFFFFFFFFF, tf.uint64) + tf.constant(stream * _GOLDEN & _ALL, tf.uint64))
        of_sample = _mixed(tf.bitwise.bitwise_xor(key, tf.bitcast(sample_ids, tf.uint64)))[:, tf.newaxis]
        bits = _mixed(of_sample + tf.cast(place, tf.uint64) * tf.constant(_GOLDEN, tf.uint64))
        return tf.cast(tf.bitwise.right_shift(bits, tf.constant(32, tf.uint64)), tf.float64) / 2**32


_GOLDEN, _ALL = 0x9E3779B97F4A7C15, 0xFFFFFFFFFFFFFFFF


def _mixed(values: tf.Tensor) -> tf.Tensor:
    """SplitMix64's mixing function (Steele, Lea and Flood 2014): uint64 to uint64, one to one."""

    def folded(values: tf.Tensor, bits: int) -> tf.Tensor:
        return tf.bitwise.bitwise_xor(values, tf.bitwise.right_shift(values, tf.constant(bits, tf.uint64)))

    values = values + tf.constant(_GOLDEN, tf.uint64)
    values = folded(values, 30) * tf.constant(0xBF58476D1CE4E5B9, tf.uint64)
    values = folded(values, 27) * tf.constant(0x94D049BB133111EB, tf.uint64)
    return folded(values, 31)
