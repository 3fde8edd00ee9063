"""What is done of an output that takes long, beside it, so that an interrupted command goes on where it was."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError
from bert_tf2.locks import locked

_DATA, _STATE, _LOCK = "data", "state.json", "lock"


class Journal:
    """A file that grows, with a note of how much of it is whole.

    Args:
      directory: where both lie.
      command: all that decides the content.

    Attributes:
      done: how many rows are whole.
      cut: how many of these had too many tokens.
      data: path of the file.
    """

    def __init__(self, directory: str, command: Mapping[str, Any]):
        self._directory, self._command = directory, dict(command)
        self.data = os.path.join(directory, _DATA)
        state = files.read_object(directory, _STATE)
        self.done, self.cut, self._size = (int(state.get(name, 0)) for name in ("rows", "cut", "bytes"))
        self._written = self._size
        self._file: IO[bytes] | None = None

    def write(self, content: bytes) -> None:
        """Adds content, which counts once it is noted.

        Raises:
          JobError: the disk is full or fails; what was noted before is whole.
        """
        with self._disk_errors():
            if self._file is None:
                self._file = open(self.data, "ab")  # noqa: SIM115 (`close` closes it)
                # What was written behind the last note is written again.
                self._file.truncate(self._size)
            self._file.write(content)
            self._written += len(content)

    def note(self, rows: int, cut: int) -> None:
        """Notes that what was written holds further rows; when this returns they are on the disk.

        Args:
          rows: how many more.
          cut: how many of all rows so far had too many tokens.

        Raises:
          JobError: as `write`.
        """
        with self._disk_errors():
            if self._file is not None:
                self._file.flush()
                os.fsync(self._file.fileno())
        self.done, self.cut, self._size = self.done + rows, cut, self._written
        state = {"command": self._command, "rows": self.done, "cut": self.cut, "bytes": self._size}
        files.write_json(os.path.join(self._directory, _STATE), state)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise JobError(f"cannot write {self.data}: {error.strerror}; the same command goes on when it can") from error


@contextlib.contextmanager
def journal_of(target: str, command: Mapping[str, Any], begin_anew: bool, flag: str = "output_file") -> Iterator[Journal]:
    """Opens the journal of an output; it is removed when all went well.

    Args:
      target: the path of the output. One in an object store, where files do not grow, begins anew each time.
      command: all that decides the content.
      begin_anew: whether the journal of another command is thrown away.
      flag: what names the output.

    Raises:
      UserError: there is the journal of another command.
      DirectoryInUseError: another process writes the same output.
      JobError: the disk is full or fails.
    """
    with contextlib.ExitStack() as stack:
        if files.is_remote(target):
            directory = stack.enter_context(tempfile.TemporaryDirectory())
        else:
            directory = f"{target}{files.INCOMPLETE}vectors"
            files.make_directory(directory)
            stack.enter_context(locked(directory, _LOCK, "command", flag))
        _check_same(directory, command, begin_anew)
        journal = Journal(directory, command)
        stack.callback(journal.close)
        yield journal
        journal.close()
        if not files.is_remote(target):
            shutil.rmtree(directory, ignore_errors=True)


def _check_same(directory: str, command: Mapping[str, Any], begin_anew: bool) -> None:
    former = files.read_object(directory, _STATE).get("command")
    wanted = json.loads(json.dumps(command))
    if former is None or former == wanted:
        return
    if begin_anew:
        files.remove_if_there(os.path.join(directory, _STATE))
        return
    differing = [name for name, value in wanted.items() if not isinstance(former, dict) or former.get(name) != value]
    raise UserError(
        f"{directory} holds what another command did of this file (it differs in {', '.join(differing)}); give that command "
        "again, or delete the directory"
    )
