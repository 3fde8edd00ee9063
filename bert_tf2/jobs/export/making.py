"""An export in a directory of its own: converted, run in its own runtime, compared, described."""

import logging
import os

import numpy as np

from bert_tf2.errors import UserError
from bert_tf2.exporting.converting import silent
from bert_tf2.exporting.exported_model import open_session
from bert_tf2.exporting.target import Conversion, target_of
from bert_tf2.jobs.export import comparison
from bert_tf2.jobs.export.acceptance import drop_of
from bert_tf2.jobs.export.files_beside import files_beside
from bert_tf2.jobs.export.options import ExportOptions
from bert_tf2.jobs.export.report import Measured, report
from bert_tf2.jobs.trained import running
from bert_tf2.jobs.trained.source import TrainedModel
from bert_tf2.options import required
from bert_tf2.tasks.portable import Portable

logger = logging.getLogger(__name__)

REPORT = "export_report.md"


def make(options: ExportOptions, source: TrainedModel, folder: str) -> str:
    """Fills a directory with an export.

    Args:
      options: the command's.
      source: the model.
      folder: empty.

    Returns:
      What is worth telling of the export, in a line.

    Raises:
      UserError: the records are too long for it, or the format lacks an operation.
      JobError: it is worse than allowed.
    """
    name = required(options.to)
    target, portable = target_of(name), source.task.portable(source.model, source.meta)
    if portable.why_not_converted:
        raise UserError(f"--to={name}: {portable.why_not_converted}")
    length = _length(options, source, target.fixed_length)
    if source.examples is not None and length is not None:
        source.examples.records.check_longest(length)
    calibration = None
    if options.calibration_data_path is not None:
        records = source.records(options.calibration_data_path, "calibration_data_path")
        records.check_longest(length or source.config.longest_input)
        calibration = comparison.calibration_rows(portable, records, options.calibration_size, length)
    logger.info("converting the model of step %d to %s", source.step, name)
    path = os.path.join(folder, target.file)
    target.write(Conversion(portable.outputs, length, options.quantize, calibration), path)
    for file_name, content in files_beside(options, source, target, length, portable.facts).items():
        with open(os.path.join(folder, file_name), "wb") as file:
            file.write(content)

    with silent():
        theirs = open_session(name, path, length)
    ours = running.original(portable)
    compared = _compared(options, source, portable, ours, theirs, length)
    drop = drop_of(options, source.task, compared)
    measured = _measured(source, ours, theirs, path, length)
    with open(os.path.join(folder, REPORT), "w", encoding="utf-8") as file:
        file.write(report(options, os.path.basename(os.path.abspath(source.directory)), compared, drop, measured))
    metric = source.task.best_metric
    scored = "" if compared.scores is None else f", {metric} {compared.scores[0][metric]:.4f} -> {compared.scores[1][metric]:.4f}"
    before, after = (1000 * one for one in measured.seconds[running.TIMED_ROWS[0]])
    return (
        f"{measured.sizes[1] / 1e6:.1f} MB, largest difference {compared.largest:.2g}{scored}, 1 row of {measured.length} tokens "
        f"in {after:.1f} ms (TensorFlow: {before:.1f}); see {REPORT}"
    )


def _length(options: ExportOptions, source: TrainedModel, is_fixed: bool) -> int | None:
    """How many tokens every row has; None for any."""
    length = options.max_seq_length
    if length is not None and length > source.config.longest_input:
        raise UserError(
            f"--max_seq_length={length} is more than the model's {source.config.longest_input} positions; give at most so many"
        )
    return source.meta.max_seq_length if length is None and is_fixed else length


def _compared(
    options: ExportOptions,
    source: TrainedModel,
    portable: Portable,
    ours: running.Run,
    theirs: running.Run,
    length: int | None,
) -> comparison.Comparison:
    if source.examples is not None:
        return comparison.on_examples(source.task, portable, ours, theirs, source.examples, options.eval_batch_size)
    logger.info("no records were given: the outputs of made-up token ids are compared, and no metric")
    size, types = source.config.vocab_size, source.config.type_vocab_size
    return comparison.on_made_up_rows(portable, ours, theirs, size, types, length, source.meta.max_seq_length)


def _measured(source: TrainedModel, ours: running.Run, theirs: running.Run, path: str, length: int | None) -> Measured:
    timed = running.timed_length(length, source.meta.max_seq_length)
    drawn, seconds = np.random.default_rng(1), {}
    for rows in running.TIMED_ROWS:
        made_up = running.made_up_rows(drawn, rows, timed, source.config.vocab_size, source.config.type_vocab_size)
        seconds[rows] = running.latency(ours, made_up), running.latency(theirs, made_up)
    return Measured((source.size, running.size_of(path)), seconds, timed)
