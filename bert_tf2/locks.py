"""One process at a time in a place: a lock that goes with the process that holds it, however that ends."""

import contextlib
import errno
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from typing import TextIO

from bert_tf2 import files
from bert_tf2.errors import DirectoryInUseError

logger = logging.getLogger(__name__)

# By real path, what this process holds: a job and what it calls may both enter.
_held: dict[str, int] = {}


@contextlib.contextmanager
def locked(directory: str, name: str, user: str, flag: str) -> Iterator[None]:
    """Keeps other processes out.

    Args:
      directory: what is locked; it exists.
      name: the lock's file in it; it is removed at the end, only a killed process leaves it.
      user: who uses the directory, for messages: `trainer`.
      flag: the flag that names another directory, for messages.

    Raises:
      DirectoryInUseError: another process holds the lock.
    """
    if files.is_remote(directory):
        logger.warning("%s: object stores have no locks; make sure that no second %s writes there", directory, user)
        yield
        return
    path = os.path.realpath(os.path.join(directory, name))
    if _held.get(path):
        _held[path] += 1
        try:
            yield
        finally:
            _held[path] -= 1
        return
    with _acquired(path, directory, user, flag):
        _held[path] = 1
        try:
            yield
        finally:
            del _held[path]
            with contextlib.suppress(OSError):
                os.remove(path)


def require_free(directory: str, name: str, flag: str) -> None:
    """Makes sure, without writing, that no other process holds the lock; arguments as for `locked`.

    Raises:
      DirectoryInUseError: one does.
    """
    path = os.path.realpath(os.path.join(directory, name))
    if files.is_remote(directory) or _held.get(path) or not os.path.isfile(path):
        return
    with open(path, encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise _in_use(directory, file, flag) from None


def _in_use(directory: str, file: TextIO, flag: str) -> DirectoryInUseError:
    file.seek(0)
    holder = file.read().strip() or "another process"
    return DirectoryInUseError(f"{directory} is in use by {holder}; wait for it, or use another --{flag}")


def _acquired(path: str, directory: str, user: str, flag: str) -> TextIO:
    """The lock's file, locked as long as it is open."""
    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115 (the caller closes it)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                logger.warning(
                    "%s cannot be locked (%s); make sure that no second %s writes there", directory, error.strerror, user
                )
                return file
            with file:
                raise _in_use(directory, file, flag) from None
        if _is_at(path, file):
            break
        file.close()  # whoever held it has removed it since it was opened
    file.seek(0)
    file.truncate()
    file.write(f"process {os.getpid()} on {socket.gethostname()}")
    file.flush()
    return file


def _is_at(path: str, file: TextIO) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
