"""Embeddings and projections: the names, shapes and order of their variables are the model garden's, the arithmetic is ours."""

from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.own_weights import OwnWeights, value
from bert_tf2.models.packing import current
from bert_tf2.models.parameter_efficient.low_rank import MatrixKernel, adapted_product
from bert_tf2.models.parameter_efficient.prompt_vectors import RowsInstead
from bert_tf2.models.word_moves import words_used


class Embedding(OwnWeights):
    """A table of vectors looked up by id: those of words.

    Args:
      size: rows of the table.
      width: columns of the table.
      initializer: of the table.

    Attributes:
      instead: what stands for some rows while it is trained; None for nothing.
    """

    instead: RowsInstead | None = None

    def __init__(self, size: int, width: int, initializer: tf_keras.initializers.Initializer, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self._shape = (size, width)
        self._initializer = initializer

    def build(self, input_shape: tf.TensorShape) -> None:
        """Makes the table `embeddings`, float32 [size, width]."""
        self.embeddings = self.add_weight("embeddings", self._shape, dtype=tf.float32, initializer=self._initializer)
        super().build(input_shape)

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """int32 [B, L] -> float32 [B, L, width]; packed [P, L, width]."""
        ids = _in_packs(ids)
        found = tf.gather(value(self.embeddings), ids)
        return words_used(found if self.instead is None else self.instead.placed(found, ids))

    def table(self) -> tf.Tensor:
        """The vectors of all ids, float32 [size, width]."""
        return self._rows()

    def stored_table(self) -> tf.Tensor:
        """As `table`, of ids for whose rows nothing stands."""
        return value(self.embeddings)

    def _rows(self) -> tf.Tensor:
        return value(self.embeddings) if self.instead is None else self.instead.in_table(value(self.embeddings))


class TiedEmbedding(Embedding):
    """An `Embedding` whose table is used once more, by the layer that turns vectors into ids again.

    Both uses have a gradient of the table: the look-up's, a row for each token, is added to the other one, which has all rows
    anyway. Apart they would both be made as large as the table, and summed.
    """

    def call(self, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """int32 [B, L] -> float32 [B, L, width], and the table, float32 [size, width]."""

        @tf.custom_gradient
        def apply(table):
            def gradient(of_vectors, of_table):
                rows = tf.reshape(of_vectors, [-1, self._shape[1]])
                return tf.tensor_scatter_nd_add(of_table, tf.reshape(ids, [-1, 1]), rows)

            return (tf.gather(table, ids), tf.identity(table)), gradient

        return apply(tf.convert_to_tensor(value(self.embeddings)))


class FactorisedEmbedding(Embedding):
    """An `Embedding` whose vectors are multiplied to another width, which is the width of all that is outside.

    Args:
      size: rows of the table.
      inner: columns of the table.
      width: of the vectors.
      initializer: of the table and of the matrix.
      gives_table: the whole table comes along, as from `TiedEmbedding`.
    """

    def __init__(
        self,
        size: int,
        inner: int,
        width: int,
        initializer: tf_keras.initializers.Initializer,
        gives_table: bool = False,
        **kwargs: Any,
    ):
        super().__init__(size, inner, initializer, **kwargs)
        self._width, self._gives_table = width, gives_table

    def build(self, input_shape: tf.TensorShape) -> None:
        """Makes `embeddings`, float32 [size, inner], and `projection`, float32 [inner, width]."""
        super().build(input_shape)
        # One initializer would draw the same values twice.
        another = type(self._initializer).from_config(self._initializer.get_config())
        shape = (self._shape[1], self._width)
        self.projection = self.add_weight("projection", shape, dtype=tf.float32, initializer=another)

    def call(self, ids: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        """int32 [B, L] -> float32 [B, L, width], packed [P, L, width]; and the table float32 [size, width] where it is given."""
        inner = super().call(ids)
        flat = tf.matmul(tf.reshape(inner, [-1, self._shape[1]]), value(self.projection))
        vectors = tf.reshape(flat, tf.concat([tf.shape(inner)[:2], [self._width]], axis=0))
        return (vectors, self.table()) if self._gives_table else vectors

    def table(self) -> tf.Tensor:
        """The vectors of all ids, float32 [size, width]."""
        return tf.matmul(self._rows(), value(self.projection))

    def stored_table(self) -> tf.Tensor:
        """As `table`, of ids for whose rows nothing stands."""
        return tf.matmul(value(self.embeddings), value(self.projection))


class TypeEmbedding(Embedding):
    """An `Embedding` of a few rows, as a product with one-hot vectors: the gradient of a gather would be a slow scatter."""

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """int32 [B, L] -> float32 [B, L, width]; packed [P, L, width]."""
        ids = _in_packs(ids)
        one_hot = tf.one_hot(tf.reshape(ids, [-1]), self._shape[0], dtype=tf.float32)
        return tf.reshape(tf.matmul(one_hot, value(self.embeddings)), tf.concat([tf.shape(ids), [self._shape[1]]], axis=0))


class PositionEmbedding(Embedding):
    """Rows of a table of learned positions, L from the first one that is used; in packs each example's begin anew.

    Args:
      size, width, initializer: as `Embedding`.
      first: the row of the first token.
    """

    def __init__(self, size: int, width: int, initializer: tf_keras.initializers.Initializer, first: int = 0, **kwargs: Any):
        super().__init__(size, width, initializer, **kwargs)
        self._first = first

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """float32 [B, L, width] -> float32 [1, L, width]; only the length of the input matters. Packed [P, L, width]."""
        if (packing := current()) is not None:
            return tf.gather(value(self.embeddings), packing.positions + self._first if self._first else packing.positions)
        return value(self.embeddings)[tf.newaxis, self._first : self._first + tf.shape(embeddings)[1]]


class Projection(MatrixKernel):
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
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self._kernel_shape = kernel_shape
        self._bias_shape = bias_shape
        self.matrix_shape = (matrix_shape[0], matrix_shape[1])
        self._initializer = initializer

    def build(self, input_shape: tf.TensorShape) -> None:
        """Makes `kernel` and `bias`, float32."""
        self.kernel = self.add_weight("kernel", self._kernel_shape, dtype=tf.float32, initializer=self._initializer)
        self.bias = self.add_weight("bias", self._bias_shape, dtype=tf.float32, initializer="zeros")
        super().build(input_shape)

    def matrix(self, dtype: tf.DType, scale: float = 1.0) -> tf.Tensor:
        """The kernel as a matrix [inputs, outputs], times `scale`."""
        return _scaled(self.whole(), dtype, scale)

    def vector(self, dtype: tf.DType, scale: float = 1.0) -> tf.Tensor:
        """The bias [outputs], times `scale`."""
        return _scaled(tf.reshape(value(self.bias), [self.matrix_shape[1]]), dtype, scale)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[T, inputs] -> [T, outputs]."""
        if self.adapter is not None:
            return tf.nn.bias_add(adapted_product(inputs, [(self, 1.0)]), self.vector(inputs.dtype))
        return tf.nn.bias_add(tf.matmul(inputs, self.matrix(inputs.dtype)), self.vector(inputs.dtype))


def _scaled(tensor: tf.Tensor, dtype: tf.DType, scale: float) -> tf.Tensor:
    return tf.cast(tensor if scale == 1.0 else tensor * scale, dtype)


def chosen_tokens(hidden: tf.Tensor, outputs: int | tf.Tensor | None) -> tf.Tensor:
    """Some tokens of each row: the first ones where `outputs` is a number, else those at places int32 [B, F]; None for all.

    [B, L, H] -> [B, F, H]; packed the first ones of all examples, [P, L, H] -> [P, K, H].
    """
    if outputs is None:
        return hidden
    outputs = packed_outputs(outputs)
    return hidden[:, :outputs] if isinstance(outputs, int) else tf.gather(hidden, outputs, batch_dims=1)


def packed_outputs(outputs: int | tf.Tensor | None) -> int | tf.Tensor | None:
    """`outputs` as they are; packed the places of the first tokens, int32 [P, K], where it is the first one.

    Raises:
      ValueError: other tokens are asked for, which packs do not give.
    """
    packing = current()
    if packing is None or outputs is None:
        return outputs
    if not isinstance(outputs, int) or outputs != 1:
        raise ValueError("of packed examples all tokens are computed or the first")
    return packing.firsts


def _in_packs(ids: tf.Tensor) -> tf.Tensor:
    packing = current()
    return ids if packing is None else packing.of_tokens(ids)


def initializer(config: BertConfig) -> tf_keras.initializers.Initializer:
    """A fresh truncated normal initializer (one object used twice would give two layers the same values)."""
    return tf_keras.initializers.TruncatedNormal(stddev=config.initializer_range)


def build_under_name(layer: tf_keras.layers.Layer, input_shape: tf.TensorShape) -> None:
    """Builds a layer that is part of another one, so that its variables are named below both."""
    with tf.name_scope(layer.name):
        layer.build(input_shape)
