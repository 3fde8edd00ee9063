"""The layers of an encoder one by one: how deep each weight lies, and training only those at the top."""

import tensorflow as tf
import tf_keras

from bert_tf2.models.block_loop import looped, unlooped


def blocks_of(encoder: tf_keras.Model) -> list[tf_keras.layers.Layer]:
    """The blocks that have weights of their own, in their order; fewer than the layers where layers share them."""
    return list(encoder._transformer_layers)


def depths(encoder: tf_keras.Model) -> list[tuple[tf.Variable, int]]:
    """How deep each weight of an encoder lies.

    Args:
      encoder: of any family.

    Returns:
      Its variables with their depths: 0 in the embeddings and what else stands before the blocks, i + 1 in block i, and one more
      than the last block's in the pooler.
    """
    blocks, pooler = blocks_of(encoder), getattr(encoder, "_pooler_layer", None)
    known = {id(variable): number + 1 for number, block in enumerate(blocks) for variable in block.variables}
    if pooler is not None:
        known |= {id(variable): len(blocks) + 1 for variable in pooler.variables}
    return [(variable, known.get(id(variable), 0)) for variable in encoder.variables]


def freeze(encoder: tf_keras.Model, layers: int) -> None:
    """Leaves the embeddings and the first blocks as they are from now on: they are not trained, and no gradient is made of them.

    Args:
      encoder: of any family.
      layers: how many blocks; 0 for the embeddings alone.
    """
    blocks, loop = blocks_of(encoder), getattr(encoder, "block_loop", None)
    trained = [*blocks[layers:], getattr(encoder, "_pooler_layer", None)]
    unlooped(encoder)
    for layer in encoder.layers:
        if not any(layer is one for one in trained):
            layer.trainable = False
    if loop is not None:
        remaining = [block for block in loop.blocks if block.trainable]
        looped(encoder, remaining, first=len(loop.blocks) - len(remaining))
