"""What a comparison leaves: a page, the same as JSON, and a picture of metric against time."""

import os
from collections.abc import Sequence

from bert_tf2 import files
from bert_tf2.jobs.comparing.result import Result

PAGE, DATA, PICTURE = "comparison.md", "comparison.json", "comparison.png"


def write_report(folder: str, results: Sequence[Result], metric: str, data: str, count: int, unit: str, length: int) -> None:
    """Writes the three files.

    Args:
      folder: where they go.
      results: of the models; the others are compared with the first.
      metric: the one that names the best checkpoint.
      data: what the models were compared on.
      count: how many examples that holds, in `unit`.
      unit: what an example is called.
      length: how many tokens the rows had whose time was measured.
    """
    first, tally = results[0], results[0].tally
    metrics = [metric] if tally is None or tally.metric == metric else [metric, tally.metric]
    timed = list(first.seconds)
    head = [*metrics, "size", *(f"{rows} row{'s' * (rows > 1)}" for rows in timed)]
    lines = [f"# {len(results)} models on {data}", "", f"| model | form | {' | '.join(head)} |", "|---" * (2 + len(head)) + "|"]
    for one in results:
        cells = [_with_error(one, name) for name in metrics]
        cells += [f"{one.size / 1e6:.1f} MB", *(f"{1000 * one.seconds[rows]:.1f} ms" for rows in timed)]
        lines.append(f"| {one.name} | {one.form} | {' | '.join(cells)} |")
    lines += ["", f"{count:,} {unit}; times of rows of {length} tokens on this machine's CPUs, the median of several."]
    if tally is not None:
        lines[-1] += f" ± is the standard error of {tally.metric}, by the bootstrap over the examples."
        lines += [
            "",
            f"## {tally.metric} beside {first.name}",
            "",
            "| model | difference | standard error | p, bootstrap | p, McNemar |",
            "|---|---|---|---|---|",
        ]
        for one in results[1:]:
            if (found := one.difference) is not None:
                test = "" if found.mcnemar is None else f"{found.mcnemar:.3g}"
                lines.append(f"| {one.name} | {found.value:+.4f} | {found.standard_error:.4f} | {found.p_value:.3g} | {test} |")
        lines += [
            "",
            "p is how often a difference as large would come about among such examples if there were none; it says nothing of "
            "other seeds of the training.",
        ]
    draw(os.path.join(folder, PICTURE), results, metric, timed[0])
    lines += ["", f"![{metric} against the time of a row]({PICTURE})"]
    files.write_text(os.path.join(folder, PAGE), "\n".join(lines) + "\n")
    files.write_json(os.path.join(folder, DATA), [_facts(one) for one in results])


def _with_error(one: Result, metric: str) -> str:
    value = f"{one.scores[metric]:.4f}" if metric in one.scores else ""
    if one.tally is None or one.tally.metric != metric or one.standard_error is None:
        return value
    return f"{value or f'{one.tally.value:.4f}'} ± {one.standard_error:.4f}"


def _facts(one: Result) -> dict[str, object]:
    found: dict[str, object] = {"name": one.name, "form": one.form, "scores": one.scores, "bytes": one.size}
    found["seconds"] = {str(rows): seconds for rows, seconds in one.seconds.items()}
    if one.tally is not None:
        found["uncertain"] = {"metric": one.tally.metric, "value": one.tally.value, "standard_error": one.standard_error}
    if (difference := one.difference) is not None:
        found["difference"] = {
            "value": difference.value,
            "standard_error": difference.standard_error,
            "p_bootstrap": difference.p_value,
            "p_mcnemar": difference.mcnemar,
        }
    return found


def draw(path: str, results: Sequence[Result], metric: str, rows: int) -> None:
    """Draws each model as a point, as large as its file; writes a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    largest = max(one.size for one in results)
    for one in results:
        time, value = 1000 * one.seconds[rows], one.scores[metric]
        (line,) = axes.plot([time], [value], "o", markersize=6 + 14 * (one.size / largest) ** 0.5, alpha=0.7)
        if one.standard_error is not None and one.tally is not None and one.tally.metric == metric:
            axes.errorbar([time], [value], yerr=[one.standard_error], color=line.get_color(), capsize=3)
        axes.annotate(
            f"{one.name}, {one.size / 1e6:.3g} MB", (time, value), textcoords="offset points", xytext=(8, 6), fontsize=8
        )
    axes.set_xlabel(f"time of {rows} row, ms")
    axes.set_ylabel(metric)
    axes.margins(y=0.2)
    # Room for the last one's name.
    axes.set_xlim(0, 1.4 * max(1000 * one.seconds[rows] for one in results))
    axes.grid(alpha=0.3)
    figure.savefig(path, format="png", dpi=120)
