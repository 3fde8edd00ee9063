"""A model for each pattern of texts in patterns, and their ensemble: the means of their probabilities."""

import dataclasses
import gc
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bert_tf2 import files
from bert_tf2.data.records.metadata import PROMPT_CLASSIFICATION, MetaData, read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.sweeps.directory import PATTERNS, placed, refuse_others
from bert_tf2.options import refuse_given, required

if TYPE_CHECKING:
    from bert_tf2.jobs.fine_tuning.run import RunResult
    from bert_tf2.tasks.base import ExampleSet, Report, Task

logger = logging.getLogger(__name__)

SOFT_LABELS = "soft_labels.tsv"
_ASKED = "--pattern_ensemble"
_SCORES = "pattern_scores"


@dataclasses.dataclass(frozen=True)
class PatternResult:
    """What the model of one pattern came to.

    Attributes:
      pattern: its text.
      directory: where the model is, within the directory of all.
      scores: by metric, by set of examples; of sets that are only predicted there are none.
      degenerate: why it has learnt nothing, a clause; None where it has.
    """

    pattern: str
    directory: str
    scores: Mapping[str, Mapping[str, float]]
    degenerate: str | None


def run_patterns(options: Any, phases: Phases, run: Callable[[Any], "RunResult"]) -> dict[str, Any]:
    """Does with the model of each pattern in turn what is asked for, and makes the ensemble's predictions of theirs.

    Args:
      options: of all.
      phases: what is to be done with each.
      run: the job of one.

    Returns:
      `patterns`: a list of `PatternResult`; `scores`: of the ensemble, by metric, by set of examples; `outcomes`: by set what the
      task made of its predictions (`bert_tf2.tasks.base.Task.outcome`).

    Raises:
      UserError: the options do not go together, or the records have one pattern only.
    """
    directory, patterns = _checked(options, phases)
    found: list[PatternResult] = []
    parts: list[Mapping[str, dict[str, np.ndarray]]] = []
    number = 1
    while number == 1 or number <= len(patterns):
        name = f"pattern_{number}"
        logger.info("pattern %d%s: %s", number, f" of {len(patterns)}" if patterns else "", os.path.join(directory, name))
        result = run(_of_pattern(options, number))
        data = required(result.data)
        # Metadata that the command does not name are found with the records, or with the model.
        patterns = patterns or _patterns_of(required(data.meta), "the records")
        scores = dict(result.scores)
        found.append(PatternResult(patterns[number - 1], name, scores, result.degenerate))
        parts.append(result.collected)
        task: Task = required(result.task)
        # Models and graphs of a training hold each other; the next one needs their memory.
        del result
        gc.collect()
        number += 1
    watched = data.evaluation_sets(task, False) if phases.looks_at_evaluation else []
    predicted = data.prediction_sets(task, watched) if phases.predict else []
    outcomes: dict[str, Any] = {}
    together: dict[str, dict[str, float]] = {}
    told: Report | None = None
    for examples in watched if phases.evaluate else []:
        outcome = outcomes[examples.name] = task.outcome(_mean(parts, examples.name), examples)
        together[examples.name] = _evaluated(directory, task, examples, outcome)
        told = told or task.report(directory, outcome, examples)
    for examples in predicted:
        outcome = outcomes[examples.name] = task.outcome(_mean(parts, examples.name), examples)
        task.write_predictions(directory, outcome, examples)
        _write_soft_labels(directory, task, examples, outcome)
        logger.info("predicted %d examples with %d models: %s", len(examples.records), len(found), directory)
    if phases.train or together:
        _write(directory, found, together, task.best_metric, told)
    return {"patterns": found, "scores": together, "outcomes": outcomes}


def first_pattern(options: Any, phases: Phases) -> tuple[Any, int]:
    """The options of the first training, and how many there are; raises as `run_patterns`."""
    _, patterns = _checked(options, phases)
    return _of_pattern(options, 1), max(len(patterns), 1)


def _of_pattern(options: Any, number: int) -> Any:
    changes: dict[str, Any] = {"pattern": number, "pattern_ensemble": False, **placed(options, f"pattern_{number}")}
    return dataclasses.replace(options, **changes)


def _checked(options: Any, phases: Phases) -> tuple[str, tuple[str, ...]]:
    """The directory, and the patterns as far as the command tells them."""
    refuse_given(options, ("pattern",), f"is one of those that {_ASKED} has a model of each for; leave one of them out")
    refuse_given(options, ("num_seeds", "num_folds", "search"), f"repeats one training, and {_ASKED} is several; leave one out")
    refuse_given(options, ("fit_temperature",), f"is of one model's probabilities, not of those of {_ASKED}; leave it out")
    refuse_given(
        options, ("model_export_path",), f"is for one model; leave {_ASKED} out and export each with --model_dir=…/pattern_N"
    )
    if not (phases.train or phases.evaluate or phases.predict):
        raise UserError(f"{_ASKED} trains, evaluates or predicts; name one of its models: --model_dir=…/pattern_N")
    if options.distribution_strategy == "multi_worker_mirrored" or options.use_tpu or options.distribution_strategy == "tpu":
        raise UserError(f"{_ASKED}: several workers and TPUs are connected once in a program; start it once for each --pattern")
    if not options.directory:
        raise UserError(f"--model_dir is required: {_ASKED} needs it for a directory of each model")
    directory = files.expand(options.directory)
    refuse_others(_ASKED, directory, PATTERNS)
    path = options.input_meta_data_path
    return directory, () if path is None else _patterns_of(read_meta_data(path), f"--input_meta_data_path={path}")


def _patterns_of(meta: MetaData, named: str) -> tuple[str, ...]:
    if meta.task_type != PROMPT_CLASSIFICATION:
        raise UserError(
            f"{_ASKED} is for texts in patterns (--fine_tuning_task_type=prompt_classification); {named} is of {meta.task_type}"
        )
    patterns = tuple(meta.extra["prompts"]["patterns"])
    if len(patterns) < 2:
        raise UserError(f"{_ASKED} needs two patterns or more, and {named} has one; leave it out")
    return patterns


def _mean(parts: Sequence[Mapping[str, dict[str, np.ndarray]]], split: str) -> dict[str, np.ndarray]:
    """What the ensemble gives for examples, from what its models gave: the logarithms of the means of probabilities."""
    of_models = [part[split] for part in parts]
    logits = np.stack([model["logits"] for model in of_models]).astype(np.float64)
    logits -= np.logaddexp.reduce(logits, axis=2, keepdims=True)
    mean = np.logaddexp.reduce(logits, axis=0) - np.log(len(of_models))
    return {**of_models[0], "logits": mean, _SCORES: np.concatenate([model[_SCORES] for model in of_models], axis=1)}


def _evaluated(directory: str, task: "Task", examples: "ExampleSet", outcome: Any) -> dict[str, float]:
    """The ensemble's scores; writes them as an evaluation's."""
    from bert_tf2.training.reporting import report

    scores = task.scores(outcome, examples)
    task.write_evaluation(directory, outcome, examples)
    report.write_eval_results(directory, scores, 0, examples.suffix, file_prefix=examples.prefix)
    logger.info("%s, all patterns together: %s", examples.name, task.shown(scores))
    return scores


def _write_soft_labels(directory: str, task: Any, examples: "ExampleSet", outcome: Any) -> None:
    """Writes the predictions as rows that another model can be trained on, where the texts are known."""
    task.write_soft_labels(os.path.join(directory, examples.named(SOFT_LABELS)), outcome, examples)


def _write(
    directory: str,
    found: Sequence[PatternResult],
    together: Mapping[str, Mapping[str, float]],
    metric: str,
    told: "Report | None",
) -> None:
    from bert_tf2.training.reporting.report import REPORT, write_pages

    content = {"metric": metric, "patterns": [dataclasses.asdict(one) for one in found], "ensemble": together}
    files.write_json(os.path.join(directory, PATTERNS), content)
    lines = [f"# {len(found)} patterns in {os.path.basename(os.path.abspath(directory))}"]
    for split, scores in together.items():
        names = [name for name in scores if "/" not in name]
        lines += ["", f"## {split}", "", f"| | pattern | {' | '.join(names)} | |", "|---" * (len(names) + 3) + "|"]
        for number, one in enumerate(found, 1):
            values = " | ".join(f"{one.scores[split][name]:.4f}" for name in names)
            text, remark = one.pattern.replace("|", "\\|"), f"has learnt nothing: {one.degenerate}" if one.degenerate else ""
            lines.append(f"| [{number}]({one.directory}/{REPORT}) | `{text}` | {values} | {remark} |")
        lines.append(f"| all | | {' | '.join(f'{scores[name]:.4f}' for name in names)} | mean of probabilities |")
    for heading, text in () if told is None else told.sections:
        lines += ["", f"## {heading}", "", text.rstrip()]
    for caption, path in () if told is None else told.pictures:
        lines += ["", f"![{caption}]({os.path.basename(path)})"]
    write_pages(directory, "\n".join(lines) + "\n")
