"""In which order the weights of a model lie in one vector, and how its layers get them from there."""

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras

from bert_tf2.models.block_loop import BlockLoop, loops_of
from bert_tf2.models.own_weights import Stack, Substitutes, own_variables


@dataclasses.dataclass(frozen=True)
class Piece:
    """Variables that lie one behind the other in the vector and are one tensor to the model.

    Attributes:
      variables: one; or of the blocks of a loop some of each, block by block.
      loop: the loop; None for one variable.
      of_block: how many variables each block has here.
    """

    variables: Sequence[tf.Variable]
    loop: BlockLoop | None = None
    of_block: int = 1

    @property
    def shape(self) -> list[int]:
        """Of the tensor: the variable's, or [blocks, the sizes of a block's variables together]."""
        return self.variables[0].shape.as_list() if self.loop is None else [len(self.loop.blocks), -1]


def layout(model: tf_keras.Model, comes_first: Callable[[tf.Variable], bool]) -> list[Piece]:
    """The pieces of all variables that a model's layers read by `own_weights.value`.

    Args:
      model: the model.
      comes_first: of which variables the vector holds those at its beginning, as one stretch.
    """
    loops = loops_of(model)
    looped = {id(variable) for loop in loops for variables in loop.variables for variable in variables}
    singles = [variable for variable in own_variables(model) if id(variable) not in looped]
    pieces = []
    for first in (True, False):
        pieces += [Piece([variable]) for variable in singles if comes_first(variable) is first]
        for loop in loops:
            places = [place for place, variable in enumerate(loop.variables[0]) if comes_first(variable) is first]
            if places:
                pieces.append(Piece([variables[place] for variables in loop.variables for place in places], loop, len(places)))
    return pieces


def substitutes(pieces: Sequence[Piece], tensors: Sequence[tf.Tensor]) -> Substitutes:
    """What the model's layers are to compute with: the tensors of the pieces."""
    weights: dict[int, tf.Tensor] = {}
    stacks: dict[int, list[Stack]] = {}
    for piece, tensor in zip(pieces, tensors):
        if piece.loop is None:
            weights[id(piece.variables[0])] = tensor
        else:
            stacks.setdefault(id(piece.loop), []).append(Stack(piece.variables[: piece.of_block], tensor))
    return Substitutes(weights, stacks, for_compiler=True)
