"""Whether a teacher is one for a run, and what of the run's options it gives."""

import dataclasses
import os
from typing import TYPE_CHECKING, Any, TypeVar

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.training.distillation_options import (
    ATTENTION,
    HIDDEN,
    MINILM,
    OF_SOFT_LABELS,
    SOFT,
    DistillationOptions,
    given_without_teacher,
)
from bert_tf2.model_directory import model_files
from bert_tf2.model_directory.trained_run import TrainedRun
from bert_tf2.models.layer_numbers import chosen_layers
from bert_tf2.options import given_of_loss, refuse_given, required
from bert_tf2.tasks.kind_options import decides_model
from bert_tf2.training.distillation.layer_map import spread_layers
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
        others = OF_SOFT_LABELS if getattr(options, "soft_labels", None) else ()
        if (name := given_without_teacher(options, others)) is not None:
            raise UserError(f"--{name} can do nothing without --teacher; name one, or leave it out")
        return options
    if not trains:
        raise UserError("--teacher is for training; leave the options of distillation out to evaluate, predict or export")
    given: Any = options
    if given.directory and os.path.realpath(files.expand(given.directory)) == os.path.realpath(files.expand(options.teacher)):
        raise UserError(f"--teacher={options.teacher} is the directory to train in; name another --model_dir for the student")
    losses = options.losses
    if SOFT not in losses:
        because = f"is of the soft loss, and --distillation_losses={options.distillation_losses} has none; leave it out"
        refuse_given(options, ("distillation_alpha", "distillation_temperature"), because)
    elif options.distillation_alpha == 1 and (name := given_of_loss(options)) is not None:
        raise UserError(
            f"--{name} is of the labels' loss, of which --distillation_alpha=1 leaves nothing; give it less, or leave one out"
        )
    if not {HIDDEN, ATTENTION} & set(losses):
        because = f"is of hidden and attention, and --distillation_losses={options.distillation_losses} has neither; leave it out"
        refuse_given(options, ("layer_map",), because)
    if given.recompute and {ATTENTION, MINILM} & set(losses):
        raise UserError(
            f"--recompute keeps nothing of a layer's attention, which --distillation_losses={options.distillation_losses} looks "
            "at; leave it out"
        )
    if not given.hub_module_trainable and set(losses) != {SOFT}:
        raise UserError("--hub_module_trainable=false leaves the encoder as it is; then --distillation_losses can only be soft")
    if not options.makes_student:
        return options
    if options.student_layers and options.num_student_layers:
        raise UserError("--student_layers and --num_student_layers are two ways to choose layers; give one")
    flag = "student_layers" if options.student_layers else "num_student_layers"
    refuse_given(
        options,
        ("bert_config_file", "hub_module_url", "init_checkpoint"),
        f"names the beginning of a model of its own, and --{flag} makes one of the teacher; leave one of them out",
    )
    completed: Any = model_files.completed(given, [options.teacher], needs_metadata=False)
    return completed


def student_of(options: DistillationOptions, teacher: TrainedRun) -> tuple[int, ...] | None:
    """The layers of the teacher that the student is made of; None where it is a model of its own.

    Raises:
      UserError: the teacher has no such layers.
    """
    layers = teacher.config.num_hidden_layers
    if options.student_layers:
        return chosen_layers("student_layers", options.student_layers, "the teacher", layers)
    return spread_layers(options.num_student_layers, layers) if options.num_student_layers else None


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
    from bert_tf2.models.families.base import family_of

    teacher = TrainedRun.open(required(options.teacher), "teacher")
    if family_of(config).weights.counts != "num_hidden_layers":
        raise UserError(
            f"--teacher={options.teacher} is an {config.form.title}, whose layers share their weights: none can be chosen; give "
            "the student's --bert_config_file"
        )
    layers = student_of(options, teacher)
    return dataclasses.replace(config, num_hidden_layers=len(required(layers)))


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
    if not {ATTENTION, MINILM} & set(losses):
        return
    for whose, one in (("the student", config), ("the teacher", teacher.config)):
        if one.form.title == "XLNet":
            raise UserError(
                f"--distillation_losses={options.distillation_losses} compares attention, and {whose} is an XLNet, whose scores "
                "are of distances too; use soft and hidden"
            )
    if config.num_attention_heads != teacher.config.num_attention_heads:
        raise UserError(
            f"--distillation_losses={options.distillation_losses} compares attention head by head, and the student has "
            f"{config.num_attention_heads} heads (num_attention_heads), the teacher {teacher.config.num_attention_heads}; use "
            "soft and hidden, or a student with as many heads"
        )
