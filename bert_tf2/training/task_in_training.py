"""A task whose loss is another one while it is trained."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.tasks.base import Batch, ExampleSet, Task


class TaskInTraining(Task):
    """A task as it is trained; all but outputs and loss of a training step is the task's.

    Args:
      task: the task.

    Attributes:
      drawn_names: what `draw` gives.
    """

    drawn_names: tuple[str, ...] = ()

    def __init__(self, task: Task):
        self._task = task
        self.features, self.best_metric, self.measure_names = task.features, task.best_metric, task.measure_names
        self.told_metrics = task.told_metrics

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """The task's."""
        return self._task.build_model(encoder)

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The task's."""
        return self._task.loss_denominators(batch)

    def draw(self, step: tf.Tensor, seed: tf.Tensor) -> Batch:
        """What is drawn by lot for all rows of a step, which `training_outputs` finds in its batch.

        Args:
          step: its number, counted from 0: int64 [].
          seed: of the step, the same on all replicas: int32 [2].
        """
        del step, seed
        return {}

    def metrics_of_sums(self, sums: Mapping[str, float]) -> dict[str, float]:
        """The task's."""
        return self._task.metrics_of_sums(sums)

    def predictions(self, outputs: Any, batch: Batch) -> Batch:
        """The task's, of what its model gives."""
        return self._task.predictions(outputs, batch)

    def scores(self, outcome: Any, examples: ExampleSet) -> dict[str, float]:
        """The task's."""
        return self._task.scores(outcome, examples)

    def higher_is_better(self, metric: str) -> bool:
        """The task's."""
        return self._task.higher_is_better(metric)

    def shown(self, scores: Mapping[str, float]) -> str:
        """The task's."""
        return self._task.shown(scores)


def drawn_names(task: Task) -> tuple[str, ...]:
    """What a task draws by lot for all rows of a training step, by name; nothing for most."""
    return task.drawn_names if isinstance(task, TaskInTraining) else ()


def drawn(task: Task, step: tf.Tensor, seed: tf.Tensor) -> Batch:
    """What a task draws by lot for all rows of a training step; see `TaskInTraining.draw`."""
    return task.draw(step, seed) if isinstance(task, TaskInTraining) else {}
