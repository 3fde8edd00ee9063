"""What commands share that answer one text, the lines of a stream, or a file of many."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.progress import silence


def same_file(one: str, other: str) -> bool:
    """Whether two paths name one file."""
    return os.path.realpath(files.expand(one)) == os.path.realpath(files.expand(other))


def answer_lines(answer: Callable[[str], str], lines: TextIO | None, what: str, flag: str) -> int:
    """Prints the answer to each line until the stream ends; a terminal is asked for them.

    Args:
      answer: makes what is printed for a line.
      lines: the stream; standard input when None.
      what: what a line is, for messages.
      flag: the flag that gives one instead, for messages.

    Returns:
      How many lines were answered.

    Raises:
      UserError: the stream, which is no terminal, held none.
    """
    if lines is None:
        lines = sys.stdin
        if isinstance(lines, io.TextIOWrapper):
            lines.reconfigure(errors="replace")
    asks, count = lines.isatty(), 0
    if asks:
        print(f"Type a {what} and press Enter; Ctrl-D ends.", file=sys.stderr)
    while True:
        if asks:
            print("> ", end="", file=sys.stderr, flush=True)
        with silence():
            line = lines.readline()
        if not line:
            break
        if line.strip():
            print(answer(line.strip()), flush=True)
            count += 1
    if asks:
        print(file=sys.stderr)
    elif not count:
        raise UserError(f"no {what}: give --{flag}, or {what}s on standard input, one a line")
    return count


def write_json_lines(target: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a JSON object on each line; the file appears when it is complete.

    Raises:
      JobError: the disk is full or fails.
    """
    with files.written_whole(target) as temporary, files.open_to_write(temporary) as file:
        for row in rows:
            # Half a surrogate pair in an id is written as it came: as JSON's escape.
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", errors="backslashreplace"))
