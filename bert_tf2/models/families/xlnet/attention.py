"""Attention by content, distance and segment (https://arxiv.org/abs/1906.08237, https://arxiv.org/abs/1901.02860).

The score of query i and key j is ((q_i + u) k_j + (q_i + v) r_{i-j} + (q_i + w) s_{ij}) / sqrt(head size), with s one of two
vectors: for two tokens of the same segment and for others. A term that is the same for all keys is nothing to the softmax, so
s is taken as their difference where the segments are the same; and that is a product too, of each token's segment, which stands
behind the heads' own vectors.
"""

import math
from typing import Any

import tensorflow as tf

from bert_tf2.models.attention import attend
from bert_tf2.models.dropout import Dropout
from bert_tf2.models.families.xlnet.config import XLNetConfig
from bert_tf2.models.families.xlnet.context import Context
from bert_tf2.models.layers import build_under_name, initializer
from bert_tf2.models.own_weights import OwnWeights, value
from bert_tf2.models.parameter_efficient.low_rank import MatrixKernel, adapted_back_product, adapted_product, are_adapted


class HeadKernel(MatrixKernel):
    """A matrix between vectors and heads, stored as [H, N, D] in both directions, without a bias.

    Args:
      config: shape of the encoder.
    """

    def __init__(self, config: XLNetConfig, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._shape = [config.hidden_size, config.num_attention_heads, config.head_size]
        self.matrix_shape = (config.hidden_size, config.attention_width)
        self._initializer = initializer(config)

    def build(self, input_shape: tf.TensorShape) -> None:
        """Makes `kernel`, float32 [H, N, D]."""
        self.kernel = self.add_weight("kernel", self._shape, dtype=tf.float32, initializer=self._initializer)
        super().build(input_shape)

    def matrix(self, scale: float = 1.0) -> tf.Tensor:
        """The kernel as float32 [H, N * D], times `scale`."""
        kernel = self.whole()
        return kernel if scale == 1.0 else kernel * scale


class RelativeAttention(OwnWeights):
    """Multi-head attention of tokens to those of their row, with its output projection.

    Args:
      config: shape of the encoder.
      salt: of the dropout on the attention probabilities.
    """

    def __init__(self, config: XLNetConfig, salt: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._heads, self._head_size, self._width = config.num_attention_heads, config.head_size, config.hidden_size
        self._attention_width = config.attention_width
        self._initializer = initializer(config)
        self._scale = 1 / math.sqrt(self._head_size)
        self._query_dense = HeadKernel(config, name="query")
        self._key_dense = HeadKernel(config, name="key")
        self._value_dense = HeadKernel(config, name="value")
        self._distance_dense = HeadKernel(config, name="distance")
        self._output_dense = HeadKernel(config, name="attention_output")
        self._dropout_layer = Dropout(config.attention_probs_dropout_prob, salt, name="dropout")

    @property
    def output_dense(self) -> HeadKernel:
        """The projection of what was attended to."""
        return self._output_dense

    def build(self, input_shape: tf.TensorShape) -> None:
        """Makes the kernels, `content_bias`, `distance_bias` and `segment_bias`, float32 [N, D], and `segments`, [2, N, D]."""
        for layer in (self._query_dense, self._key_dense, self._value_dense, self._distance_dense, self._output_dense):
            build_under_name(layer, input_shape)
        shape = [self._heads, self._head_size]
        for name in ("content_bias", "distance_bias", "segment_bias"):
            setattr(self, name, self.add_weight(name, shape, dtype=tf.float32, initializer="zeros"))
        self.segments = self.add_weight("segments", [2, *shape], dtype=tf.float32, initializer=self._initializer)
        super().build(input_shape)

    def call(
        self, hidden: tf.Tensor, context: Context, outputs: tf.Tensor | None = None, training: bool | None = None
    ) -> tf.Tensor:
        """Attends within each row.

        Args:
          hidden: [B, L, H] in the dtype of the products.
          context: what `RelativeContext` gives.
          outputs: the places of the tokens that ask, int32 [B, F]; None for all.
          training: whether attention probabilities are dropped out.

        Returns:
          [B * L, H], or [B * F, H].
        """
        query, key, values, adder, of_distance = self._terms(hidden, context, outputs, training)
        draws = self._dropout_layer.draws(training)
        of_heads = attend(query, key, values, adder, draws, self._dropout_layer.lowest_kept, of_distance)
        flat = tf.reshape(tf.transpose(of_heads, [1, 2, 0, 3]), [-1, self._attention_width])
        if self._output_dense.adapter is not None:
            return adapted_back_product(flat, self._output_dense)
        return tf.matmul(flat, tf.cast(self._output_dense.matrix(), hidden.dtype), transpose_b=True)

    def weights_between(self, hidden: tf.Tensor, context: Context) -> tf.Tensor:
        """How much each token attends to each, without dropout: [B, L, H] -> float32 [B, N, L, L]; the last axis adds up to 1."""
        query, key, _, adder, of_distance = self._terms(hidden, context, None, False)
        scores = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32) + tf.cast(of_distance, tf.float32)
        return tf.transpose(tf.nn.softmax(scores + adder), [1, 0, 2, 3])

    def _terms(
        self, hidden: tf.Tensor, context: Context, outputs: tf.Tensor | None, training: bool | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Queries [N, B, F, D + S] and keys [N, B, L, D + S], of content and segment; values [N, B, L, D]; and what is added to
        the scores: for padding, and by distance [N, B, F, L]."""
        dtype = hidden.dtype
        adder, segments, distances = context
        segments, distances = tf.cast(segments, dtype), tf.cast(distances, dtype)
        # The scale of the scores and that of the dropout are put into the kernels, which are smaller than what they produce.
        asking = (self._query_dense, self._scale)
        others = [(self._key_dense, 1.0), (self._value_dense, self._dropout_layer.scale if training else 1.0)]
        if outputs is None:
            asked_by, query_segments = hidden, segments
            query, key, values = self._project(hidden, [asking, *others])
        else:
            asked_by, query_segments = (tf.gather(tensor, outputs, batch_dims=1) for tensor in (hidden, segments))
            (query,), (key, values) = self._project(asked_by, [asking]), self._project(hidden, others)
            if adder.shape[1] != 1:
                adder = tf.gather(adder, outputs, batch_dims=1)
        of_segment = self._of_segment(asked_by, self._query_dense.matrix(self._scale))[..., tf.newaxis] * query_segments
        of_distance = self._of_distance(query + self._bias(self.distance_bias, dtype), distances, outputs)
        query = tf.concat([query + self._bias(self.content_bias, dtype), of_segment], axis=-1)
        key = tf.concat([key, tf.tile(segments[tf.newaxis], [self._heads, 1, 1, 1])], axis=-1)
        return query, key, values, adder, of_distance

    def _project(self, hidden: tf.Tensor, layers: list[tuple[HeadKernel, float]]) -> list[tf.Tensor]:
        """Applies several kernels as one matrix, then parts the heads: [B, L, H] -> [N, B, L, D] for each."""
        flat = tf.reshape(hidden, [-1, self._width])
        if are_adapted(layer for layer, _ in layers):
            product = adapted_product(flat, layers)
        else:
            kernel = tf.concat([layer.matrix(scale) for layer, scale in layers], axis=1)
            product = tf.matmul(flat, tf.cast(kernel, hidden.dtype))
        parted = tf.reshape(product, [*tf.unstack(tf.shape(hidden)[:2]), len(layers), self._heads, self._head_size])
        return tf.unstack(tf.transpose(parted, [2, 3, 0, 1, 4]))

    def _bias(self, bias: tf.Variable, dtype: tf.DType) -> tf.Tensor:
        """A bias of queries, scaled as they are: [N, 1, 1, D]."""
        return tf.cast(value(bias) * self._scale, dtype)[:, tf.newaxis, tf.newaxis]

    def _of_segment(self, asked_by: tf.Tensor, asking: tf.Tensor) -> tf.Tensor:
        """How much more a token asks for one of its own segment: [B, F, H] -> [N, B, F].

        The queries are not asked for it: their kernel is multiplied first, to a number for each head.
        """
        table = tf.convert_to_tensor(value(self.segments))
        own = table[0] - table[1]
        kernel = tf.reduce_sum(tf.reshape(asking, [self._width, self._heads, self._head_size]) * own, axis=-1)
        bias = tf.reduce_sum(value(self.segment_bias) * own, axis=-1) * self._scale
        dtype = asked_by.dtype
        flat = tf.matmul(tf.reshape(asked_by, [-1, self._width]), tf.cast(kernel, dtype)) + tf.cast(bias, dtype)
        return tf.transpose(tf.reshape(flat, [*tf.unstack(tf.shape(asked_by)[:2]), self._heads]), [2, 0, 1])

    def _of_distance(self, query: tf.Tensor, distances: tf.Tensor, outputs: tf.Tensor | None) -> tf.Tensor:
        """The scores by distance: [N, B, F, D] -> [N, B, F, L]."""
        rows, length = tf.shape(query)[1], tf.shape(distances)[0] // 2
        kernel = tf.cast(self._distance_dense.matrix(), query.dtype)
        flat = tf.reshape(query, [self._heads, -1, self._head_size])
        if outputs is None:
            keys = tf.reshape(tf.matmul(distances, kernel), [-1, self._heads, self._head_size])
            scores = tf.matmul(flat, tf.transpose(keys, [1, 2, 0]))
            return shifted(tf.reshape(scores, [self._heads, rows, length, 2 * length]), length)
        # Few ask: they look at the distances' own vectors, of which those that they need are taken. That has no gradient.
        of_heads = tf.transpose(tf.reshape(kernel, [self._width, self._heads, self._head_size]), [1, 2, 0])
        flat = tf.transpose(tf.matmul(flat, of_heads), [1, 0, 2])
        places = tf.range(length, 2 * length) - outputs[..., tf.newaxis]
        needed = tf.reshape(tf.gather(distances, places), [-1, length, self._width])
        scores = tf.matmul(flat, needed, transpose_b=True)
        return tf.transpose(tf.reshape(scores, [rows, -1, self._heads, length]), [2, 0, 1, 3])


def shifted(scores: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Scores by place of the key from scores by distance: [N, B, L, 2 L] -> [N, B, L, L].

    That of query i and key j stands in its row at L - (i - j). In rows that are one shorter it stands at the same place in all.
    """
    outer = tf.unstack(tf.shape(scores)[:2])
    flat = tf.reshape(scores, [*outer, 2 * length * length])[:, :, length:]
    return tf.reshape(flat, [*outer, length, 2 * length - 1])[:, :, :, :length]
