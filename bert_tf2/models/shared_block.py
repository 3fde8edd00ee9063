"""Blocks that several layers share."""

from collections.abc import Sequence

import tensorflow as tf

from bert_tf2.models.block import TransformerBlock
from bert_tf2.models.block_loop import SALTS
from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import salted
from bert_tf2.models.packing import current


class SharedBlock(TransformerBlock):
    """A block that stands for several layers, each of which draws its own dropout."""

    def call(
        self,
        hidden: tf.Tensor,
        adder: tf.Tensor,
        outputs: int | tf.Tensor | None = None,
        training: bool | None = None,
        layer: int = 0,
    ) -> tf.Tensor:
        """As `TransformerBlock.call`, as the layer with a number."""
        with salted(layer * SALTS):
            hidden = self.noted(hidden, adder, outputs, training)
        packing, last = current(), self._config.num_hidden_layers - 1
        return packing.examples(hidden, outputs) if packing is not None and layer == last else hidden


def shared_by_layers(
    blocks: Sequence[SharedBlock], config: BertConfig, hidden: tf.Tensor, adder: tf.Tensor, outputs: int | tf.Tensor | None
) -> list[tf.Tensor]:
    """What every layer gives, the first of them by the first block, and as many by each of the others.

    Args:
      blocks: as many as divide the layers.
      config: shape of the encoder.
      hidden: float32 [B, L, H].
      adder: added to the attention scores.
      outputs: which tokens the last layer computes; see `TransformerBlock.call`.
    """
    layers, given = config.num_hidden_layers, []
    for layer in range(layers):
        block = blocks[layer * len(blocks) // layers]
        hidden = block(hidden, adder, outputs=outputs if layer == layers - 1 else None, layer=layer)
        given.append(hidden)
    return given
