"""SavedModels on the disk: where they go, in numbered versions or not, and how they are written whole."""

import itertools
import os
import shutil
from collections.abc import Mapping, Sequence

import tensorflow as tf

from bert_tf2.errors import JobError, UserError
from bert_tf2.files import incomplete_name, is_remote, make_directory, names_in, sync
from bert_tf2.progress import during

NEXT_VERSION = "auto"


def require_free_directory(path: str) -> None:
    """Refuses to write over what is there, and makes the directory that it will lie in.

    Raises:
      UserError: it is a file or a directory that is not empty, or the directory above cannot be made or written to.
    """
    _require_directory(path)
    if tf.io.gfile.exists(path) and tf.io.gfile.listdir(path):
        raise UserError(f"--model_export_path: {path} is not empty; name a new directory or remove it")


def _require_directory(path: str) -> None:
    """Refuses a file, and makes the directory above."""
    if not is_remote(path):
        make_directory(os.path.dirname(os.path.abspath(path)))
        if os.path.isfile(path):
            raise UserError(f"--model_export_path: {path} is a file; name a new directory")


def versioned(bases: Sequence[str], version: str | None) -> list[str]:
    """Where models are exported: their directories, or a numbered one in each, as TensorFlow Serving reads them.

    Args:
      bases: a directory for each model.
      version: the number of all of them; `auto` for the one after the highest that is there, 1 at first; None for none.

    Raises:
      UserError: something is there, or a directory that is to hold versions is a SavedModel itself.
    """
    if version is None:
        for path in bases:
            require_free_directory(path)
        return list(bases)
    there = {base: [int(name) for name in map(_name, names_in(base)) if name.isdecimal()] for base in bases}
    number = max([0, *itertools.chain.from_iterable(there.values())]) + 1 if version == NEXT_VERSION else int(version)
    for base, numbers in there.items():
        _require_directory(base)
        if tf.io.gfile.exists(os.path.join(base, "saved_model.pb")):
            raise UserError(
                f"--model_export_path: {base} is a SavedModel itself and cannot hold versions; name another directory"
            )
        if number in numbers:
            raise UserError(f"--export_version={number}: {base}/{number} is there; give another number, or {NEXT_VERSION}")
    return [os.path.join(base, str(number)) for base in bases]


def _name(entry: str) -> str:
    # Object stores end the names of directories with a slash.
    return entry.rstrip("/")


@during("exporting")
def save_module(module: tf.Module, path: str, signatures: Mapping[str, object]) -> None:
    """Writes a SavedModel, under a temporary name until it is whole.

    Args:
      module: what is saved.
      path: the SavedModel's directory; must not exist or be empty.
      signatures: concrete functions by name.

    Raises:
      UserError: the directory holds something or cannot be made.
      JobError: the disk is full or fails; nothing is left of the export.
    """
    path = path.rstrip("/")
    require_free_directory(path)
    temporary = path if is_remote(path) else incomplete_name(path)
    try:
        if is_remote(path):
            make_directory(path)
        tf.saved_model.save(module, temporary, signatures)
        if temporary != path:
            _publish(temporary, path)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "message", None) or error
        first_line = (str(reason).strip().splitlines() or [type(error).__name__])[0][:200]
        raise JobError(f"cannot write {path}: {first_line}; make room there, or name another --model_export_path") from error
    finally:
        if temporary != path:
            shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary: str, path: str) -> None:
    """Flushes a finished export to the disk and gives it its name."""
    for folder, _, names in os.walk(temporary):
        for name in names:
            sync(os.path.join(folder, name))
    if os.path.isdir(path):
        os.rmdir(path)
    os.rename(temporary, path)
