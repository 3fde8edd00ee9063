"""Which of the ways to train several times a command asks for."""

import dataclasses
from collections.abc import Callable
from typing import Any

from bert_tf2.jobs.fine_tuning.phases import Phases


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A way to train several times.

    Attributes:
      run: trains; called with the options, what is to be done, and the job of one training.
      first: from the options and what is to be done the options of one of the trainings, and how many trainings there are.
    """

    run: Callable[..., dict[str, Any]]
    first: Callable[[Any, Phases], tuple[Any, int]]


def sweep_asked(options: Any) -> Sweep | None:
    """How several trainings are asked for; None for one training.

    Args:
      options: hold `SweepOptions`, and perhaps `FoldOptions`.
    """
    # Each is imported where it is asked for: --help has no time for them.
    if getattr(options, "pattern_ensemble", False):
        from bert_tf2.jobs.fine_tuning.sweeps.patterns import first_pattern, run_patterns

        return Sweep(run_patterns, first_pattern)
    if options.search is not None:
        from bert_tf2.jobs.fine_tuning.sweeps.search import first_trial, run_search

        return Sweep(run_search, first_trial)
    if getattr(options, "num_folds", None) is not None and options.fold is None and options.trains:
        from bert_tf2.jobs.fine_tuning.sweeps.folds import first_fold, run_folds

        return Sweep(run_folds, first_fold)
    if options.num_seeds > 1:
        from bert_tf2.jobs.fine_tuning.sweeps.seeds import first_seed, run_seeds

        return Sweep(run_seeds, first_seed)
    return None
