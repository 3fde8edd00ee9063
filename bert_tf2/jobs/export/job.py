"""The job of `python -m bert_tf2.export`."""

import inspect
import json
import logging
import os
import shutil
from typing import Any

from bert_tf2 import cli, files
from bert_tf2.errors import JobError, UserError
from bert_tf2.jobs.export.options import ExportOptions, check
from bert_tf2.options import required
from bert_tf2.runtime import ended_by_sigterm, job

logger = logging.getLogger(__name__)

REPORT, SETTINGS, LIBRARY, EXAMPLE = "export_report.md", "export.json", "exported_model.py", "example.py"
# More than roundings are, and less than any mistake.
_MOST_DIFFERENCE = 1e-3
_TIMED_ROWS = (1, 32)
_TIMED_LENGTH = 128


def command(description: str = "Exports a trained model for other runtimes.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(export, ExportOptions, description)


@job
def export(options: ExportOptions) -> str:
    """Exports a trained model, checks it in its own runtime, and leaves it in a new directory if it is as good.

    Args:
      options: what is exported and how.

    Returns:
      The directory.

    Raises:
      UserError: an option, the run's directory or a record cannot be used, or the format lacks an operation.
      JobError: the export is worse than allowed, or could not be written; nothing is left of it.
    """
    check(options)
    path = files.expand(required(options.output_dir)).rstrip("/") or "/"
    from bert_tf2.jobs.export.source import open_source
    from bert_tf2.tensorflow_internals import custom_gradients_forgotten

    temporary = files.incomplete_name(path)
    with ended_by_sigterm(), custom_gradients_forgotten():
        source = open_source(options)
        try:
            os.mkdir(temporary)
            said = _written_and_checked(options, source, temporary)
            _publish(temporary, path)
        except OSError as error:
            raise JobError(f"cannot write {path}: {error.strerror or error}; name another --output_dir") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    logger.info("exported %s: %s", path, said)
    return path


def _written_and_checked(options: ExportOptions, source: Any, folder: str) -> str:
    """Fills a directory; returns what is worth telling of the export."""
    from bert_tf2.exporting import exported_model
    from bert_tf2.exporting.target import Conversion, target_of
    from bert_tf2.exporting.tokenizer_files import template_settings, tokenizer_files
    from bert_tf2.jobs.export import comparison
    from bert_tf2.jobs.export.example import example
    from bert_tf2.jobs.export.report import Measured, report

    name = required(options.to)
    target, portable = target_of(name), source.task.portable(source.model, source.meta)
    length = _length(options, source, target.fixed_length)
    if source.examples is not None and length is not None:
        source.examples.records.check_longest(length)
    calibration = None
    if source.calibration is not None:
        source.calibration.check_longest(length or source.meta.max_seq_length)
        calibration = comparison.calibration_rows(portable, source.calibration, options.calibration_size, length)
    logger.info("converting the model of step %d to %s", source.step, name)
    model_path = os.path.join(folder, target.file)
    target.write(Conversion(portable.outputs, length, options.quantize, calibration), model_path)

    contents, tokenizer = tokenizer_files(source.tokenizer)
    settings = {
        "target": name,
        "file": target.file,
        "quantize": options.quantize,
        "length": length,
        "max_seq_length": length or source.meta.max_seq_length,
        "task_type": source.meta.task_type,
        "facts": dict(portable.facts),
        "tokenizer": tokenizer,
        "template": template_settings(source.tokenizer),
    }
    contents[SETTINGS] = files.json_text(settings).encode()
    contents[LIBRARY] = inspect.getsource(exported_model).encode()
    contents[EXAMPLE] = example(source.meta.task_type, target, source.tokenizer.kind).encode()
    for file_name, content in contents.items():
        with open(os.path.join(folder, file_name), "wb") as file:
            file.write(content)

    ours, theirs = comparison.original(portable), exported_model.open_session(name, model_path, length)
    types = source.config.type_vocab_size
    if source.examples is not None:
        compared = comparison.on_examples(source.task, portable, ours, theirs, source.examples, options.eval_batch_size)
    else:
        compared = comparison.on_made_up_rows(ours, theirs, source.config.vocab_size, types, length, source.meta.max_seq_length)
        logger.info("no records were given: only the outputs of made-up token ids were compared, and no metric")
    drop = _accepted(options, source, compared)

    import numpy as np

    timed = length or min(source.meta.max_seq_length, _TIMED_LENGTH)
    drawn, seconds = np.random.default_rng(1), {}
    for rows in _TIMED_ROWS:
        made_up = comparison.made_up_rows(drawn, rows, timed, source.config.vocab_size, types)
        seconds[rows] = comparison.latency(ours, made_up), comparison.latency(theirs, made_up)
    sizes = sum(4 * int(np.prod(one.shape)) for one in source.model.weights), _size(model_path)
    page = report(options, os.path.basename(os.path.abspath(source.directory)), compared, drop, Measured(sizes, seconds, timed))
    with open(os.path.join(folder, REPORT), "w", encoding="utf-8") as file:
        file.write(page)
    metric = (
        "" if drop is None else f", {source.task.best_metric} {_of(compared, 0, source):.4f} -> {_of(compared, 1, source):.4f}"
    )
    return (
        f"{sizes[1] / 1e6:.1f} MB, largest difference {compared.largest:.2g}{metric}, 1 row of {timed} tokens in "
        f"{1000 * seconds[1][1]:.1f} ms (TensorFlow {1000 * seconds[1][0]:.1f} ms); see {REPORT}"
    )


def _length(options: ExportOptions, source: Any, is_fixed: bool) -> int | None:
    """How many tokens every row has; None for any."""
    length = options.max_seq_length
    if length is not None and length > source.config.longest_input:
        raise UserError(
            f"--max_seq_length={length} is more than the model's {source.config.longest_input} positions; give at most so many"
        )
    return source.meta.max_seq_length if length is None and is_fixed else length


def _accepted(options: ExportOptions, source: Any, compared: Any) -> float | None:
    """By how many points the export is worse; None without records.

    Raises:
      JobError: it is not good enough.
    """
    if compared.largest == float("inf") or (
        options.quantize == "none" and compared.largest > _MOST_DIFFERENCE * max(1.0, compared.magnitude)
    ):
        raise JobError(
            f"--to={options.to}: the export computes something else: its outputs differ by up to {compared.largest:.3g} from the "
            f"original's, whose largest is {compared.magnitude:.3g}; nothing was kept. Export to another format"
        )
    if compared.scores is None:
        return None
    metric, task = source.task.best_metric, source.task
    before, after = _of(compared, 0, source), _of(compared, 1, source)
    worse = before - after if task.higher_is_better(metric) else after - before
    drop = worse if task.in_percent else 100 * worse
    if drop > options.max_metric_drop:
        cure = (
            "give --calibration_data_path, or another --quantize"
            if options.calibration_data_path is None
            else "leave out --calibration_data_path"
        )
        raise JobError(
            f"{metric} drops by {drop:.2f} points, from {before:.4f} to {after:.4f}, more than --max_metric_drop="
            f"{options.max_metric_drop:g}; nothing was kept. Raise that flag, or {cure}"
        )
    return drop


def _of(compared: Any, which: int, source: Any) -> float:
    return float(compared.scores[which][source.task.best_metric])


def _size(path: str) -> int:
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def _publish(temporary: str, path: str) -> None:
    """Flushes a finished export to the disk and gives it its name."""
    for folder, _, names in os.walk(temporary):
        for name in names:
            files.sync(os.path.join(folder, name))
    if os.path.isdir(path):
        os.rmdir(path)
    os.rename(temporary, path)
