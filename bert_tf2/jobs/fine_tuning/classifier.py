"""The job behind `run_classifier.py`: composes data, model, task and trainer. See `ClassifierOptions` for what it takes."""

from typing import TYPE_CHECKING, Any

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions, phases_of
from bert_tf2.jobs.fine_tuning.classifier_start import begun
from bert_tf2.jobs.fine_tuning.sweeps.choice import sweep_asked
from bert_tf2.runtime import job

if TYPE_CHECKING:
    from bert_tf2.jobs.fine_tuning.run import RunResult


def command(description: str | None = None) -> None:
    """Runs the job from the command line."""
    cli.main(run_classifier, ClassifierOptions, description or __doc__)


@job
def run_classifier(options: ClassifierOptions) -> dict[str, Any]:
    """Trains, evaluates, predicts and exports as the options say.

    Args:
      options: what to do.

    Returns:
      `training`: the `TrainingResult`, when there was training; `evaluation`: metrics by evaluation set; `outcomes`: by set what
      the task made of the model's outputs (`bert_tf2.tasks.base.Task.outcome`). Of several trainings what
      `bert_tf2.jobs.fine_tuning.sweeps` gives: `best` and `seeds` or `trials`, or `folds`. Of a look at it (`dry_run`) what
      `looked_at` gives.

    Raises:
      UserError: options or input files that cannot be used.
      JobError: training failed, or was interrupted after saving its state.
    """
    sweep = sweep_asked(options)
    if options.dry_run:
        from bert_tf2.jobs.doctor.look import looked_at

        one, times = (options, 1) if sweep is None else sweep.first(options, phases_of(options))
        return looked_at(begun, one, options.trains, times)
    if sweep is not None:
        return sweep.run(options, phases_of(options), _run)
    result = _run(options)
    results: dict[str, Any] = {} if result.training is None else {"training": result.training}
    if phases_of(options).evaluate:
        results["evaluation"] = result.scores
    return results | {"outcomes": result.outcomes}


def _run(options: ClassifierOptions, share: float = 1.0) -> "RunResult":
    with begun(options, share=share) as run:
        return run.complete()
