"""`python -m bert_tf2.doctor JOB --flags…`: the look at a training that `--dry_run` is."""

import dataclasses
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from bert_tf2 import cli
from bert_tf2.errors import did_you_mean
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.squad import run_squad
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.pretraining.job import run_pretraining
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.options import Options

JOBS: dict[str, tuple[Callable[[Any], dict[str, Any]], type[TrainingOptions]]] = {
    "run_classifier": (run_classifier, ClassifierOptions),
    "run_squad": (run_squad, SquadOptions),
    "run_pretraining": (run_pretraining, PretrainingOptions),
}
"""The jobs that can be looked at, with their options."""


def command(description: str | None = None) -> None:
    """Runs the look from the command line."""
    sys.exit(run(description or __doc__ or "", sys.argv))


def run(description: str, argv: Sequence[str]) -> int:
    """As `command`, but returns the exit code.

    Args:
      description: what `--help` says first.
      argv: the command line: the program, the name of a job, its flags.
    """
    program, *rest = argv
    if not rest or rest[0] in ("--help", "-h", "--version"):
        return cli.run(lambda options: None, _NoOptions, description, [program, *(rest or ["--help"])])
    name = os.path.basename(rest[0]).removesuffix(".py")
    if name not in JOBS:
        print(
            f"ERROR: the first word must be the job to look at: {', '.join(JOBS)}; got '{rest[0]}'.{did_you_mean(name, JOBS)}",
            file=sys.stderr,
        )
        return 2
    job, options_class = JOBS[name]

    def look(options: TrainingOptions) -> dict[str, Any]:
        return job(dataclasses.replace(options, dry_run=True))

    return cli.run(look, options_class, description, [f"{program} {name}", *rest[1:]])


@dataclasses.dataclass(frozen=True)
class _NoOptions(Options):
    """What there is without a job."""
