"""What a run leaves for people: the report, and after a training its summary, its loss curve and how fast it was."""

import logging
import os
from collections.abc import Mapping, Sequence

from bert_tf2.jobs.training.earlier_training import earlier_training
from bert_tf2.training.reporting import report
from bert_tf2.training.reporting.history import POINT
from bert_tf2.training.reporting.work import medians
from bert_tf2.training.trainer_config import TrainingResult

logger = logging.getLogger(__name__)

_SPEEDS = {
    "examples_per_second": ("examples/s", "{:.1f}"),
    "tokens_per_second": ("tokens/s", "{:,.0f}"),
    "padding": ("padding", "{:.1%} of what was computed"),
    "tflops": ("products", "{:.3g} TFLOP/s"),
    "input_wait": ("waiting for data", "{:.1%} of the time"),
}


def write_run_report(
    directory: str,
    facts: list[tuple[str, object]],
    metric: str,
    training: TrainingResult | None,
    scores: dict[str, dict[str, float]],
    pictures: list[tuple[str, str]],
    sections: list[tuple[str, str]],
    more_summary: Mapping[str, object],
) -> str:
    """Writes the report, and after training the summary and the loss curve; otherwise it tells of the training before.

    Args:
      directory: the run's.
      facts: what was run, by name.
      metric: which names the best checkpoint.
      training: the training's result, when there was training.
      scores: metrics by data set.
      pictures: captions and paths of more pictures.
      sections: headings and Markdown of more sections.
      more_summary: what the job adds to the summary.

    Returns:
      The report's path.
    """
    if training is None:
        pictures[:0], sections[:0] = earlier_training(directory)
    else:
        train = [entry for entry in training.history if entry["kind"] == "train"]
        if training.best_step is not None:
            facts.append((f"best {metric}", f"{training.best_value:.4f} at step {training.best_step}"))
        found = medians(train)
        facts += [(name, form.format(found[key])) for key, (name, form) in _SPEEDS.items() if key in found]
        _write_summary(directory, metric, training, scores, train, more_summary)
        # A directory of an earlier version has no entries of its own for the curve.
        points = [entry for entry in training.history if entry["kind"] == POINT] or train
        evaluations = [entry for entry in training.history if entry["kind"] == "eval"]
        pictures.insert(0, ("Loss", report.draw_loss_curve(directory, points, evaluations, metric)))
    title = f"Report of {os.path.basename(os.path.abspath(directory))}"
    path = report.write_report(directory, title, facts, list(scores.items()), pictures, sections)
    logger.info("report: %s", path)
    return path


def _write_summary(
    directory: str,
    metric: str,
    training: TrainingResult,
    scores: dict[str, dict[str, float]],
    train: Sequence[dict[str, float]],
    more: Mapping[str, object],
) -> None:
    summary = {
        "total_training_steps": training.final_step,
        "train_loss": train[-1]["loss"] if train else None,
        "stopped_early": training.stopped_early,
        "best_step": training.best_step,
        "best_metric": metric,
        "best_value": training.best_value,
        "eval_metrics": scores.get("eval"),
        **medians(train),
    }
    report.write_training_summary(directory, {**summary, **more})
