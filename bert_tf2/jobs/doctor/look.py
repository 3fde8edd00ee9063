"""A look at a training: everything that it does before its first step, some steps that are thrown away, and a report."""

import dataclasses
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError
from bert_tf2.jobs.doctor.findings import Diagnosis, Finding, Severity
from bert_tf2.jobs.doctor.hearing import hearing
from bert_tf2.jobs.doctor.report import report
from bert_tf2.jobs.doctor.shadow import shadow_of
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.jobs.training.training_setup import check_training_options
from bert_tf2.runtime import ended_by_sigterm

if TYPE_CHECKING:
    from bert_tf2.jobs.doctor.facts import Facts
    from bert_tf2.jobs.training.training_run import TrainingRun

JobOptions = TypeVar("JobOptions", bound=TrainingOptions)
Begun = Callable[[Any, str | None], "AbstractContextManager[TrainingRun]"]


def looked_at(begun: Begun, options: JobOptions, trains: bool, times: int = 1) -> dict[str, Any]:
    """Looks at a training and prints what was found; nothing is left of it.

    Args:
      begun: composes the job's run of its options, in a directory that takes the place of `--model_dir`.
      options: the command's.
      trains: whether it trains.
      times: how often, with other seeds.

    Returns:
      `diagnosis`: a `Diagnosis`; `exit_code`: 1 where the job would fail or its results be wrong, else 0.

    Raises:
      UserError: what the job itself would refuse, or there is no training to look at.
    """
    began = time.monotonic()
    _check(options)
    with hearing() as said, ended_by_sigterm():
        sections = _sections(begun, options, trains, times, said)
    diagnosis = Diagnosis(tuple((title, tuple(findings)) for title, findings in sections))
    seconds = time.monotonic() - began
    print(report(f"A look at {options.command}: nothing was trained or written ({seconds:.0f} s)", diagnosis))
    return {"diagnosis": diagnosis, "exit_code": int(diagnosis.worst >= Severity.WRONG)}


def _check(options: TrainingOptions) -> None:
    if options.distribution_strategy == "multi_worker_mirrored":
        raise UserError(
            "a look is one at one machine: leave --distribution_strategy=multi_worker_mirrored out and give this worker's share "
            "of --train_batch_size"
        )


def _sections(begun: Begun, options: JobOptions, trains: bool, times: int, said: list[str]) -> list[tuple[str, list[Finding]]]:
    from bert_tf2.jobs.doctor import tpu

    place = files.expand(options.directory) if options.directory else ""
    elsewhere, sections = tpu.is_elsewhere(options), []
    if elsewhere:
        check_training_options(options)
        sections = [("TPU", list(tpu.examine(options)))]
    here = tpu.on_this_machine(options) if elsewhere else options
    with shadow_of(place) as workplace:
        try:
            with begun(_keeping_no_code(here), workplace) as run:
                if not trains:
                    raise UserError("there is no training to look at; --dry_run is for commands that train")
                facts = _gathered(run, place, times, said, measures=not elsewhere)
                from bert_tf2.jobs.doctor.registry import EXAMINATIONS

                for title, examine in EXAMINATIONS:
                    sections.append((title, list(examine(facts))))
        except (UserError, JobError) as error:
            raise _as_the_job(error, workplace, place) from None
        shown = [(title, [_renamed(one, workplace, place) for one in found]) for title, found in sections]
    return shown


def _keeping_no_code(options: JobOptions) -> JobOptions:
    """Compiled code is kept nowhere."""
    if options.enable_xla is False or options.run_eagerly:
        return options
    return dataclasses.replace(options, compilation_cache="none")


def _gathered(run: "TrainingRun", place: str, times: int, said: list[str], measures: bool) -> "Facts":
    from bert_tf2.jobs.doctor.facts import Facts
    from bert_tf2.jobs.doctor.measuring import DoesNotFit, assembled_on_few, measure

    data = run.data_of_training()
    course = run.course(data.records)
    run.require_its_directory(data, course)
    facts = Facts(run, data, course, place, times, said)
    assembled, batches = assembled_on_few(run, data, course)
    if not measures:
        facts.why_not_measured = "it is for another machine"
        return facts
    try:
        facts.measured = measure(run, data, course, assembled, batches)
    except DoesNotFit as error:
        facts.does_not_fit = error
    return facts


def _as_the_job(error: Exception, workplace: str, place: str) -> Exception:
    """The error as the job itself would raise it."""
    error.args = tuple(one.replace(workplace, place) if isinstance(one, str) else one for one in error.args)
    return error


def _renamed(finding: Finding, workplace: str, place: str) -> Finding:
    """The finding with the directory's own name."""
    changed = {name: getattr(finding, name).replace(workplace, place) for name in ("says", "cure")}
    return dataclasses.replace(finding, **changed, details=tuple(line.replace(workplace, place) for line in finding.details))
