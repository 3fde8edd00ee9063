"""All that TensorFlow and Keras do not promise and this package uses: a release that drops one of the names is met here alone.

`tests/test_tensorflow_internals.py` has a test of each that says which is gone.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph
from tensorflow.python.framework.config import is_op_determinism_enabled
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tensorflow.python.framework.ops import gradient_registry
from tf_keras.src.optimizers.legacy.optimizer_v2 import _var_key

__all__ = [
    "AVERAGE",
    "AdjustedCoefficients",
    "AveragedWeights",
    "FormerParts",
    "PartialRates",
    "SavedModel",
    "TrackableObjectGraph",
    "coefficients",
    "create_slots",
    "custom_gradients_forgotten",
    "free",
    "is_decayed",
    "is_op_determinism_enabled",
    "outputs_read",
    "with_constants",
    "write",
    "write_method",
]

AVERAGE = "average"
"""What an optimizer calls the moving average of a weight."""


def create_slots(optimizer: tf_keras.optimizers.legacy.Optimizer, variables: Sequence[tf.Variable]) -> None:
    """Makes an optimizer's variables now, which else appear at its first step."""
    optimizer._create_all_weights(variables)


def coefficients(optimizer: tf_keras.optimizers.legacy.Optimizer, variable: tf.Variable) -> dict[str, tf.Tensor]:
    """What an optimizer's next update of a variable will use: scalars such as `lr_t` and `beta_1_power`, by name."""
    return next(iter(optimizer._prepare([variable]).values()))


def is_decayed(optimizer: tf_keras.optimizers.legacy.Optimizer, variable: tf.Variable) -> bool:
    """Whether the garden's AdamW or LAMB decays a variable."""
    return optimizer._do_use_weight_decay(variable.name.removesuffix(":0"))


def with_constants(function: Any) -> Any:
    """A concrete function with its variables' values as constants of its graph, and the functions that it calls written out."""
    return convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)


@contextlib.contextmanager
def custom_gradients_forgotten() -> Iterator[None]:
    """Forgets at its end the gradients of `tf.custom_gradient` that came to be within it.

    TensorFlow keeps one for every trace of such a function, for ever, and with it the whole graph it was traced in: the step of
    every training that a process makes. Functions that were traced within it cannot be differentiated behind it.
    """
    registry = gradient_registry._registry
    known = set(registry)
    try:
        yield
    finally:
        for name in set(registry) - known:
            if name.startswith("CustomGradient-"):
                del registry[name]


def outputs_read(model: tf_keras.Model, part: tf_keras.Model) -> set[int] | None:
    """Which outputs of a functional model, by their places among all, the functional models around it read.

    Args:
      model: the outermost of them.
      part: the one that is read.

    Returns:
      The places; None where something else than a functional model may read any of them.
    """
    if model is part or not hasattr(model, "_nodes_by_depth"):
        return None
    models = [one for one in (model, *model.submodules) if hasattr(one, "_nodes_by_depth") and one is not part]
    nodes = [node for one in models for nodes in one._nodes_by_depth.values() for node in nodes]
    read = [*(one.outputs for one in models), *(node.keras_inputs for node in nodes)]
    histories = (tensor._keras_history for tensors in read for tensor in tensors)
    return {history.tensor_index for history in histories if history.layer is part}


def write(variable: tf.Variable, tensor: tf.Tensor) -> None:
    """Writes a replica's own copy of a variable, inside what the replica runs.

    TensorFlow's `assign` would want to agree with the other replicas, which do the same.
    """
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=tensor)


def free(variable: tf.Variable) -> None:
    """Gives a variable's memory back, inside what a replica runs; it must be written before it is read again."""
    nothing = tf.zeros([0], variable.dtype)
    # A shape that is not known is not compared with the variable's.
    unknown = tf.raw_ops.PlaceholderWithDefault(input=nothing, shape=None)
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=unknown, validate_shape=False)


def write_method(writer: tf.io.TFRecordWriter) -> Callable[[bytes], None]:
    """What writes a record: the `write` of the writer's base class, to which its own, in Python, only passes on."""
    return super(tf.io.TFRecordWriter, writer).write


class AdjustedCoefficients:
    """An optimizer of Keras's former kind whose coefficients are changed before every update; to be the first base class."""

    def adjust(self, coefficients: dict[str, Any], dtype: tf.DType) -> None:
        """Changes in place what the update of variables of one dtype will use: scalars such as `beta_1_power`, by name."""
        raise NotImplementedError

    def _prepare_local(self, var_device: str, var_dtype: tf.DType, apply_state: dict) -> None:
        super()._prepare_local(var_device, var_dtype, apply_state)  # type: ignore[misc]  # of the next base class
        self.adjust(apply_state[var_device, var_dtype], var_dtype)


class PartialRates:
    """An optimizer of Keras's former kind with a share of its learning rate for some variables; to be the first base class."""

    _factors: Mapping[str, float] = {}

    def set_factors(self, factors: Iterable[tuple[tf.Variable, float]]) -> None:
        """Says of variables what their learning rate is multiplied with; of all others it is 1."""
        self._factors = {_of_slots(variable): factor for variable, factor in factors if factor != 1}

    def factor(self, variable: tf.Variable) -> float:
        """What the learning rate of a variable, or of a replica's copy of it, is multiplied with."""
        return self._factors.get(_of_slots(variable), 1.0) if self._factors else 1.0

    def _resource_apply_dense(self, grad: tf.Tensor, var: tf.Variable, apply_state: dict) -> tf.Operation:
        factor = self.factor(var)
        if factor != 1:
            place = var.device, var.dtype.base_dtype
            scalars = apply_state[place]
            apply_state = {**apply_state, place: {**scalars, "lr_t": scalars["lr_t"] * factor}}
        return super()._resource_apply_dense(grad, var, apply_state)  # type: ignore[misc]  # of the next base class


class AveragedWeights:
    """An optimizer of Keras's former kind that keeps a moving average of what it trains; to be the first base class.

    The average A of a weight w begins with its first value and becomes A + (w - A)(1 - d) after the optimizer's step t (from 0),
    with d = min(decay, (1 + t) / (10 + t)), as TensorFlow's `ExponentialMovingAverage` counts steps, so that the first values do
    not stay in it for long.
    """

    _decay: float | None = None

    def set_average(self, decay: float | None) -> None:
        """Says how slowly the average moves; None for no average. To be called before the first step."""
        self._decay = decay

    @property
    def averages(self) -> bool:
        """Whether there is an average."""
        return self._decay is not None

    def average_of(self, variable: tf.Variable) -> tf.Variable:
        """The average of a variable."""
        return self.get_slot(variable, AVERAGE)  # type: ignore[attr-defined]  # of the next base class

    def moved_average(self, average: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        """What an average becomes in a step that makes a weight what it is; as long as the weight never changes, it stays."""
        step = tf.cast(self.iterations, tf.float32)  # type: ignore[attr-defined]  # of the next base class
        decay = tf.minimum(tf.constant(self._decay, tf.float32), (1 + step) / (10 + step))
        return average + (weight - average) * (1 - decay)

    def _create_slots(self, var_list: Sequence[tf.Variable]) -> None:
        super()._create_slots(var_list)  # type: ignore[misc]  # of the next base class
        for variable in var_list if self.averages else ():
            self.add_slot(variable, AVERAGE, tf.convert_to_tensor(variable))  # type: ignore[attr-defined]

    def _resource_apply_dense(self, grad: tf.Tensor, var: tf.Variable, apply_state: dict) -> tf.Operation:
        applied = super()._resource_apply_dense(grad, var, apply_state)  # type: ignore[misc]  # of the next base class
        if not self.averages:
            return applied
        with tf.control_dependencies([applied]):
            average = self.average_of(var)
            return average.assign(self.moved_average(average.read_value(), var.read_value()), read_value=False)


def _of_slots(variable: tf.Variable) -> str:
    """What an optimizer of the former kind knows a variable by: its own name, and that of all its replicas' copies."""
    return _var_key(variable)


class FormerParts:
    """A layer some of whose parts lie elsewhere in checkpoints of former layouts; to be the first base class.

    They are found when a checkpoint is restored, and absent from what is saved.
    """

    def former_part(self, name: str) -> Any | None:
        """The part that a former layout kept in this layer under `name`, or None."""
        raise NotImplementedError

    def _lookup_dependency(self, name: str, *args: Any, **kwargs: Any) -> Any:
        part = self.former_part(name)
        if part is not None:
            return part
        return super()._lookup_dependency(name, *args, **kwargs)  # type: ignore[misc]  # of the next base class
