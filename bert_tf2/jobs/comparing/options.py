"""The options of `python -m bert_tf2.compare`."""

import dataclasses
import os

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.trained.options import check_output
from bert_tf2.options import Options, at_least, option, require_given, required


@dataclasses.dataclass(frozen=True)
class CompareOptions(Options):
    """Which models, and on what."""

    model: tuple[str, ...] = option(
        (),
        "NAME=PATH, for each model: the directory of a training, or one that `bert_tf2.export` wrote. Without NAME= it is called "
        "as its directory. The others are compared with the first. An export is scored as the run it was made of, which must be "
        "among them.",
        multiple=True,
    )
    eval_data_path: str | None = option(None, "Labelled records.", comma_separated=True)
    predict_file: str | None = option(None, "The same for SQuAD: a JSON file with answers.", comma_separated=True)
    input_meta_data_path: str | None = option(
        None, "meta_data.json of --eval_data_path [default: the one beside it, or the training's]."
    )
    load_checkpoint: str = option("newest", "Which checkpoint of the trainings.", choices=("newest", "best"))
    output_dir: str | None = option(None, "A new folder for comparison.md, comparison.json and comparison.png.")
    eval_batch_size: int = option(32, "Records at a time; changes no result.", check=at_least(1))
    module_import: tuple[str, ...] = option(
        (), "Python file or module that registers a kind of task of your own; repeatable.", multiple=True
    )


def check(options: CompareOptions) -> dict[str, str]:
    """Checks what can be known before TensorFlow is imported.

    Returns:
      The paths of the models by name.

    Raises:
      UserError: flags are missing or contradict each other.
    """
    needed = {
        "model": "the models",
        "eval_data_path or predict_file": "the data that they are compared on",
        "output_dir": "where the comparison goes",
    }
    require_given(options, needed)
    paths: dict[str, str] = {}
    for given in options.model:
        name, is_named, path = given.partition("=")
        path = files.expand(path if is_named else given).rstrip("/")
        name = name if is_named else os.path.basename(path)
        if not name or not path:
            raise UserError(f"--model={given} needs a name and a path; give NAME=PATH, or PATH alone")
        if name in paths:
            raise UserError(f"--model: two models are called '{name}'; give each a name of its own: --model=NAME=PATH")
        paths[name] = path
    if len(paths) < 2:
        raise UserError(f"--model is given once ({options.model[0]}); give it for each of two models or more")
    check_output(required(options.output_dir))
    return paths
