"""How every job that trains begins: devices, the directory, and who else works in it."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from bert_tf2 import files, saved_models
from bert_tf2.errors import UserError
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.micro_batch import settled_micro_batch
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.options import required

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig
    from bert_tf2.training.run_directory import RunDirectory

JobOptions = TypeVar("JobOptions", bound=TrainingOptions)


def read_config(options: TrainingOptions) -> "BertConfig":
    """The configuration of `--bert_config_file`, or of the weights of the SavedModel that it names.

    Raises:
      UserError: there is no such file, or it is none.
    """
    from bert_tf2.models.checkpoints.configuration import read_configuration

    return read_configuration(required(options.bert_config_file))


def with_hub_module(options: JobOptions) -> JobOptions:
    """The options with the folder of the module of `--hub_module_url`, whose weights are those of `--init_checkpoint` then.

    Raises:
      UserError: both flags are given, or there is no such module.
    """
    if not options.hub_module_url:
        return options
    if options.init_checkpoint:
        raise UserError("--hub_module_url and --init_checkpoint are two names of the first weights; give one")
    folder = saved_models.located(options.hub_module_url)
    return dataclasses.replace(options, hub_module_url=folder, init_checkpoint=folder)


def places_of_files(options: TrainingOptions, trains: bool) -> tuple[str | None, ...]:
    """Where the files lie that the command leaves open, the nearest first: of a training in the module it begins with alone."""
    if trains:
        return (options.hub_module_url,)
    return options.predict_checkpoint_path, options.directory, options.init_checkpoint


def require_directory(options: TrainingOptions, trains: bool) -> None:
    """Refuses a directory of a trained model that is not there, before what it would hold is asked for.

    Raises:
      UserError: nothing is to be trained, configuration and model are left to the directory, and it does not exist.
    """
    # A command that does not say what to do lacks more than the directory.
    says = any(getattr(options, flag, None) for flag in ("mode", "do_eval", "do_predict"))
    named = options.predict_checkpoint_path or options.init_checkpoint or options.bert_config_file
    if trains or not says or named or not options.directory:
        return
    path = files.expand(options.directory)
    if not files.is_remote(path) and not os.path.isdir(path):
        flag = "model_dir" if options.model_dir else "output_dir"
        raise UserError(f"--{flag}={path} does not exist; train first, or name a trained model with --init_checkpoint")


@contextlib.contextmanager
def opened(
    options: JobOptions, config: "BertConfig", trains: bool, workplace: str | None = None
) -> Iterator[tuple[JobOptions, Any, "RunDirectory"]]:
    """The options, with what they left to the devices; the strategy; and the model's directory, which while a training holds it
    no other may.

    `training_setup.configure_tensorflow` has been called. The checkpoint that the command names is looked at before anything is
    written; a worker that is lost meanwhile ends the job in one line.

    Args:
      options: checked.
      config: of the encoder.
      trains: whether there is training.
      workplace: takes the place of the directory for all that is written; None for the directory itself.

    Raises:
      UserError: no such devices, nothing trained where it has to be, or a checkpoint of another model.
      JobError: another job trains there.
    """
    if trains and not options.hub_module_trainable and not options.init_checkpoint:
        raise UserError("--hub_module_trainable=false needs weights that stay: give --hub_module_url or --init_checkpoint")
    model_dir = files.expand(required(options.directory))
    strategy = training_setup.create_strategy(options, model_dir)
    from bert_tf2.jobs.training.named_weights import check_named_checkpoint, require_trained
    from bert_tf2.tensorflow_internals import custom_gradients_forgotten
    from bert_tf2.training.distribution import is_chief
    from bert_tf2.training.run_directory import RunDirectory

    if not trains:
        require_trained(model_dir, options)
    check_named_checkpoint(model_dir, options, config, trains)
    if workplace is not None:
        RunDirectory.require_usable(model_dir)
    directory = RunDirectory(workplace or model_dir)
    lock = directory.locked() if trains and is_chief(strategy) else contextlib.nullcontext()
    with lock, training_setup.lost_workers_named(strategy, model_dir), custom_gradients_forgotten():
        as_before = directory.noted("enable_xla") if trains else None
        compiles = training_setup.compiles(options, strategy, as_before)
        rows = settled_micro_batch(options, strategy, training_setup.is_tpu(options))
        yield dataclasses.replace(options, enable_xla=compiles, micro_batch_size=rows), strategy, directory
