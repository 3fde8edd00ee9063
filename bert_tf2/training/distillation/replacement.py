"""A task whose student is trained in the places of its teacher's layers: BERT-of-Theseus (https://arxiv.org/abs/2002.02925)."""

import dataclasses
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.dropout import fold
from bert_tf2.models.module_replacement import Modules
from bert_tf2.tasks.base import Batch, Task
from bert_tf2.training.task_in_training import TaskInTraining

_REPLACED = "replaced_modules"
# What replicas fold into the seed of a step are small numbers.
_SALT = 2_000_000_012


@dataclasses.dataclass(frozen=True)
class ReplacingRate:
    """How likely a layer of the student takes its module's place, by the number of the step.

    Attributes:
      first: in step 0, above 0 and at most 1.
      steps: from which step on it is 1; 0 for all.
      rises: whether it gets there in equal steps; otherwise it stays as it is until then.
    """

    first: float
    steps: int
    rises: bool

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The rate in a step, counted from 0: int64 [] -> float32 []."""
        done = tf.cast(step, tf.float32) / max(self.steps, 1)
        rate = self.first + (1 - self.first) * done if self.rises else tf.constant(self.first)
        return tf.where(step < self.steps, rate, 1.0)


class ReplacingTask(TaskInTraining):
    """A task in each of whose training steps layers of the student that are drawn by lot take the places of the teacher's.

    The lot is drawn once for all rows of a step, in whatever parts and on whatever replicas they are computed. The loss is the
    task's.

    Args:
      task: of student and teacher.
      modules: the student's layers and the teacher's.
      rate: how likely each of the student's layers is drawn.
    """

    drawn_names = (_REPLACED,)

    def __init__(self, task: Task, modules: Modules, rate: ReplacingRate):
        super().__init__(task)
        self._modules, self._rate = modules, rate

    def draw(self, step: tf.Tensor, seed: tf.Tensor) -> Batch:
        """Whether each of the student's layers takes its module's place, bool [S]."""
        draws = tf.random.stateless_uniform([len(self._modules.sizes)], fold(seed, _SALT), alg="philox")
        return {_REPLACED: draws < self._rate(step)}

    def training_outputs(self, model: tf_keras.Model, inputs: Batch, batch: Batch, training: bool = True) -> Any:
        """The task's, of the student among its teacher's layers."""
        with self._modules.mixed(batch[_REPLACED]):
            return self._task.training_outputs(model, inputs, batch, training)

    def loss(self, outputs: Any, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """The task's."""
        return self._task.loss(outputs, batch, denominators)

    def measures(self, outputs: Any, batch: Batch) -> dict[str, tf.Tensor]:
        """The task's."""
        return self._task.measures(outputs, batch)
