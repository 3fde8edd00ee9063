"""The job behind `run_pretraining.py`: composes data, model, task and trainer. See `PretrainingOptions` for what it takes."""

from typing import Any

from bert_tf2 import cli
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.jobs.pretraining.start import begun
from bert_tf2.runtime import job


def command(description: str | None = None) -> None:
    """Runs the job from the command line."""
    cli.main(run_pretraining, PretrainingOptions, description or __doc__)


@job
def run_pretraining(options: PretrainingOptions) -> dict[str, Any]:
    """Trains, evaluates and saves the encoder as the options say.

    Args:
      options: what to do.

    Returns:
      `training`: the `TrainingResult`, when there was training; `evaluation`: the metrics on the records evaluated on,
      when there was an evaluation. Of a look at it (`dry_run`) what `looked_at` gives.

    Raises:
      UserError: options or input files that cannot be used.
      JobError: training failed, or was interrupted after saving its state.
    """
    if options.dry_run:
        from bert_tf2.jobs.doctor.look import looked_at

        return looked_at(begun, options, options.trains)
    with begun(options) as run:
        return run.complete()
