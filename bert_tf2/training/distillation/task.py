"""A task whose loss is also one against a teacher."""

import contextlib
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.data.records.mixed_records import UNLABELLED
from bert_tf2.models.observation import States, observed
from bert_tf2.tasks.base import Batch, Task
from bert_tf2.tasks.several_inputs import rows_computed
from bert_tf2.training.distillation.layer_losses import (
    WidthProjections,
    attention_loss,
    cosine_loss,
    hidden_loss,
    minilm_loss,
)
from bert_tf2.training.distillation.names import ATTENTION, COSINE, HIDDEN, LOSSES, MINILM, SOFT, measured_as
from bert_tf2.training.distillation.teachers import Lesson, Teacher
from bert_tf2.training.task_in_training import TaskInTraining

_TOKENS, _PAIRS = "distilled_tokens", "distilled_pairs"
# Counted with what is measured of the losses, whose means are over steps.
_STEPS = "distilled_steps"
_OF_LABELLED = "labelled/"


@dataclasses.dataclass(frozen=True)
class Losses:
    """What the loss is made of: (1 - alpha) times the task's own, alpha times that against the teacher's outputs, and the others
    times their weights, which are 0 where they are left out.

    Attributes:
      alpha: the share of the teacher's outputs; 0 where they are not looked at.
      unlabelled: their share for an example without label, of which the task's own loss is none: 1, or 0 where they are not
        looked at.
      temperature: see `Task.soft_loss`.
      hidden, cosine, attention, minilm: weights; see `layer_losses`.
      layers: pairs of layers for `hidden` and `attention`.
      learns_labels: whether the task's own loss counts at all.
    """

    alpha: float = 0.0
    unlabelled: float = 0.0
    temperature: float = 1.0
    hidden: float = 0.0
    cosine: float = 0.0
    attention: float = 0.0
    minilm: float = 0.0
    layers: Sequence[tuple[int, int]] = ()
    learns_labels: bool = True

    @property
    def weights(self) -> dict[str, float]:
        """By name the weights of what is learned from the teacher; of its outputs for examples with a label, if any have one."""
        soft = self.alpha or self.unlabelled
        weights = dict(zip(LOSSES, (soft, self.hidden, self.cosine, self.attention, self.minilm), strict=True))
        return {name: weight for name, weight in weights.items() if weight}

    @property
    def observes(self) -> bool:
        """Whether what the encoders go through is looked at."""
        return bool(self.hidden or self.cosine or self.looks_at_heads)

    @property
    def looks_at_heads(self) -> bool:
        """Whether the heads of their attention are."""
        return bool(self.attention or self.minilm)


@dataclasses.dataclass(frozen=True)
class _Outputs:
    """What a student gave of a batch, what its encoder went through, and the teacher's lesson; later what `measures` tells."""

    given: Any
    states: States
    lesson: Lesson
    measured: dict[str, tf.Tensor] = dataclasses.field(default_factory=dict)


class DistilledTask(TaskInTraining):
    """A task with a teacher's losses, for the training alone; all else is the task's.

    Besides what the task measures, `soft_loss`, `hidden_loss` and the like are told, without their weights and shares.

    Where a batch may hold examples without label (`UNLABELLED`), each example has its own share of the teacher's outputs:

        loss = sum_i w_i ((1 - a_i) hard_i + a_i soft_i) / sum_i w_i,    a_i = alpha, or 1 without label

    Where labels have weights, hard_i has them too, and is divided by their mean over the labelled examples of the batch.

    Args:
      task: of student and teacher.
      losses: what the loss is made of.
      teacher: gives the lesson of each batch.
      projections: where the widths of the two differ and `losses.hidden` is.
    """

    def __init__(self, task: Task, losses: Losses, teacher: Teacher, projections: WidthProjections | None = None):
        super().__init__(task)
        self._losses, self._teacher, self._projections = losses, teacher, projections
        measured = tuple(map(measured_as, losses.weights))
        self.told_metrics = (*task.told_metrics, *measured)
        self.measure_names = (*task.measure_names, _STEPS, *measured)

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The task's, and the weights of all tokens and of their pairs where layers are compared."""
        denominators = self._task.loss_denominators(batch)
        if UNLABELLED in batch:
            of_labelled = self._task.loss_denominators(self._labelled(batch))
            denominators |= {_OF_LABELLED + name: value for name, value in of_labelled.items()}
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
        losses, lesson, found = self._losses, outputs.lesson.outputs, {}
        if SOFT in losses.weights:
            found[SOFT] = self._task.soft_loss(outputs.given, lesson, batch, denominators, losses.temperature)
        if losses.observes:
            found |= self._layer_losses(outputs, batch, denominators)
        outputs.measured.update({measured_as(name): value for name, value in found.items()})
        # The parts of a step together are one.
        counted, part = next(iter(self.loss_denominators(batch).items()))
        outputs.measured[_STEPS] = tf.math.divide_no_nan(part, denominators[counted])
        if UNLABELLED in batch:
            loss = self._loss_of_mixed(outputs, batch, denominators)
        else:
            loss = tf.constant(0.0)
            if losses.learns_labels:
                loss += (1 - losses.alpha) * self._task.loss(outputs.given, batch, denominators)
            if losses.alpha:
                loss += losses.alpha * found[SOFT]
        for name, weight in losses.weights.items():
            if name != SOFT:
                loss += weight * found[name]
        return loss

    def _loss_of_mixed(self, outputs: _Outputs, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """The task's own loss and that against the teacher's outputs; see the class."""
        losses = self._losses
        of_labelled = {
            name.removeprefix(_OF_LABELLED): value for name, value in denominators.items() if name.startswith(_OF_LABELLED)
        }
        first = next(iter(of_labelled))
        share = tf.math.divide_no_nan(of_labelled[first], denominators[first])
        loss = (1 - losses.alpha) * share * self._task.loss(outputs.given, self._labelled(batch), of_labelled)
        if SOFT not in losses.weights:
            return loss
        shares = tf.where(batch[UNLABELLED] == 1, losses.unlabelled, losses.alpha)
        weighted = batch | {"example_weight": batch["example_weight"] * shares}
        return loss + self._task.soft_loss(outputs.given, outputs.lesson.outputs, weighted, denominators, losses.temperature)

    def _labelled(self, batch: Batch) -> Batch:
        """The batch, in which examples without label weigh nothing."""
        without = batch[UNLABELLED] == 1
        changed = {"example_weight": tf.where(without, 0.0, batch["example_weight"])}
        for spec in self.features:
            if spec.name == self._task.answer_feature:
                # What stands there need not be an answer, and no weight helps against a loss that is not a number.
                answers = batch[spec.key]
                changed[spec.key] = tf.where(tf.reshape(without, [-1] + [1] * (answers.shape.rank - 1)), 0, answers)
        return batch | changed

    def _layer_losses(self, outputs: _Outputs, batch: Batch, denominators: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        losses, mine, other = self._losses, outputs.states, outputs.lesson.states
        weights, found, shares = _token_weights(batch), {}, {}
        if losses.hidden:
            found[HIDDEN] = hidden_loss(mine, other, losses.layers, weights, self._projections)
        if losses.cosine:
            found[COSINE] = cosine_loss(mine.hidden[-1], other.hidden[-1], weights)
        if losses.attention:
            found[ATTENTION] = attention_loss(mine, other, losses.layers, weights)
        if losses.minilm:
            found[MINILM] = minilm_loss(mine.heads[-1], other.heads[-1], weights)
        for name, total in found.items():
            shares[name] = tf.math.divide_no_nan(total, denominators[_PAIRS if name == ATTENTION else _TOKENS])
        return shares

    def measures(self, outputs: _Outputs, batch: Batch) -> dict[str, tf.Tensor]:
        """The task's, and of each of the teacher's losses this part's share; after `loss`."""
        return self._task.measures(outputs.given, batch) | outputs.measured

    def metrics_of_sums(self, sums: Mapping[str, float]) -> dict[str, float]:
        """The task's, and the means of the teacher's losses over steps."""
        steps = sums[_STEPS] or math.nan
        means = {name: sums[name] / steps for name in map(measured_as, self._losses.weights)}
        return self._task.metrics_of_sums(sums) | means


def _token_weights(batch: Batch) -> tf.Tensor:
    """The weight of its example for every token of the rows that the encoder computes, float32 [R, L]; 0 for padding."""
    mask, weight = batch["input_mask"], batch["example_weight"]
    if mask.shape.rank == 2:
        return tf.cast(mask, tf.float32) * weight[:, tf.newaxis]
    weights = tf.reshape(tf.cast(mask, tf.float32) * weight[:, tf.newaxis, tf.newaxis], [-1, tf.shape(mask)[2]])
    chosen = rows_computed(mask)
    return weights if chosen is None else tf.gather(weights, chosen)
