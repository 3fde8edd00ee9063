"""Whether a teacher is one for a run, and what of the run's options it gives."""

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.teaching.replacing_options import OF_REPLACING
from bert_tf2.jobs.training.distillation_checks import (
    check_asked,
    check_compared,
    config_of_layers,
    refuse_without_teacher,
)
from bert_tf2.jobs.training.distillation_options import OF_LOSSES, OF_SOFT_LABELS, DistillationOptions
from bert_tf2.model_directory import model_files
from bert_tf2.model_directory.trained_run import TrainedRun
from bert_tf2.options import refuse_given, required
from bert_tf2.tasks.kind_options import decides_model
from bert_tf2.training.distillation.names import SOFT
from bert_tf2.training.run_directory import shown

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig
    from bert_tf2.tasks.base import Task

JobOptions = TypeVar("JobOptions", bound=DistillationOptions)


def with_teacher(options: JobOptions, trains: bool) -> JobOptions:
    """The options, with the teacher's configuration and vocabulary where the student is made of its layers.

    Raises:
      UserError: options of distillation contradict each other or others, or the teacher is no finished training.
    """
    if options.teacher and getattr(options, "soft_labels", None):
        raise UserError("--soft_labels and --teacher are two sources of probabilities; leave one out")
    if not options.teacher:
        refuse_given(
            options, ("unlabelled_data_path",), "is learned from a teacher alone; name one with --teacher, or leave it out"
        )
        others = OF_SOFT_LABELS if getattr(options, "soft_labels", None) else ()
        refuse_without_teacher(options, others)
        refuse_given(options, OF_REPLACING, "can do nothing without --teacher; name one, or leave it out")
        return options
    given: Any = options
    if given.replacing_rate is None:
        because = "says how --replacing_rate goes to 1, and there is none; give that too, for example 0.3, or leave it out"
        refuse_given(options, ("replacing_schedule", "replacing_proportion"), because)
        check_asked(options, trains)
    else:
        check_asked(options, trains, compares=False)
        _check_replacing(options)
    if not options.makes_student:
        return options
    completed: Any = model_files.completed(given, [options.teacher], needs_metadata=False)
    return completed


# Beside them, what is trained is the student's layers and nothing else.
_NOT_BESIDE_REPLACING = {
    "recompute": "keeps nothing of a layer but its input, which is so with --replacing_rate anyway",
    "freeze_layers": "leaves layers as they are which --replacing_rate is to train; the embeddings stay the teacher's anyway",
    "reinit_layers": "begins the pooler at random values too, which --replacing_rate does not train",
    "head_learning_rate": "is of the head, which --replacing_rate does not train: it stays the teacher's",
}


def _check_replacing(options: Any) -> None:
    """Checks what is asked beside layers that take the places of a teacher's."""
    given = f"--replacing_rate={options.replacing_rate:g}"
    because = f"is of losses against the teacher, of which {given} has none; leave one of them out"
    refuse_given(options, (*OF_LOSSES, "unlabelled_data_path"), because)
    if not options.makes_student:
        raise UserError(
            f"{given} puts layers of the student between the teacher's, from which they come: give --num_student_layers or "
            "--student_layers, or leave it out"
        )
    for name, because in _NOT_BESIDE_REPLACING.items():
        refuse_given(options, (name,), f"{because}; leave it out")
    if not options.hub_module_trainable:
        raise UserError(f"{given} trains the student's layers, which --hub_module_trainable=false leaves as they are")


def student_config(options: DistillationOptions, config: "BertConfig") -> "BertConfig":
    """The configuration of the model that is trained: the teacher's with fewer layers, where the student is made of these.

    Args:
      options: what was asked.
      config: what was read, the teacher's in that case.

    Raises:
      UserError: the teacher has no such layers, or its layers are not each for itself.
    """
    if not options.makes_student:
        return config
    return config_of_layers(options, TrainedRun.open(required(options.teacher), "teacher").config)


def check_taught(
    options: Any, task: "Task", config: "BertConfig", teacher: TrainedRun, facts: dict[str, Any], max_seq_length: int
) -> None:
    """Checks that student, data and options fit a teacher; arguments as those of `teaching_of`.

    Raises:
      UserError: they do not.
    """
    named, there = f"--teacher={options.teacher}", teacher.facts
    differing = [
        f"{name}: {shown(there[name])} there, {shown(value)} here"
        for name, value in facts.items()
        if None not in (value, there.get(name)) and there[name] != value
    ]
    if differing:
        raise UserError(
            f"{named} was trained for other data than these ({'; '.join(differing)}); give a teacher of the same task, with the "
            "same labels in the same order, the same vocabulary and casing"
        )
    for field in dataclasses.fields(options):
        if decides_model(field):
            trained, now = teacher.noted.get(field.name, field.default), getattr(options, field.name)
            # A switch that is left open is one that is off.
            if (trained or None) != (now or None):
                there_and_here = [f"with --{field.name}={one}" if one else f"without --{field.name}" for one in (trained, now)]
                raise UserError(f"{named} was trained {', and this is to be '.join(there_and_here)}; give both the same")
    if max_seq_length > teacher.config.longest_input:
        raise UserError(
            f"{named} takes {teacher.config.longest_input} tokens, and the data have up to {max_seq_length}; prepare them with a "
            "smaller --max_seq_length"
        )
    if options.replacing_rate is None:
        _check_losses(options, task, config, teacher)


def _check_losses(options: Any, task: "Task", config: "BertConfig", teacher: TrainedRun) -> None:
    from bert_tf2.tasks.base import Task

    losses = options.losses
    if task.sees_whole_batch:
        raise UserError(
            f"--teacher={options.teacher}: {teacher.meta.task_type} compares the examples of a batch with each other, which is "
            "not learned from a teacher; leave it out"
        )
    if SOFT in losses and type(task).soft_loss is Task.soft_loss:
        raise UserError(
            f"{teacher.meta.task_type} has no loss against a teacher's outputs; leave soft out of --distillation_losses, or "
            f"{task.why_no_soft_loss}"
        )
    check_compared(options, config, teacher.config)
