"""What a search leaves for a person to read: a table, a picture, the command of the best, and TensorBoard's HParams."""

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.jobs.fine_tuning.sweeps.directory import BEST
from bert_tf2.jobs.fine_tuning.sweeps.space import Parameter, Space
from bert_tf2.jobs.fine_tuning.sweeps.trial import Stage, Trial
from bert_tf2.jobs.training.kept_configuration import RUN_YAML
from bert_tf2.training.reporting.report import REPORT, SUMMARIES, write_pages

logger = logging.getLogger(__name__)

PICTURE = "search.png"


def write_report(
    directory: str,
    trials: Sequence[Trial],
    best: Trial | None,
    metric: str,
    higher_is_better: bool,
    space: Space,
    program: str,
    finished: bool,
) -> None:
    """Writes `report.md` and `report.html`, and the picture of a finished search.

    Args:
      directory: of the search.
      trials: those that were begun.
      best: the best of those that were trained to their end; None where there is none.
      metric: what ranks them.
      higher_is_better: whether more of it is better.
      space: what is searched.
      program: the command that was given.
      finished: nothing is to be trained any more.
    """
    # A trial that went further stands before one that was left behind.
    ranked = sorted(trials, key=lambda trial: (trial.share, trial.rank(metric, higher_is_better)), reverse=True)
    names = list(space.parameters)
    lines = [
        f"# Search in {os.path.basename(os.path.abspath(directory))}",
        "",
        f"{space.method.replace('_', ' ')}, {len(trials)} of {space.trials} trials; {'more' if higher_is_better else 'less'} "
        f"{metric or 'of the metric'} is better.",
        "",
        f"| trial | {' | '.join(names)} | {metric} | |",
        "|---" * (len(names) + 3) + "|",
    ]
    for trial in ranked:
        values = " | ".join(_shown(trial.values[name]) for name in names)
        score = trial.score(metric)
        link = f"[{trial.number}]({trial.directory}/{REPORT})" if trial.failed is None else str(trial.number)
        told = "" if score is None else f"{score:.4f}"
        lines.append(f"| {link} | {values} | {told} | {'; '.join(_remarks(trial, best))} |")
    if best is not None:
        again = f"python {program} --config={os.path.join(directory, best.directory, RUN_YAML)} --model_dir=ANOTHER"
        lines += [
            "",
            f"The best is `{best.directory}`, and `{BEST}` points to it: `{best.flags}`.",
            "Once more, with whatever is to be otherwise behind it (`--num_seeds=5` tells by how much seeds differ):",
            "",
            "```",
            again,
            "```",
        ]
    scored = [trial for trial in trials if trial.score(metric) is not None]
    if finished and len(scored) > 1:
        lines += ["", f"![{metric} of each trial over each flag]({PICTURE})"]
        if any(trial.share < 1 for trial in scored):
            lines += ["", "A cross is a trial that was left behind before its end."]
        with files.written_whole(os.path.join(directory, PICTURE)) as temporary:
            draw(temporary, scored, best, metric, space.parameters)
    write_pages(directory, "\n".join(lines) + "\n")


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _remarks(trial: Trial, best: Trial | None) -> list[str]:
    last = trial.stages[-1]
    return [
        *(["the best"] if best is not None and trial.number == best.number else []),
        *([f"failed: {last.failed}"] if last.failed else []),
        *([f"after {last.share:.0%} of the training"] if last.share < 1 else []),
        *([f"has learnt nothing: {last.degenerate}"] if last.degenerate else []),
    ]


def draw(path: str, trials: Sequence[Trial], best: Trial | None, metric: str, parameters: Mapping[str, Parameter]) -> None:
    """Draws every trial's score over the values of each flag; writes a PNG.

    Args:
      path: where to.
      trials: those that have a score.
      best: is drawn otherwise.
      metric: the score.
      parameters: the flags, by name.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    columns = min(3, len(parameters))
    rows = -(-len(parameters) // columns)
    figure = Figure(figsize=(3.4 * columns + 0.4, 2.8 * rows + 0.3), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).flat
    for axes, parameter in zip(grid, parameters.values()):
        places, labels = _places(parameter)
        for trial in trials:
            value, score = trial.values[parameter.name], trial.score(metric)
            is_best = best is not None and trial.number == best.number
            whole = trial.share == 1.0
            axes.plot(
                [parameter.values.index(value) if labels else value],
                [score],
                "o" if whole else "x",
                color="tab:orange" if is_best else "tab:blue" if whole else "tab:gray",
                zorder=3 if is_best else 2,
                alpha=1.0 if is_best else 0.65,
                markersize=9 if is_best else 6,
            )
        if labels:
            axes.set_xticks(places, labels)
            axes.set_xlim(-0.5, len(labels) - 0.5)
        elif parameter.log:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(parameter.name)
        axes.grid(alpha=0.3)
    for axes in list(grid)[len(parameters) :]:
        axes.set_visible(False)
    figure.supylabel(metric, fontsize="medium")
    figure.savefig(path, format="png", dpi=120)


def _places(parameter: Parameter) -> tuple[list[int], list[str]]:
    """Where values of a list stand, with what is written there; nothing for a range."""
    return list(range(len(parameter.values))), [_shown(value) or "not given" for value in parameter.values]


def tell(directory: str, trials: Sequence[Trial], best: Trial | None, metric: str) -> None:
    """Says what a search has come to."""
    lost = [trial for trial in trials if trial.failed or trial.stages[-1].degenerate]
    for trial in lost:
        reason = trial.failed or trial.stages[-1].degenerate
        what = "has failed" if trial.failed else "has learnt nothing"
        logger.warning("trial %d (%s) %s: %s", trial.number, trial.flags, what, reason)
    if best is None:
        logger.warning("none of %d trials was trained to its end; see %s", len(trials), os.path.join(directory, REPORT))
        return
    logger.info(
        "the best of %d trials is trial %d, %s %.4f: %s (%s); see %s",
        len(trials), best.number, metric, best.score(metric), best.flags, os.path.join(directory, best.directory),
        os.path.join(directory, REPORT),
    )  # fmt: skip


def write_hyperparameters(directory: str, trial: Trial, metric: str, stage: Stage) -> None:
    """Writes what TensorBoard's HParams page shows of a trial; what cannot be written is worth a warning, not the search."""
    import tensorflow as tf
    from tensorboard.plugins.hparams import summary_v2  # type: ignore[import-untyped]

    place = os.path.join(directory, trial.directory, SUMMARIES)
    # TensorBoard knows numbers, texts and truths.
    values = {name: "not given" if value is None else value for name, value in trial.values.items()}
    try:
        writer = tf.summary.create_file_writer(place, filename_suffix=".hparams")
        with writer.as_default():
            summary_v2.hparams(values, trial_id=trial.directory)
            tf.summary.scalar(metric, stage.scores[metric], step=stage.step or 0)
        writer.close()
    except (tf.errors.OpError, OSError) as error:
        logger.warning("%s: not written for TensorBoard: %s", place, str(error).splitlines()[0])
