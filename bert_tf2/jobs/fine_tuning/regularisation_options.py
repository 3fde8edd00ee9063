"""The options of fine-tuning that keep a model from learning few examples by heart."""

import dataclasses
from typing import TYPE_CHECKING, Any

from bert_tf2.errors import UserError
from bert_tf2.options import Options, between, not_default, not_negative, option, positive

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig

REGULARISATION = "Regularisation"
FGM, PGD = "fgm", "pgd"


@dataclasses.dataclass(frozen=True)
class RegularisationOptions(Options):
    """What a training minimises beside the loss of its examples as they are."""

    rdrop_alpha: float = option(
        0.0,
        "R-Drop: every batch goes through the model twice, with other dropout, and this much counts how far the two outputs are "
        "from each other, such as 1; 0 is one pass.",
        check=not_negative,
        section=REGULARISATION,
        of_training=True,
    )
    adversarial: str | None = option(
        None,
        "Train besides on word embeddings that are moved to where the loss grows: fgm (in one step), pgd (in several).",
        choices=(FGM, PGD),
        section=REGULARISATION,
        of_training=True,
    )
    adversarial_epsilon: float = option(
        1.0,
        "How far the word embeddings of an input are moved, as the L2 norm over all its tokens.",
        check=positive,
        section=REGULARISATION,
        of_training=True,
    )
    adversarial_steps: int = option(3, "pgd: how many steps.", check=between(2, 20), section=REGULARISATION, of_training=True)
    adversarial_step_size: float | None = option(
        None,
        "pgd: how far one step goes [default: 2.5 * epsilon / steps].",
        check=positive,
        section=REGULARISATION,
        of_training=True,
    )

    @property
    def step_size(self) -> float:
        """Of pgd: that of Madry et al. 2018 (https://arxiv.org/abs/1706.06083) unless it is given."""
        return self.adversarial_step_size or 2.5 * self.adversarial_epsilon / self.adversarial_steps


def regularisation_asked(options: RegularisationOptions) -> dict[str, Any]:
    """What is asked for, by flag; nothing of defaults."""
    return not_default(options, (field.name for field in dataclasses.fields(RegularisationOptions)))


def check_regularisation(options: Any, config: "BertConfig", trains: bool) -> None:
    """Checks what the options say against the encoder and against others.

    Args:
      options: `RegularisationOptions` with those of training and of distillation.
      config: of the encoder.
      trains: whether there is training.

    Raises:
      UserError: two options contradict each other, or one can do nothing.
    """
    asked = regularisation_asked(options)
    if not trains:
        for name in asked:
            raise UserError(f"--{name} is for training; leave it out to evaluate, predict or export")
    for name in ("adversarial_epsilon", "adversarial_steps", "adversarial_step_size"):
        if name in asked and options.adversarial is None:
            raise UserError(f"--{name}={asked[name]} can do nothing without --adversarial; give that too, or leave it out")
        if name in asked and name != "adversarial_epsilon" and options.adversarial == FGM:
            raise UserError(f"--{name}={asked[name]} is for --adversarial=pgd; fgm moves embeddings in one step: leave it out")
    if not options.rdrop_alpha:
        return
    given = f"--rdrop_alpha={options.rdrop_alpha:g}"
    if options.teacher:
        raise UserError(f"{given} asks a model to agree with itself and --teacher with another; leave one of them out")
    if not options.hub_module_trainable:
        raise UserError(f"{given} is about dropout in the encoder, of which --hub_module_trainable=false has none; leave it out")
    if not any((config.hidden_dropout_prob, config.attention_probs_dropout_prob, config.head_dropout_prob)):
        raise UserError(
            f"{given} compares two passes with other dropout, and the configuration has none (hidden_dropout_prob and "
            "attention_probs_dropout_prob are 0); leave it out"
        )
