"""Reading rows from UTF-8 text files, with the file and the line in every complaint."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError

Row = tuple[int, list[str]]
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"


def read_lines(path: str) -> Iterator[tuple[int, str]]:
    """Yields line numbers from 1 and lines without their ends (`\\n` or `\\r\\n`); a byte-order mark is left out.

    Lines end at `\\n` only: U+2028, U+0085 and the like are text.

    Raises:
      UserError: the file cannot be read, is not UTF-8 or holds a NUL byte.
    """
    number = 0
    with _open(path) as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                if line.startswith(_UTF16):
                    raise UserError(f"{path}:1: the file is UTF-16; save it as UTF-8")
                line = line.removeprefix(_BOM)
            if b"\0" in line:
                raise UserError(f"{path}:{number}: NUL byte at column {line.index(0) + 1}; text files hold none, remove it")
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                place = f"byte {error.start + 1} (0x{line[error.start]:02X})"
                raise UserError(f"{path}:{number}: {place} is not UTF-8 (latin-1 or GBK?); save the file as UTF-8") from None
            yield number, text.rstrip("\n").removesuffix("\r")


def _open(path: str):
    if files.is_remote(path):
        import tensorflow as tf

        return tf.io.gfile.GFile(path, "rb")
    try:
        return open(path, "rb")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None


def _without_trailing_blanks(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Leaves out blank lines at the end; a blank line between others is the caller's to judge."""
    blank = []
    for number, line in lines:
        if not line.strip():
            blank.append((number, ""))
            # A file that ends in a million blank lines need not be held in memory to be refused.
            if len(blank) > 1000:
                yield from blank
                blank.clear()
            continue
        yield from blank
        blank.clear()
        yield number, line


def read_tsv(path: str, quotechar: str | None = None) -> Iterator[Row]:
    """Yields line numbers and cells of a tab-separated file; a blank line before the end gives no cells.

    Args:
      path: the file.
      quotechar: a character that encloses cells; None (as in GLUE) makes quotes plain text.

    Raises:
      UserError: as `read_lines`, or a quote that never closes.
    """
    lines = _without_trailing_blanks(read_lines(path))
    if quotechar:
        yield from _read_quoted(path, lines, "\t", quotechar)
        return
    for number, line in lines:
        yield number, line.split("\t") if line else []


def read_csv(path: str) -> Iterator[Row]:
    """Yields line numbers and cells of a comma-separated file (RFC 4180); a blank line before the end gives no cells.

    Raises:
      UserError: as `read_lines`, or wrong quoting.
    """
    yield from _read_quoted(path, _without_trailing_blanks(read_lines(path)), ",", '"')


def _read_quoted(path: str, lines: Iterator[tuple[int, str]], delimiter: str, quotechar: str) -> Iterator[Row]:
    last = 0

    def numbered() -> Iterator[str]:
        nonlocal last
        for number, line in lines:
            last = number
            yield line + "\n"

    reader = csv.reader(numbered(), delimiter=delimiter, quotechar=quotechar, strict=True)
    while True:
        start = last + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{path}:{start}: {_quoting_error(str(error), quotechar)}") from None
        # A row may span lines; its number is that of its first line.
        yield start, row


def _quoting_error(error: str, quotechar: str) -> str:
    if "unexpected end of data" in error or "field larger" in error:
        return f"the quote {quotechar} opens and never closes; close it, or double it ({quotechar * 2}) where it is text"
    return f"wrong quoting ({error}); enclose the text in {quotechar} and double every {quotechar} inside"


def read_jsonl(path: str) -> Iterator[tuple[int, dict[str, Any] | None, str]]:
    """Yields line number, object and the line itself of a file with a JSON object on each line.

    The object is None where the line holds none (blank, not JSON, or another kind of value).

    Raises:
      UserError: as `read_lines`.
    """
    for number, line in _without_trailing_blanks(read_lines(path)):
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            value = None
        yield number, value if isinstance(value, dict) else None, line
