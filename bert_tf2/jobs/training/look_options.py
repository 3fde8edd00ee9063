"""Options of a look at a training before it is started."""

import dataclasses

from bert_tf2.options import Options, option, positive


@dataclasses.dataclass(frozen=True)
class LookOptions(Options):
    """Whether a training is only looked at."""

    dry_run: bool = option(
        False,
        "Train nothing and write nothing: look at files, vocabulary, labels, lengths, copies, memory, disk and time, and say "
        "what to change first, as python -m bert_tf2.doctor does.",
        section="A look before the job",
        may_change=True,
    )
    price_per_hour: float | None = option(
        None,
        "What an hour of this machine costs, in any currency; --dry_run tells what the training will.",
        check=positive,
        section="A look before the job",
        may_change=True,
    )
