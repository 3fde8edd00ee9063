"""What a pruning leaves for a person to read: a page, and a picture of how the metric falls."""

import os
from collections.abc import Sequence

from bert_tf2 import files
from bert_tf2.jobs.trained.source import TrainedModel
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import family_of
from bert_tf2.pruning.curve import Point

REPORT, PICTURE = "pruning_report.md", "pruning_curve.png"
_MOST_SCORES = 12

Curves = tuple[list[Point], list[Point]]


def write_report(
    folder: str,
    trained: TrainedModel,
    small: BertConfig,
    weights: tuple[int, int],
    scores: tuple[dict[str, float], dict[str, float]] | None,
    curves: Curves | None,
) -> None:
    """Writes the page, and the picture where there are curves.

    Args:
      folder: where they go.
      trained: the model as it was.
      small: the configuration that it has now.
      weights: how many it had and has, the task's head with them.
      scores: before and after; None without records.
      curves: the metric with fewer heads, and with fewer neurons; None without records or importance.
    """
    config, metric = trained.config, trained.task.best_metric
    counts = family_of(config).weights.counts
    sizes = {
        "layers": (getattr(config, counts), getattr(small, counts)),
        "heads of a layer": (config.num_attention_heads, small.num_attention_heads),
        "neurons of a layer": (config.intermediate_size, small.intermediate_size),
        "weights": weights,
    }
    title = os.path.basename(os.path.abspath(trained.directory))
    lines = [f"# {title} pruned", "", "| | before | after |", "|---|---|---|"]
    lines += [f"| {name} | {before:,} | {after:,} |" for name, (before, after) in sizes.items()]
    if scores is not None:
        shown = [name for name, value in scores[0].items() if isinstance(value, float) and "/" not in name]
        lines += [f"| {name} | " + " | ".join(f"{one[name]:.4f}" for one in scores) + " |" for name in shown[:_MOST_SCORES]]
        lines += ["", "Before any further training."]
    if curves is not None:
        for name, points in zip(("heads", "neurons"), curves):
            if len(points) > 1:
                lines += ["", f"| {name} of a layer | {metric} |", "|---|---|"]
                lines += [f"| {getattr(point, name)} | {point.metric:.4f} |" for point in points]
        draw(os.path.join(folder, PICTURE), curves, metric)
        lines += ["", f"![{metric} with fewer heads and neurons]({PICTURE})"]
    files.write_text(os.path.join(folder, REPORT), "\n".join(lines) + "\n")


def draw(path: str, curves: Curves, metric: str) -> None:
    """Draws the metric over the share of heads, and of neurons, that stay; writes a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for name, points in zip(("heads", "neurons"), curves):
        if len(points) > 1:
            axes.plot(_shares(points, name), [point.metric for point in points], marker="o", label=f"fewer {name}")
    axes.set_xlim(105, 0)
    axes.set_xlabel("share of each layer that stays, %")
    axes.set_ylabel(f"{metric}, before further training")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, format="png", dpi=120)


def _shares(points: Sequence[Point], name: str) -> list[float]:
    whole = getattr(points[0], name)
    return [100 * getattr(point, name) / whole for point in points]
