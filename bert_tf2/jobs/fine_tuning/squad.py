"""The job behind `run_squad.py`: composes data, model, task and trainer. See `SquadOptions` for what it takes."""

from typing import TYPE_CHECKING, Any

from bert_tf2 import cli
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.layer_options import check_layers
from bert_tf2.jobs.fine_tuning.question_files import question_files
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions, check_combination, phases_of
from bert_tf2.jobs.fine_tuning.sweeps.choice import sweep_asked
from bert_tf2.jobs.fine_tuning.teacher_checks import student_config, with_teacher
from bert_tf2.jobs.fine_tuning.xlnet_flags import translated, with_dropout
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.opening import opened, places_of_files, read_config, require_directory, with_hub_module
from bert_tf2.model_directory import model_files
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
      `bert_tf2.jobs.fine_tuning.sweeps` gives: `best`, and `seeds` or `trials`.

    Raises:
      UserError: options or input files that cannot be used.
      JobError: training failed, or was interrupted after saving its state.
    """
    if (sweep := sweep_asked(options)) is not None:
        return sweep(options, phases_of(options), _run)
    result = _run(options)
    results: dict[str, Any] = {} if result.training is None else {"training": result.training}
    if result.outcomes:
        results["predictions"] = {id: text for answers in result.outcomes.values() for id, text in answers.predictions.items()}
    if "eval" in result.scores:
        results["evaluation"] = result.scores["eval"]
    return results


def _run(options: SquadOptions, share: float = 1.0) -> "RunResult":
    phases = phases_of(options)
    given, options = options, with_teacher(translated(with_hub_module(options)), phases.train)
    require_directory(options, phases.train)
    places = places_of_files(options, phases.train)
    options = model_files.completed(options, places, needs_metadata=not options.is_tf1_dialect)
    check_combination(options)
    training_setup.check_training_options(options)
    question_paths = question_files(options, phases)
    config = with_dropout(student_config(options, read_config(options)), options)
    if phases.train:
        check_layers(options, config)
    training_setup.configure_tensorflow(options)
    from bert_tf2.jobs.fine_tuning.question_sources import given_records, made_records

    data = None if options.is_tf1_dialect else given_records(options, config, question_paths, phases.train)
    with opened(options, config, phases.train) as (options, strategy, directory):
        from bert_tf2.jobs.fine_tuning.run import FineTuningRun
        from bert_tf2.training.distribution import is_multi_worker

        if data is None:
            if phases.train and is_multi_worker(strategy):
                raise UserError(
                    "several workers cannot each make the records; make them once with create_finetuning_data.py "
                    "--fine_tuning_task_type=squad and give --input_meta_data_path and --train_data_path"
                )
            data = made_records(options, config, question_paths, directory)
        return FineTuningRun(options, phases, config, data, strategy, directory, given, share).complete()
