"""What a run learns from besides labels, as its options say: the run knows no difference."""

from typing import Any

from bert_tf2.jobs.fine_tuning.teaching.base import Teaching
from bert_tf2.jobs.fine_tuning.teaching.distillation import Distillation
from bert_tf2.jobs.fine_tuning.teaching.replacement import Replacement
from bert_tf2.jobs.fine_tuning.teaching.soft_labels import SoftLabels
from bert_tf2.jobs.fine_tuning.teaching.teacher_checks import check_taught
from bert_tf2.model_directory.trained_run import TrainedRun
from bert_tf2.models.config import BertConfig
from bert_tf2.tasks.base import Task


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
        return SoftLabels(options, task)
    if not options.teacher:
        return Teaching(task)
    teacher = TrainedRun.open(options.teacher, "teacher")
    check_taught(options, task, config, teacher, facts, max_seq_length)
    if options.replacing_rate is not None:
        return Replacement(options, task, teacher)
    return Distillation(options, task, config, teacher)
