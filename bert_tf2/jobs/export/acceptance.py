"""Whether an export is as good as its original."""

from bert_tf2.errors import JobError
from bert_tf2.exporting.target import NONE
from bert_tf2.jobs.export.comparison import Comparison
from bert_tf2.jobs.export.options import ExportOptions
from bert_tf2.tasks.base import Task

# More than roundings are, and less than any mistake.
_MOST_DIFFERENCE = 1e-3


def drop_of(options: ExportOptions, task: Task, compared: Comparison) -> float | None:
    """By how many points the export is worse; None without a metric.

    Raises:
      JobError: it is not good enough.
    """
    is_number = compared.largest < float("inf")
    if not is_number or (options.quantize == NONE and compared.largest > _MOST_DIFFERENCE * max(1.0, compared.magnitude)):
        raise JobError(
            f"--to={options.to}: the export computes something else: its outputs differ by up to {compared.largest:.3g} from the "
            f"original's, whose largest is {compared.magnitude:.3g}; nothing was kept. Export to another format"
        )
    if compared.scores is None:
        return None
    before, after = (scores[task.best_metric] for scores in compared.scores)
    drop = before - after if task.higher_is_better(task.best_metric) else after - before
    drop *= 1 if task.in_percent else 100
    if not drop <= options.max_metric_drop:
        cure = "leave out --calibration_data_path" if options.calibration_data_path else "quantize less with --quantize"
        raise JobError(
            f"{task.best_metric} is worse by {drop:.2f} points, {after:.4f} after {before:.4f}, and --max_metric_drop="
            f"{options.max_metric_drop:g}; nothing was kept. Raise that flag, or {cure}"
        )
    return drop
