"""Files of rows in the forms people keep them in: which form a file has, and its rows, one at a time.

A file's name and its first bytes both say what it is. Where they agree, or the name says nothing, nobody needs a flag; where
they contradict each other the file is refused.
"""

import csv
import dataclasses
import io
import os
from collections.abc import Callable, Collection, Iterator
from typing import Any

from bert_tf2 import files
from bert_tf2.data.sources.contents import (
    BEGINNING,
    JSON_ARRAY,
    JSON_LINES,
    JSON_OBJECT,
    PARQUET,
    TEXT,
    TITLES,
    beginning_of,
    content_of,
)
from bert_tf2.data.sources.json_stream import JsonStream
from bert_tf2.data.sources.text_files import read_delimited, read_jsonl, read_tsv
from bert_tf2.errors import UserError

TSV, CSV = "tsv", "csv"
FORMATS = (TSV, CSV, JSON_LINES, JSON_ARRAY, PARQUET)
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_SIGNS = {sign: name for name, sign in DELIMITERS.items()}
_BY_NAME = {
    ".tsv": TSV,
    ".tab": TSV,
    ".csv": CSV,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".json": JSON_ARRAY,
    ".parquet": PARQUET,
    ".pq": PARQUET,
}
EXTENSIONS = frozenset(_BY_NAME)
"""Ends of names that say what a file holds."""
_TITLES = {TSV: "a table", CSV: "a table", **TITLES}
_ROWS_AT_ONCE = 1024
_MOST_SAMPLED = 50

NumberedRow = tuple[int | str, Any, Any]
"""Line number (or `row 7` where there are no lines), row (cells, an object, or None for what is none), what to show of it."""

Fits = Callable[[list[list[str]]], bool | None]
"""Whether rows of cells hold the columns that are wanted; None: all but some that need not be there."""


@dataclasses.dataclass(frozen=True)
class RowFile:
    """A file whose form is known.

    Attributes:
      path: the file.
      form: one of `FORMATS`.
      delimiter, quotechar: what separates and encloses the cells of a table; no `quotechar` makes quotes plain text.
      notice: what was recognised and people should know.
    """

    path: str
    form: str
    delimiter: str = "\t"
    quotechar: str | None = None
    notice: str | None = None

    @property
    def is_table(self) -> bool:
        """Whether rows are lists of cells; otherwise they are objects."""
        return self.form in (TSV, CSV)

    def rows(self, keys: Collection[str] | None = None) -> Iterator[NumberedRow]:
        """Yields the rows.

        Args:
          keys: the only columns that are wanted; a form that can skip the others does.

        Raises:
          UserError: the file cannot be read or is not what its form says; a package is missing.
        """
        if self.form == PARQUET:
            return _parquet_rows(self.path, keys)
        if self.form == JSON_ARRAY:
            return _array_rows(self.path)
        if self.form == JSON_LINES:
            return read_jsonl(self.path)
        if self.delimiter == "\t" and not self.quotechar:
            return ((line, row, row) for line, row in read_tsv(self.path))
        return ((line, row, row) for line, row in read_delimited(self.path, self.delimiter, self.quotechar))

    def names(self) -> list[str]:
        """The keys of an object form: all of Parquet's columns, of JSON those of the first object.

        Raises:
          UserError: the file is empty or does not begin with an object.
        """
        if self.form == PARQUET:
            return _parquet_file(self.path).schema_arrow.names
        first = next(self.rows(), None)
        if first is None:
            raise UserError(f"{self.path}: the file is empty")
        line, row, shown = first
        if row is None:
            raise UserError(f"{self.path}:{line}: not a JSON object: {str(shown)[:60]}")
        return list(row)


def delimiter_of(given: str) -> str:
    """The character that `--delimiter` names; empty where it leaves that to the file.

    Raises:
      UserError: it is none that separates cells.
    """
    sign = {"\\t": "\t", **DELIMITERS}.get(given.lower(), given)
    if len(sign) > 1 or sign in ('"', "\n", "\r", "\0"):
        raise UserError(f"--delimiter must be one character, or {', '.join(DELIMITERS)}; got '{given}'")
    return sign


def recognise(path: str, data_format: str, delimiter: str, quotechar: str, fits: Fits) -> RowFile:
    """Finds out what form a file has.

    Args:
      path: the file.
      data_format: one of `FORMATS`, or `auto`.
      delimiter, quotechar: as given; empty leaves them to the file.
      fits: whether the rows at the beginning of the file, divided by some delimiter, hold the columns that are wanted.

    Raises:
      UserError: name and content contradict each other, or nothing says what the file is.
    """
    form = data_format if data_format != "auto" else _form(path)
    if form not in (TSV, CSV):
        return RowFile(path, form)
    usual = "\t" if form == TSV else ","
    if delimiter:
        return _table(path, form, delimiter_of(delimiter), quotechar)
    found = _delimiter(path, form, usual, quotechar, fits)
    table = _table(path, form, found, quotechar)
    if found == usual:
        return table
    notice = f"{path}: the columns are separated by {_SIGNS[found]}s, not {_SIGNS[usual]}s (--delimiter says otherwise)"
    return dataclasses.replace(table, notice=notice)


def _table(path: str, form: str, delimiter: str, quotechar: str) -> RowFile:
    # In files with tabs quotes are text, as in GLUE's.
    return RowFile(path, form, delimiter, quotechar or (None if form == TSV and delimiter == "\t" else '"'))


def _form(path: str) -> str:
    extension = os.path.splitext(path)[1].lower()
    named, held = _BY_NAME.get(extension), content_of(path)
    if held == JSON_OBJECT:
        raise UserError(
            f"{path} holds {TITLES[held]}; rows are an object on each line, or an array of objects: "
            '[{"text": …, "label": …}, …]'
        )
    if named is None:
        if held != TEXT:
            return held
        if extension == ".txt":
            return TSV
        raise UserError(
            f"{path}: the name does not say what it holds; pass --data_format={', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        )
    if named == JSON_ARRAY and held == JSON_LINES:
        return JSON_LINES
    expected = TEXT if named in (TSV, CSV) else named
    # What begins as no JSON at all is told of with its line.
    if held == expected or (held == TEXT and named in (JSON_LINES, JSON_ARRAY)):
        return named
    advice = f"pass --data_format={held}, or " if held in FORMATS else ""
    raise UserError(f"{path}: by its name {_TITLES[named]}, but it holds {_TITLES[held]}; {advice}rename the file")


def _delimiter(path: str, form: str, usual: str, quotechar: str, fits: Fits) -> str:
    """The delimiter of a table: the usual one, unless that leaves rows whole which another divides as it is wanted.

    Raises:
      UserError: more than one would do.
    """
    head = beginning_of(path)
    lines = [line.rstrip("\r") for line in head.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")]
    sample = [line for line in lines if line.strip()][:_MOST_SAMPLED]
    is_cut = len(head) == BEGINNING or len(sample) == _MOST_SAMPLED
    plain = form == TSV and not quotechar
    divided = {sign: _cells(sample, sign, "" if plain and sign == "\t" else quotechar or '"', is_cut) for sign in _SIGNS}
    others = [sign for sign, rows in divided.items() if sign != usual and _is_even(rows) and fits(rows)]
    own = fits(divided[usual]) if divided[usual] else False
    if not others or (own and usual == "\t"):
        return usual
    if own is False and len(others) == 1:
        return others[0]
    named = " or ".join(f"--delimiter={_SIGNS[sign]}" for sign in dict.fromkeys([usual, *others]))
    raise UserError(f"{path}:1: which sign separates the columns? Pass {named}; the first row is: {sample[0][:80]}")


def _is_even(rows: list[list[str]]) -> bool:
    return bool(rows) and len(rows[0]) > 1 and len({len(row) for row in rows}) == 1


def _cells(lines: list[str], delimiter: str, quotechar: str, is_cut: bool) -> list[list[str]]:
    """The rows of a sample; the last one of a sample that was cut may not be whole."""
    if not quotechar:
        rows = [line.split(delimiter) for line in lines]
    else:
        try:
            rows = list(csv.reader(lines, delimiter=delimiter, quotechar=quotechar))
        except csv.Error:
            return []
    return rows[:-1] if is_cut and len(rows) > 1 else rows


def _array_rows(path: str) -> Iterator[NumberedRow]:
    stream = JsonStream(path, "a JSON array of objects", "let its name say what it is (.tsv, .csv, .jsonl)")
    for number, value in enumerate(stream.elements("the rows"), 1):
        yield f"row {number}", value if isinstance(value, dict) else None, value
    if stream.next_character():
        raise UserError(f"{path}: there is more behind the array of rows; the file must hold one array")


def _parquet_file(path: str) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(f"{path}: reading Parquet needs the package pyarrow: pip install 'bert_tf2[parquet]'") from None
    try:
        if not files.is_remote(path):
            return pyarrow.parquet.ParquetFile(path)
        with files.remote_errors(path):
            return pyarrow.parquet.ParquetFile(_RemoteFile(path))
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


class _RemoteFile(io.RawIOBase):
    """A file of an object store as Python's own, which is all that pyarrow takes."""

    def __init__(self, path: str):
        import tensorflow as tf

        self._file = tf.io.gfile.GFile(path, "rb")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._file.seek(offset, whence)
        return self._file.tell()

    def tell(self) -> int:
        return self._file.tell()


def _parquet_rows(path: str, keys: Collection[str] | None) -> Iterator[NumberedRow]:
    import pyarrow

    file, number = _parquet_file(path), 0
    try:
        columns = None if keys is None else [name for name in file.schema_arrow.names if name in keys]
        for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row, row
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str, error: Exception) -> UserError:
    reason = (str(error) or type(error).__name__).splitlines()[0][:200]
    return UserError(f"{path}: cannot be read as Parquet: {reason}")
