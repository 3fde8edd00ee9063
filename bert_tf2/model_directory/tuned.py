"""What an evaluation found for later predictions, such as a threshold, and where it is kept: beside the checkpoints."""

import os
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.tasks.base import Task, Tuning


def write(directory: str, tuning: Tuning, found: dict[str, Any], step: int) -> None:
    """Keeps what `Task.tune` gave, with the step of the checkpoint that it was found for."""
    files.write_json(os.path.join(directory, tuning.file), {**found, "global_step": step})


def is_kept(directory: str, tuning: Tuning, step: int | None) -> bool:
    """Whether something was found for a checkpoint; for any where its step is not known."""
    path = os.path.join(directory, tuning.file)
    stored = files.read_json(path) if files.exists(path) else None
    return isinstance(stored, dict) and step in (None, stored.get("global_step"))


def use(task: Task, tuning: Tuning, directory: str, step: int) -> None:
    """Makes a task use what its `tuning` is about, as it was found for a checkpoint.

    Raises:
      UserError: nothing was found, or it was found for another checkpoint.
    """
    path = os.path.join(directory, tuning.file)
    try:
        stored = files.read_json(path)
    except UserError:
        raise UserError(f"{tuning.flag}: there is no {path}; {tuning.advice}") from None
    try:
        value, found_at = stored["value"], stored["global_step"]
        if found_at == step:
            task.use_tuned(value)
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path} holds no {tuning.what}; {tuning.advice}") from None
    if found_at != step:
        raise UserError(f"{tuning.flag}: {path} was found for the checkpoint of step {found_at}, not of {step}; {tuning.advice}")
