"""What happens to a row that cannot be used: the job ends with its place and reason, or it is left out and listed."""

import json

from bert_tf2 import files
from bert_tf2.errors import UserError


class BadRows:
    """Refuses bad rows, or leaves them out and lists them in a file.

    Args:
      skip: leave them out.
      path: where they are listed, one JSON object a line with `file`, `line`, `reason` and `row`; the file appears with
        `publish`, and only if there are any.
    """

    def __init__(self, skip: bool = False, path: str | None = None):
        self._skip = skip
        self._path = path
        self._temporary: str | None = None
        self._file = None
        self.count = 0
        self.first = ""

    def report(self, where: str, reason: str, row: object) -> None:
        """Notes a bad row.

        Raises:
          UserError: bad rows are not to be skipped.
        """
        message = f"{where}: {reason}"
        if not self._skip:
            raise UserError(f"{message} (--on_bad_row=skip leaves such rows out and lists them)")
        self.count += 1
        self.first = self.first or message
        if self._path is None:
            return
        if self._file is None:
            self._temporary = files.incomplete_name(self._path)
            self._file = self._open(self._temporary)
        name, _, line = where.rpartition(":")
        place = {"file": name, "line": int(line)} if name and line.isdigit() else {"example": where}
        self._file.write(json.dumps({**place, "reason": reason, "row": row}, ensure_ascii=False, default=str) + "\n")

    @staticmethod
    def _open(path: str):
        if files.is_remote(path):
            import tensorflow as tf

            return tf.io.gfile.GFile(path, "w")
        return open(path, "w", encoding="utf-8", newline="\n")

    def publish(self) -> str | None:
        """Gives the list its name, or removes the list of an earlier run when there is none now. Returns its path."""
        if self._path is None:
            return None
        if self._file is None:
            files.remove_if_there(self._path)
            return None
        self._file.close()
        files.rename_whole(self._temporary, self._path)
        return self._path

    def discard(self) -> None:
        """Removes a list that was not published."""
        if self._file is not None:
            self._file.close()
            files.remove_if_there(self._temporary)
