"""Adapters in the blocks of an encoder, beside which everything else in it stays as it is (see `low_rank`)."""

from collections.abc import Collection, Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.models.block_loop import unlooped
from bert_tf2.models.encoder_layers import blocks_of
from bert_tf2.models.own_weights import OwnWeights
from bert_tf2.models.parameter_efficient.low_rank import Adapter, MatrixKernel


class Adapters(OwnWeights):
    """The adapters of some layers: in each the rank's matrices A and B, of which B begins at 0.

    The values that A begins with are those of the authors' code: uniform up to 1 / sqrt(inputs).

    Args:
      layers: built.
      rank: of the products.
      scale: that they are multiplied by.
    """

    def __init__(self, layers: Sequence[MatrixKernel], rank: int, scale: float):
        super().__init__(autocast=False, name="lora")
        self.rank, self.scale = rank, scale
        self._adapted = tuple(layers)
        for layer in layers:
            layer.adapter = self._made(layer)
        self.built = True

    @property
    def adapted(self) -> Sequence[MatrixKernel]:
        """The layers."""
        return self._adapted

    def merge(self) -> None:
        """Brings the kernels that the layers had before up to date, which nothing reads while there are adapters."""
        for layer in self._adapted:
            assert layer.adapter is not None, "it was made here"
            layer.kernel.assign(tf.reshape(layer.adapter.matrix(), layer.kernel.shape))

    def _made(self, layer: MatrixKernel) -> Adapter:
        inputs, outputs = layer.matrix_shape
        name = layer.kernel.name.removesuffix(":0").removesuffix("/kernel")
        # Uniform with this variance, 1 / (3 inputs), it reaches up to 1 / sqrt(inputs).
        uniform = tf_keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
        now = tf_keras.initializers.Constant(np.reshape(layer.kernel.numpy(), layer.matrix_shape))
        base = self.add_weight(f"{name}/base", layer.matrix_shape, tf.float32, now, trainable=False)
        first = self.add_weight(f"{name}/lora_a", [inputs, self.rank], tf.float32, uniform)
        second = self.add_weight(f"{name}/lora_b", [self.rank, outputs], tf.float32, "zeros")
        return Adapter(base, first, second, self.scale)


def adapt(
    encoder: tf_keras.Model, targets: Collection[str], rank: int, scale: float, first_block: int = 0, trains_pooler: bool = True
) -> Adapters:
    """Gives layers of an encoder's blocks adapters, which are trained from now on, and nothing else of it but the pooler.

    Call it under the strategy's scope, with the values in place that are to stay.

    Args:
      encoder: of any family.
      targets: names of the layers, which their variables have too: `query`, `intermediate`.
      rank: of the adapters.
      scale: that their products are multiplied by, alpha / rank in the paper.
      first_block: the first block that has some.
      trains_pooler: whether the pooler is trained too, as part of the head.

    Raises:
      UserError: the blocks have no such layer.
    """
    layers = []
    for block in blocks_of(encoder)[first_block:]:
        known = {part.name: part for part in block.submodules if isinstance(part, MatrixKernel)}
        for target in targets:
            if target not in known:
                known_names = f"{did_you_mean(target, known)} Known: {', '.join(known)}"
                raise UserError(f"this model's layers have no {target} that could have an adapter.{known_names}")
            layers.append(known[target])
    unlooped(encoder)
    pooler = getattr(encoder, "_pooler_layer", None)
    for layer in encoder.layers:
        if layer is not pooler or not trains_pooler:
            layer.trainable = False
    encoder.lora = Adapters(layers, rank, scale)
    return encoder.lora


def without_adapters(encoder: tf_keras.Model) -> None:
    """Makes an encoder one whose kernels hold what the adapters came to."""
    encoder.lora.merge()
    for layer in encoder.lora.adapted:
        layer.adapter = None
    del encoder.lora
