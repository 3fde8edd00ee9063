"""TensorFlow's checkpoint files (`<prefix>.index` and `<prefix>.data-…`), the container of both TF1 and TF2 checkpoints."""

import contextlib
import difflib
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from bert_tf2 import file_kinds, files
from bert_tf2.errors import JobError, UserError

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The entry by which a TF2 checkpoint is known."""


class Bundle:
    """An opened checkpoint whose files have been checked for their presence and size.

    Args:
      prefix: the path without `.index`.

    Raises:
      UserError: a file is missing, truncated or damaged; the message names it.
    """

    def __init__(self, prefix: str):
        self.prefix = prefix
        files.refuse_pattern(prefix)
        file_kinds.refuse_lfs_pointers_of(prefix)
        try:
            self._reader = tf.train.load_checkpoint(prefix)
            self.shapes = {name: tuple(shape) for name, shape in self._reader.get_variable_to_shape_map().items()}
            self._dtypes = self._reader.get_variable_to_dtype_map()
        except (tf.errors.OpError, IndexError, ValueError) as error:
            raise UserError(f"{prefix}.index: damaged or not a checkpoint ({_first_line(error)})") from None
        self._check_data_files()

    def _check_data_files(self) -> None:
        sizes = {name: tf.io.gfile.stat(name).length for name in data_files(self.prefix)}
        if not sizes:
            raise UserError(f"{self.prefix}: its .index file is there but no {os.path.basename(self.prefix)}.data-… beside it")
        least = sum(
            dtype.size * int(np.prod(self.shapes[name], dtype=np.int64))
            for name, dtype in self._dtypes.items()
            if dtype != tf.string
        )
        if sum(sizes.values()) < least:
            shown = ", ".join(f"{name} has {size} bytes" for name, size in sizes.items())
            raise UserError(f"{shown}, but its tensors need at least {least}: truncated or incomplete; copy it again")

    def read(self, name: str) -> np.ndarray:
        """Reads one entry.

        Raises:
          UserError: the file is damaged there.
        """
        try:
            return self._reader.get_tensor(name)
        except IndexError:
            sizes = ", ".join(f"{data} has {tf.io.gfile.stat(data).length} bytes" for data in data_files(self.prefix))
            raise UserError(f"{sizes} and ends before its entry {name} does: truncated or incomplete; copy it again") from None
        except (tf.errors.OpError, ValueError) as error:
            raise UserError(
                f"{self.prefix}: damaged at the entry {name} ({_first_line(error)}); copy it again or take another checkpoint"
            ) from None

    def read_float32(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Reads a tensor of any floating dtype as float32 in another shape of the same size."""
        return np.asarray(self.read(name), dtype=np.float32).reshape(shape)

    def is_floating(self, name: str) -> bool:
        """Whether the entry is a tensor of floating-point numbers."""
        return self._dtypes[name].is_floating


def _first_line(error: Exception) -> str:
    return (str(getattr(error, "message", None) or error).strip().splitlines() or [type(error).__name__])[0][:160]


def data_files(prefix: str) -> list[str]:
    """The `<prefix>.data-…` files, sorted."""
    directory, base = os.path.split(prefix)
    directory = directory or "."
    start = f"{base}.data-"
    return sorted(os.path.join(directory, name) for name in tf.io.gfile.listdir(directory) if name.startswith(start))


def prefixes_in(directory: str) -> list[str]:
    """The checkpoints in a directory by the names of their prefixes, sorted by number, then name."""
    names = [name[: -len(".index")] for name in tf.io.gfile.listdir(directory) if name.endswith(".index")]
    return sorted(names, key=lambda name: (_number(name), name))


def _number(name: str) -> int:
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else -1


def latest_in(directory: str) -> str | None:
    """The checkpoint that the directory's `checkpoint` file names, else the one with the highest number, else the only one.

    The file may hold the path of the place where it was written; only its last part counts, so that a directory can be moved.

    Raises:
      UserError: there are several and nothing tells which is the latest.
    """
    found = prefixes_in(directory)
    with contextlib.suppress(tf.errors.OpError, ValueError):
        state = tf.train.get_checkpoint_state(directory)
        name = os.path.basename(state.model_checkpoint_path) if state is not None else None
        if name in found:
            return os.path.join(directory, name)
    if len(found) > 1 and _number(found[-1]) < 0:
        raise UserError(f"{directory} holds several checkpoints ({', '.join(found[:6])}); give the path of one of them")
    return os.path.join(directory, found[-1]) if found else None


def missing(path: str) -> UserError:
    """The error for a checkpoint that is not there: it lists the nearest names in the directory."""
    directory, base = (path, "") if tf.io.gfile.isdir(path) else os.path.split(path)
    directory = directory or "."
    if not tf.io.gfile.isdir(directory):
        return UserError(f"no checkpoint at {path}: the directory {directory} does not exist")
    found = prefixes_in(directory)
    near = difflib.get_close_matches(base, found, n=3, cutoff=0.3) or found[:6]
    if near:
        return UserError(f"no checkpoint at {path}; in {directory} there is {', '.join(near)}")
    names = sorted(name for name in tf.io.gfile.listdir(directory) if not name.startswith("."))
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return UserError(f"no checkpoint at {path}; {directory} holds none ({shown or 'it is empty'})")


def refuse_existing(prefix: str) -> None:
    """Raises a `UserError` where a checkpoint of this name exists already."""
    if tf.io.gfile.exists(f"{prefix}.index"):
        raise UserError(f"{prefix}.index exists already; give another name, or delete it and its .data file first")


@contextlib.contextmanager
def written_whole(prefix: str) -> Iterator[str]:
    """Yields a prefix to write a checkpoint to; on success its files get their names, the index last, else they are removed.

    Raises:
      UserError: there is such a checkpoint already, or the directory cannot be written to.
      JobError: the disk is full or fails.
    """
    refuse_existing(prefix)
    directory, base = os.path.split(prefix)
    files.make_directory(directory or ".")
    temporary_directory = files.incomplete_name(prefix)
    temporary = os.path.join(temporary_directory, base)
    try:
        tf.io.gfile.makedirs(temporary_directory)
        yield temporary
        for name in data_files(temporary):
            files.rename_whole(name, os.path.join(directory, os.path.basename(name)))
        files.rename_whole(f"{temporary}.index", f"{prefix}.index")
    except (OSError, tf.errors.OpError) as error:
        raise JobError(f"cannot write {prefix}: {_first_line(error)}") from error
    finally:
        with contextlib.suppress(tf.errors.OpError):
            tf.io.gfile.rmtree(temporary_directory)
