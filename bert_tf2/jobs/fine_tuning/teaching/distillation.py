"""What a fine-tuning run learns from besides labels: nothing, or a teacher. The run knows no difference."""

import copy
import hashlib
import json
import logging
import os
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2 import files
from bert_tf2.data.batches.pipeline import Records
from bert_tf2.jobs.fine_tuning.teaching.base import Teaching, Training
from bert_tf2.jobs.fine_tuning.teaching.teacher_checks import check_taught
from bert_tf2.jobs.training.distillation_checks import student_of
from bert_tf2.jobs.training.distillation_options import described_options
from bert_tf2.jobs.training.teacher_losses import losses_of, with_projections, without_projections
from bert_tf2.jobs.training.training_setup import POLICIES
from bert_tf2.model_directory.trained_run import TrainedRun
from bert_tf2.models.block_loop import unlooped
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import family_of
from bert_tf2.tasks.base import Task
from bert_tf2.training import checkpointing
from bert_tf2.training.distillation import kept_outputs
from bert_tf2.training.distillation.student import Parts, take_layers
from bert_tf2.training.distillation.task import DistilledTask
from bert_tf2.training.distillation.teachers import KeptTeacher, Teacher, TeacherInStep
from bert_tf2.training.distribution import is_multi_worker

logger = logging.getLogger(__name__)


class Distillation(Teaching):
    """Labels and a teacher.

    Args:
      options: what was asked, checked.
      task: of student and teacher.
      config: the student's.
      teacher: the teacher.
    """

    def __init__(self, options: Any, task: Task, config: BertConfig, teacher: TrainedRun):
        super().__init__(task)
        self._options, self._config, self._teacher = options, config, teacher
        self._policy = POLICIES[options.dtype]
        self._losses = losses_of(options, config, teacher.config)
        self._built: Parts | None = None
        self._fingerprint: str | None = None
        self._student = student_of(options, teacher.config.num_hidden_layers)
        if self._student is not None:
            word = "layer" if len(self._student) == 1 else "layers"
            self.initial_weights = f"{word} {', '.join(map(str, self._student))} of {teacher.directory}"

    def identity(self) -> dict[str, Any]:
        """The teacher's weights, and all options of distillation."""
        return {"teacher": self._teacher_fingerprint(), **described_options(self._options)}

    @property
    def output_range(self) -> int | None:
        """All tokens where layers are compared."""
        return None if self._losses.observes else self._task.output_range

    def why_not_packed(self) -> str | None:
        """Not where layers are compared."""
        if self._losses.observes:
            return f"--distillation_losses={self._options.distillation_losses} compares what layers make of each example"
        return self._task.why_not_packed()

    @property
    def _keeps_outputs(self) -> bool:
        """Whether what the teacher gives is known before the training: its outputs alone, few numbers for each example."""
        return not self._losses.observes and self._task.output_axes is not None

    def initialise(self, model: tf_keras.Model, encoder: tf_keras.Model, strategy: tf.distribute.Strategy) -> None:
        """Makes the student of layers of the teacher."""
        assert self._student is not None, "initial_weights says so"
        take_layers((model, encoder), self._model(strategy), self._student)
        logger.info("the student begins as %s, with its embeddings and head", self.initial_weights)

    def begin(self, training: Training) -> tuple[Task, Records]:
        """The task with the teacher's losses; the records with its outputs, where they are kept."""
        if not self._losses.alpha and not self._losses.observes:
            logger.info("--distillation_alpha=0: nothing is learned from the teacher but what the student begins with")
            return super().begin(training)
        records: Records = training.records
        teacher: Teacher
        if self._keeps_outputs and not is_multi_worker(training.strategy) and not files.is_remote(training.directory):
            records, teacher = self._taught(training), KeptTeacher(kept_outputs.FEATURE)
            logger.info("soft targets: the outputs of %s for all training examples are kept", self._described)
        else:
            if self._losses.observes:
                unlooped(training.encoder)
            teacher = TeacherInStep(self._model(training.strategy)[0], self._losses.observes)
            logger.info("%s runs in every training step", self._described)
        projections = with_projections(training.model, self._losses, self._config, self._teacher.config, training.strategy)
        return DistilledTask(self._task, self._losses, teacher, projections), records

    def end(self, model: tf_keras.Model) -> None:
        """Without the projections it is the task's model again."""
        without_projections(model)
        self._built = None

    @property
    def _described(self) -> str:
        return f"the teacher ({self._teacher.directory}, step {self._teacher.step})"

    def _taught(self, training: Training) -> Records:
        axes, records = self._task.output_axes, training.records
        assert axes is not None, "outputs are kept"
        identity = [training.data, self._teacher_fingerprint(), self._options.dtype]
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        path = os.path.join(training.directory, kept_outputs.DIRECTORY, f"{key}.npy")
        width = kept_outputs.width_of(records, axes, self._task.num_labels)

        def compute(first: int, end: int) -> Any:
            model = self._model(training.strategy)[0]
            computed = kept_outputs.computed_by(model, records, width, training.strategy, training.batch_size, training.padding)
            return computed(first, end)

        kept = kept_outputs.kept_outputs(path, len(records), width, compute)
        self._built = None
        return kept_outputs.TaughtRecords(records, kept, axes)

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


def teaching_of(options: Any, task: Task, config: BertConfig, facts: dict[str, Any], max_seq_length: int) -> Teaching:
    """What a run learns from.

    Args:
      options: what was asked.
      task: the run's.
      config: the student's.
      facts: what the teacher and the data must agree in; see `RunData.model_facts`.
      max_seq_length: of the data.

    Raises:
      UserError: the teacher is not one for this task, these data, this student or these options.
    """
    if getattr(options, "soft_labels", None):
        from bert_tf2.jobs.fine_tuning.teaching.soft_labels import SoftLabels

        return SoftLabels(options, task)
    if not options.teacher:
        return Teaching(task)
    teacher = TrainedRun.open(options.teacher, "teacher")
    check_taught(options, task, config, teacher, facts, max_seq_length)
    return Distillation(options, task, config, teacher)
