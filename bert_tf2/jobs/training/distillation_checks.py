"""Whether options of distillation agree with each other, and with the student and the teacher, in every job that trains."""

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.training.distillation_options import DistillationOptions
from bert_tf2.models.layer_numbers import chosen_layers
from bert_tf2.options import given_of_loss, refuse_given, required
from bert_tf2.training.distillation.layer_map import spread_layers
from bert_tf2.training.distillation.names import ATTENTION, COSINE, HIDDEN, MINILM, SOFT

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig


def refuse_without_teacher(options: DistillationOptions, others: Sequence[str] = ()) -> None:
    """Refuses options that do nothing without a teacher, but for these others.

    Raises:
      UserError: one of them was given.
    """
    fields = [field for field in dataclasses.fields(DistillationOptions) if field.name not in others]
    for field in fields:
        if getattr(options, field.name) != field.default:
            raise UserError(f"--{field.name} can do nothing without --teacher; name one, or leave it out")


def check_asked(options: Any, trains: bool, compares: bool = True, may_leave_labels: bool = False) -> None:
    """Checks the options of a job with a teacher for what can do nothing, or not beside others.

    Args:
      options: `DistillationOptions` with those of training.
      trains: whether there is training.
      compares: whether there are losses against the teacher.
      may_leave_labels: whether `--distillation_alpha=1` may be given without `soft`, for a training that learns nothing but
        what its teacher's layers do.

    Raises:
      UserError: there is such an option.
    """
    if not trains:
        raise UserError("--teacher is for training; leave the options of distillation out to evaluate, predict or export")
    if options.directory and os.path.realpath(files.expand(options.directory)) == os.path.realpath(files.expand(options.teacher)):
        raise UserError(f"--teacher={options.teacher} is the directory to train in; name another --model_dir for the student")
    if compares:
        _check_losses(options, may_leave_labels)
    if not options.makes_student:
        return
    if options.student_layers and options.num_student_layers:
        raise UserError("--student_layers and --num_student_layers are two ways to choose layers; give one")
    flag = "student_layers" if options.student_layers else "num_student_layers"
    refuse_given(
        options,
        ("bert_config_file", "hub_module_url", "init_checkpoint"),
        f"names the beginning of a model of its own, and --{flag} makes one of the teacher; leave one of them out",
    )


def _check_losses(options: Any, may_leave_labels: bool) -> None:
    """Checks what is asked of losses against a teacher."""
    losses = options.losses
    if SOFT not in losses:
        because = f"is of the soft loss, and --distillation_losses={options.distillation_losses} has none; leave it out"
        refuse_given(options, ("distillation_temperature",), because)
        if not (may_leave_labels and options.distillation_alpha == 1):
            because += ", or give 1 to learn nothing from the labels" if may_leave_labels else ""
            refuse_given(options, ("distillation_alpha",), because)
    elif options.distillation_alpha == 1 and (name := given_of_loss(options)) is not None:
        raise UserError(
            f"--{name} is of the labels' loss, of which --distillation_alpha=1 leaves nothing; give it less, or leave one out"
        )
    if not {HIDDEN, ATTENTION} & set(losses):
        because = f"is of hidden and attention, and --distillation_losses={options.distillation_losses} has neither; leave it out"
        refuse_given(options, ("layer_map",), because)
    if options.recompute and {ATTENTION, MINILM} & set(losses):
        raise UserError(
            f"--recompute keeps nothing of a layer's attention, which --distillation_losses={options.distillation_losses} looks "
            "at; leave it out"
        )
    if not options.hub_module_trainable and set(losses) != {SOFT}:
        raise UserError("--hub_module_trainable=false leaves the encoder as it is; then --distillation_losses can only be soft")


def student_of(options: DistillationOptions, layers: int) -> tuple[int, ...] | None:
    """The layers of the teacher that the student is made of; None where it is a model of its own.

    Args:
      options: say which.
      layers: how many the teacher has.

    Raises:
      UserError: it has no such layers.
    """
    if options.student_layers:
        return chosen_layers("student_layers", options.student_layers, "the teacher", layers)
    return spread_layers(options.num_student_layers, layers) if options.num_student_layers else None


def told_layers(layers: Sequence[int], teacher: str) -> str:
    """What a student begins as that is made of layers of a teacher, for people.

    Args:
      layers: as `student_of` gives them.
      teacher: what the teacher is called.
    """
    return f"{'layer' if len(layers) == 1 else 'layers'} {', '.join(map(str, layers))} of {teacher}"


def config_of_layers(options: DistillationOptions, teacher: "BertConfig") -> "BertConfig":
    """The teacher's configuration with as many layers as the student is made of.

    Raises:
      UserError: the teacher has no such layers, or its layers are not each for itself.
    """
    from bert_tf2.models.families.base import family_of

    if family_of(teacher).weights.counts != "num_hidden_layers":
        raise UserError(
            f"--teacher={options.teacher} is an {teacher.form.title}, whose layers share their weights: none can be chosen; give "
            "the student's --bert_config_file"
        )
    layers = student_of(options, teacher.num_hidden_layers)
    return dataclasses.replace(teacher, num_hidden_layers=len(required(layers)))


def check_compared(options: DistillationOptions, student: "BertConfig", teacher: "BertConfig") -> None:
    """Checks that what is to be compared of two models can be.

    Raises:
      UserError: their vectors or their attention cannot.
    """
    if COSINE in options.losses and student.hidden_size != teacher.hidden_size:
        raise UserError(
            f"--distillation_losses={options.distillation_losses} compares the directions of vectors, and the student's have "
            f"{student.hidden_size} numbers (hidden_size), the teacher's {teacher.hidden_size}; use hidden, which learns a "
            "projection along"
        )
    if not {ATTENTION, MINILM} & set(options.losses):
        return
    for whose, one in (("the student", student), ("the teacher", teacher)):
        if one.form.title == "XLNet":
            raise UserError(
                f"--distillation_losses={options.distillation_losses} compares attention, and {whose} is an XLNet, whose scores "
                "are of distances too; use soft and hidden"
            )
    if student.num_attention_heads != teacher.num_attention_heads:
        raise UserError(
            f"--distillation_losses={options.distillation_losses} compares attention head by head, and the student has "
            f"{student.num_attention_heads} heads (num_attention_heads), the teacher {teacher.num_attention_heads}; use "
            "soft and hidden, or a student with as many heads"
        )
