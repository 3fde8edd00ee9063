"""The options of a student whose layers are trained in the places of its teacher's (BERT-of-Theseus)."""

import dataclasses

from bert_tf2.jobs.training.distillation_options import DISTILLATION
from bert_tf2.options import Options, option, share

LINEAR, CONSTANT = "linear", "constant"


@dataclasses.dataclass(frozen=True)
class ReplacingOptions(Options):
    """How a student's layers take the places of a teacher's."""

    replacing_rate: float | None = option(
        None,
        "BERT-of-Theseus: train the student's layers in the places of the teacher's instead of with losses against it. In each "
        "step each of them takes the place of its share of the teacher's layers with this probability, such as 0.3.",
        check=share,
        section=DISTILLATION,
        of_training=True,
    )
    replacing_schedule: str = option(
        LINEAR,
        "How --replacing_rate goes to 1: linear (in equal steps), constant (at once, when its share of the training is over).",
        choices=(LINEAR, CONSTANT),
        section=DISTILLATION,
        of_training=True,
    )
    replacing_proportion: float = option(
        0.7,
        "Share of the training's steps after which it is 1, and the student trains alone.",
        check=share,
        section=DISTILLATION,
        of_training=True,
    )


OF_REPLACING = tuple(field.name for field in dataclasses.fields(ReplacingOptions))
