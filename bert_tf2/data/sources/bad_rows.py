"""What happens to a row that cannot be used: the job ends with its place and reason, or it is left out and listed."""

import json
import os
from typing import IO

from bert_tf2 import files
from bert_tf2.errors import UserError


class BadRows:
    """Refuses bad rows, or leaves them out and lists them in a file.

    Args:
      skip: leave them out.
      path: where they are listed, one JSON object a line with `file`, `line` (or `number`), `reason` and `row`; it appears with
        `publish`, and only if there are any. None where they are not listed, as they were or will be.
      can_skip: the command has the flag that leaves them out; None says whether there is a `path`.
    """

    def __init__(self, skip: bool = False, path: str | None = None, can_skip: bool | None = None):
        self._skip = skip
        self._can_skip = path is not None if can_skip is None else can_skip
        self.path = path
        self._temporary = ""
        self._file: IO[str] | None = None
        self.count = 0
        self.first = ""

    @property
    def skips(self) -> bool:
        """Whether bad rows are left out."""
        return self._skip

    def report(self, where: str, reason: str, row: object, known: bool = False) -> None:
        """Notes a bad row; one that is known to stand in a published file is left out in any case.

        Raises:
          UserError: bad rows are not to be skipped.
        """
        message = f"{where}: {reason}"
        if not self._skip and not known:
            advice = " (--on_bad_row=skip leaves such rows out and lists them)" if self._can_skip else ""
            raise UserError(f"{message}{advice}")
        self.count += 1
        self.first = self.first or message
        if self.path is None:
            return
        if self._file is None:
            files.make_directory(os.path.dirname(self.path) or ".")
            self._temporary = files.incomplete_name(self.path)
            self._file = self._open(self._temporary)
        name, _, line = where.rpartition(":")
        kind, number = ("number", line.removeprefix("row ")) if line.startswith("row ") else ("line", line)
        place = {"file": name, kind: int(number)} if name and number.isdigit() else {"example": where}
        self._file.write(json.dumps({**place, "reason": reason, "row": row}, ensure_ascii=False, default=str) + "\n")

    def summary(self) -> str:
        """How many rows were left out, the first and where all are listed."""
        listed = f"; all are listed in {self.path}" if self.path else ""
        rows = "row was" if self.count == 1 else "rows were"
        return f"{self.count:,} {rows} left out; the first: {self.first}{listed}"

    @staticmethod
    def _open(path: str) -> IO[str]:
        if files.is_remote(path):
            import tensorflow as tf

            return tf.io.gfile.GFile(path, "w")
        return open(path, "w", encoding="utf-8", newline="\n")

    def publish(self) -> str | None:
        """Gives the list its name, or removes the list of an earlier run when there is none now. Returns its path."""
        if self.path is None:
            return None
        if self._file is None:
            files.remove_if_there(self.path)
            return None
        self._file.close()
        files.rename_whole(self._temporary, self.path)
        self._file = None
        return self.path

    def discard(self) -> None:
        """Removes a list that was not published."""
        if self._file is not None:
            self._file.close()
            files.remove_if_there(self._temporary)
