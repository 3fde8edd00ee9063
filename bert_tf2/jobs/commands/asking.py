"""What commands share that answer one text, the lines of a stream, or a file of many."""

import io
import itertools
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.progress import silence

# What Python's `surrogateescape` makes of a byte that is no UTF-8.
_UNDECODED = re.compile("[\udc80-\udcff]")


def same_file(one: str, other: str) -> bool:
    """Whether two paths name one file."""
    return os.path.realpath(files.expand(one)) == os.path.realpath(files.expand(other))


def answer_lines(answer: Callable[[str], str], lines: TextIO | None, what: str, flag: str) -> int:
    """Prints the answer to each line until the stream ends; a terminal is asked for them.

    As in files nothing is left out in silence, so that answers stand beside their lines: a line that cannot be answered ends it.
    Only at a terminal an empty line is asked for again.

    Args:
      answer: makes what is printed for a line; a `UserError` of it gets the line's number.
      lines: the stream; standard input when None.
      what: what a line is, for messages.
      flag: the flag that gives one instead, for messages.

    Returns:
      How many lines were answered.

    Raises:
      UserError: the stream, which is no terminal, held none; or a line is blank, is not UTF-8 or cannot be answered; the
        message holds its number.
    """
    if lines is None:
        lines = sys.stdin
        if isinstance(lines, io.TextIOWrapper):
            lines.reconfigure(errors="surrogateescape")
    asks, count = lines.isatty(), 0
    if asks:
        print(f"Type a {what} and press Enter; Ctrl-D ends.", file=sys.stderr)
    for number in itertools.count(1):
        if asks:
            print("> ", end="", file=sys.stderr, flush=True)
        with silence():
            line = lines.readline()
        if not line:
            break
        if asks and not line.strip():
            continue
        try:
            _check_line(line, what)
            # A tab stands between the texts of a pair, of which one may be empty.
            print(answer(line.strip(" \r\n")), flush=True)
        except UserError as error:
            raise UserError(f"standard input:{number}: {error}") from None
        count += 1
    if asks:
        print(file=sys.stderr)
    elif not count:
        raise UserError(f"no {what}: give --{flag}, or {what}s on standard input, one a line")
    return count


def _check_line(line: str, what: str) -> None:
    if not line.strip():
        raise UserError(f"a blank line; give a {what} on each line")
    wrong = _UNDECODED.search(line)
    if wrong:
        column = len(line[: wrong.start()].encode("utf-8", "surrogateescape")) + 1
        raise UserError(f"byte {column} (0x{ord(wrong[0]) - 0xDC00:02X}) is not UTF-8 (latin-1 or GBK?); give the text as UTF-8")


def write_json_lines(target: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a JSON object on each line; the file appears when it is complete.

    Raises:
      JobError: the disk is full or fails.
    """
    with files.written_whole(target) as temporary, files.open_to_write(temporary) as file:
        for row in rows:
            # Half a surrogate pair in an id is written as it came: as JSON's escape.
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", errors="backslashreplace"))
