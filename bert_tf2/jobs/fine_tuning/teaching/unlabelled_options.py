"""The option of rows without label, which are learned from a teacher alone."""

import dataclasses

from bert_tf2.jobs.training.distillation_options import DISTILLATION
from bert_tf2.options import Options, option


@dataclasses.dataclass(frozen=True)
class UnlabelledOptions(Options):
    """More rows of a student."""

    # A run's identity names the bytes of its records, wherever they lie.
    unlabelled_data_path: str | None = option(
        None,
        "Records to train on besides, learned from --teacher alone: nobody reads their labels. Names and wildcards as of "
        "--train_data_path; create_finetuning_data.py makes them of a --test_file.",
        section=DISTILLATION,
        comma_separated=True,
        may_change=True,
        of_training=True,
    )
