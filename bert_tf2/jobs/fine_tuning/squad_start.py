"""How a run of question answering begins: what its command asks for, checked, with data and directory; nothing is done yet."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.answer_heads import with_answer_head
from bert_tf2.jobs.fine_tuning.data.question_files import question_files
from bert_tf2.jobs.fine_tuning.layers.options import check_layers
from bert_tf2.jobs.fine_tuning.prediction.options import check_prediction
from bert_tf2.jobs.fine_tuning.regularisation_options import check_regularisation
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions, check_combination, phases_of
from bert_tf2.jobs.fine_tuning.teaching.teacher_checks import student_config, with_teacher
from bert_tf2.jobs.fine_tuning.xlnet_flags import translated, with_dropout
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.opening import opened, places_of_files, read_config, require_directory, with_hub_module
from bert_tf2.model_directory import model_files

if TYPE_CHECKING:
    from bert_tf2.jobs.fine_tuning.run import FineTuningRun


@contextlib.contextmanager
def begun(options: SquadOptions, workplace: str | None = None, share: float = 1.0) -> Iterator["FineTuningRun"]:
    """The run that a command asks for.

    Args:
      options: the command's.
      workplace: takes the place of `--model_dir` for all that is written; None for that directory itself.
      share: of the training's steps after which it pauses.

    Raises:
      UserError: options or input files that cannot be used.
    """
    phases = phases_of(options)
    given, options = options, with_teacher(translated(with_hub_module(options)), phases.train)
    require_directory(options, phases.train)
    places = places_of_files(options, phases.train)
    options = model_files.completed(options, places, needs_metadata=not options.is_tf1_dialect)
    check_combination(options)
    options = with_answer_head(options, () if phases.train else places)
    training_setup.check_training_options(options)
    question_paths = question_files(options, phases)
    config = with_dropout(student_config(options, read_config(options)), options)
    check_regularisation(options, config, phases.train)
    check_prediction(options, phases)
    if phases.train:
        check_layers(options, config)
    training_setup.configure_tensorflow(options)
    from bert_tf2.jobs.fine_tuning.data.question_sources import given_records, made_records

    data = None if options.is_tf1_dialect else given_records(options, config, question_paths, phases.train)
    with opened(options, config, phases.train, workplace) as (options, strategy, directory):
        from bert_tf2.jobs.fine_tuning.run import FineTuningRun
        from bert_tf2.training.distribution import is_multi_worker

        if data is None:
            if phases.train and is_multi_worker(strategy):
                raise UserError(
                    "several workers cannot each make the records; make them once with create_finetuning_data.py "
                    "--fine_tuning_task_type=squad and give --input_meta_data_path and --train_data_path"
                )
            data = made_records(options, config, question_paths, directory)
        yield FineTuningRun(options, phases, config, data, strategy, directory, given, share)
