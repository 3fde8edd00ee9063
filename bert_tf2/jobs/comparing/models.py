"""The models that are compared: trainings' directories, and exports."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.exporting.converting import silent
from bert_tf2.exporting.exported_model import open_session
from bert_tf2.exporting.target import target_of
from bert_tf2.jobs.comparing.options import CompareOptions
from bert_tf2.jobs.trained import running
from bert_tf2.jobs.trained.options import TrainedModelOptions
from bert_tf2.jobs.trained.source import TrainedModel, open_trained
from bert_tf2.model_directory.model_files import META_DATA
from bert_tf2.tasks.portable import Portable

SETTINGS = "export.json"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A model to compare.

    Attributes:
      name: what the command calls it.
      form: `checkpoint of step N`, or the export's format.
      run: computes rows.
      size: of its weights or its file, in bytes.
      length: of all rows; None for any.
      trained: the training whose task it is scored as.
      portable: that of the training.
    """

    name: str
    form: str
    run: running.Run
    size: int
    length: int | None
    trained: TrainedModel
    portable: Portable

    @property
    def timed_length(self) -> int:
        """How many tokens the rows have whose time is measured."""
        return running.timed_length(self.length, self.trained.meta.max_seq_length)


def open_candidates(options: CompareOptions, paths: Mapping[str, str]) -> list[Candidate]:
    """Opens all models, in the order of the command.

    Raises:
      UserError: one is neither a training nor an export, is of another kind of task or other labels than the first, or an export
        is of none of the trainings.
      JobError: a checkpoint or an export cannot be read.
    """
    exports = {name for name, path in paths.items() if files.exists(os.path.join(path, SETTINGS))}
    directories = {name: path for name, path in paths.items() if name not in exports}
    if not directories:
        raise UserError("--model: all are exports; give the directory of the training that they were made of too")
    _require_same_task(directories)
    trainings = {name: _training(options, name, path) for name, path in directories.items()}
    return [
        trainings[name] if name in trainings else _export(name, path, list(trainings.values())) for name, path in paths.items()
    ]


def _training(options: CompareOptions, name: str, path: str) -> Candidate:
    of_model = TrainedModelOptions(
        model_dir=path,
        load_checkpoint=options.load_checkpoint,
        module_import=options.module_import,
        eval_data_path=options.eval_data_path,
        predict_file=options.predict_file,
        input_meta_data_path=options.input_meta_data_path,
    )
    trained = open_trained(of_model)
    portable = trained.task.portable(trained.model, trained.meta)
    return Candidate(name, f"step {trained.step}", running.original(portable), trained.size, None, trained, portable)


def _require_same_task(directories: Mapping[str, str]) -> None:
    """Compares what trainings are of, before records are looked at, which fit one task alone."""
    known = {name: os.path.join(path, META_DATA) for name, path in directories.items()}
    metas = {name: read_meta_data(path) for name, path in known.items() if files.exists(path)}
    for name, meta in metas.items():
        first = next(iter(metas))
        one = metas[first]
        for what, here, there in (("task", one.task_type, meta.task_type), ("labels", one.label_list, meta.label_list)):
            if here != there:
                both = f"{_shown(there)} and {_shown(here)}"
                raise UserError(f"--model: {name} and {first} differ in {what}: {both}; compare models of one task")


def _export(name: str, path: str, trainings: Sequence[Candidate]) -> Candidate:
    settings = files.read_object(path, SETTINGS)
    missing = [key for key in ("target", "file", "length", "task_type", "facts") if key not in settings]
    if missing:
        raise UserError(f"--model={name}={path}: its {SETTINGS} lacks {', '.join(missing)}; export the model again")
    made_of = [one for one in trainings if _is_of(settings, one)]
    if not made_of:
        raise UserError(
            f"--model={name}={path} was made of none of the given trainings (its task, labels or facts are others); give the "
            "directory of the training that it was made of too"
        )
    target_of(settings["target"]).require_packages(settings["target"])
    file, trained = os.path.join(path, settings["file"]), made_of[0]
    if not files.exists(file):
        raise UserError(f"--model={name}={path}: there is no {file}; export the model again")
    with silent():
        run = open_session(settings["target"], file, settings["length"])
    quantize = settings.get("quantize", "none")
    form = settings["target"] + ("" if quantize == "none" else f" {quantize}")
    return Candidate(name, form, run, running.size_of(file), settings["length"], trained.trained, trained.portable)


def _is_of(settings: Mapping[str, Any], training: Candidate) -> bool:
    """Whether an export may have been made of a training: answers are read alike."""
    facts = json.loads(files.json_text(dict(training.portable.facts)))
    return settings["task_type"] == training.trained.meta.task_type and settings["facts"] == facts


def _shown(value: Any) -> str:
    text = ", ".join(value) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
