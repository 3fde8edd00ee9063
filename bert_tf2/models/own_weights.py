"""Layers whose weights are read through one place, so that a training step may put pieces of one vector in their stead."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf
import tf_keras

_context = threading.local()


class OwnWeights(tf_keras.layers.Layer):
    """A layer that reads every weight by `value`; the layers in it do too."""


@dataclasses.dataclass(frozen=True)
class Stack:
    """The same variables of layers that are alike.

    Attributes:
      variables: those of the first layer.
      rows: float32 [layers, their sizes together]: a row for each layer, in which they lie one behind the other.
    """

    variables: Sequence[tf.Variable]
    rows: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Substitutes:
    """What stands for weights.

    Attributes:
      weights: tensors by the `id` of the variable.
      stacks: the weights of layers that are alike, by the `id` of the loop that computes them.
      for_compiler: see `keeps_little`.
    """

    weights: Mapping[int, tf.Tensor] = dataclasses.field(default_factory=dict)
    stacks: Mapping[int, Sequence[Stack]] = dataclasses.field(default_factory=dict)
    for_compiler: bool = False


def value(variable: tf.Variable) -> tf.Variable | tf.Tensor:
    """What to compute with for a weight: the variable, or within `substituted` the tensor that stands for it."""
    return _current().weights.get(id(variable), variable)


def keeps_little() -> bool:
    """Whether the gradient is to make again what costs more memory to keep than time to make: in what a compiler gets, which
    makes such passes one."""
    return _current().for_compiler


def stacks_of(loop: object) -> Sequence[Stack]:
    """The stacks of a loop, within `substituted`; none elsewhere."""
    return _current().stacks.get(id(loop), ())


@contextlib.contextmanager
def substituted(substitutes: Substitutes) -> Iterator[None]:
    """Lets layers that are called in this thread compute with other weights; what nothing stands for is as before."""
    previous = _current()
    whole = Substitutes(
        {**previous.weights, **substitutes.weights},
        {**previous.stacks, **substitutes.stacks},
        previous.for_compiler or substitutes.for_compiler,
    )
    _context.substitutes = whole
    try:
        yield
    finally:
        _context.substitutes = previous


def own_variables(model: tf_keras.Model) -> list[tf.Variable]:
    """The trainable variables of a model that are read by `value`, in the model's order."""
    layers = [layer for layer in model.submodules if isinstance(layer, OwnWeights)]
    own = {id(variable) for layer in layers for variable in layer.trainable_variables}
    return [variable for variable in model.trainable_variables if id(variable) in own]


def _current() -> Substitutes:
    return getattr(_context, "substitutes", Substitutes())
