"""The weights of a model and what its optimizer keeps of each as a few vectors, while it trains as compiled code.

Every variable that compiled code reads or writes costs the host tens of microseconds a step; a BERT has two hundred with two
moments each, which takes longer than its arithmetic on a GPU. As vectors they are three, or four with the average of the weights;
the sum over replicas is one, and the update is one pass over them.

The model's own variables keep their places for checkpoints, evaluation and exports; `give` brings them up to date.
"""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from bert_tf2.tensorflow_internals import AVERAGE, free, write
from bert_tf2.training.compiled.layout import Piece

_MOMENTS = ("m", "v")
"""What AdamW and LAMB call a weight's moments."""


class FlatState:
    """Variables as one vector, float32 [the sum of their sizes], and their two moments alike, and their average where it is kept.

    Args:
      pieces: float32 variables, made under the strategy's scope.
      optimizer: AdamW or LAMB; it has made the moments and averages.
      strategy: where the variables live.

    Attributes:
      variables: of all pieces, in the vectors' order.
      weights, first, second, average: the vectors; the last None where none is kept. Every replica has its own, all alike.
    """

    def __init__(
        self, pieces: Sequence[Piece], optimizer: tf_keras.optimizers.legacy.Optimizer, strategy: tf.distribute.Strategy
    ):
        self._pieces = list(pieces)
        self.variables = [variable for piece in pieces for variable in piece.variables]
        self.sizes = [variable.shape.num_elements() for variable in self.variables]
        slots = (*_MOMENTS, *([AVERAGE] if optimizer.averages else []))
        with strategy.scope():
            vectors = [
                tf.Variable(tf.zeros([sum(self.sizes)]), trainable=False, name=f"flat_{name}") for name in ("weights", *slots)
            ]
        self.weights, self.first, self.second = vectors[:3]
        self.average = vectors[3] if optimizer.averages else None
        kept = [[optimizer.get_slot(variable, name) for variable in self.variables] for name in slots]
        self._places = list(zip(vectors, (self.variables, *kept)))
        self._give = tf.function(lambda moments: strategy.run(self._given, (moments,)), autograph=False)
        self._free = tf.function(lambda: strategy.run(self._freed), autograph=False)
        self._make_room = tf.function(lambda: strategy.run(self._roomy), autograph=False)
        self._are_given = [True, True]  # the weights, the moments
        self._take = tf.function(lambda: strategy.run(self._taken), autograph=False)
        self.take()

    def pieces(self, vector: tf.Tensor) -> list[tf.Tensor]:
        """A vector as the tensors of the pieces."""
        if not self._pieces:
            return []
        sizes = [sum(variable.shape.num_elements() for variable in piece.variables) for piece in self._pieces]
        return [tf.reshape(part, piece.shape) for part, piece in zip(tf.split(vector, sizes), self._pieces)]

    def parts(self, vector: tf.Tensor) -> list[tf.Tensor]:
        """A vector as tensors of the variables' shapes."""
        if not self.variables:
            return []
        return [tf.reshape(part, variable.shape) for part, variable in zip(tf.split(vector, self.sizes), self.variables)]

    def of_variables(self, of_pieces: Sequence[bool]) -> list[bool]:
        """What is so for pieces, for each of their variables."""
        return [one for one, piece in zip(of_pieces, self._pieces) for _ in piece.variables]

    def begin(self) -> None:
        """To be called before steps that change the vectors: the variables are out of date now, and moments need no memory."""
        if self._are_given[1]:
            self._free()
        self._are_given = [False, False]

    def give(self, moments: bool) -> None:
        """Writes the vectors into the model's variables, and if `moments` into the optimizer's."""
        if not self._are_given[0] or (moments and not self._are_given[1]):
            self._give(moments)
            self._are_given = [True, moments or self._are_given[1]]

    def make_room(self) -> None:
        """Gives the moments' variables memory again, with zeros in it: a checkpoint is not restored into what has none."""
        if not self._are_given[1]:
            self._make_room()

    def take(self) -> None:
        """Reads the vectors from the model's variables and the optimizer's."""
        self._take()
        self._are_given = [True, True]

    def _taken(self) -> None:
        for vector, variables in self._places:
            write(vector, joined([tf.convert_to_tensor(variable) for variable in variables]))

    def _given(self, moments: bool) -> None:
        for vector, variables in self._places if moments else self._places[:1]:
            for variable, part in zip(variables, self.parts(tf.convert_to_tensor(vector))):
                write(variable, part)

    def _roomy(self) -> None:
        for _, variables in self._places[1:]:
            for variable in variables:
                write(variable, tf.zeros(variable.shape, variable.dtype))

    def _freed(self) -> None:
        for _, variables in self._places[1:]:
            for variable in variables:
                free(variable)


def joined(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Tensors of any shapes as one vector."""
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0) if tensors else tf.zeros([0])
