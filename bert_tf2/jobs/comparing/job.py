"""The job of `python -m bert_tf2.compare`."""

import logging
import os
from typing import TYPE_CHECKING

from bert_tf2 import cli, files, folders
from bert_tf2.errors import UserError
from bert_tf2.jobs.comparing.options import CompareOptions, check
from bert_tf2.jobs.comparing.result import Result
from bert_tf2.options import required
from bert_tf2.runtime import job

if TYPE_CHECKING:
    from bert_tf2.jobs.comparing.models import Candidate

logger = logging.getLogger(__name__)


def command(description: str = "Compares trained and exported models on the same data.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(compare, CompareOptions, description)


@job
def compare(options: CompareOptions) -> list[Result]:
    """Compares models: metrics with their errors, sizes, speeds.

    Args:
      options: which models, and on what.

    Returns:
      What was found, in the order of the models.

    Raises:
      UserError: an option or a model cannot be used, or the models are of different tasks.
      JobError: a checkpoint or record cannot be read, or writing failed.
    """
    paths = check(options)
    from bert_tf2.jobs.comparing.models import open_candidates
    from bert_tf2.jobs.comparing.report import write_report

    candidates = open_candidates(options, paths)
    # The same for all; a model of rows of one length pads them.
    length = min(one.timed_length for one in candidates)
    results: list[Result] = []
    for candidate in candidates:
        results.append(_result(options, candidate, length, results[0] if results else None))
    path = files.expand(required(options.output_dir)).rstrip("/")
    with folders.written_whole(path) as folder:
        task, examples = candidates[0].trained.task, candidates[0].trained.examples
        assert examples is not None, "`check` asks for data"
        named = os.path.basename(str(options.eval_data_path or options.predict_file))
        write_report(folder, results, task.best_metric, named, task.count(examples), task.unit, length)
    logger.info("compared %d models: %s", len(results), os.path.join(path, "comparison.md"))
    return results


def _result(options: CompareOptions, candidate: "Candidate", length: int, first: Result | None) -> Result:
    import numpy as np

    from bert_tf2.jobs.trained import running
    from bert_tf2.tasks import tally as tallies

    trained = candidate.trained
    examples = trained.examples
    assert examples is not None, "`check` asks for data"
    if candidate.length is not None and int(examples.records.lengths.max(initial=0)) > candidate.length:
        raise UserError(
            f"--model={candidate.name} takes rows of {candidate.length} tokens, the data's longest has "
            f"{examples.records.lengths.max()}; export it with a larger --max_seq_length, or leave it out"
        )
    what = f"evaluating {candidate.name}"
    (outcome,) = running.outcomes(trained.task, candidate.portable, [candidate.run], examples, options.eval_batch_size, what)
    scores, tally = trained.task.scores(outcome, examples), trained.task.tally(outcome, examples)
    drawn, seconds = np.random.default_rng(1), {}
    for rows in running.TIMED_ROWS:
        config = trained.config
        made_up = running.made_up_rows(drawn, rows, length, config.vocab_size, config.type_vocab_size)
        seconds[rows] = running.latency(candidate.run, made_up)
    difference = None
    if tally is not None and first is not None and first.tally is not None:
        difference = tallies.difference(first.tally, tally)
    error = None if tally is None else tallies.standard_error(tally)
    metric = trained.task.best_metric
    logger.info("%s (%s): %s %.4f", candidate.name, candidate.form, metric, scores[metric])
    return Result(candidate.name, candidate.form, scores, tally, error, difference, candidate.size, seconds)
