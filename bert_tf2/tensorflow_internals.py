"""All that TensorFlow and Keras do not promise and this package uses: a release that drops one of the names is met here alone.

`tests/test_tensorflow_internals.py` has a test of each that says which is gone.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

__all__ = ["AdjustedCoefficients", "FormerParts", "TrackableObjectGraph", "create_slots", "write_method"]


def create_slots(optimizer: tf_keras.optimizers.legacy.Optimizer, variables: Sequence[tf.Variable]) -> None:
    """Makes an optimizer's variables now, which else appear at its first step."""
    optimizer._create_all_weights(variables)


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
