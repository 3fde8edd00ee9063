"""The same fine-tuning with several seeds, one after the other in directories of their own, and what they come to together."""

import dataclasses
import gc
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.sweeps.directory import (
    BEST,
    SEEDS,
    check_sweep,
    mean_and_spread,
    name_best,
    placed,
    shown_spread,
)
from bert_tf2.jobs.training.training_options import TrainingOptions

if TYPE_CHECKING:
    from bert_tf2.jobs.fine_tuning.run import RunResult

logger = logging.getLogger(__name__)

_FIRST = 1

SeededOptions = TypeVar("SeededOptions", bound=TrainingOptions)


@dataclasses.dataclass(frozen=True)
class Seed:
    """What one training came to.

    Attributes:
      seed: its seed.
      directory: where it is, within the directory of all.
      scores: of the evaluation, by metric.
      degenerate: why it has learnt nothing, a clause; None where it has.
    """

    seed: int
    directory: str
    scores: Mapping[str, float]
    degenerate: str | None


def check_seeds(options: Any, phases: Phases) -> str:
    """Checks that several seeds can be compared, and that the directory is theirs.

    Args:
      options: `SweepOptions` with those of training.
      phases: what is to be done with each seed.

    Returns:
      the directory.

    Raises:
      UserError: as `check_sweep`.
    """
    asked = f"--num_seeds={options.num_seeds}"
    directory = check_sweep(asked, options, phases, SEEDS)
    if options.seed is not None and options.seed + options.num_seeds > 2**32:
        raise UserError(f"{asked}: seeds are below 2^32; got --seed={options.seed}, after which there are not so many")
    return directory


def first_seed(options: SeededOptions, phases: Phases) -> tuple[SeededOptions, int]:
    """The first training, and how many there are; raises as `check_seeds`."""
    check_seeds(options, phases)
    return options, options.num_seeds  # type: ignore[attr-defined]


def run_seeds(options: SeededOptions, phases: Phases, run: Callable[[SeededOptions], "RunResult"]) -> dict[str, Any]:
    """Runs the job with each seed and tells what they came to.

    Args:
      options: of all; they hold `SweepOptions` too.
      phases: what is to be done with each seed.
      run: the job for one seed.

    Returns:
      `seeds`: a list of `Seed`; `best`: the one with the best score.

    Raises:
      UserError: the options do not go together, or an evaluation gave no score, so that there is nothing to compare.
    """
    directory, number = check_seeds(options, phases), options.num_seeds  # type: ignore[attr-defined]
    first = _FIRST if options.seed is None else options.seed
    found: list[Seed] = []
    for seed in range(first, first + number):
        name = f"seed_{seed}"
        logger.info("seed %d, %d of %d: %s", seed, len(found) + 1, number, os.path.join(directory, name))
        changes: dict[str, Any] = {"seed": seed, "num_seeds": 1, **placed(options, name)}
        result = run(dataclasses.replace(options, **changes))
        if not result.scores:
            raise UserError(
                f"--num_seeds={number} compares scores, and seed {seed} has none: give evaluation data that have answers"
            )
        metric = result.best_metric
        found.append(Seed(seed, name, next(iter(result.scores.values())), result.degenerate))
        best = _best(found, metric, result.higher_is_better)
        # Models and graphs of a training hold each other; the next one needs their memory.
        del result
        gc.collect()
        _write(directory, found, best, metric)
    _tell(directory, found, best, metric)
    return {"seeds": found, "best": best}


def _best(seeds: Sequence[Seed], metric: str, higher_is_better: bool) -> Seed:
    def rank(seed: Seed) -> float:
        value = seed.scores[metric]
        return -math.inf if math.isnan(value) else value if higher_is_better else -value

    return max(seeds, key=rank)


def _learnt(seeds: Sequence[Seed]) -> list[Seed]:
    return [seed for seed in seeds if seed.degenerate is None]


def _write(directory: str, seeds: Sequence[Seed], best: Seed, metric: str) -> None:
    """Writes what is known so far, so that a kill loses nothing."""
    from bert_tf2.training.reporting.report import write_pages

    names = [name for name in seeds[0].scores if "/" not in name]
    statistic = {name: mean_and_spread([seed.scores[name] for seed in seeds]) for name in names}
    content = {
        "metric": metric,
        "best": best.directory,
        "mean": {name: mean for name, (mean, _) in statistic.items()},
        "standard_deviation": {name: spread for name, (_, spread) in statistic.items()},
        "seeds": [dataclasses.asdict(seed) for seed in seeds],
    }
    files.write_json(os.path.join(directory, SEEDS), content)
    write_pages(directory, _report(directory, seeds, best, names))
    name_best(directory, best.directory)


def _report(directory: str, seeds: Sequence[Seed], best: Seed, names: Sequence[str]) -> str:
    lines = [f"# {len(seeds)} seeds in {os.path.basename(os.path.abspath(directory))}", ""]
    lines += [f"| seed | {' | '.join(names)} | |", "|---" * (len(names) + 2) + "|"]
    for seed in seeds:
        remarks = [
            *(["the best"] if seed is best else []),
            *([f"has learnt nothing: {seed.degenerate}"] if seed.degenerate else []),
        ]
        values = " | ".join(f"{seed.scores[name]:.4f}" for name in names)
        lines.append(f"| [{seed.seed}]({seed.directory}/report.md) | {values} | {'; '.join(remarks)} |")
    groups = {"all": list(seeds)}
    if 0 < len(_learnt(seeds)) < len(seeds):
        groups["those that learnt"] = _learnt(seeds)
    for title, group in groups.items():
        values = " | ".join(shown_spread([seed.scores[name] for seed in group]) for name in names)
        lines.append(f"| {title} | {values} | mean ± standard deviation |")
    lines += ["", f"The best is `{best.directory}`, and `{BEST}` points to it."]
    return "\n".join(lines) + "\n"


def _tell(directory: str, seeds: Sequence[Seed], best: Seed, metric: str) -> None:
    values = [seed.scores[metric] for seed in seeds]
    told = f"{metric} {shown_spread(values)} over {len(seeds)} seeds, from {min(values):.4f} to {max(values):.4f}"
    logger.info("%s; the best is seed %d: %s", told, best.seed, os.path.join(directory, best.directory))
    lost = [seed for seed in seeds if seed.degenerate is not None]
    if lost:
        rest = _learnt(seeds)
        more = f"; {metric} of the others {shown_spread([seed.scores[metric] for seed in rest])}" if rest else ""
        named = ", ".join(f"{seed.seed} ({seed.degenerate})" for seed in lost)
        logger.warning("%d of %d seeds have learnt nothing: %s%s", len(lost), len(seeds), named, more)
