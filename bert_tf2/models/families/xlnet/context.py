"""What XLNet's attention knows of tokens besides their vectors: what is padding, their segments, and how far they are."""

from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.attention import AttentionMask
from bert_tf2.models.dropout import Dropout
from bert_tf2.models.families.xlnet.config import XLNetConfig
from bert_tf2.models.packing import current

Context = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
"""What `RelativeContext` gives; nothing in it has a gradient."""

# Far above the salts of the blocks' dropouts, and others than the heads'.
_DISTANCE_SALT = 1_000_011


class RelativeContext(tf_keras.layers.Layer):
    """The same for all blocks.

    The distances' vectors are dropped out alike for all rows of a batch, where the original draws for each row: so their product
    with a matrix is made once for a batch.

    Args:
      config: shape of the encoder.
    """

    def __init__(self, config: XLNetConfig, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._width, self._segments = config.hidden_size, config.type_vocab_size
        self._mask = AttentionMask(name="mask")
        self._dropout = Dropout(config.hidden_dropout_prob, _DISTANCE_SALT, name="dropout")

    def call(self, hidden: tf.Tensor, input_mask: tf.Tensor, segment_ids: tf.Tensor, training: bool | None = None) -> Context:
        """Looks at a batch, or at packs.

        Args:
          hidden: float32 [B, L, H].
          input_mask, segment_ids: int32 [B, L], of examples also where `hidden` is of packs.
          training: whether there is dropout.

        Returns:
          What is added to the scores, float32 [B, 1, L] or [B, L, L]; which segment a token is of, float32 [B, L, S] of 0 and 1;
          and a vector for each distance, float32 [2 L, H].
        """
        if (packing := current()) is not None:
            segment_ids = packing.of_tokens(segment_ids)
        adder = self._mask(hidden, input_mask)[:, 0]
        segments = tf.one_hot(segment_ids, self._segments, dtype=tf.float32)
        return adder, segments, self._dropout(distances(tf.shape(hidden)[1], self._width), training=training)


def distances(length: tf.Tensor, width: int) -> tf.Tensor:
    """A vector for how far a token stands before another: length, length - 1, …, 1 - length (https://arxiv.org/abs/1901.02860).

    float32 [2 * length, width]: the sines, then the cosines of the distance in wave lengths from 2 pi to 10000 * 2 pi.
    """
    before = tf.cast(tf.range(length, -length, -1), tf.float32)
    frequencies = 10000.0 ** (-tf.range(0, width, 2, dtype=tf.float32) / width)
    phases = before[:, tf.newaxis] * frequencies
    return tf.concat([tf.sin(phases), tf.cos(phases)], axis=-1)


class LastToken(tf_keras.layers.Layer):
    """Where the last token of each row stands that is none of padding, on whichever side padding is.

    Args:
      in_packs: where the last tokens of examples stand in the rows that the encoder works on, which packing makes others.
    """

    def __init__(self, in_packs: bool, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._in_packs = in_packs

    def call(self, input_mask: tf.Tensor) -> tf.Tensor:
        """int32 [B, L] -> int32 [B, 1]; packed [P, K], anything for no example."""
        packing = current()
        if packing is not None and self._in_packs:
            return packing.lasts
        return tf.reduce_max(input_mask * tf.range(tf.shape(input_mask)[1]), axis=1, keepdims=True)
