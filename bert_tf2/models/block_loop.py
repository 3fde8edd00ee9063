"""Equal blocks as one loop, so that a compiler meets one of them and not twelve."""

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf
import tf_keras

from bert_tf2.models.dropout import salted
from bert_tf2.models.own_weights import Substitutes, stacks_of, substituted
from bert_tf2.tensorflow_internals import outputs_read

# Salts of a block's dropouts.
SALTS = 3


class Block(Protocol):
    """A layer that the loop can compute."""

    variables: list[tf.Variable]
    trainable_variables: list[tf.Variable]
    loop: "BlockLoop | None"

    def computed(self, hidden: tf.Tensor, adder: tf.Tensor, outputs: int | tf.Tensor | None, training: bool | None) -> tf.Tensor:
        """What this layer alone makes of `hidden`."""


class BlockLoop:
    """Blocks of one shape that follow each other and whose salts do too.

    In a training step that has their weights as a stack, the first of them computes all, and the others give back what they get.

    Args:
      blocks: in their order, built.
      first: the number of the first of them in the encoder.
    """

    def __init__(self, blocks: Sequence[Block], first: int = 0):
        self.blocks, self.first = tuple(blocks), first
        self.variables = [block.trainable_variables for block in blocks]

    @property
    def is_used(self) -> bool:
        """Whether the step that is made has the weights as stacks."""
        return bool(stacks_of(self))

    def run(self, hidden: tf.Tensor, adder: tf.Tensor, training: bool | None) -> tf.Tensor:
        """What all blocks make of float32 [B, L, H], of the same shape."""
        number, stacks = len(self.blocks), stacks_of(self)
        arrays = [tf.TensorArray(tf.float32, number, element_shape=one.rows.shape[1:]).unstack(one.rows) for one in stacks]

        def one_more(index: tf.Tensor, hidden: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            weights: dict[int, tf.Tensor] = {}
            for stack, array in zip(stacks, arrays):
                parts = tf.split(array.read(index), [variable.shape.num_elements() for variable in stack.variables])
                weights |= {id(one): tf.reshape(part, one.shape) for one, part in zip(stack.variables, parts)}
            with substituted(Substitutes(weights)), salted(index * SALTS):
                return index + 1, self.blocks[0].computed(hidden, adder, None, training)

        _, hidden = tf.while_loop(
            lambda index, _: index < number, one_more, (tf.constant(0), hidden), parallel_iterations=1, maximum_iterations=number
        )
        return hidden


def looped(encoder: tf_keras.Model, blocks: Sequence[Block], first: int = 0) -> None:
    """Lets blocks of an encoder be computed by one loop in training steps that have their weights as a stack.

    Args:
      encoder: the encoder.
      blocks: as for `BlockLoop`; of a single one nothing is to be gained, and it is left as it is.
      first: as for `BlockLoop`.
    """
    if len(blocks) > 1:
        encoder.block_loop = BlockLoop(blocks, first)
        for block in blocks:
            block.loop = encoder.block_loop


def unlooped(encoder: tf_keras.Model) -> None:
    """Makes every block of an encoder compute for itself from now on: what is between them is looked at."""
    for block in getattr(getattr(encoder, "block_loop", None), "blocks", ()):
        block.loop = None
    encoder.block_loop = None


def loops_of(model: tf_keras.Model) -> list[BlockLoop]:
    """The loops of a model's encoders that may be used in training it.

    All their weights are trained, and of what their blocks give nothing but the end is read.
    """
    trained = set(map(id, model.trainable_variables))
    loops = []
    for encoder in (model, *model.submodules):
        loop = getattr(encoder, "block_loop", None)
        if isinstance(loop, BlockLoop) and all(id(one) in trained for variables in loop.variables for one in variables):
            read = outputs_read(model, encoder)
            # The encoder's outputs begin with those of its blocks.
            if read is not None and not read & set(range(loop.first, loop.first + len(loop.blocks) - 1)):
                loops.append(loop)
    return loops
