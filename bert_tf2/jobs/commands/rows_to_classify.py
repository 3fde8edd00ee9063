"""Files of texts to classify, and the same rows with predictions."""

import csv
import dataclasses
import io
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.data.sources.columns import Columns
from bert_tf2.data.sources.row_files import RowFile, recognise
from bert_tf2.data.sources.text_files import read_lines
from bert_tf2.errors import UserError
from bert_tf2.inference.text_classifier import is_empty
from bert_tf2.tasks.classification.reading.label_sets import joined

OUTPUT_FORMATS = {".tsv": "tsv", ".tab": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_PLACES = ("text_column", "text_b_column")


@dataclasses.dataclass(frozen=True)
class TextRow:
    """A row of a file: its text or pair, and all its values, in the order of `InputFile.names` where it is a table's."""

    where: str
    text: str
    text_b: str | None
    values: Any


class InputFile:
    """A file of rows with a text, or a pair, in each: a table, objects, or a text on each line of a .txt file.

    Args:
      path: the file.
      text_column, text_b_column: names, or places from 0 of a table without header; None looks for usual names.

    Attributes:
      names: of the columns; of objects the keys of the first.

    Raises:
      UserError: the file is empty, or there are no such columns.
    """

    def __init__(self, path: str, text_column: str | None = None, text_b_column: str | None = None):
        self.path = path
        self._given = dict(zip(_PLACES, (text_column, text_b_column)))
        self._file: RowFile | None = None
        self._text: int | str | None
        self._text_b: int | str | None
        if path.lower().endswith(".txt") and not any(self._given.values()):
            self.names = ["text"]
            self._text, self._text_b = 0, None
            return
        self._file = recognise(path, "auto", "", "", self._fits)
        if self._file.is_table:
            line, row, _ = next(self._file.rows(), (1, None, None))
            if row is None:
                raise UserError(f"{path}: the file is empty")
            columns = Columns(row if self._has_header() else (), len(row), f"{path}:{line}")
        else:
            columns = Columns(self._file.names(), None, path)
        self._text, self._text_b = columns.find_all(self._given).values()
        if self._text is None:
            shown = " | ".join(str(name)[:40] for name in columns.names)
            raise UserError(
                f"{columns.where}: which column holds the text? Pass --text_column (a name of the header or a place from 0); the "
                f"columns are: {shown}"
            )
        self.names = [name.strip() for name in columns.names] or self._names_by_place(columns.count or 0)

    @property
    def is_table(self) -> bool:
        """Whether rows are lists of values; otherwise they are objects."""
        return self._file is None or self._file.is_table

    @property
    def has_pairs(self) -> bool:
        """Whether each row holds a pair."""
        return self._text_b is not None

    def rows(self) -> Iterator[TextRow]:
        """Yields the rows.

        Raises:
          UserError: there is none, or one cannot be used; the message holds its line.
        """
        empty = True
        for row in self._lines() if self._file is None else self._rows(self._file):
            empty = False
            if is_empty(row.text, row.text_b):
                raise UserError(f"{row.where}: empty text")
            yield row
        if empty:
            raise UserError(f"--input_file={self.path} holds no texts")

    def _lines(self) -> Iterator[TextRow]:
        for number, line in read_lines(self.path):
            if not line:
                raise UserError(f"{self.path}:{number}: a blank line; a .txt file holds a text on each line")
            yield TextRow(f"{self.path}:{number}", line, None, [line])

    def _rows(self, file: RowFile) -> Iterator[TextRow]:
        header = file.is_table and self._has_header()
        for line, row, shown in itertools.islice(file.rows(), int(header), None):
            where = f"{self.path}:{line}"
            if file.is_table and len(row) != len(self.names):
                found = f"{len(row)} columns" if row else "an empty line"
                raise UserError(f"{where}: {found}, expected {len(self.names)} columns")
            if row is None:
                raise UserError(f"{where}: not a JSON object: {str(shown)[:60]}")
            texts = [row[place] if file.is_table else row.get(place) for place in (self._text, self._text_b) if place is not None]
            for place, text in zip((self._text, self._text_b), texts):
                if not isinstance(text, str):
                    raise UserError(f"{where}: '{place}' must be a text; got {json.dumps(text, ensure_ascii=False)[:60]}")
            yield TextRow(where, texts[0], texts[1] if len(texts) > 1 else None, row)

    def _has_header(self) -> bool:
        given = [value for value in self._given.values() if value]
        return not given or not all(value.isdecimal() for value in given)

    def _fits(self, rows: list[list[str]]) -> bool:
        """Whether rows of cells, the first of a file, hold the columns."""
        if not rows:
            return False
        columns = Columns(rows[0] if self._has_header() else (), min(map(len, rows)), "")
        try:
            return columns.find("text_column", self._given["text_column"]) is not None and (
                self._given["text_b_column"] is None or columns.find("text_b_column", self._given["text_b_column"]) is not None
            )
        except UserError:
            return False

    def _names_by_place(self, count: int) -> list[str]:
        known = {self._text: "text", self._text_b: "text_b"}
        return [known.get(place, f"column_{place}") for place in range(count)]


def check_output(path: str, source: InputFile, added: Sequence[str]) -> None:
    """Checks that predictions can be written beside the columns of a file.

    Raises:
      UserError: the name does not say as what, or a column has the name of one that is added.
    """
    _format(path)
    taken = [name for name in added if name in source.names]
    if taken:
        raise UserError(f"{source.path} has a column '{taken[0]}' already, as predictions would be called; rename it")


def write_rows(
    path: str, source: InputFile, added: Sequence[str], predictions: Iterable[Sequence[Any]], labels: Sequence[str] = ()
) -> None:
    """Writes the rows of a file with further columns, as TSV, CSV or JSON lines by the path's name, whole or not at all.

    Args:
      path: where to.
      source: gives the rows.
      added: the names of the columns that are added.
      predictions: their values, row by row: a label, a list of labels or a number, then probabilities.
      labels: all labels.

    Raises:
      UserError: see `check_output`; or an object has a key that the first had not, and columns are written.
      JobError: the disk is full or fails.
    """
    check_output(path, source, added)
    form = _format(path)
    lines = _json_lines(source, added, predictions) if form == "jsonl" else _table_lines(form, source, added, predictions, labels)
    with files.written_whole(path) as temporary, files.open_to_write(temporary) as file:
        for line in lines:
            # Half a surrogate pair, which only JSON can hold, is written as JSON's escape.
            file.write(line.encode("utf-8", errors="backslashreplace"))


def _format(path: str) -> str:
    form = OUTPUT_FORMATS.get(os.path.splitext(path)[1].lower())
    if form is None:
        raise UserError(f"--output_file={path}: the name must say what to write: .tsv, .csv or .jsonl")
    return form


def _json_lines(source: InputFile, added: Sequence[str], predictions: Iterable[Sequence[Any]]) -> Iterator[str]:
    for row, values in zip(source.rows(), predictions, strict=True):
        known = dict(zip(source.names, row.values)) if source.is_table else row.values
        yield json.dumps(known | dict(zip(added, values)), ensure_ascii=False, default=str) + "\n"


def _table_lines(
    form: str, source: InputFile, added: Sequence[str], predictions: Iterable[Sequence[Any]], labels: Sequence[str]
) -> Iterator[str]:
    line = _csv_line if form == "csv" else _tsv_line
    yield line([*source.names, *added])
    for row, values in zip(source.rows(), predictions, strict=True):
        if source.is_table:
            known = row.values
        else:
            further = [key for key in row.values if key not in source.names]
            if further:
                raise UserError(f"{row.where}: the key '{further[0]}' is not in the first object; write to a .jsonl file instead")
            known = [_cell(row.values.get(name, "")) for name in source.names]
        first, *probabilities = values
        yield line([*known, _readable(first, labels), *(f"{probability:.6f}" for probability in probabilities)])


def _readable(predicted: Any, labels: Sequence[str]) -> str:
    if isinstance(predicted, list):
        return joined(predicted, labels)
    return predicted if isinstance(predicted, str) else f"{predicted:.6g}"


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _tsv_line(cells: Sequence[str]) -> str:
    # As everywhere in files with tabs quotes are text, so what would break a row becomes a space.
    return "\t".join(" ".join(cell.replace("\0", " ").replace("\r", " ").replace("\n", " ").split("\t")) for cell in cells) + "\n"
