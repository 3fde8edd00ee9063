"""The job behind `run_pretraining.py`: composes data, model, task and trainer. See `PretrainingOptions` for what it takes."""

from typing import Any

from bert_tf2 import cli
from bert_tf2.jobs.pretraining.options import PretrainingOptions, settled
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.opening import opened, places_of_files, read_config, require_directory, with_hub_module
from bert_tf2.model_directory import model_files
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
      when there was an evaluation.

    Raises:
      UserError: options or input files that cannot be used.
      JobError: training failed, or was interrupted after saving its state.
    """
    given, options = options, with_hub_module(options)
    require_directory(options, options.trains)
    places = places_of_files(options, options.trains)
    options = settled(model_files.completed(options, places, needs_metadata=False))
    training_setup.check_training_options(options)
    from bert_tf2.jobs.pretraining.inputs import check_exports, find_inputs
    from bert_tf2.tasks.pretraining.objectives import check_options

    config = read_config(options)
    data = find_inputs(options, config)
    check_options(config, options, data.mask_id)
    check_exports(options, data, config)
    training_setup.configure_tensorflow(options)
    with opened(options, config, options.trains) as (options, strategy, directory):
        from bert_tf2.jobs.pretraining.run import PretrainingRun

        return PretrainingRun(options, config, data, strategy, directory, given).complete()
