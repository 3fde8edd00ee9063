"""What a fine-tuning run learns from besides labels; here nothing."""

import dataclasses
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.pipeline import Padding, Records
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.tasks.base import Task


@dataclasses.dataclass(frozen=True)
class Training:
    """What surrounds a training.

    Attributes:
      model, encoder: what is trained.
      records: what it is trained on.
      data: what identifies these records.
      strategy: where the model lives.
      directory: the run's.
      batch_size: of predictions.
      padding: the lengths of batches.
      end: how many steps the training has; of one that was made longer, had at first.
    """

    model: tf_keras.Model
    encoder: tf_keras.Model
    records: RecordSet
    data: dict[str, Any]
    strategy: tf.distribute.Strategy
    directory: str
    batch_size: int
    padding: Padding
    end: int


class Teaching:
    """Labels alone."""

    initial_weights: str | None = None
    """Where the first weights come from instead of `--init_checkpoint`, for the report; None for nowhere else."""

    def __init__(self, task: Task):
        self._task = task

    def identity(self) -> dict[str, Any]:
        """What it adds to what identifies the run."""
        return {}

    @property
    def output_range(self) -> int | None:
        """How many tokens of each row the last block computes."""
        return self._task.output_range

    def why_not_packed(self) -> str | None:
        """Why examples cannot be packed, a clause for messages; None where they can."""
        return self._task.why_not_packed()

    def initialise(self, model: tf_keras.Model, encoder: tf_keras.Model, strategy: tf.distribute.Strategy) -> None:
        """Gives a model that begins to be trained its weights, where `initial_weights` says so."""
        raise NotImplementedError

    def begin(self, training: Training) -> tuple[Task, Records]:
        """What the loss is of, and what is trained on."""
        return self._task, training.records

    def end(self, model: tf_keras.Model) -> None:
        """Takes out of a trained model what only its training needed."""
