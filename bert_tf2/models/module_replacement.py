"""Blocks of two encoders in one pass: BERT-of-Theseus (Xu et al. 2020, https://arxiv.org/abs/2002.02925).

The larger encoder's blocks are divided into modules, as many as the smaller one has blocks. Within `mixed` each of these either
computes, in the place of its module, or leaves its place to it. What is not computed costs nothing.
"""

import contextlib
import itertools
import threading
from collections.abc import Iterator, Sequence

import tensorflow as tf

from bert_tf2.models.block_loop import SALTS, Block
from bert_tf2.models.dropout import salted
from bert_tf2.models.recomputation import Called, one_recomputed

_context = threading.local()


class Modules:
    """The blocks of a smaller encoder and the modules of a larger one whose places they take, which are not trained.

    Where the numbers do not divide, modules differ by a block: of 6 blocks 4 take the places of 1, 2, 1 and 2.

    Args:
      successors: the S blocks of the smaller encoder, in their order, of the same widths as the others.
      predecessors: the N blocks of the larger one, at least as many.

    Attributes:
      sizes: how many blocks each module has.
    """

    def __init__(self, successors: Sequence[Block], predecessors: Sequence[Block]):
        bounds = [number * len(predecessors) // len(successors) for number in range(len(successors) + 1)]
        parts = [predecessors[first:end] for first, end in itertools.pairwise(bounds)]
        self.sizes = [len(part) for part in parts]
        # No dropout of the one may draw what one of the other draws in the same pass.
        offset = SALTS * len(successors)
        self._known = {id(block): (number, _Module(part, offset)) for number, (block, part) in enumerate(zip(successors, parts))}

    @contextlib.contextmanager
    def mixed(self, replaced: tf.Tensor) -> Iterator[None]:
        """Lets the successors that are called in this thread compute, or their modules.

        Args:
          replaced: whether each takes its module's place, bool [S].
        """
        previous = getattr(_context, "mixture", None)
        _context.mixture = self._known, replaced
        try:
            yield
        finally:
            _context.mixture = previous


def computed_in_place(
    block: Block, hidden: tf.Tensor, adder: tf.Tensor, outputs: int | tf.Tensor | None, training: bool | None
) -> tf.Tensor:
    """What a block makes of `hidden`, or within `mixed` the module whose place it does not take.

    Args:
      block: of any encoder.
      hidden, adder, outputs, training: as for its `call`.
    """
    mixture: tuple[dict[int, tuple[int, _Module]], tf.Tensor] | None = getattr(_context, "mixture", None)
    if mixture is None or id(block) not in mixture[0]:
        return block.computed(hidden, adder, outputs, training)
    (number, module), replaced = mixture[0][id(block)], mixture[1]
    taken = Called(lambda hidden: block.computed(hidden, adder, outputs, training), block.variables)
    left = Called(lambda hidden: module.computed(hidden, adder, outputs, training), module.variables)
    return one_recomputed(replaced[number], taken, left, hidden)


class _Module:
    """Blocks that follow each other.

    Args:
      blocks: at least one.
      offset: to the salts of their dropouts.
    """

    def __init__(self, blocks: Sequence[Block], offset: int):
        self._blocks, self._offset = blocks, offset
        self.variables = [variable for block in blocks for variable in block.variables]

    def computed(self, hidden: tf.Tensor, adder: tf.Tensor, outputs: int | tf.Tensor | None, training: bool | None) -> tf.Tensor:
        with salted(self._offset):
            for block in self._blocks[:-1]:
                hidden = block.computed(hidden, adder, None, training)
            return self._blocks[-1].computed(hidden, adder, outputs, training)
