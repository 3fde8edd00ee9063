"""What a replica does in a step, as compiled code."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras

from bert_tf2.models.own_weights import substituted
from bert_tf2.tasks.base import Batch
from bert_tf2.tensorflow_internals import is_decayed
from bert_tf2.training.compiled.layout import layout, substitutes
from bert_tf2.training.compiled.state import FlatState, joined
from bert_tf2.training.compiled.update import CompiledUpdate
from bert_tf2.training.gradients import Gradients
from bert_tf2.training.optimization import Optimizer


def compiled(function: Callable) -> Callable:
    """The function as code of XLA's."""
    return tf.function(function, jit_compile=True, autograph=False)


class CompiledReplica:
    """What a replica does in a step, as one piece of code, or as two with the sum over replicas between them.

    The model's variables are behind until `give` is called.

    Args:
      gradients: computes them.
      model: its variables are trained.
      optimizer: AdamW or LAMB, without loss scale.
      strategy: where the model lives.
      clip_norm: joint L2 norm that the summed gradient is clipped to; 0 leaves it.
      options: of the sum over replicas.
    """

    def __init__(
        self,
        gradients: Gradients,
        model: tf_keras.Model,
        optimizer: Optimizer,
        strategy: tf.distribute.Strategy,
        clip_norm: float,
        options: tf.distribute.experimental.CommunicationOptions,
    ):
        self._gradients, self._options = gradients, options
        self._pieces = layout(model, lambda variable: is_decayed(optimizer, variable))
        known = {id(variable) for piece in self._pieces for variable in piece.variables}
        self._others = [variable for variable in model.trainable_variables if id(variable) not in known]
        self._state = FlatState(self._pieces, optimizer, strategy)
        self._update = CompiledUpdate(self._state, self._others, optimizer, clip_norm)
        self._touched: list[bool] = []
        self.trace_anew()

    def trace_anew(self) -> None:
        """To be called when other gradients are to be computed than before."""
        self._alone = compiled(self._alone_step)
        self._first, self._second = compiled(self._first_half), compiled(self._second_half)

    def make_room(self) -> None:
        """To be called before something else writes the model's and the optimizer's variables."""
        self._state.make_room()

    def take(self) -> None:
        """Goes on from what the model's variables and the optimizer's hold."""
        self._state.take()

    def begin(self) -> None:
        """To be called before steps."""
        self._state.begin()

    def give(self, moments: bool) -> None:
        """Brings the model's variables up to date, and if `moments` the optimizer's."""
        self._state.give(moments)

    def step(self, batch: Batch, denominators: Batch, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Trains on the replica's rows: the sums of all replicas, float32 [1 + K], and the gradient's norm before clipping."""
        replica = tf.distribute.get_replica_context()
        if replica.num_replicas_in_sync == 1:
            return self._alone(batch, denominators, seed)
        parts = self._first(batch, denominators, seed)
        sums, *gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, list(parts), options=self._options)
        return sums, self._second(gradients)

    def _alone_step(self, batch: Batch, denominators: Batch, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        sums, *gradients = self._first_half(batch, denominators, seed)
        return sums, self._second_half(gradients)

    def _first_half(self, batch: Batch, denominators: Batch, seed: tf.Tensor) -> list[tf.Tensor]:
        """The sums, the gradient of the state as one vector, and those of the other variables that the loss depends on."""
        pieces = self._state.pieces(tf.convert_to_tensor(self._state.weights))
        with substituted(substitutes(self._pieces, pieces)):
            sums, gradients = self._gradients.of(batch, denominators, seed, [*pieces, *self._others])
        self._touched = [gradient is not None for gradient in gradients]
        of_pieces = [tf.zeros_like(piece) if one is None else one for piece, one in zip(pieces, gradients)]
        return [sums, joined(of_pieces), *(one for one in gradients[len(pieces) :] if one is not None)]

    def _second_half(self, gradients: list[tf.Tensor]) -> tf.Tensor:
        """Applies what `_first_half` gave, summed over replicas; returns its norm."""
        gradient, *some = gradients
        number, rest = len(self._pieces), iter(some)
        of_others = [next(rest) if one else None for one in self._touched[number:]]
        return self._update.apply(gradient, self._state.of_variables(self._touched[:number]), of_others)
