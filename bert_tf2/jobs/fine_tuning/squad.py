"""The job behind `run_squad.py`: composes data, model, task and trainer. See `SquadOptions` for what it takes."""

import contextlib
from typing import Any

from bert_tf2 import cli, files
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.squad_checks import question_files
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions, check_combination, phases_of
from bert_tf2.jobs.training import training_setup
from bert_tf2.model_directory import model_files
from bert_tf2.runtime import job


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
      `predictions`: answers by question id, when questions were answered.

    Raises:
      UserError: options or input files that cannot be used.
      JobError: training failed, or was interrupted after saving its state.
    """
    phases = phases_of(options)
    places = () if phases.train else (options.predict_checkpoint_path, options.directory, options.init_checkpoint)
    options = model_files.completed(options, places, needs_metadata=not options.is_tf1_dialect)
    check_combination(options)
    training_setup.check_training_options(options)
    question_paths = question_files(options, phases)
    from bert_tf2.models.config import BertConfig

    config = BertConfig.from_json_file(files.require_file(options.bert_config_file, "bert_config_file"))
    training_setup.configure_tensorflow(options)
    from bert_tf2.jobs.fine_tuning.question_data import given_records, made_records

    data = None if options.is_tf1_dialect else given_records(options, config, phases.train)
    model_dir = files.expand(options.directory)
    strategy = training_setup.create_strategy(options, model_dir)

    from bert_tf2.jobs.fine_tuning.squad_run import SquadRun
    from bert_tf2.jobs.training.named_weights import check_named_checkpoint, require_trained
    from bert_tf2.training.distribution import is_chief, is_multi_worker
    from bert_tf2.training.run_directory import RunDirectory

    if not phases.train:
        require_trained(model_dir, options)
    check_named_checkpoint(model_dir, options, config, phases.train)
    directory = RunDirectory(model_dir)
    lock = directory.locked() if phases.train and is_chief(strategy) else contextlib.nullcontext()
    with lock, training_setup.lost_workers_named(strategy, model_dir):
        if data is None:
            if phases.train and is_multi_worker(strategy):
                raise UserError(
                    "several workers cannot each make the records; make them once with create_finetuning_data.py "
                    "--fine_tuning_task_type=squad and give --input_meta_data_path and --train_data_path"
                )
            data = made_records(options, config, directory)
        return SquadRun(options, phases, config, data, question_paths, strategy, directory).complete()
