"""What is left on disk after a job for a person to read: scores, a summary, the loss curve and a short report."""

import os
from collections.abc import Sequence

from bert_tf2.errors import UserError
from bert_tf2.files import exists, write_json, write_text, written_whole
from bert_tf2.text.vocabulary import read_bytes
from bert_tf2.training.reporting.page import page

LOSS_CURVE, REPORT, SUMMARIES = "loss_curve.png", "report.md", "summaries"
PAGE = "report.html"


def eval_results_files(suffix: str = "", file_prefix: str = "") -> list[str]:
    """The names of the files that `write_eval_results` writes."""
    return [f"{file_prefix}eval_results{suffix}.{extension}" for extension in ("txt", "json")]


def write_eval_results(
    directory: str,
    metrics: dict[str, float],
    global_step: int,
    suffix: str = "",
    prefix: str = "eval_",
    file_prefix: str = "",
) -> None:
    """Writes `eval_results.txt` in Google's format (sorted `key = value` lines) and the same as `eval_results.json`.

    A value that is not defined is `nan` in the one and `null` in the other.

    Args:
      directory: where the two files go.
      metrics: values by name; a `loss` is also written under Google's two names, `eval_loss` and `loss`.
      global_step: the step of the evaluated checkpoint.
      suffix: appended to the file names, for example `_mismatched`.
      prefix: of the keys in the text file; Google's pre-training has none.
      file_prefix: put before the file names, for example `dev-`.
    """
    rows: dict[str, float] = {f"{prefix}{name}": value for name, value in metrics.items()}
    rows |= {"global_step": global_step} | ({"loss": metrics["loss"]} if "loss" in metrics else {})
    text_path, json_path = (os.path.join(directory, name) for name in eval_results_files(suffix, file_prefix))
    # A label's name, which a metric may hold, must not end the line.
    write_text(text_path, "".join(f"{' '.join(key.split())} = {rows[key]}\n" for key in sorted(rows)))
    write_json(json_path, {"global_step": global_step, **metrics})


def write_training_summary(directory: str, summary: dict[str, object]) -> None:
    """Writes `summaries/training_summary.txt`: one JSON object, as the model garden's training loop does."""
    write_json(os.path.join(directory, SUMMARIES, "training_summary.txt"), summary)


def draw_loss_curve(
    directory: str, train: Sequence[dict[str, float]], evaluations: Sequence[dict[str, float]], metric: str
) -> str:
    """Draws the training loss, the evaluations' loss and the named metric over the steps; returns the PNG's path.

    Args:
      directory: where `loss_curve.png` goes.
      train: entries with `step` and `loss`.
      evaluations: entries with `step`, the metric and, where it is known, `loss`.
      metric: the metric on the right-hand axis.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        [entry["step"] for entry in train],
        [entry["loss"] for entry in train],
        ".-" if len(train) < 30 else "-",
        label="training loss",
        linewidth=1,
    )
    axes.set(xlabel="step", ylabel="loss")
    axes.grid(alpha=0.3)
    if evaluations:
        steps = [entry["step"] for entry in evaluations]
        if "loss" in evaluations[0]:
            axes.plot(steps, [entry["loss"] for entry in evaluations], "o--", label="evaluation loss")
        if metric != "loss":
            right = axes.twinx()
            right.plot(steps, [entry[metric] for entry in evaluations], "s-", color="tab:green", label=f"evaluation {metric}")
            right.set_ylabel(metric)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    path = os.path.join(directory, LOSS_CURVE)
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    return path


def write_report(
    directory: str,
    title: str,
    facts: Sequence[tuple[str, object]],
    scores: Sequence[tuple[str, dict[str, float]]],
    pictures: Sequence[tuple[str, str]],
    sections: Sequence[tuple[str, str]] = (),
) -> str:
    """Writes `report.md` and the same as `report.html`; returns the first one's path.

    Args:
      directory: where they go; pictures are linked relative to it.
      title: heading.
      facts: name and value of what was run, in order.
      scores: name of a data set and its metrics; those of a part, as `f1/joy`, are left to the sections.
      pictures: caption and path.
      sections: heading and Markdown text of what else is to be said.
    """
    lines = [f"# {title}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in facts]
    for name, metrics in scores:
        lines += ["", f"## {name}", "", "| metric | value |", "|---|---|"]
        lines += [f"| {metric} | {value:.4f} |" for metric, value in metrics.items() if "/" not in metric]
    for caption, path in pictures:
        lines += ["", f"## {caption}", "", f"![{caption}]({os.path.relpath(path, directory)})"]
    for heading, text in sections:
        lines += ["", f"## {heading}", "", text]
    return write_pages(directory, "\n".join(lines) + "\n")


def write_pages(directory: str, markdown: str) -> str:
    """Writes a report's Markdown as `report.md`, and as a page with its pictures inside as `report.html`; returns the first one's
    path."""
    path = os.path.join(directory, REPORT)
    write_text(path, markdown)
    write_text(os.path.join(directory, PAGE), page(markdown, lambda name: _content(os.path.join(directory, name))))
    return path


def _cell(value: object) -> str:
    """A path, say, as it stands in a table: a bar would end its cell."""
    return str(value).replace("|", "\\|")


def _content(path: str) -> bytes | None:
    try:
        return read_bytes(path, "model_dir") if exists(path) else None
    except UserError:
        return None
