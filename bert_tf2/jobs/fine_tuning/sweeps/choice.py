"""Which of the ways to train several times a command asks for."""

from collections.abc import Callable
from typing import Any

from bert_tf2.jobs.fine_tuning.sweeps.folds import run_folds
from bert_tf2.jobs.fine_tuning.sweeps.search import run_search
from bert_tf2.jobs.fine_tuning.sweeps.seeds import run_seeds


def sweep_asked(options: Any) -> Callable[..., dict[str, Any]] | None:
    """What trains several times, called with the options, what is to be done, and the job of one training; None for one training.

    Args:
      options: hold `SweepOptions`, and perhaps `FoldOptions`.
    """
    if options.search is not None:
        return run_search
    if getattr(options, "num_folds", None) is not None and options.fold is None and options.trains:
        return run_folds
    return run_seeds if options.num_seeds > 1 else None
