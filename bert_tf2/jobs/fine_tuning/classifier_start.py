"""How a classifier's run begins: what its command asks for, checked, with data, devices and directory; nothing is done yet."""

import contextlib
import dataclasses
import logging
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bert_tf2 import files
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_checks import check_metadata
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions, check_combination, phases_of
from bert_tf2.jobs.fine_tuning.data.raw_data import made_records
from bert_tf2.jobs.fine_tuning.data.record_data import check_labelled, given_records
from bert_tf2.jobs.fine_tuning.layers.options import check_layers
from bert_tf2.jobs.fine_tuning.prediction.options import check_prediction
from bert_tf2.jobs.fine_tuning.regularisation_options import check_regularisation
from bert_tf2.jobs.fine_tuning.teaching.teacher_checks import student_config, with_teacher
from bert_tf2.jobs.fine_tuning.xlnet_flags import translated, with_dropout
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.opening import opened, places_of_files, read_config, require_directory, with_hub_module
from bert_tf2.model_directory import model_files
from bert_tf2.options import required
from bert_tf2.tasks.kind import kind_of
from bert_tf2.tasks.kind_options import decides_model
from bert_tf2.training.run_directory import RUN_CONFIG

if TYPE_CHECKING:
    from bert_tf2.jobs.fine_tuning.run import FineTuningRun

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def begun(options: ClassifierOptions, workplace: str | None = None, share: float = 1.0) -> Iterator["FineTuningRun"]:
    """The run that a command asks for.

    Args:
      options: the command's.
      workplace: takes the place of `--model_dir` for all that is written; None for that directory itself.
      share: of the training's steps after which it pauses.

    Raises:
      UserError: options or input files that cannot be used.
    """
    given, options = options, with_teacher(translated(with_hub_module(options)), options.trains)
    require_directory(options, options.trains)
    options = _completed(options)
    check_combination(options)
    training_setup.check_training_options(options)
    phases = phases_of(options)
    config = with_dropout(student_config(options, read_config(options)), options)
    check_regularisation(options, config, phases.train)
    check_prediction(options, phases)
    if phases.train:
        check_layers(options, config)
    data = None
    if not options.is_tf1_dialect:
        meta = read_meta_data(required(options.input_meta_data_path))
        check_metadata(options, meta, config)
        data = given_records(options, meta, config)
        check_labelled(data, phases)
    training_setup.configure_tensorflow(options)
    with opened(options, config, phases.train, workplace) as (options, strategy, directory):
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
        yield FineTuningRun(options, phases, config, data, strategy, directory, given, share)


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
