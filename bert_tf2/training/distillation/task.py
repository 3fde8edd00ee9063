"""A task whose loss is also one against a teacher."""

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.observation import States, observed
from bert_tf2.tasks.base import Batch, Task
from bert_tf2.tasks.several_inputs import rows_computed
from bert_tf2.training.distillation.layer_losses import WidthProjections, attention_loss, hidden_loss, minilm_loss
from bert_tf2.training.distillation.teachers import Lesson, Teacher
from bert_tf2.training.task_in_training import TaskInTraining

_TOKENS, _PAIRS = "distilled_tokens", "distilled_pairs"


@dataclasses.dataclass(frozen=True)
class Losses:
    """What the loss is made of: (1 - alpha) times the task's own, alpha times that against the teacher's outputs, and the others
    times their weights, which are 0 where they are left out.

    Attributes:
      alpha: the share of the teacher's outputs; 0 where they are not looked at.
      temperature: see `Task.soft_loss`.
      hidden, attention, minilm: weights; see `layer_losses`.
      layers: pairs of layers for `hidden` and `attention`.
    """

    alpha: float = 0.0
    temperature: float = 1.0
    hidden: float = 0.0
    attention: float = 0.0
    minilm: float = 0.0
    layers: Sequence[tuple[int, int]] = ()

    @property
    def observes(self) -> bool:
        """Whether what the encoders go through is looked at."""
        return bool(self.hidden or self.looks_at_heads)

    @property
    def looks_at_heads(self) -> bool:
        """Whether the heads of their attention are."""
        return bool(self.attention or self.minilm)


@dataclasses.dataclass(frozen=True)
class _Outputs:
    """What a student gave of a batch, what its encoder went through, and the teacher's lesson."""

    given: Any
    states: States
    lesson: Lesson


class DistilledTask(TaskInTraining):
    """A task with a teacher's losses, for the training alone; all else is the task's.

    Args:
      task: of student and teacher.
      losses: what the loss is made of.
      teacher: gives the lesson of each batch.
      projections: where the widths of the two differ and `losses.hidden` is.
    """

    def __init__(self, task: Task, losses: Losses, teacher: Teacher, projections: WidthProjections | None = None):
        super().__init__(task)
        self._losses, self._teacher, self._projections = losses, teacher, projections

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The task's, and the weights of all tokens and of their pairs where layers are compared."""
        denominators = self._task.loss_denominators(batch)
        if not self._losses.observes:
            return denominators
        weights = _token_weights(batch)
        counts = tf.reduce_sum(tf.cast(weights > 0, tf.float32), axis=1)
        sums = tf.reduce_sum(weights, axis=1)
        return denominators | {_TOKENS: tf.reduce_sum(sums), _PAIRS: tf.tensordot(sums, counts, 1)}

    def training_outputs(self, model: tf_keras.Model, inputs: Batch, batch: Batch, training: bool = True) -> _Outputs:
        """The task's, with the teacher's."""
        with observed() if self._losses.observes else contextlib.nullcontext(States()) as states:
            given = self._task.training_outputs(model, inputs, batch, training)
        return _Outputs(given, states, self._teacher(batch))

    def loss(self, outputs: _Outputs, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """See `Losses`."""
        losses, lesson = self._losses, outputs.lesson
        loss = (1 - losses.alpha) * self._task.loss(outputs.given, batch, denominators)
        if losses.alpha:
            soft = self._task.soft_loss(outputs.given, lesson.outputs, batch, denominators, losses.temperature)
            loss += losses.alpha * soft
        return loss + self._layer_losses(outputs, batch, denominators) if losses.observes else loss

    def _layer_losses(self, outputs: _Outputs, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        losses, mine, other = self._losses, outputs.states, outputs.lesson.states
        weights, total = _token_weights(batch), tf.constant(0.0)
        if losses.hidden:
            found = hidden_loss(mine, other, losses.layers, weights, self._projections)
            total += losses.hidden * tf.math.divide_no_nan(found, denominators[_TOKENS])
        if losses.attention:
            found = attention_loss(mine, other, losses.layers, weights)
            total += losses.attention * tf.math.divide_no_nan(found, denominators[_PAIRS])
        if losses.minilm:
            found = minilm_loss(mine.heads[-1], other.heads[-1], weights)
            total += losses.minilm * tf.math.divide_no_nan(found, denominators[_TOKENS])
        return total

    def measures(self, outputs: _Outputs, batch: Batch) -> dict[str, tf.Tensor]:
        """The task's."""
        return self._task.measures(outputs.given, batch)


def _token_weights(batch: Batch) -> tf.Tensor:
    """The weight of its example for every token of the rows that the encoder computes, float32 [R, L]; 0 for padding."""
    mask, weight = batch["input_mask"], batch["example_weight"]
    if mask.shape.rank == 2:
        return tf.cast(mask, tf.float32) * weight[:, tf.newaxis]
    weights = tf.reshape(tf.cast(mask, tf.float32) * weight[:, tf.newaxis, tf.newaxis], [-1, tf.shape(mask)[2]])
    chosen = rows_computed(mask)
    return weights if chosen is None else tf.gather(weights, chosen)
