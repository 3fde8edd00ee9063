"""The job behind `run_pretraining.py`: composes data, model, task and trainer. See `PretrainingOptions` for what it takes."""

import contextlib
from typing import Any

from bert_tf2 import cli, files
from bert_tf2.jobs.pretraining.options import PretrainingOptions, settled
from bert_tf2.jobs.training import training_setup
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
    places = () if options.trains else (options.predict_checkpoint_path, options.directory, options.init_checkpoint)
    options = settled(model_files.completed(options, places, needs_metadata=False))
    training_setup.check_training_options(options)
    from bert_tf2.jobs.pretraining.inputs import check_exports, find_inputs
    from bert_tf2.models.config import BertConfig

    config = BertConfig.from_json_file(files.require_file(options.bert_config_file, "bert_config_file"))
    data = find_inputs(options, config)
    check_exports(options, data)
    training_setup.configure_tensorflow(options)
    model_dir = files.expand(options.directory)
    strategy = training_setup.create_strategy(options, model_dir)

    from bert_tf2.jobs.pretraining.run import PretrainingRun
    from bert_tf2.jobs.training.named_weights import check_named_checkpoint, require_trained
    from bert_tf2.training.distribution import is_chief
    from bert_tf2.training.run_directory import RunDirectory

    if not options.trains:
        require_trained(model_dir, options)
    check_named_checkpoint(model_dir, options, config, options.trains)
    directory = RunDirectory(model_dir)
    lock = directory.locked() if options.trains and is_chief(strategy) else contextlib.nullcontext()
    with lock, training_setup.lost_workers_named(strategy, model_dir):
        return PretrainingRun(options, config, data, strategy, directory).complete()
