"""Distillation: losses against what a teacher makes of the examples."""

import hashlib
import json
import logging
import os
from typing import Any

import tf_keras

from bert_tf2 import files
from bert_tf2.data.batches.pipeline import Records
from bert_tf2.jobs.fine_tuning.teaching.after_teacher import AfterTeacher
from bert_tf2.jobs.fine_tuning.teaching.base import Training
from bert_tf2.jobs.training.teacher_losses import losses_of, with_projections, without_projections
from bert_tf2.model_directory.trained_run import TrainedRun
from bert_tf2.models.block_loop import unlooped
from bert_tf2.models.config import BertConfig
from bert_tf2.tasks.base import Task
from bert_tf2.training.distillation import kept_outputs
from bert_tf2.training.distillation.task import DistilledTask
from bert_tf2.training.distillation.teachers import KeptTeacher, Teacher, TeacherInStep
from bert_tf2.training.distribution import is_multi_worker

logger = logging.getLogger(__name__)


class Distillation(AfterTeacher):
    """Labels, and losses against a teacher.

    Args:
      options: what was asked, checked.
      task: of student and teacher.
      config: the student's.
      teacher: the teacher.
    """

    def __init__(self, options: Any, task: Task, config: BertConfig, teacher: TrainedRun):
        super().__init__(options, task, teacher)
        self._config = config
        self._losses = losses_of(options, config, teacher.config)

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

    def begin(self, training: Training) -> tuple[Task, Records]:
        """The task with the teacher's losses; the records with its outputs, where they are kept."""
        if not (self._losses.alpha or self._losses.unlabelled or self._losses.observes):
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
        super().end(model)

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
