"""Learning from a trained model, in whatever way: the model, and a student that begins as some of its layers."""

import copy
import logging
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.jobs.fine_tuning.teaching.base import Teaching
from bert_tf2.jobs.fine_tuning.teaching.replacing_options import OF_REPLACING
from bert_tf2.jobs.training.distillation_checks import student_of, told_layers
from bert_tf2.jobs.training.distillation_options import described_options
from bert_tf2.jobs.training.training_setup import POLICIES
from bert_tf2.model_directory.trained_run import TrainedRun
from bert_tf2.models.families.base import family_of
from bert_tf2.options import not_default
from bert_tf2.tasks.base import Task
from bert_tf2.training import checkpointing
from bert_tf2.training.distillation.student import Parts, take_layers

logger = logging.getLogger(__name__)


class AfterTeacher(Teaching):
    """Labels and a teacher.

    Args:
      options: what was asked, checked.
      task: of student and teacher.
      teacher: the teacher.
    """

    def __init__(self, options: Any, task: Task, teacher: TrainedRun):
        super().__init__(task)
        self._options, self._teacher = options, teacher
        self._policy = POLICIES[options.dtype]
        self._built: Parts | None = None
        self._fingerprint: str | None = None
        self._student = student_of(options, teacher.config.num_hidden_layers)
        if self._student is not None:
            self.initial_weights = told_layers(self._student, teacher.directory)

    def identity(self) -> dict[str, Any]:
        """The teacher's weights, and all options of distillation."""
        asked = described_options(self._options) | not_default(self._options, OF_REPLACING)
        return {"teacher": self._teacher_fingerprint(), **asked}

    def initialise(self, model: tf_keras.Model, encoder: tf_keras.Model, strategy: tf.distribute.Strategy) -> None:
        """Makes the student of layers of the teacher."""
        assert self._student is not None, "initial_weights says so"
        take_layers((model, encoder), self._model(strategy), self._student)
        logger.info("the student begins as %s, with its embeddings and head", self.initial_weights)

    def end(self, model: tf_keras.Model) -> None:
        """Lets go of the teacher."""
        self._built = None

    @property
    def _described(self) -> str:
        return f"the teacher ({self._teacher.directory}, step {self._teacher.step})"

    def _teacher_fingerprint(self) -> str:
        if self._fingerprint is None:
            self._fingerprint = self._teacher.fingerprint()
        return self._fingerprint

    def _model(self, strategy: tf.distribute.Strategy) -> Parts:
        """The teacher with its weights, and its encoder; built once."""
        if self._built is None:
            with strategy.scope():
                config = self._teacher.config
                encoder = family_of(config).build(config, self._policy, output_range=self.output_range)
                # A task may keep what it built last, which stays the student's.
                model = copy.copy(self._task).build_model(encoder)
            checkpointing.restore_model(model, self._teacher.directory, self._teacher.step)
            self._built = model, encoder
        return self._built
