"""The layers of BERT: the names, shapes and order of their variables are the model garden's, the arithmetic is ours.

A `TransformerBlock` works on the flat matrix of tokens [B * L, H], so that every product with a kernel is of rank 2: TF 2.20 on
CPU can corrupt its heap in rank-4 by rank-2 products, and rank 2 is also what oneDNN is fastest at.
"""

import math

import tensorflow as tf
import tf_keras

from bert_tf2.models.activations import get_activation
from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import Dropout


class Embedding(tf_keras.layers.Layer):
    """A table of vectors looked up by id.

    Args:
      size: rows of the table.
      width: columns of the table.
      initializer: of the table.
    """

    def __init__(self, size: int, width: int, initializer: tf_keras.initializers.Initializer, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self._shape = (size, width)
        self._initializer = initializer

    def build(self, input_shape):
        """Makes the table `embeddings`, float32 [size, width]."""
        self.embeddings = self.add_weight("embeddings", self._shape, dtype=tf.float32, initializer=self._initializer)
        super().build(input_shape)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """int32 [B, L] -> float32 [B, L, width]."""
        return tf.gather(self.embeddings, ids)


class TypeEmbedding(Embedding):
    """An `Embedding` of a few rows, as a product with one-hot vectors: the gradient of a gather would be a slow scatter."""

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """int32 [B, L] -> float32 [B, L, width]."""
        one_hot = tf.one_hot(tf.reshape(ids, [-1]), self._shape[0], dtype=tf.float32)
        return tf.reshape(tf.matmul(one_hot, self.embeddings), tf.concat([tf.shape(ids), [self._shape[1]]], axis=0))


class PositionEmbedding(Embedding):
    """The first L rows of a table of learned positions."""

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """float32 [B, L, width] -> float32 [1, L, width]; only the length of the input matters."""
        return self.embeddings[tf.newaxis, : tf.shape(embeddings)[1]]


class LayerNormalization(tf_keras.layers.Layer):
    """Layer normalisation over the last axis, in float32 (https://arxiv.org/abs/1607.06450).

    Args:
      epsilon: added to the variance.
    """

    def __init__(self, epsilon: float, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self._epsilon = epsilon

    def build(self, input_shape):
        """Makes `gamma` and `beta`, float32 [width]."""
        width = input_shape[-1]
        self.gamma = self.add_weight("gamma", [width], dtype=tf.float32, initializer="ones")
        self.beta = self.add_weight("beta", [width], dtype=tf.float32, initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[..., width] -> float32 [..., width]."""
        inputs = tf.cast(inputs, tf.float32)
        mean = tf.reduce_mean(inputs, axis=-1, keepdims=True)
        centred = inputs - mean
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        return centred * tf.math.rsqrt(variance + self._epsilon) * self.gamma + self.beta


class Projection(tf_keras.layers.Layer):
    """A kernel and a bias; the kernel may be stored with the heads as axes of their own and is used as a matrix.

    Args:
      kernel_shape: as stored, for example [H, N, D] or [N, D, H].
      bias_shape: as stored.
      matrix_shape: the kernel as a matrix [inputs, outputs].
      initializer: of the kernel.
    """

    def __init__(
        self,
        kernel_shape: list[int],
        bias_shape: list[int],
        matrix_shape: list[int],
        initializer: tf_keras.initializers.Initializer,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self._kernel_shape = kernel_shape
        self._bias_shape = bias_shape
        self._matrix_shape = matrix_shape
        self._initializer = initializer

    def build(self, input_shape):
        """Makes `kernel` and `bias`, float32."""
        self.kernel = self.add_weight("kernel", self._kernel_shape, dtype=tf.float32, initializer=self._initializer)
        self.bias = self.add_weight("bias", self._bias_shape, dtype=tf.float32, initializer="zeros")
        super().build(input_shape)

    def matrix(self, dtype: tf.DType) -> tf.Tensor:
        """The kernel as a matrix [inputs, outputs]."""
        return tf.cast(tf.reshape(self.kernel, self._matrix_shape), dtype)

    def vector(self, dtype: tf.DType) -> tf.Tensor:
        """The bias [outputs]."""
        return tf.cast(tf.reshape(self.bias, [self._matrix_shape[1]]), dtype)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[T, inputs] -> [T, outputs]."""
        return tf.nn.bias_add(tf.matmul(inputs, self.matrix(inputs.dtype)), self.vector(inputs.dtype))


class AttentionMask(tf_keras.layers.Layer):
    """What is added to the attention scores: 0 for a real token, -1e9 for padding."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def call(self, embeddings: tf.Tensor, input_mask: tf.Tensor) -> tf.Tensor:
        """([B, L, H] which is not read, int32 [B, L]) -> float32 [B, 1, 1, L]."""
        del embeddings
        return ((1.0 - tf.cast(input_mask, tf.float32)) * -1e9)[:, tf.newaxis, tf.newaxis, :]


class SelfAttention(tf_keras.layers.Layer):
    """Multi-head self-attention (https://arxiv.org/abs/1706.03762), with the output projection.

    Args:
      config: shape of the encoder.
      salt: of the dropout on the attention probabilities.
    """

    def __init__(self, config: BertConfig, salt: int, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self._heads, self._head_size = config.num_attention_heads, config.head_size
        width, split = config.hidden_size, [config.num_attention_heads, config.head_size]

        def projection(name: str) -> Projection:
            return Projection([width, *split], split, [width, width], initializer(config), name=name)

        self._query_dense = projection("query")
        self._key_dense = projection("key")
        self._value_dense = projection("value")
        self._output_dense = Projection([*split, width], [width], [width, width], initializer(config), name="attention_output")
        self._dropout_layer = Dropout(config.attention_probs_dropout_prob, salt, name="dropout")

    def build(self, input_shape):
        """Builds the four projections."""
        for layer in (self._query_dense, self._key_dense, self._value_dense, self._output_dense):
            build_under_name(layer, input_shape)
        super().build(input_shape)

    def call(self, hidden: tf.Tensor, adder: tf.Tensor, outputs_per_row: int | None = None, training=None) -> tf.Tensor:
        """Attends within each row.

        Args:
          hidden: [B, L, H] in the compute dtype.
          adder: float32 [B, 1, 1, L], added to the scores.
          outputs_per_row: how many tokens of each row ask (the first ones); None for all.
          training: whether attention probabilities are dropped out.

        Returns:
          [B * L, H], or [B * outputs_per_row, H].
        """
        width = self._heads * self._head_size
        asking = hidden if outputs_per_row is None else hidden[:, :outputs_per_row]
        rows = tf.shape(hidden)[0]
        flat = tf.reshape(hidden, [-1, width])
        query = self._query_dense(tf.reshape(asking, [-1, width])) * (1.0 / math.sqrt(self._head_size))
        query, key, value = (
            tf.transpose(tf.reshape(x, [rows, -1, self._heads, self._head_size]), [0, 2, 1, 3])
            for x in (query, self._key_dense(flat), self._value_dense(flat))
        )
        scores = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32) + adder
        probabilities = self._dropout_layer(tf.cast(tf.nn.softmax(scores), hidden.dtype), training=training)
        context = tf.transpose(tf.matmul(probabilities, value), [0, 2, 1, 3])
        return self._output_dense(tf.reshape(context, [-1, width]))


class TransformerBlock(tf_keras.layers.Layer):
    """Self-attention and a feed-forward network, each with dropout, residual connection and layer normalisation.

    Args:
      config: shape of the encoder.
      salt: the first of three numbers for the block's dropouts.
      compute_dtype: of the matrix products.
    """

    def __init__(self, config: BertConfig, salt: int, compute_dtype: tf.DType, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self._config = config
        self._product_dtype = compute_dtype
        self._activation = get_activation(config.hidden_act)
        width, inner = config.hidden_size, config.intermediate_size
        self._attention_layer = SelfAttention(config, salt, name="self_attention")
        self._attention_dropout = Dropout(config.hidden_dropout_prob, salt + 1, name="attention_dropout")
        self._attention_layer_norm = LayerNormalization(config.layer_norm_eps, name="self_attention_layer_norm")
        self._intermediate_dense = Projection([width, inner], [inner], [width, inner], initializer(config), name="intermediate")
        self._output_dense = Projection([inner, width], [width], [inner, width], initializer(config), name="output")
        self._output_dropout = Dropout(config.hidden_dropout_prob, salt + 2, name="output_dropout")
        self._output_layer_norm = LayerNormalization(config.layer_norm_eps, name="output_layer_norm")

    def build(self, input_shape):
        """Builds the parts in the garden's order."""
        for layer in (
            self._attention_layer,
            self._attention_layer_norm,
            self._intermediate_dense,
            self._output_dense,
            self._output_layer_norm,
        ):
            build_under_name(layer, input_shape)
        super().build(input_shape)

    def call(self, hidden: tf.Tensor, adder: tf.Tensor, outputs_per_row: int | None = None, training=None) -> tf.Tensor:
        """Transforms each row.

        Args:
          hidden: float32 [B, L, H].
          adder: float32 [B, 1, 1, L], added to the attention scores.
          outputs_per_row: how many tokens of each row are computed (the first ones); None for all.
          training: whether there is dropout.

        Returns:
          float32 [B, L, H], or [B, outputs_per_row, H].
        """
        width, dtype = self._config.hidden_size, self._product_dtype
        attended = self._attention_layer(tf.cast(hidden, dtype), adder, outputs_per_row, training=training)
        kept = hidden if outputs_per_row is None else hidden[:, :outputs_per_row]
        flat = tf.reshape(kept, [-1, width])
        flat = self._attention_layer_norm(flat + tf.cast(self._attention_dropout(attended, training=training), tf.float32))
        inner = self._activation(self._intermediate_dense(tf.cast(flat, dtype)))
        output = self._output_dropout(self._output_dense(inner), training=training)
        flat = self._output_layer_norm(flat + tf.cast(output, tf.float32))
        return tf.reshape(flat, tf.shape(kept))

    def _lookup_dependency(self, name, *args, **kwargs):
        # Checkpoints of 2020 keep the attention's output projection on the block itself; found here when they are restored,
        # and absent from what we save.
        if name == "_attention_output_dense":
            return self._attention_layer._output_dense
        return super()._lookup_dependency(name, *args, **kwargs)


def initializer(config: BertConfig) -> tf_keras.initializers.Initializer:
    """A fresh truncated normal initializer (one object used twice would give two layers the same values)."""
    return tf_keras.initializers.TruncatedNormal(stddev=config.initializer_range)


def build_under_name(layer: tf_keras.layers.Layer, input_shape: tf.TensorShape) -> None:
    """Builds a layer that is part of another one, so that its variables are named below both."""
    with tf.name_scope(layer.name):
        layer.build(input_shape)
