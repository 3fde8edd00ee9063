"""Folders that count only when they are whole: filled under a temporary name, flushed to the disk, then renamed."""

import contextlib
import os
import shutil
from collections.abc import Iterator

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError


def refuse_filled(folder: str) -> None:
    """Refuses a folder that `written_whole` could not write.

    Raises:
      UserError: it exists and is not empty, or it is remote.
    """
    if files.is_remote(folder):
        raise UserError(f"this is written to a local folder, to be copied elsewhere afterwards; got {folder}")
    if os.path.exists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        raise UserError(f"{folder} exists already and is not empty; give another name, or delete it first")


@contextlib.contextmanager
def written_whole(folder: str) -> Iterator[str]:
    """Yields an empty directory; on success it becomes `folder`, else it is removed.

    Raises:
      UserError: `folder` exists and is not empty, or its parent cannot be written to.
      JobError: the disk is full or fails.
    """
    folder = folder.rstrip("/")
    refuse_filled(folder)
    files.make_directory(os.path.dirname(folder) or ".")
    temporary = files.incomplete_name(folder)
    try:
        os.mkdir(temporary)
        yield temporary
        for inner, _, names in os.walk(temporary):
            for name in names:
                files.sync(os.path.join(inner, name))
        os.replace(temporary, folder)
        files.sync(os.path.dirname(os.path.abspath(folder)))
    except OSError as error:
        raise JobError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
