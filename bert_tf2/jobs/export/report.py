"""What export_report.md says."""

import dataclasses
import os
from collections.abc import Mapping

from bert_tf2.jobs.export.comparison import Comparison
from bert_tf2.jobs.export.options import ExportOptions

_MOST_SCORES = 12


@dataclasses.dataclass(frozen=True)
class Measured:
    """Sizes in bytes, seconds by number of rows, of original and export; and the length of the rows."""

    sizes: tuple[int, int]
    seconds: Mapping[int, tuple[float, float]]
    length: int


def report(options: ExportOptions, title: str, comparison: Comparison, drop: float | None, measured: Measured) -> str:
    """The page, in Markdown.

    Args:
      options: the command's.
      title: what was exported.
      comparison: of outputs and scores.
      drop: by how many points the export is worse; None without records.
      measured: sizes and speeds.
    """
    how = "" if options.quantize == "none" else f", {options.quantize}"
    if options.calibration_data_path is not None:
        how += f" with ranges found on {options.calibration_size} records of {os.path.basename(options.calibration_data_path)}"
    lines = [f"# {title} as {options.to}{how}", "", "| | original | export |", "|---|---|---|"]
    if comparison.scores is not None:
        shown = [name for name, value in comparison.scores[0].items() if isinstance(value, float) and "/" not in name]
        for name in shown[:_MOST_SCORES]:
            lines.append(f"| {name} | " + " | ".join(f"{scores[name]:.4f}" for scores in comparison.scores) + " |")
    lines.append("| size | " + " | ".join(f"{size / 1e6:.1f} MB" for size in measured.sizes) + " |")
    for rows, both in measured.seconds.items():
        counted = "1 row" if rows == 1 else f"{rows} rows"
        lines.append(f"| {counted} of {measured.length} tokens | " + " | ".join(f"{1000 * one:.1f} ms" for one in both) + " |")
    lines += ["", f"Largest difference of an output: {comparison.largest:.2g} (largest output: {comparison.magnitude:.2g})."]
    if drop is None:
        lines.append(
            f"Compared on {comparison.rows} rows of made-up token ids, without a metric; --eval_data_path, or --predict_file of "
            "SQuAD, compares the metric."
        )
    else:
        named = options.eval_data_path or options.predict_file
        lines.append(
            f"Compared on {comparison.rows} rows of {os.path.basename(str(named))}: {_worse(drop)}, at most "
            f"{options.max_metric_drop:g} points were allowed (--max_metric_drop)."
        )
    lines.append("The original is TensorFlow's on this machine's CPUs; its size is that of its weights in float32.")
    return "\n".join(lines) + "\n"


def _worse(drop: float) -> str:
    if drop == 0:
        return "the export is as good"
    return f"the export is {abs(drop):.2f} points {'worse' if drop > 0 else 'better'}"
