"""A directory that looks like another one and keeps what is written in it: nothing of it is left afterwards."""

import contextlib
import os
import tempfile
from collections.abc import Iterator

from bert_tf2 import files
from bert_tf2.training.run_directory import LOCK


@contextlib.contextmanager
def shadow_of(directory: str | None) -> Iterator[str]:
    """A temporary directory with links to the files of another one, which may not exist; of a remote one it is empty.

    A file that is written whole and renamed takes the link's place. Directories are left out, where files would be written
    through the link, and so is the lock of a training that may be running.
    """
    with tempfile.TemporaryDirectory(prefix="bert_tf2_look_") as path:
        if directory and not files.is_remote(directory) and os.path.isdir(directory):
            for entry in os.scandir(directory):
                if entry.is_file() and entry.name != LOCK:
                    os.symlink(os.path.realpath(entry.path), os.path.join(path, entry.name))
        yield path
