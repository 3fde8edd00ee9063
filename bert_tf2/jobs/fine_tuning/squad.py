"""The job behind `run_squad.py`: composes data, model, task and trainer. See `SquadOptions` for what it takes."""

from typing import TYPE_CHECKING, Any

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions, phases_of
from bert_tf2.jobs.fine_tuning.squad_start import begun
from bert_tf2.jobs.fine_tuning.sweeps.choice import sweep_asked
from bert_tf2.runtime import job

if TYPE_CHECKING:
    from bert_tf2.jobs.fine_tuning.run import RunResult


def command(description: str | None = None) -> None:
    """Runs the job from the command line."""
    cli.main(run_squad, SquadOptions, description or __doc__)


@job
def run_squad(options: SquadOptions) -> dict[str, Any]:
    """Trains, answers, scores and exports as the options say.

    Args:
      options: what to do.

    Returns:
      `training`: the `TrainingResult`, when there was training; `evaluation`: the scores, when there was an
      evaluation or every question of the one predicted file has an answer;
      `predictions`: answers by question id, when questions were answered. Of several trainings what
      `bert_tf2.jobs.fine_tuning.sweeps` gives: `best`, and `seeds` or `trials`. Of a look at it (`dry_run`) what `looked_at`
      gives.

    Raises:
      UserError: options or input files that cannot be used.
      JobError: training failed, or was interrupted after saving its state.
    """
    sweep = sweep_asked(options)
    if options.dry_run:
        from bert_tf2.jobs.doctor.look import looked_at

        one, times = (options, 1) if sweep is None else sweep.first(options, phases_of(options))
        return looked_at(begun, one, phases_of(options).train, times)
    if sweep is not None:
        return sweep.run(options, phases_of(options), _run)
    result = _run(options)
    results: dict[str, Any] = {} if result.training is None else {"training": result.training}
    if result.outcomes:
        results["predictions"] = {id: text for answers in result.outcomes.values() for id, text in answers.predictions.items()}
    if "eval" in result.scores:
        results["evaluation"] = result.scores["eval"]
    return results


def _run(options: SquadOptions, share: float = 1.0) -> "RunResult":
    with begun(options, share=share) as run:
        return run.complete()
