"""Reading rows from UTF-8 text files, with the file and the line in every complaint."""

import csv
import json
from collections.abc import Iterator
from typing import Any

from bert_tf2 import file_kinds, files
from bert_tf2.errors import UserError

Row = tuple[int, list[str]]
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
_BLOCK = 1 << 16
_LONGEST_LINE = 1 << 26


def read_lines(path: str) -> Iterator[tuple[int, str]]:
    """Yields line numbers from 1 and lines without their ends (`\\n` or `\\r\\n`).

    A byte-order mark and blank lines at the end are left out; a blank line before others is yielded empty. Lines end at `\\n`
    only: U+2028, U+0085 and the like are text.

    Raises:
      UserError: the file cannot be read, is not UTF-8, ends its lines with `\\r` alone, or holds a NUL byte or a line that
        no text has.
    """
    number, blank = 0, 0
    for block in _whole_lines(path):
        text = decode_lines(path, number, block)
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        has_returns = "\r" in text
        for line in lines:
            number += 1
            if has_returns and line.endswith("\r"):
                line = line[:-1]
            if not line or line.isspace():
                blank += 1
                continue
            if blank:
                yield from ((earlier, "") for earlier in range(number - blank, number))
                blank = 0
            yield number, line


def _whole_lines(path: str) -> Iterator[bytes]:
    """The file in blocks that end where a line ends."""
    rest, first = b"", True
    with open_bytes(path) as file:
        while block := read_bytes_of(file, path, _BLOCK):
            if first:
                if block.startswith(_UTF16):
                    raise UserError(f"{path}:1: the file is UTF-16; save it as UTF-8")
                if b"\n" not in block and b"\r" in block.rstrip(b"\r"):
                    raise UserError(f"{path}: its lines end with a carriage return alone; save it with line feeds (Unix) or both")
                block, first = block.removeprefix(_BOM), False
            block = rest + block
            end = block.rfind(b"\n") + 1
            if not end and len(block) > _LONGEST_LINE:
                raise UserError(f"{path}: a line longer than {_LONGEST_LINE:,} bytes; is it a text file?")
            rest = block[end:]
            if end:
                yield block[:end]
    if rest:
        yield rest


def decode_lines(path: str, lines_before: int, block: bytes) -> str:
    """A block of whole lines as text.

    Raises:
      UserError: it is not UTF-8 or holds a NUL byte; the message names the line and the byte.
    """
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError as error:
        if (other := file_kinds.explained(path, "a text file", wants_text=True)) is not None:
            raise other from None
        line, column = _line_and_column(block, error.start)
        raise UserError(
            f"{path}:{lines_before + line}: byte {column} (0x{block[error.start]:02X}) is not UTF-8 (latin-1 or GBK?); "
            "save the file as UTF-8"
        ) from None
    if "\0" in text:
        if (other := file_kinds.explained(path, "a text file", wants_text=True)) is not None:
            raise other
        line, column = _line_and_column(block, block.index(0))
        raise UserError(f"{path}:{lines_before + line}: NUL byte at byte {column}; text files hold none, remove it")
    return text


def _line_and_column(block: bytes, position: int) -> tuple[int, int]:
    return block.count(b"\n", 0, position) + 1, position - block.rfind(b"\n", 0, position)


def open_bytes(path: str) -> Any:
    """Opens a local or remote file.

    Raises:
      UserError: it cannot be read, or is the Git LFS pointer of another.
    """
    if files.is_remote(path):
        import tensorflow as tf

        return tf.io.gfile.GFile(path, "rb")
    file_kinds.refuse_lfs_pointer(path)
    try:
        return open(path, "rb")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None


def read_bytes_of(file: Any, path: str, count: int) -> bytes:
    """Up to `count` bytes of an open file.

    Raises:
      UserError: they cannot be read.
    """
    try:
        return file.read(count)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None


def read_tsv(path: str, quotechar: str | None = None) -> Iterator[Row]:
    """Yields line numbers and cells of a tab-separated file; a blank line before the end gives no cells.

    Args:
      path: the file.
      quotechar: a character that encloses cells; None (as in GLUE) makes quotes plain text.

    Raises:
      UserError: as `read_lines`, or a quote that never closes.
    """
    if quotechar:
        yield from _read_quoted(path, read_lines(path), "\t", quotechar)
        return
    for number, line in read_lines(path):
        yield number, line.split("\t") if line else []


def read_delimited(path: str, delimiter: str = ",", quotechar: str | None = '"') -> Iterator[Row]:
    """Yields line numbers and cells of a table such as a comma-separated file (RFC 4180); a blank line before the end gives no
    cells.

    Args:
      path: the file.
      delimiter: the character between two cells.
      quotechar: the character that encloses cells.

    Raises:
      UserError: as `read_lines`, or wrong quoting.
    """
    yield from _read_quoted(path, read_lines(path), delimiter, quotechar)


def _read_quoted(path: str, lines: Iterator[tuple[int, str]], delimiter: str, quotechar: str | None) -> Iterator[Row]:
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


def _quoting_error(error: str, quotechar: str | None) -> str:
    if quotechar is None:
        return f"not cells with a delimiter between them ({error})"
    if "unexpected end of data" in error or "field larger" in error:
        return f"the quote {quotechar} opens and never closes; close it, or double it ({quotechar * 2}) where it is text"
    return f"wrong quoting ({error}); enclose the text in {quotechar} and double every {quotechar} inside"


def read_jsonl(path: str) -> Iterator[tuple[int, dict[str, Any] | None, str]]:
    """Yields line number, object and the line itself of a file with a JSON object on each line.

    The object is None where the line holds none (blank, not JSON, or another kind of value).

    Raises:
      UserError: as `read_lines`.
    """
    for number, line in read_lines(path):
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            value = None
        yield number, value if isinstance(value, dict) else None, line
