"""Kernels beside which a product of two thin matrices is trained (LoRA, https://arxiv.org/abs/2106.09685).

A kernel W that stays as it is becomes W + s A B with A [inputs, rank] and B [rank, outputs]. The sum is made once for a whole
batch, so that a token costs what it cost before; and the gradient of A and B goes through products that are as thin as they are,
never through one of the size of W, which is the third of a training step that frozen weights need not cost.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import tensorflow as tf
import tf_keras

from bert_tf2.models.own_weights import OwnWeights, value


@dataclasses.dataclass(frozen=True)
class Adapter:
    """What stands for a kernel while its adapter is trained.

    Attributes:
      base: the kernel as it was, float32 [inputs, outputs]; not trained.
      first: A, float32 [inputs, rank].
      second: B, float32 [rank, outputs].
      scale: s.
    """

    base: tf.Variable
    first: tf.Variable
    second: tf.Variable
    scale: float

    def matrix(self) -> tf.Tensor:
        """The sum, float32 [inputs, outputs]."""
        return value(self.base) + tf.matmul(value(self.first), value(self.second) * self.scale)


class MatrixKernel(OwnWeights):
    """A layer with a `kernel` that is used as a matrix, which may have an adapter.

    Attributes:
      kernel: as stored.
      adapter: what is computed with instead; None for the kernel itself.
      matrix_shape: the kernel's as a matrix, [inputs, outputs].
    """

    kernel: tf.Variable
    adapter: Adapter | None = None
    matrix_shape: tuple[int, int]

    def whole(self) -> tf.Tensor:
        """What is computed with, float32 [inputs, outputs]."""
        return tf.reshape(value(self.kernel), self.matrix_shape) if self.adapter is None else self.adapter.matrix()

    def fixed(self) -> tf.Tensor:
        """The part of it that is not trained where there are adapters."""
        return tf.reshape(value(self.kernel), self.matrix_shape) if self.adapter is None else value(self.adapter.base)


def adapter_variables(layer: tf_keras.layers.Layer) -> list[tf.Variable]:
    """The variables of all adapters in a layer, which are not among its own."""
    found = (part.adapter for part in layer.submodules if isinstance(part, MatrixKernel))
    return [variable for one in found if one is not None for variable in (one.base, one.first, one.second)]


def are_adapted(layers: Iterable[MatrixKernel]) -> bool:
    """Whether one of the layers has an adapter."""
    return any(layer.adapter is not None for layer in layers)


def adapted_product(inputs: tf.Tensor, layers: Sequence[tuple[MatrixKernel, float]]) -> tf.Tensor:
    """The product with the matrices of several layers side by side, of which at least one has an adapter.

    Args:
      inputs: [T, inputs].
      layers: with what their matrices are multiplied by. Kernels without an adapter get no gradient.

    Returns:
      [T, the sum of their outputs].
    """
    sizes = [layer.matrix_shape[1] for layer, _ in layers]
    fixed, firsts, seconds, column = [], [], [], 0
    for (layer, scale), size in zip(layers, sizes):
        fixed.append(layer.fixed() * scale)
        if layer.adapter is not None:
            second = value(layer.adapter.second) * (scale * layer.adapter.scale)
            firsts.append(value(layer.adapter.first))
            seconds.append(tf.pad(second, [[0, 0], [column, sum(sizes) - column - size]]))
        column += size
    return _product(inputs, tf.concat(fixed, axis=1), tf.concat(firsts, axis=1), tf.concat(seconds, axis=0), False)


def adapted_back_product(inputs: tf.Tensor, layer: MatrixKernel) -> tf.Tensor:
    """The product with the transposed matrix of a layer that has an adapter: [T, outputs] -> [T, inputs]."""
    assert layer.adapter is not None, "it is asked for where there is one"
    second = value(layer.adapter.second) * layer.adapter.scale
    return _product(inputs, layer.fixed(), value(layer.adapter.first), second, True)


def _product(inputs: tf.Tensor, fixed: tf.Tensor, first: tf.Tensor, second: tf.Tensor, transposed: bool) -> tf.Tensor:
    """inputs (fixed + first second), with no gradient of `fixed`: [T, I], [I, O], [I, R], [R, O] -> [T, O].

    With `transposed` the sum is transposed, from [T, O] to [T, I]; by the product itself, as without an adapter: some processors
    round products with what was transposed before otherwise.
    """
    dtype = inputs.dtype

    @tf.custom_gradient
    def apply(inputs, first, second):
        kernel = tf.cast(fixed + tf.matmul(first, second), dtype)

        def gradient(upstream):
            # Of the sum it is rows^T columns.
            rows, columns = (upstream, inputs) if transposed else (inputs, upstream)
            of_rank = tf.matmul(columns, tf.cast(second, dtype), transpose_b=True)
            reduced = tf.matmul(rows, tf.cast(first, dtype))
            return (
                tf.matmul(upstream, kernel, transpose_b=not transposed),
                tf.cast(tf.matmul(rows, of_rank, transpose_a=True), tf.float32),
                tf.cast(tf.matmul(reduced, columns, transpose_a=True), tf.float32),
            )

        return tf.matmul(inputs, kernel, transpose_b=transposed), gradient

    return apply(inputs, first, second)
