"""The same fine-tuning with several seeds, one after the other in directories of their own, and what they come to together."""

import dataclasses
import gc
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.options import required
from bert_tf2.training.run_directory import RUN_CONFIG

if TYPE_CHECKING:
    from bert_tf2.jobs.fine_tuning.run import RunResult

logger = logging.getLogger(__name__)

SEEDS, BEST = "seeds.json", "best"
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


def _check(options: Any, phases: Phases) -> None:
    """Checks that several seeds can be compared, and that the directory is theirs.

    Args:
      options: `SeedOptions` with those of training.
      phases: what is to be done with each seed.

    Raises:
      UserError: nothing would be trained, nothing compared, or another option asks for what each seed would overwrite.
    """
    asked = f"--num_seeds={options.num_seeds}"
    if not phases.train:
        raise UserError(f"{asked} repeats a training and there is none; name one of its directories: --model_dir=…/seed_1")
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
        raise UserError(f"{asked}: several workers and TPUs are connected once in a program; start it once for each --seed")
    if options.seed is not None and options.seed + options.num_seeds > 2**32:
        raise UserError(f"{asked}: seeds are below 2^32; got --seed={options.seed}, after which there are not so many")
    if not options.directory:
        raise UserError(f"--model_dir is required: {asked} needs it for a directory of each seed")
    directory = files.expand(options.directory)
    best = os.path.join(directory, BEST)
    if os.path.lexists(best) and not os.path.islink(best):
        raise UserError(f"{asked}: {best} will be a link to the best seed's directory, and is there already; rename it")
    if files.exists(os.path.join(directory, RUN_CONFIG)):
        raise UserError(f"{asked}: {directory} holds a single training; give another --model_dir, with a directory for each seed")


def run_seeds(options: SeededOptions, phases: Phases, run: Callable[[SeededOptions], "RunResult"]) -> dict[str, Any]:
    """Runs the job with each seed and tells what they came to.

    Args:
      options: of all; they hold `SeedOptions` too.
      phases: what is to be done with each seed.
      run: the job for one seed.

    Returns:
      `seeds`: a list of `Seed`; `best`: the one with the best score.

    Raises:
      UserError: the options do not go together, or an evaluation gave no score, so that there is nothing to compare.
    """
    _check(options, phases)
    directory, number = files.expand(required(options.directory)), options.num_seeds  # type: ignore[attr-defined]
    first = _FIRST if options.seed is None else options.seed
    place = "model_dir" if options.model_dir else "output_dir"
    found: list[Seed] = []
    for seed in range(first, first + number):
        name = f"seed_{seed}"
        logger.info("seed %d, %d of %d: %s", seed, len(found) + 1, number, os.path.join(directory, name))
        changes: dict[str, Any] = {"seed": seed, "num_seeds": 1, place: os.path.join(directory, name)}
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


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the sample's standard deviation (of N - 1); nan for that of one value."""
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def _shown(values: Sequence[float]) -> str:
    mean, spread = _mean_and_spread(values)
    return f"{mean:.4f}" if math.isnan(spread) else f"{mean:.4f} ± {spread:.4f}"


def _learnt(seeds: Sequence[Seed]) -> list[Seed]:
    return [seed for seed in seeds if seed.degenerate is None]


def _write(directory: str, seeds: Sequence[Seed], best: Seed, metric: str) -> None:
    """Writes what is known so far, so that a kill loses nothing."""
    names = [name for name in seeds[0].scores if "/" not in name]
    statistic = {name: _mean_and_spread([seed.scores[name] for seed in seeds]) for name in names}
    content = {
        "metric": metric,
        "best": best.directory,
        "mean": {name: mean for name, (mean, _) in statistic.items()},
        "standard_deviation": {name: spread for name, (_, spread) in statistic.items()},
        "seeds": [dataclasses.asdict(seed) for seed in seeds],
    }
    files.write_json(os.path.join(directory, SEEDS), content)
    files.write_text(os.path.join(directory, "report.md"), _report(directory, seeds, best, names))
    _name_best(directory, best)


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
        values = " | ".join(_shown([seed.scores[name] for seed in group]) for name in names)
        lines.append(f"| {title} | {values} | mean ± standard deviation |")
    lines += ["", f"The best is `{best.directory}`, and `{BEST}` points to it."]
    return "\n".join(lines) + "\n"


def _name_best(directory: str, best: Seed) -> None:
    """Lets `best` be another name of the best one's directory; not in a bucket, which has no links."""
    if files.is_remote(directory):
        return
    path = os.path.join(files.expand(directory), BEST)
    temporary = f"{path}.{os.getpid()}"
    os.symlink(best.directory, temporary)
    os.replace(temporary, path)


def _tell(directory: str, seeds: Sequence[Seed], best: Seed, metric: str) -> None:
    values = [seed.scores[metric] for seed in seeds]
    told = f"{metric} {_shown(values)} over {len(seeds)} seeds, from {min(values):.4f} to {max(values):.4f}"
    logger.info("%s; the best is seed %d: %s", told, best.seed, os.path.join(directory, best.directory))
    lost = [seed for seed in seeds if seed.degenerate is not None]
    if lost:
        rest = _learnt(seeds)
        more = f"; {metric} of the others {_shown([seed.scores[metric] for seed in rest])}" if rest else ""
        named = ", ".join(f"{seed.seed} ({seed.degenerate})" for seed in lost)
        logger.warning("%d of %d seeds have learnt nothing: %s%s", len(lost), len(seeds), named, more)
