"""Multi-head self-attention (https://arxiv.org/abs/1706.03762)."""

import math
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import Draws, Dropout, kept
from bert_tf2.models.layers import Projection, build_under_name, chosen_tokens, initializer, packed_outputs
from bert_tf2.models.observation import note_heads
from bert_tf2.models.own_weights import keeps_little
from bert_tf2.models.packing import NEVER, current
from bert_tf2.models.parameter_efficient.low_rank import adapted_product, are_adapted


class AttentionMask(tf_keras.layers.Layer):
    """What is added to the attention scores: 0 for a real token, -1e9 for padding, and packed for tokens of other examples."""

    def __init__(self, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)

    def call(self, embeddings: tf.Tensor, input_mask: tf.Tensor) -> tf.Tensor:
        """([B, L, H] which is not read, int32 [B, L]) -> float32 [B, 1, 1, L]; packed [P, 1, L, L]."""
        del embeddings
        if (packing := current()) is not None:
            return packing.mask
        return ((1.0 - tf.cast(input_mask, tf.float32)) * NEVER)[:, tf.newaxis, tf.newaxis, :]


class SelfAttention(tf_keras.layers.Layer):
    """Multi-head self-attention with its output projection.

    Args:
      config: shape of the encoder.
      salt: of the dropout on the attention probabilities.
    """

    def __init__(self, config: BertConfig, salt: int, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._heads, self._head_size, self._width = config.num_attention_heads, config.head_size, config.hidden_size
        self._attention_width = config.attention_width
        split = [self._heads, self._head_size]

        def projection(name: str) -> Projection:
            return Projection([self._width, *split], split, [self._width, self._attention_width], initializer(config), name=name)

        self._query_dense = projection("query")
        self._key_dense = projection("key")
        self._value_dense = projection("value")
        self._output_dense = Projection(
            [*split, self._width],
            [self._width],
            [self._attention_width, self._width],
            initializer(config),
            name="attention_output",
        )
        self._dropout_layer = Dropout(config.attention_probs_dropout_prob, salt, name="dropout")

    @property
    def output_dense(self) -> Projection:
        """The projection of what was attended to."""
        return self._output_dense

    def build(self, input_shape: tf.TensorShape) -> None:
        """Builds the four projections."""
        for layer in (self._query_dense, self._key_dense, self._value_dense, self._output_dense):
            build_under_name(layer, input_shape)
        super().build(input_shape)

    def call(
        self, hidden: tf.Tensor, adder: tf.Tensor, outputs: int | tf.Tensor | None = None, training: bool | None = None
    ) -> tf.Tensor:
        """Attends within each row.

        Args:
          hidden: [B, L, H] in the dtype of the products.
          adder: float32 [B, 1, 1, L] or [B, 1, L, L], added to the scores.
          outputs: how many tokens of each row ask (the first ones, which must be few), or which, int32 [B, F]; None for all.
          training: whether attention probabilities are dropped out.

        Returns:
          [B * L, H], or [B * F, H].
        """
        if isinstance(outputs, int):
            return self._attend_from_few(hidden, adder, outputs, training)
        # The scale of the scores and that of the dropout are put into the kernels, which are smaller than what they produce.
        query_layer = (self._query_dense, self._query_scale)
        others = [(self._key_dense, 1.0), (self._value_dense, self._value_scale(training))]
        if outputs is None:
            query, key, value = self._project(hidden, [query_layer, *others])
            note_heads(query, key, value, self._value_scale(training))
        else:
            (query,) = self._project(chosen_tokens(hidden, outputs), [query_layer])
            key, value = self._project(hidden, others)
        draws = self._dropout_layer.draws(training)
        context = attend(query, key, value, adder, draws, self._dropout_layer.lowest_kept)
        return self._output_dense(tf.reshape(tf.transpose(context, [0, 2, 1, 3]), [-1, self._attention_width]))

    def _attend_from_few(self, hidden: tf.Tensor, adder: tf.Tensor, outputs: int, training: bool | None) -> tf.Tensor:
        """As `call`, without a key and a value for every token, which few queries would use.

        A score is q (K x + b) = (q K) x + q b, and the last term, the same for all tokens, is nothing to the softmax; the sum
        of p (V x + b) is V (sum of p x) + b (sum of p). So the heads work on `hidden` itself.
        """
        rows, length = tf.shape(hidden)[0], tf.shape(hidden)[1]
        dtype, heads, width = hidden.dtype, self._heads, self._width

        def of_heads(tensor: tf.Tensor, size: int) -> tf.Tensor:
            """[B, N * F, size] -> [N, B * F, size]."""
            return tf.reshape(tf.transpose(tf.reshape(tensor, [rows, heads, -1, size]), [1, 0, 2, 3]), [heads, -1, size])

        few = chosen_tokens(hidden, outputs)
        (query,) = self._project(few, [(self._query_dense, self._query_scale)])
        keys = tf.reshape(self._key_dense.matrix(dtype), [width, heads, self._head_size])
        query = tf.matmul(of_heads(query, self._head_size), tf.transpose(keys, [1, 2, 0]))
        query = tf.transpose(tf.reshape(query, [heads, rows, -1, width]), [1, 0, 2, 3])
        draws = self._dropout_layer.draws(training)
        context = attend(
            tf.reshape(query, [rows, -1, width]),
            hidden,
            tf.concat([hidden, tf.ones([rows, length, 1], dtype)], axis=-1),
            self._of_few(adder, outputs),
            draws,
            self._dropout_layer.lowest_kept,
        )
        scale = self._value_scale(training)
        values = tf.concat([self._value_dense.matrix(dtype, scale), self._value_dense.vector(dtype, scale)[tf.newaxis]], axis=0)
        values = tf.transpose(tf.reshape(values, [width + 1, heads, self._head_size]), [1, 0, 2])
        context = tf.reshape(tf.matmul(of_heads(context, width + 1), values), [heads, rows * tf.shape(few)[1], self._head_size])
        return self._output_dense(tf.reshape(tf.transpose(context, [1, 0, 2]), [-1, self._attention_width]))

    def weights_between(self, hidden: tf.Tensor, adder: tf.Tensor) -> tf.Tensor:
        """How much each token attends to each, without dropout: [B, L, H] -> float32 [B, N, L, L]; the last axis adds up to 1."""
        query, key = self._project(hidden, [(self._query_dense, self._query_scale), (self._key_dense, 1.0)])
        return tf.nn.softmax(tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32) + adder)

    def _of_few(self, adder: tf.Tensor, outputs: int) -> tf.Tensor:
        """What is added to the scores of few tokens, for each head one behind the other: [B, 1, L], or packed [P, N * K, L]."""
        places = packed_outputs(outputs)
        if isinstance(places, int):
            return adder[:, 0]
        return tf.tile(tf.gather(adder[:, 0], places, batch_dims=1), [1, self._heads, 1])

    @property
    def _query_scale(self) -> float:
        return 1 / math.sqrt(self._head_size)

    def _value_scale(self, training: bool | None) -> float:
        return self._dropout_layer.scale if training else 1.0

    def _project(self, hidden: tf.Tensor, layers: list[tuple[Projection, float]]) -> list[tf.Tensor]:
        """Applies several projections as one product, then parts the heads: [B, L, H] -> [B, N, L, D] for each."""
        flat = tf.reshape(hidden, [-1, self._width])
        if are_adapted(layer for layer, _ in layers):
            product = adapted_product(flat, layers)
        else:
            product = tf.matmul(flat, tf.concat([layer.matrix(hidden.dtype, scale) for layer, scale in layers], axis=1))
        bias = tf.concat([layer.vector(hidden.dtype, scale) for layer, scale in layers], axis=0)
        product = tf.nn.bias_add(product, bias)
        parted = tf.reshape(product, [*tf.unstack(tf.shape(hidden)[:2]), len(layers), self._heads, self._head_size])
        return tf.unstack(tf.transpose(parted, [2, 0, 3, 1, 4]))


def attend(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    adder: tf.Tensor,
    draws: Draws | None,
    lowest_kept: int,
    learned: tf.Tensor | None = None,
) -> tf.Tensor:
    """Dropout(softmax(query key^T + adder + learned)) value, the softmax in float32.

    Args:
      query: [B, N, F, D], scaled; all of these tensors may lack the axis N.
      key: [B, N, L, D].
      value: [B, N, L, E], scaled by the dropout's factor.
      adder: float32, of a shape that broadcasts to [B, N, F, L].
      draws: gives int16 [B, N, F, L] that decide what is dropped; None where nothing is.
      lowest_kept: the threshold of `draws`.
      learned: [B, N, F, L], scores that have a gradient; None for none.

    Returns:
      [B, N, F, E].
    """

    makes_again = keeps_little()

    @tf.custom_gradient
    def apply(query, key, value, *learned):
        dtype = query.dtype

        def probabilities_and_dropped():
            scores = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32) + adder
            probabilities = tf.nn.softmax(scores + tf.cast(learned[0], tf.float32) if learned else scores)
            if draws is None:
                return probabilities, probabilities
            return probabilities, probabilities * kept(draws(tf.shape(probabilities)), lowest_kept, tf.float32)

        known = probabilities_and_dropped()
        context = tf.matmul(tf.cast(known[1], dtype), value)

        def gradient(upstream):
            probabilities, dropped = probabilities_and_dropped() if makes_again else known
            # The softmax's gradient needs each row's sum of probability times its gradient, which is also the sum of output
            # times its gradient (https://arxiv.org/abs/2205.14135, appendix B) and that is the smaller tensor.
            total = tf.reduce_sum(tf.cast(upstream, tf.float32) * tf.cast(context, tf.float32), axis=-1, keepdims=True)
            of_dropped = tf.cast(tf.matmul(upstream, value, transpose_b=True), tf.float32)
            of_scores = tf.cast(dropped * of_dropped - probabilities * total, dtype)
            return (
                tf.matmul(of_scores, key),
                tf.matmul(of_scores, query, transpose_a=True),
                tf.matmul(tf.cast(dropped, dtype), upstream, transpose_a=True),
                *([of_scores] if learned else []),
            )

        return context, gradient

    return apply(query, key, value, *([] if learned is None else [learned]))
