"""Where the outputs of a teacher come from: a frozen model in the training step, or a feature of the batch."""

import contextlib
import dataclasses
from typing import Any, Protocol

import tensorflow as tf
import tf_keras

from bert_tf2.models.observation import States, observed
from bert_tf2.models.word_moves import left_alone
from bert_tf2.tasks.base import Batch
from bert_tf2.training.gradients import model_inputs


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What a teacher makes of a batch.

    Attributes:
      outputs: what its model gives.
      states: what its encoder went through; empty where that is not known.
    """

    outputs: Any
    states: States


class Teacher(Protocol):
    """Gives the lesson of each batch, within a replica's step."""

    def __call__(self, batch: Batch) -> Lesson:
        """The lesson of some rows."""


class TeacherInStep:
    """A model that is not trained, called without dropout.

    Args:
      model: of the same task, made under the strategy's scope.
      observes: whether its states are looked at.
    """

    def __init__(self, model: tf_keras.Model, observes: bool):
        # No gradient is recorded of what no variable of is watched.
        model.trainable = False
        self._model, self._observes = model, observes

    def __call__(self, batch: Batch) -> Lesson:
        with left_alone(), observed() if self._observes else contextlib.nullcontext(States()) as states:
            outputs = self._model(model_inputs(self._model, batch), training=False)
        return Lesson(tf.nest.map_structure(tf.stop_gradient, outputs), states)


class KeptTeacher:
    """Outputs that were computed before.

    Args:
      name: of the batch's feature that holds them.
    """

    def __init__(self, name: str):
        self._name = name

    def __call__(self, batch: Batch) -> Lesson:
        return Lesson(batch[self._name], States())
