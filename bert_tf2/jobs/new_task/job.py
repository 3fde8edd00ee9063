"""The job of `python -m bert_tf2.new_task`."""

import dataclasses
import importlib.resources
import json
import keyword
import logging
import os
import re

from bert_tf2 import cli, files
from bert_tf2.errors import UserError
from bert_tf2.options import Options, option, require_given, required
from bert_tf2.runtime import job

logger = logging.getLogger(__name__)

PROCESSOR, KIND = "processor", "kind"
_ROWS = [
    ("yes", "it works well"), ("no", "it broke at once"), ("yes", "a fine thing"), ("no", "not worth its price"),
    ("yes", "I would buy it again"), ("no", "it came without a cable"), ("yes", "small and quiet"), ("no", "loud, and it smells"),
]  # fmt: skip


def _is_name(value: str) -> str | None:
    if re.fullmatch("[a-z][a-z0-9_]*", value) and not keyword.iskeyword(value):
        return None
    return "must be a word of small letters, digits and _ that begins with a letter, such as shopping"


@dataclasses.dataclass(frozen=True)
class NewTaskOptions(Options):
    """What is written, and where."""

    name: str | None = option(None, "What it is called; the file is NAME.py.", check=_is_name)
    what: str = option(
        PROCESSOR,
        "What it is: how the files of a data set become texts with labels or numbers, or a kind of task with a head, a loss and "
        "scores of its own.",
        choices=(PROCESSOR, KIND),
    )
    output_dir: str = option(".", "Directory in which it is written; made when it is not there.")


def command(description: str | None = None) -> None:
    """Runs the job from the command line."""
    cli.main(new_task, NewTaskOptions, description or __doc__)


@job
def new_task(options: NewTaskOptions) -> list[str]:
    """Writes a skeleton that works as it stands, its test, and some rows to try it with.

    Args:
      options: what, and where.

    Returns:
      the paths of the files.

    Raises:
      UserError: one of them is there already, or the name is taken.
    """
    require_given(options, {"name": "what it is called"})
    name, directory = required(options.name), files.expand(options.output_dir)
    _check_free(name, options.what)
    contents = {
        os.path.join(directory, path): text for path, text in {**_code(name, options.what), **_data(name, options.what)}.items()
    }
    for path in contents:
        if os.path.lexists(path):
            raise UserError(f"{path} is there already and stays; choose another --name or --output_dir")
    for path, text in contents.items():
        files.make_directory(os.path.dirname(path) or ".")
        files.write_text(path, text)
        logger.info("wrote %s", path)
    logger.info("try it: python -m pytest %s", os.path.join(directory, f"test_{name}.py"))
    logger.info("then:\n  %s", _next(name, options.what, directory))
    return list(contents)


def _check_free(name: str, what: str) -> None:
    import bert_tf2.tasks.classification.reading.glue  # noqa: F401 (it registers those of published data sets)
    from bert_tf2.data.processors import processors
    from bert_tf2.tasks.kind import kinds

    known = kinds if what == KIND else processors
    if name in map(str.lower, known.names()):
        raise UserError(f"--name={name} is what a {what} of this package is called; choose another")


def _code(name: str, what: str) -> dict[str, str]:
    title = "".join(part.capitalize() for part in name.split("_"))
    templates = importlib.resources.files("bert_tf2.jobs.new_task") / "templates"

    def filled(template: str) -> str:
        text = (templates / f"{template}.py.txt").read_text(encoding="utf-8")
        return text.replace("MyTask", title).replace("my_task", name)

    return {f"{name}.py": filled(what), f"test_{name}.py": filled(f"test_{what}")}


def _data(name: str, what: str) -> dict[str, str]:
    if what == KIND:
        lines = (json.dumps({"text": text, "answer": answer}) for answer, text in _ROWS)
        return {f"{name}_data/few.jsonl": "".join(f"{line}\n" for line in lines)}
    parts = {"train": _ROWS[:4], "dev": _ROWS[4:6], "test": _ROWS[6:]}
    return {f"{name}_data/{split}.tsv": "".join(f"{label}\t{text}\n" for label, text in rows) for split, rows in parts.items()}


def _next(name: str, what: str, directory: str) -> str:
    module, data = os.path.join(directory, f"{name}.py"), os.path.join(directory, f"{name}_data")
    if what == KIND:
        of_task = f"--fine_tuning_task_type={name} --train_file={os.path.join(data, 'few.jsonl')}"
    else:
        of_task = f"--classification_task_name={name} --input_data_dir={data}"
    return (
        f"python data_prep/create_finetuning_data.py --module_import={module} {of_task} \\\n"
        "      --vocab_file=<model>/vocab.txt --train_data_output_path=records/train.tf_record "
        "--meta_data_file_path=records/meta_data.json"
    )
