"""What a run measured, kept in its directory so that a resumed run, and the report after it, see all of it."""

import json
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import JobError

FILE_NAME = "training_history.jsonl"
POINT = "loss"
"""Kind of the entries that the loss curve is drawn from: they lie closer than the `train` ones, one for every `--log_steps`."""


class History:
    """Entries `{"kind": "train" | "loss" | "eval", "step": …, …}` in the order of the steps.

    Args:
      directory: where `training_history.jsonl` is kept.
      writes: False for workers other than the chief.
    """

    def __init__(self, directory: str, writes: bool = True):
        self._path = f"{directory}/{FILE_NAME}" if files.is_remote(directory) else os.path.join(directory, FILE_NAME)
        self._writes = writes
        self.entries, self._is_whole = _read(self._path)

    def continue_from(self, step: int) -> None:
        """Forgets what was measured after `step`; those steps are run again."""
        kept = [entry for entry in self.entries if entry["step"] <= step]
        if len(kept) != len(self.entries) or not self._is_whole:
            self.entries = kept
            self._rewrite()

    def add(self, kind: str, step: int, values: dict[str, float]) -> None:
        """Adds an entry and makes sure that it is on the disk.

        Raises:
          JobError: it cannot be written.
        """
        self.extend([{"kind": kind, "step": step, **values}])

    def extend(self, entries: list[dict[str, Any]]) -> None:
        """Adds entries and makes sure that they are on the disk.

        Raises:
          JobError: they cannot be written.
        """
        self.entries += entries
        if not self._writes or not entries:
            return
        if files.is_remote(self._path):
            self._rewrite()
            return
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write("".join(map(_line, entries)))  # at once, so that a reader sees whole lines
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise JobError(f"cannot write {self._path}: {error.strerror}") from error

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """The entries of one kind."""
        return [entry for entry in self.entries if entry["kind"] == kind]

    def has_evaluation(self, step: int) -> bool:
        """Whether the model was evaluated after `step` steps."""
        return any(entry["kind"] == "eval" and entry["step"] == step for entry in reversed(self.entries))

    def best(self, metric: str, higher_is_better: bool) -> tuple[int | None, float | None, int]:
        """Step and value of the best evaluation, the earliest of equals, and how many followed it; nan is never the best."""
        step, best, since = None, None, 0
        for entry in self.of_kind("eval"):
            value = entry.get(metric, math.nan)
            better = not math.isnan(value) and (best is None or (value > best if higher_is_better else value < best))
            since += 1
            if better:
                step, best, since = entry["step"], value, 0
        return step, best, since

    def _rewrite(self) -> None:
        if self._writes:
            files.write_text(self._path, "".join(map(_line, self.entries)))


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(files.without_nan(entry), allow_nan=False) + "\n"


def _read(path: str) -> tuple[list[dict[str, Any]], bool]:
    """The entries, and whether the file ends where an entry does."""
    try:
        if files.is_remote(path):
            import tensorflow as tf

            if not tf.io.gfile.exists(path):
                return [], True
            with tf.io.gfile.GFile(path) as file:
                text = file.read()
        else:
            with open(path, encoding="utf-8") as file:
                text = file.read()
    except FileNotFoundError:
        return [], True
    entries = []
    for line in text.splitlines():
        try:
            entry = {name: math.nan if value is None else value for name, value in json.loads(line).items()}
            entries.append({**entry, "step": int(entry["step"]), "kind": str(entry["kind"])})
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # a line that a killed process did not finish; its step is run again
    return entries, not text or text.endswith("\n")


def why_loss_never_fell(entries: Sequence[Mapping[str, Any]]) -> str | None:
    """Why a training has learnt nothing by its loss, a clause; None where the loss fell or there is too little of it.

    Args:
      entries: of a history; the mean of the last fifth of the curve is compared with that of the first.
    """
    losses = [entry["loss"] for entry in entries if entry["kind"] == POINT]
    fifth = len(losses) // 5
    if not fifth:
        return None
    first, last = statistics.fmean(losses[:fifth]), statistics.fmean(losses[-fifth:])
    return None if last < first else f"the training's loss never fell: {first:.4f} at its beginning, {last:.4f} at its end"
