"""The job behind `run_classifier.py`: composes data, model, task and trainer. See `ClassifierOptions` for what it takes."""

import dataclasses
import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2 import cli, files
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_checks import check_metadata
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions, check_combination, phases_of
from bert_tf2.jobs.fine_tuning.layer_options import check_layers
from bert_tf2.jobs.fine_tuning.raw_data import made_records
from bert_tf2.jobs.fine_tuning.record_data import check_labelled, given_records
from bert_tf2.jobs.fine_tuning.sweeps.choice import sweep_asked
from bert_tf2.jobs.fine_tuning.teacher_checks import student_config, with_teacher
from bert_tf2.jobs.fine_tuning.xlnet_flags import translated, with_dropout
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.opening import opened, places_of_files, read_config, require_directory, with_hub_module
from bert_tf2.model_directory import model_files
from bert_tf2.options import required
from bert_tf2.runtime import job
from bert_tf2.tasks.kind import kind_of
from bert_tf2.tasks.kind_options import decides_model
from bert_tf2.training.run_directory import RUN_CONFIG

if TYPE_CHECKING:
    from bert_tf2.jobs.fine_tuning.run import RunResult

logger = logging.getLogger(__name__)


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
      `bert_tf2.jobs.fine_tuning.sweeps` gives: `best`, and `seeds` or `trials`.

    Raises:
      UserError: options or input files that cannot be used.
      JobError: training failed, or was interrupted after saving its state.
    """
    if (sweep := sweep_asked(options)) is not None:
        return sweep(options, phases_of(options), _run)
    result = _run(options)
    results: dict[str, Any] = {} if result.training is None else {"training": result.training}
    if phases_of(options).evaluate:
        results["evaluation"] = result.scores
    return results | {"outcomes": result.outcomes}


def _run(options: ClassifierOptions, share: float = 1.0) -> "RunResult":
    given, options = options, with_teacher(translated(with_hub_module(options)), options.trains)
    require_directory(options, options.trains)
    options = _completed(options)
    check_combination(options)
    training_setup.check_training_options(options)
    phases = phases_of(options)
    config = with_dropout(student_config(options, read_config(options)), options)
    if phases.train:
        check_layers(options, config)
    data = None
    if not options.is_tf1_dialect:
        meta = read_meta_data(required(options.input_meta_data_path))
        check_metadata(options, meta, config)
        data = given_records(options, meta, config)
        check_labelled(data, phases)
    training_setup.configure_tensorflow(options)
    with opened(options, config, phases.train) as (options, strategy, directory):
        from bert_tf2.jobs.fine_tuning.run import FineTuningRun
        from bert_tf2.training.distribution import is_multi_worker

        if data is None:
            if is_multi_worker(strategy):
                raise UserError(
                    "several workers cannot each make the records; make them once with create_finetuning_data.py and give "
                    "--input_meta_data_path and --train_data_path"
                )
            data = made_records(options, config, directory)
        options = kind_of(data.meta.task_type).as_prepared(options, data.meta)
        return FineTuningRun(options, phases, config, data, strategy, directory, given, share).complete()


def _completed(options: ClassifierOptions) -> ClassifierOptions:
    """The options, for a model that is there already with the files that its directory holds."""
    options = options if options.is_tf1_dialect or options.trains else _with_metadata_of_records(options)
    places = places_of_files(options, options.trains)
    options = model_files.completed(options, places, needs_metadata=not options.is_tf1_dialect)
    return as_trained(options, [model_files.directory_of(files.expand(place)) for place in places if place])


def as_trained(options: ClassifierOptions, directories: Sequence[str]) -> ClassifierOptions:
    """The options of the kind of task that decide what a model is, where nobody gave them: those of the model's training."""
    configurations = (files.read_object(directory, RUN_CONFIG) for directory in directories)
    run = next(filter(None, configurations), {}).get("run")
    data = run.get("data", {}) if isinstance(run, dict) else {}
    found = {
        field.name: data[field.name]
        for field in dataclasses.fields(options)
        if field.name in data and decides_model(field) and getattr(options, field.name) == field.default
    }
    if found:
        logger.info("as in training: %s", " ".join(f"--{flag}={value}" for flag, value in found.items()))
    return dataclasses.replace(options, **found)


def _with_metadata_of_records(options: ClassifierOptions) -> ClassifierOptions:
    """The options with the meta_data.json beside the records, where it tells of them: a model's own is of its training's."""
    path = options.eval_data_path if options.mode == "eval" else options.test_data_path or options.eval_data_path
    if options.input_meta_data_path is not None or not path or any(sign in path for sign in ",*?["):
        return options
    beside = os.path.join(os.path.dirname(files.expand(path)), model_files.META_DATA)
    if not files.exists(beside) or read_meta_data(beside).split_of(path) is None:
        return options
    logger.info("found: --input_meta_data_path=%s", beside)
    return dataclasses.replace(options, input_meta_data_path=beside)
