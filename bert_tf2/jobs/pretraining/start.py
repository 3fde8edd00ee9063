"""How a pre-training run begins: what its command asks for, checked, with data, devices and directory; nothing is done yet."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bert_tf2.jobs.pretraining.options import PretrainingOptions, settled
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.distillation_checks import check_asked, config_of_layers, refuse_without_teacher
from bert_tf2.jobs.training.opening import opened, places_of_files, read_config, require_directory, with_hub_module
from bert_tf2.model_directory import model_files

if TYPE_CHECKING:
    from bert_tf2.jobs.pretraining.run import PretrainingRun


@contextlib.contextmanager
def begun(options: PretrainingOptions, workplace: str | None = None) -> Iterator["PretrainingRun"]:
    """The run that a command asks for.

    Args:
      options: the command's.
      workplace: takes the place of `--model_dir` for all that is written; None for that directory itself.

    Raises:
      UserError: options or input files that cannot be used.
    """
    given, options = options, with_hub_module(options)
    require_directory(options, options.trains)
    places = places_of_files(options, options.trains)
    options = settled(model_files.completed(options, places, needs_metadata=False))
    training_setup.check_training_options(options)
    if options.teacher:
        check_asked(options, options.trains, may_leave_labels=True)
    else:
        refuse_without_teacher(options)
    from bert_tf2.jobs.pretraining.inputs import check_exports, find_inputs
    from bert_tf2.jobs.pretraining.teacher import check_taught, teacher_of
    from bert_tf2.tasks.pretraining.objectives import check_options

    teacher = teacher_of(options)
    if teacher is not None and options.makes_student:
        config = config_of_layers(options, teacher.config)
        options = dataclasses.replace(options, bert_config_file=options.teacher)
    else:
        config = read_config(options)
    data = find_inputs(options, config)
    check_options(config, options, data.mask_id)
    check_exports(options, data, config)
    if teacher is not None:
        check_taught(options, data, config, teacher)
    training_setup.configure_tensorflow(options)
    with opened(options, config, options.trains, workplace) as (options, strategy, directory):
        from bert_tf2.jobs.pretraining.run import PretrainingRun

        yield PretrainingRun(options, config, data, strategy, directory, given, teacher)
