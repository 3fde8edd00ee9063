"""Whole checkpoints: written aside, flushed, renamed; the newest whole one is what a run continues from.

A checkpoint `ckpt-N` is two files. The data file gets its name first and the index last, so whatever has both is whole, and
a process killed at any moment leaves the former checkpoints as they were.
"""

import contextlib
import logging
import os
import pathlib
import re
import shutil
import tempfile

import tensorflow as tf

from bert_tf2 import file_kinds, files
from bert_tf2.errors import JobError, UserError
from bert_tf2.progress import during

logger = logging.getLogger(__name__)

FILES = ("checkpoint", "*ckpt-*")
"""What a directory of checkpoints holds, as patterns."""

_INDEX = re.compile(r"ckpt-(\d+)\.index")
_DATA = re.compile(r"ckpt-(\d+)\.data-(\d{5})-of-(\d{5})")
_ASIDE = "corrupt-"

# What TensorFlow raises for a file that is cut, changed, of another kind, or for values that do not fit.
_UNREADABLE = (tf.errors.OpError, ValueError, IndexError, KeyError, TypeError, AssertionError, RuntimeError, OSError)


class CheckpointDirectory:
    """The checkpoints `ckpt-{step}` of a directory.

    Args:
      directory: local or remote.
      keep_max: how many of the newest are kept; 0 keeps all.
      writes: False for workers other than the chief, which take part in writing but keep nothing.
    """

    def __init__(self, directory: str, keep_max: int = 5, writes: bool = True):
        self._directory = files.expand(directory)
        self._keep_max = keep_max
        self._writes = writes
        self._listed: list[int] | None = None

    def prefix(self, step: int) -> str:
        """The path that names the checkpoint of a step."""
        return os.path.join(self._directory, f"ckpt-{step}")

    def steps(self) -> list[int]:
        """The steps of all whole checkpoints, ascending."""
        names = set(self._names())
        return sorted(int(match[1]) for match in map(_INDEX.fullmatch, names) if match and _has_all_data(names, int(match[1])))

    def newest(self) -> str | None:
        """The path that names the newest whole checkpoint, or None."""
        steps = self.steps()
        return self.prefix(steps[-1]) if steps else None

    def sweep(self) -> None:
        """Removes what a killed trainer left half-written."""
        if not self._writes:
            return
        names = self._names()
        whole = set(self.steps())
        for name in names:
            match = _INDEX.fullmatch(name) or _DATA.fullmatch(name)
            if (
                files.INCOMPLETE in name
                or (match and int(match[1]) not in whole)
                or re.fullmatch(r"ckpt-\d+_temp", name.rstrip("/"))
            ):
                self._remove(name.rstrip("/"))

    @during("saving a checkpoint")
    def save(self, checkpoint: tf.train.Checkpoint, step: int, best_step: int | None = None) -> None:
        """Writes the checkpoint of a step and removes those that are no longer kept.

        Args:
          checkpoint: what is saved.
          step: the step it belongs to.
          best_step: the step of a checkpoint that is kept however old it is.

        Raises:
          JobError: it cannot be written; those written before stay usable.
        """
        if not self._writes:
            # Variables of a multi-worker strategy may only be read by all workers at once.
            with tempfile.TemporaryDirectory() as unused:
                checkpoint.write(os.path.join(unused, "ckpt"))
            return
        aside = files.incomplete_name(self.prefix(step))
        try:
            tf.io.gfile.makedirs(aside)
            written = checkpoint.write(os.path.join(aside, f"ckpt-{step}"))
            for name in sorted(tf.io.gfile.listdir(aside)):  # "….data-…" sorts before "….index"
                if name.startswith(os.path.basename(written) + "."):
                    files.rename_whole(os.path.join(aside, name), os.path.join(self._directory, name))
            self._write_state(self._kept(best_step, newest=step))
        except (tf.errors.OpError, OSError) as error:
            last = self.newest()
            left = f"the last good one is {last}" if last else "there is none before it"
            raise JobError(
                f"cannot write the checkpoint {self.prefix(step)}: {_reason(error)}{_room(self._directory, last)}; {left}; "
                "make room and run the same command again to go on"
            ) from error
        finally:
            self._remove(os.path.basename(aside))
        self.retain(best_step)

    def retain(self, best_step: int | None) -> None:
        """Removes all but the newest checkpoints and the best."""
        if not self._writes:
            return
        kept = self._kept(best_step)
        self._write_state(kept)
        for step in set(self.steps()) - set(kept):
            # The index first: what is left half-removed is then not taken for a checkpoint.
            self._remove(f"ckpt-{step}.index")
            for name in self._names():
                if (match := _DATA.fullmatch(name)) and int(match[1]) == step:
                    self._remove(name)

    def restore_newest(self, checkpoint: tf.train.Checkpoint, on_corrupt: str = "fail") -> int | None:
        """Restores the newest whole checkpoint and returns its step, or None when there is none.

        Args:
          checkpoint: what is restored; all its variables must exist already.
          on_corrupt: `fail`, or `previous` to go back to the one before.

        Raises:
          JobError: it cannot be read, and `on_corrupt` is `fail` or no older one can be read.
        """
        steps = self.steps()
        for step in reversed(steps):
            try:
                restore(checkpoint, self.prefix(step))
            except JobError as error:
                if on_corrupt != "previous" or step == steps[0]:
                    cure = "" if on_corrupt == "previous" else " --on_corrupt_checkpoint=previous goes back to the one before,"
                    raise JobError(f"{error};{cure} or remove the files of ckpt-{step}") from error
                logger.warning("%s; going back to the checkpoint before it", error)
                self._set_aside(step)
            else:
                return step
        return None

    def _kept(self, best_step: int | None, newest: int | None = None) -> list[int]:
        steps = sorted({*self.steps(), *([] if newest is None else [newest])})
        kept = steps[-self._keep_max :] if self._keep_max > 0 else steps
        return sorted({*kept, *([best_step] if best_step in steps else [])})

    def _write_state(self, steps: list[int]) -> None:
        """The `checkpoint` file that `tf.train.latest_checkpoint` reads, with paths that survive a move."""
        if not steps or steps == self._listed:
            return
        lines = [f'model_checkpoint_path: "ckpt-{steps[-1]}"'] + [f'all_model_checkpoint_paths: "ckpt-{step}"' for step in steps]
        files.write_text(os.path.join(self._directory, "checkpoint"), "\n".join(lines) + "\n")
        self._listed = steps

    def _set_aside(self, step: int) -> None:
        if not self._writes:
            return
        for name in self._names():
            match = _INDEX.fullmatch(name) or _DATA.fullmatch(name)
            if match and int(match[1]) == step:
                source, target = os.path.join(self._directory, name), os.path.join(self._directory, _ASIDE + name)
                tf.io.gfile.rename(source, target, overwrite=True)

    def _names(self) -> list[str]:
        return tf.io.gfile.listdir(self._directory) if tf.io.gfile.isdir(self._directory) else []

    def _remove(self, name: str) -> None:
        path = os.path.join(self._directory, name)
        with contextlib.suppress(tf.errors.OpError, OSError):
            if tf.io.gfile.isdir(path):
                tf.io.gfile.rmtree(path)
            elif tf.io.gfile.exists(path):
                tf.io.gfile.remove(path)


def restore(checkpoint: tf.train.Checkpoint, prefix: str) -> None:
    """Restores a checkpoint that this trainer wrote; every variable must be in it, with its checksum.

    Raises:
      JobError: a file is damaged, or the values are another model's.
    """
    file_kinds.refuse_lfs_pointers_of(prefix)
    try:
        checkpoint.read(prefix).assert_existing_objects_matched()
    except _UNREADABLE as error:
        raise JobError(f"cannot restore {prefix}: {_reason(error)}") from error


def latest_step(directory: str) -> int | None:
    """The step of the newest whole checkpoint, or None."""
    steps = CheckpointDirectory(directory).steps()
    return steps[-1] if steps else None


_OTHER_CHECKPOINTS = (
    "name another checkpoint with --predict_checkpoint_path, or train on from the one before with "
    "--on_corrupt_checkpoint=previous"
)


@during("reading the weights")
def restore_model(model: tf.Module, directory: str, step: int | None = None, cure: str = _OTHER_CHECKPOINTS) -> int:
    """Restores only the model's weights from a run's directory, for evaluation and prediction; returns the step.

    Args:
      model: the model.
      directory: the run's directory.
      step: which checkpoint; None for the newest.
      cure: what to do when it cannot be read, with flags that the command has.

    Raises:
      UserError: there is no such checkpoint.
      JobError: it cannot be read.
    """
    checkpoints = CheckpointDirectory(directory)
    steps = checkpoints.steps()
    if not steps or (step is not None and step not in steps):
        wanted = "a checkpoint" if step is None else f"ckpt-{step}"
        has = f"it has {', '.join(f'ckpt-{known}' for known in steps)}" if steps else "train first, with --mode=train"
        raise UserError(f"--model_dir={directory} does not hold {wanted}; {has}")
    step = steps[-1] if step is None else step
    prefix = checkpoints.prefix(step)
    file_kinds.refuse_lfs_pointers_of(prefix)
    try:
        status = tf.train.Checkpoint(model=model).read(prefix)
        # What it holds of the training besides is not missed; otherwise each such value, and of another model every one, would
        # be told of where the checkpoint is let go.
        status.expect_partial()
        status.assert_existing_objects_matched()
    except _UNREADABLE as error:
        raise JobError(f"cannot restore {prefix}: {_reason(error)}; {cure}") from error
    return step


def _has_all_data(names: set[str], step: int) -> bool:
    parts = [match for match in map(_DATA.fullmatch, names) if match and int(match[1]) == step]
    return bool(parts) and len(parts) == int(parts[0][3])


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or getattr(error, "message", None) or str(error) or type(error).__name__
    for plain in ("No space left on device", "File too large", "Disk quota exceeded"):
        if plain in text:
            return plain
    # TensorFlow puts the name of its operation before or after what happened.
    return re.sub(r"^\{\{.*?\}\}\s*", "", text.strip()).splitlines()[0].split(" [Op:")[0][:300]


def _room(directory: str, last: str | None) -> str:
    """How much room there is, and how much the last checkpoint took."""
    if files.is_remote(directory):
        return ""
    with contextlib.suppress(OSError):
        taken = sum(path.stat().st_size for path in pathlib.Path(directory).glob(f"{os.path.basename(last)}.*")) if last else 0
        needed = f", about {taken / 1e6:.1f} MB needed" if taken else ""
        return f" ({shutil.disk_usage(directory).free / 1e6:.1f} MB free{needed})"
    return ""
