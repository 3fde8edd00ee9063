"""How every job that trains begins: devices, the directory, and who else works in it."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.options import required

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig
    from bert_tf2.training.run_directory import RunDirectory

JobOptions = TypeVar("JobOptions", bound=TrainingOptions)


def read_config(options: TrainingOptions) -> "BertConfig":
    """The configuration of `--bert_config_file`.

    Raises:
      UserError: there is no such file, or it is none.
    """
    from bert_tf2.models.config import BertConfig

    return BertConfig.from_json_file(files.require_file(required(options.bert_config_file), "bert_config_file"))


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
def opened(options: JobOptions, config: "BertConfig", trains: bool) -> Iterator[tuple[JobOptions, Any, "RunDirectory"]]:
    """The options, with what they left to the devices; the strategy; and the model's directory, which while a training holds it
    no other may.

    `training_setup.configure_tensorflow` has been called. The checkpoint that the command names is looked at before anything is
    written; a worker that is lost meanwhile ends the job in one line.

    Raises:
      UserError: no such devices, nothing trained where it has to be, or a checkpoint of another model.
      JobError: another job trains there.
    """
    model_dir = files.expand(required(options.directory))
    strategy = training_setup.create_strategy(options, model_dir)
    from bert_tf2.jobs.training.named_weights import check_named_checkpoint, require_trained
    from bert_tf2.training.distribution import is_chief
    from bert_tf2.training.run_directory import RunDirectory

    if not trains:
        require_trained(model_dir, options)
    check_named_checkpoint(model_dir, options, config, trains)
    directory = RunDirectory(model_dir)
    lock = directory.locked() if trains and is_chief(strategy) else contextlib.nullcontext()
    with lock, training_setup.lost_workers_named(strategy, model_dir):
        as_before = directory.noted("enable_xla") if trains else None
        compiles = training_setup.compiles(options, strategy, as_before)
        yield dataclasses.replace(options, enable_xla=compiles), strategy, directory
