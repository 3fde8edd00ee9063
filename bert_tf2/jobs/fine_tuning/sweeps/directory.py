"""A directory of several trainings: each in one of its own, and a link to the best of them."""

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.training.run_directory import RUN_CONFIG

BEST = "best"
SEARCH, SEEDS, FOLDS, PATTERNS = "search.json", "seeds.json", "folds.json", "patterns.json"
_OF = {SEARCH: "a search", SEEDS: "trainings of several seeds", FOLDS: "a cross-validation", PATTERNS: "an ensemble of patterns"}


def check_sweep(asked: str, options: Any, phases: Phases, own: str) -> str:
    """Checks that several trainings can be compared, and that the directory is for several.

    Args:
      asked: the flag that asks for several, with its value.
      options: of all of them.
      phases: what is to be done with each.
      own: the file in which it keeps what they come to.

    Returns:
      the directory.

    Raises:
      UserError: nothing would be trained, nothing compared, or another option asks for what each training would overwrite.
    """
    if not phases.train:
        raise UserError(
            f"{asked} is for training and there is none; name the directory of one that is trained: --model_dir=…/best"
        )
    if not (phases.evaluate or phases.predict):
        raise UserError(
            f"{asked} compares evaluations and there is none: use --mode=train_and_eval, or --do_eval beside --do_train"
        )
    if options.model_export_path:
        raise UserError(
            f"{asked}: only the best is worth an export: leave --model_export_path out, and afterwards use --mode=export_only "
            f"--model_dir={options.directory}/{BEST}"
        )
    if options.distribution_strategy == "multi_worker_mirrored" or options.use_tpu or options.distribution_strategy == "tpu":
        raise UserError(f"{asked}: several workers and TPUs are connected once in a program; start it once for each training")
    if not options.directory:
        raise UserError(f"--model_dir is required: {asked} needs it for a directory of each training")
    directory = files.expand(options.directory)
    best = os.path.join(directory, BEST)
    if os.path.lexists(best) and not os.path.islink(best):
        raise UserError(f"{asked}: {best} will be a link to the directory of the best, and is there already; rename it")
    refuse_others(asked, directory, own)
    return directory


def refuse_others(asked: str, directory: str, own: str) -> None:
    """Refuses a directory that holds something else; arguments as `check_sweep`.

    Raises:
      UserError: it does.
    """
    if files.exists(os.path.join(directory, RUN_CONFIG)):
        raise UserError(f"{asked}: {directory} holds a single training; give another --model_dir, with a directory for each")
    for name, what in _OF.items():
        if name != own and files.exists(os.path.join(directory, name)):
            raise UserError(f"{asked}: {directory} holds {what}; give another --model_dir")


def placed(options: Any, name: str) -> dict[str, str]:
    """The option that puts a training into a directory of its own within that of all, with its value."""
    place = "model_dir" if options.model_dir else "output_dir"
    return {place: os.path.join(files.expand(options.directory), name)}


def name_best(directory: str, best: str) -> None:
    """Lets `best` be another name of the best one's directory; not in a bucket, which has no links."""
    if files.is_remote(directory):
        return
    path = os.path.join(directory, BEST)
    temporary = f"{path}.{os.getpid()}"
    os.symlink(best, temporary)
    os.replace(temporary, path)


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the sample's standard deviation (of N - 1); nan for that of one value."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def shown_spread(values: Sequence[float]) -> str:
    """The mean with the standard deviation, where there is one."""
    mean, spread = mean_and_spread(values)
    return f"{mean:.4f}" if math.isnan(spread) else f"{mean:.4f} ± {spread:.4f}"
