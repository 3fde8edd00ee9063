"""Cross-validation: a training for each part of the training examples, without it, and its evaluation on it."""

import dataclasses
import gc
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.sweeps.directory import FOLDS, check_sweep, mean_and_spread, placed, shown_spread
from bert_tf2.options import required

if TYPE_CHECKING:
    from bert_tf2.jobs.fine_tuning.data.record_data import RecordData
    from bert_tf2.jobs.fine_tuning.run import RunResult
    from bert_tf2.tasks.base import ExampleSet, Report, Task

logger = logging.getLogger(__name__)

_SEED = 1


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """What one training came to.

    Attributes:
      fold: its number.
      directory: where it is, within the directory of all.
      examples: how many it was evaluated on.
      scores: of these, by metric.
      degenerate: why it has learnt nothing, a clause; None where it has.
    """

    fold: int
    directory: str
    examples: int
    scores: Mapping[str, float]
    degenerate: str | None


def run_folds(options: Any, phases: Phases, run: Callable[[Any], "RunResult"]) -> dict[str, Any]:
    """Trains without each part in turn, and scores the predictions for all of them together.

    Args:
      options: of all; they hold `FoldOptions` too.
      phases: what is to be done with each.
      run: the job of one.

    Returns:
      `folds`: a list of `FoldResult`; `scores`: of all training examples, each predicted by the model that has not seen it, by
      metric; `outcome`: what the task made of these predictions (`bert_tf2.tasks.base.Task.outcome`).

    Raises:
      UserError: the options do not go together, or there are too few examples.
    """
    options, directory = _checked(options, phases)
    found: list[FoldResult] = []
    parts: list[dict[str, np.ndarray]] = []
    rows: list[np.ndarray] = []
    for number in range(1, options.num_folds + 1):
        name = f"fold_{number}"
        logger.info("fold %d of %d: %s", number, options.num_folds, os.path.join(directory, name))
        changes: dict[str, Any] = {"fold": number, **placed(options, name)}
        result = run(dataclasses.replace(options, **changes))
        task: Task = required(result.task)
        data: RecordData = cast("RecordData", result.data)
        held_out = np.flatnonzero(data.held_out(task))
        found.append(FoldResult(number, name, len(held_out), result.scores["eval"], result.degenerate))
        parts.append(result.collected["eval"])
        rows.append(held_out)
        # Models and graphs of a training hold each other; the next one needs their memory.
        del result
        gc.collect()
    examples = data.examples_of_all_folds(task)
    outcome, scores = _all_together(directory, task, examples, parts, rows)
    _write(directory, found, scores, task.report(directory, outcome, examples), task, examples)
    _tell(directory, found, scores, task.best_metric)
    return {"folds": found, "scores": scores, "outcome": outcome}


def first_fold(options: Any, phases: Phases) -> tuple[Any, int]:
    """The options of the first training, and how many there are; raises as `run_folds`."""
    return dataclasses.replace(_checked(options, phases)[0], fold=1), options.num_folds


def _checked(options: Any, phases: Phases) -> tuple[Any, str]:
    """The options with the seed of the division, and the directory."""
    asked = f"--num_folds={options.num_folds}"
    if options.num_seeds > 1:
        raise UserError(f"{asked} and --num_seeds={options.num_seeds}: repeat one of them, with another --seed and --model_dir")
    directory = check_sweep(asked, options, phases, FOLDS)
    # All divide the examples in the same way.
    options = options if options.seed is not None else dataclasses.replace(options, seed=_SEED)
    return options, directory


def _all_together(
    directory: str, task: "Task", examples: "ExampleSet", parts: Sequence[Mapping[str, np.ndarray]], rows: Sequence[np.ndarray]
) -> tuple[Any, dict[str, float]]:
    """What the task makes of the predictions for all examples, and their scores; writes them as an evaluation's."""
    from bert_tf2.training.evaluation import in_file_order
    from bert_tf2.training.reporting import report

    order = np.concatenate(rows)
    collected = {name: in_file_order([part[name] for part in parts], order) for name in parts[0]}
    outcome = task.outcome(collected, examples)
    if task.tuning is not None:
        task.tune(outcome, examples)
    scores = task.scores(outcome, examples)
    task.write_evaluation(directory, outcome, examples)
    report.write_eval_results(directory, scores, 0, examples.suffix)
    return outcome, scores


def _write(
    directory: str,
    folds: Sequence[FoldResult],
    scores: Mapping[str, float],
    told: "Report",
    task: "Task",
    examples: "ExampleSet",
) -> None:
    from bert_tf2.training.reporting.report import REPORT, write_pages

    names = [name for name in scores if "/" not in name]
    statistic = {name: mean_and_spread([fold.scores[name] for fold in folds]) for name in names}
    content = {
        "metric": task.best_metric,
        "mean": {name: mean for name, (mean, _) in statistic.items()},
        "standard_deviation": {name: spread for name, (_, spread) in statistic.items()},
        "out_of_fold": scores,
        "folds": [dataclasses.asdict(fold) for fold in folds],
    }
    files.write_json(os.path.join(directory, FOLDS), content)
    lines = [f"# {len(folds)} folds in {os.path.basename(os.path.abspath(directory))}", ""]
    lines += [f"| fold | {task.unit} | {' | '.join(names)} | |", "|---" * (len(names) + 3) + "|"]
    for fold in folds:
        values = " | ".join(f"{fold.scores[name]:.4f}" for name in names)
        remark = f"has learnt nothing: {fold.degenerate}" if fold.degenerate else ""
        lines.append(f"| [{fold.fold}]({fold.directory}/{REPORT}) | {fold.examples:,} | {values} | {remark} |")
    means = " | ".join(shown_spread([fold.scores[name] for fold in folds]) for name in names)
    lines.append(f"| all | | {means} | mean ± standard deviation |")
    together = " | ".join(f"{scores[name]:.4f}" for name in names)
    lines.append(f"| all | {sum(fold.examples for fold in folds):,} | {together} | of all predictions together |")
    predictions = task.evaluation_files(examples)
    if predictions:
        lines += ["", f"`{predictions[0]}` has a prediction for every training example, by the model that has not seen it."]
    for heading, text in told.sections:
        lines += ["", f"## {heading}", "", text.rstrip()]
    for caption, path in told.pictures:
        lines += ["", f"![{caption}]({os.path.basename(path)})"]
    write_pages(directory, "\n".join(lines) + "\n")


def _tell(directory: str, folds: Sequence[FoldResult], scores: Mapping[str, float], metric: str) -> None:
    values = [fold.scores[metric] for fold in folds]
    logger.info(
        "%s %s over %d folds, from %.4f to %.4f; of all predictions together %.4f; see %s",
        metric, shown_spread(values), len(folds), min(values), max(values), scores[metric], os.path.join(directory, "report.md"),
    )  # fmt: skip
    for fold in folds:
        if fold.degenerate:
            logger.warning("fold %d has learnt nothing: %s", fold.fold, fold.degenerate)
