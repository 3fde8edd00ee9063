"""Which trained model, and which records it is looked at with."""

import dataclasses
import os

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.options import Options, option

CHECK = "Check"


@dataclasses.dataclass(frozen=True)
class TrainedModelOptions(Options):
    """A run's directory, and labelled records."""

    model_dir: str | None = option(None, "The directory in which run_classifier.py or run_squad.py trained.")
    load_checkpoint: str = option("newest", "Which of its checkpoints.", choices=("newest", "best"))
    module_import: tuple[str, ...] = option(
        (), "Python file or module that registers a kind of task of your own; repeatable.", multiple=True
    )
    eval_data_path: str | None = option(
        None,
        "Labelled records on which the model is evaluated, as it was and as it becomes.",
        section=CHECK,
        comma_separated=True,
    )
    predict_file: str | None = option(None, "The same for SQuAD: a JSON file with answers.", section=CHECK, comma_separated=True)
    input_meta_data_path: str | None = option(
        None, "meta_data.json of --eval_data_path [default: the one beside it, or the training's].", section=CHECK
    )


def check_records(options: TrainedModelOptions) -> None:
    """Checks what the names of records must agree in.

    Raises:
      UserError: they exclude each other, or one is missing.
    """
    if options.eval_data_path is not None and options.predict_file is not None:
        raise UserError("--eval_data_path and --predict_file exclude each other; the latter is for SQuAD")
    if options.input_meta_data_path is not None and options.eval_data_path is None:
        raise UserError("--input_meta_data_path belongs to --eval_data_path; give both or neither")


def check_output(given: str) -> None:
    """Checks that a new folder can be written at `--output_dir`, and makes the one that it will lie in.

    Raises:
      UserError: it is remote, a file, or holds something.
    """
    path = files.expand(given)
    if files.is_remote(path):
        raise UserError(f"--output_dir={path} must be a local directory; copy it there afterwards")
    if os.path.lexists(path) and not os.path.isdir(path):
        raise UserError(f"--output_dir: {path} is a file; name a new directory")
    if files.names_in(path):
        raise UserError(f"--output_dir: {path} is not empty; name a new directory or remove it")
    files.make_directory(os.path.dirname(os.path.abspath(path)))
