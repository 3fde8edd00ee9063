"""R-Drop: two passes with different dropout shall say the same (Wu et al. 2021, https://arxiv.org/abs/2106.14448)."""

import dataclasses
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.dropout import drawing, dropout_seed, fold
from bert_tf2.tasks.base import Batch, Task
from bert_tf2.training.task_in_training import TaskInTraining

# Far above the salts of all dropouts, from which a seed of one pass must differ.
_SECOND = 2_000_000_011


@dataclasses.dataclass(frozen=True)
class _Passes:
    """What two passes gave of a batch."""

    first: Any
    second: Any


class RDropTask(TaskInTraining):
    """A task for whose examples a model's outputs are to be the same whatever dropout leaves out; for the training alone.

    The loss is the mean of the task's losses of both passes, plus alpha times the mean of the two divergences between their
    outputs, as the authors' program has it.

    Args:
      task: has a `Task.soft_loss`.
      alpha: greater than 0.
    """

    def __init__(self, task: Task, alpha: float):
        super().__init__(task)
        self._alpha = alpha

    def training_outputs(self, model: tf_keras.Model, inputs: Batch, batch: Batch, training: bool = True) -> _Passes:
        """The task's, twice."""
        seed, _ = drawing()
        with dropout_seed(seed):
            first = self._task.training_outputs(model, inputs, batch, training)
        with dropout_seed(fold(seed, _SECOND)):
            second = self._task.training_outputs(model, inputs, batch, training)
        return _Passes(first, second)

    def loss(self, outputs: _Passes, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """See the class."""
        first, second = (self._task.loss(one, batch, denominators) for one in (outputs.first, outputs.second))
        apart = divergence(self._task, outputs.first, outputs.second, batch, denominators)
        return (first + second) / 2 + self._alpha * apart

    def measures(self, outputs: _Passes, batch: Batch) -> dict[str, tf.Tensor]:
        """The task's, of the first pass."""
        return self._task.measures(outputs.first, batch)


def divergence(task: Task, outputs: Any, others: Any, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
    """How far two outputs for the same rows are from each other, a share as of a loss, with a gradient for both.

    Of a task whose outputs are probabilities p and q it is (KL(p || q) + KL(q || p)) / 2: a loss against the other's outputs is
    that divergence or the cross-entropy, which is as much above it as the loss of these against themselves. Of numbers it is the
    squared difference.
    """

    def above_its_least(given: Any, wanted: Any) -> tf.Tensor:
        of_other, of_itself = (task.soft_loss(one, wanted, batch, denominators, 1.0) for one in (given, wanted))
        return of_other - of_itself

    return (above_its_least(outputs, others) + above_its_least(others, outputs)) / 2
