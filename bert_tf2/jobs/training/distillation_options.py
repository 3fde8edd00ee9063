"""The options of training after a teacher, of every command that fine-tunes."""

import dataclasses

from bert_tf2.options import Options, at_least, fraction, info, option, positive
from bert_tf2.training.distillation.names import LOSSES, SOFT

DISTILLATION = "Distillation"


def losses_in(value: str) -> dict[str, float]:
    """The weights of the losses that a text such as `soft,hidden:0.5` names.

    Raises:
      ValueError: it does not name losses; the message says what is wrong.
    """
    found: dict[str, float] = {}
    for part in value.split(","):
        name, separator, weight = part.strip().partition(":")
        if name not in LOSSES:
            raise ValueError(f"must be some of {', '.join(LOSSES)}, separated by commas")
        if name in found:
            raise ValueError(f"must name {name} once")
        if name == SOFT and separator:
            raise ValueError("must not give soft a weight, whose share is --distillation_alpha")
        try:
            found[name] = float(weight) if separator else 1.0
        except ValueError:
            found[name] = 0.0
        if positive(found[name]) is not None:
            raise ValueError(f"must give {name} a weight above 0, such as {name}:0.5")
    return found


def _names_losses(value: str) -> str | None:
    try:
        losses_in(value)
    except ValueError as error:
        return str(error)
    return None


@dataclasses.dataclass(frozen=True)
class DistillationOptions(Options):
    """A teacher, what is learned from it, and of which of its layers a student is made."""

    teacher: str | None = option(
        None,
        "Train after a teacher: the --model_dir of a finished training for the same task, labels and vocabulary, or one of its "
        "checkpoints (MODEL_DIR/ckpt-N) [default: its newest].",
        section=DISTILLATION,
    )
    distillation_losses: str = option(
        SOFT,
        "What is learned from the teacher: soft (its outputs), hidden (embeddings and hidden states, as TinyBERT), cosine (the "
        "vectors of the last layer, as DistilBERT), attention (attention scores, as TinyBERT), minilm (attention and value "
        "relations of the last layer); separated by commas, all but soft with a weight if you like: soft,hidden:0.5.",
        check=_names_losses,
        section=DISTILLATION,
        comma_separated=True,
    )
    distillation_alpha: float = option(
        0.5, "Share of the soft loss; the loss of the labels has the rest.", check=fraction, section=DISTILLATION
    )
    distillation_temperature: float = option(
        2.0, "Temperature of the soft loss; nothing to regression.", check=positive, section=DISTILLATION
    )
    layer_map: str = option(
        "uniform",
        "hidden and attention: which layer of the student learns from which of the teacher: uniform (evenly spaced, the last "
        "from the last), last (from as many last ones), or pairs counted from 0, such as 0:1,1:3.",
        section=DISTILLATION,
        comma_separated=True,
    )
    student_layers: str | None = option(
        None,
        "Make the student of these layers of the teacher, counted from 0, such as 0,2,4, with its embeddings and its head; "
        "instead of --bert_config_file and --init_checkpoint.",
        section=DISTILLATION,
        comma_separated=True,
    )
    num_student_layers: int | None = option(
        None,
        "As --student_layers, with so many layers, evenly spaced from the first to the last.",
        check=at_least(1),
        section=DISTILLATION,
    )

    @property
    def makes_student(self) -> bool:
        """Whether the student is made of layers of the teacher."""
        return bool(self.student_layers or self.num_student_layers)

    @property
    def losses(self) -> dict[str, float]:
        """The weights of the losses that were asked for, by name."""
        return losses_in(self.distillation_losses)


OF_LOSSES = ("distillation_losses", "distillation_alpha", "distillation_temperature", "layer_map")
"""What says how losses against a teacher are."""

OF_SOFT_LABELS = ("distillation_alpha", "distillation_temperature")
"""What says how soft labels of a file are learned, too."""


def described_options(options: DistillationOptions) -> dict[str, object]:
    """The values of all options but the teacher, for a run's identity."""
    fields = dataclasses.fields(DistillationOptions)
    return {one.name: getattr(options, one.name) for one in fields if one.name != "teacher" and not info(one).may_change}
