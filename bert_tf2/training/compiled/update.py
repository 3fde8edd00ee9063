"""Clipping and the update of AdamW or LAMB as tensor operations, for compiled code.

The optimizer that a run has keeps its variables, its schedule and its formula; what it would do variable by variable is done here
on whole vectors, in as few passes over memory as the formula needs.
"""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from bert_tf2.tensorflow_internals import coefficients, is_decayed, write
from bert_tf2.training.compiled.state import FlatState, joined
from bert_tf2.training.optimization import is_lamb

# A weight with its two moments.
_Triple = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


class CompiledUpdate:
    """Applies gradients to the variables of a flat state and to some more.

    Args:
      state: most of the model's variables.
      others: the rest of them, each for itself.
      optimizer: AdamW or LAMB, without loss scale; it has made its moments.
      clip_norm: joint L2 norm that the gradient is clipped to; 0 leaves it.
    """

    def __init__(
        self,
        state: FlatState,
        others: Sequence[tf.Variable],
        optimizer: tf_keras.optimizers.legacy.Optimizer,
        clip_norm: float,
    ):
        self._state, self._others, self._optimizer, self._clip_norm = state, list(others), optimizer, clip_norm
        self._is_lamb = is_lamb(optimizer)
        self._decayed = [is_decayed(optimizer, variable) for variable in state.variables]
        self._factors = [optimizer.factor(variable) for variable in state.variables]

    def apply(self, gradient: tf.Tensor, touched: Sequence[bool], of_others: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Clips and applies a gradient; to be called in what a replica runs.

        Args:
          gradient: of the state's variables, as one vector.
          touched: on which of these variables the loss depends; the others stay as they are.
          of_others: the gradient of each of the other variables; None where the loss does not depend on it.

        Returns:
          The gradient's norm before it was clipped.
        """
        some = [(variable, one) for variable, one in zip(self._others, of_others) if one is not None]
        norm = tf.linalg.global_norm([gradient, *(one for _, one in some)])
        factor = self._factor(norm)
        scalars = coefficients(self._optimizer, self._state.weights)
        self._apply_to_state(gradient * factor, touched, scalars)
        for variable, one in some:
            moments = self._optimizer.get_slot(variable, "m"), self._optimizer.get_slot(variable, "v")
            places = (variable, *moments)
            own = {**scalars, "lr_t": scalars["lr_t"] * self._optimizer.factor(variable)}
            triple, step = _moved(_read(places), one * factor, is_decayed(self._optimizer, variable), own, self._is_lamb)
            if self._is_lamb and is_decayed(self._optimizer, variable):
                step *= _trust(triple[0], step)
            weight = triple[0] - own["lr_t"] * step
            _write(places, (weight, *triple[1:]))
            if self._optimizer.averages:
                self._average(self._optimizer.average_of(variable), weight)
        write(self._optimizer.iterations, tf.convert_to_tensor(self._optimizer.iterations) + 1)
        return norm

    def _factor(self, norm: tf.Tensor) -> tf.Tensor:
        """As `tf.clip_by_global_norm`: what is not finite makes every gradient nan."""
        if self._clip_norm <= 0:
            return tf.ones([])
        return self._clip_norm * tf.minimum(1 / norm, 1 / self._clip_norm) + (norm - norm)

    def _apply_to_state(self, gradient: tf.Tensor, touched: Sequence[bool], scalars: dict[str, tf.Tensor]) -> None:
        state = self._state
        decayed = [one and other for one, other in zip(self._decayed, touched)]
        places = state.weights, state.first, state.second
        if any(factor != 1 for factor in self._factors):
            scalars = {**scalars, "lr_t": scalars["lr_t"] * _spread(self._factors, state.sizes)}
        triple, step = _moved(_read(places), gradient, _mask(decayed, state.sizes), scalars, self._is_lamb)
        if self._is_lamb:
            # The trust ratio is one of each variable that is decayed.
            parts = zip(state.parts(triple[0]), state.parts(step), decayed)
            step = joined([update * _trust(weight, update) if one else update for weight, update, one in parts])
        weights = triple[0] - scalars["lr_t"] * step
        _write(places, (weights, *triple[1:]))
        if state.average is not None:
            self._average(state.average, weights)

    def _average(self, average: tf.Variable, weight: tf.Tensor) -> None:
        write(average, self._optimizer.moved_average(tf.convert_to_tensor(average), weight))


def _moved(
    triple: _Triple, gradient: tf.Tensor, decayed: tf.Tensor | bool, scalars: dict[str, tf.Tensor], is_lamb: bool
) -> tuple[_Triple, tf.Tensor]:
    """The weight (in AdamW decayed), its new moments, and what is to be taken from it times the learning rate."""
    weight, first, second = triple
    first += (gradient - first) * scalars["one_minus_beta_1_t"]
    second += (tf.square(gradient) - second) * scalars["one_minus_beta_2_t"]
    decay = tf.where(decayed, weight * scalars["weight_decay_rate"], 0.0)
    if is_lamb:
        corrected = first / (1 - scalars["beta_1_power"]), second / (1 - scalars["beta_2_power"])
        return (weight, first, second), corrected[0] / (tf.sqrt(corrected[1]) + scalars["epsilon"]) + decay
    weight -= scalars["lr_t"] * decay
    correction = tf.sqrt(1 - scalars["beta_2_power"]) / (1 - scalars["beta_1_power"])
    return (weight, first, second), first * correction / (tf.sqrt(second) + scalars["epsilon"])


def _trust(weight: tf.Tensor, update: tf.Tensor) -> tf.Tensor:
    """LAMB's factor of an update: the norm of what it changes by its own norm; 1 where one of them is 0."""
    of_weight, of_update = tf.norm(weight), tf.norm(update)
    return tf.where(tf.logical_and(of_weight > 0, of_update > 0), of_weight / of_update, 1.0)


def _mask(flags: Sequence[bool], sizes: Sequence[int]) -> tf.Tensor:
    """Of parts of these sizes that lie one behind the other, the elements whose part has the flag: bool [sum of sizes]."""
    places = tf.range(sum(sizes))
    mask, begin, end = tf.zeros_like(places, tf.bool), 0, 0
    for flag, size, following in zip(flags, sizes, [*flags[1:], None]):
        end += size
        if flag != following:
            if flag:
                mask = tf.logical_or(mask, tf.logical_and(places >= begin, places < end))
            begin = end
    return mask


def _spread(values: Sequence[float], sizes: Sequence[int]) -> tf.Tensor:
    """The value of each part for all its elements, as `_mask`: float32 [sum of sizes]."""
    spread = tf.ones([sum(sizes)])
    for value in sorted(set(values) - {1.0}):
        spread = tf.where(_mask([one == value for one in values], sizes), value, spread)
    return spread


def _read(places: Sequence[tf.Variable]) -> _Triple:
    weight, first, second = map(tf.convert_to_tensor, places)
    return weight, first, second


def _write(places: Sequence[tf.Variable], tensors: _Triple) -> None:
    for variable, tensor in zip(places, tensors):
        write(variable, tensor)
