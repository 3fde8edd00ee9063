"""Files of texts that commands read: a row for each text or pair."""

import dataclasses
import itertools
import json
import os
from collections.abc import Iterator
from typing import Any

from bert_tf2.data.sources.columns import USUAL_NAMES, Columns
from bert_tf2.data.sources.row_files import EXTENSIONS, RowFile, recognise
from bert_tf2.data.sources.text_files import read_lines
from bert_tf2.errors import UserError
from bert_tf2.inference.text_classifier import is_empty

_PLACES = ("text_column", "text_b_column")
_PAIR_SIGN = " ||| "


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
      id_column: name or place of what identifies a row; None where nothing does.
      as_features: as Google's extract_features.py takes texts: they may be empty, ` ||| ` in a line stands between the texts of
        a pair, and a file whose name says nothing holds lines. Pairs in columns are for `text_b_column` alone to name.

    Attributes:
      names: of the columns; of objects the keys of the first.

    Raises:
      UserError: the file is empty, or there are no such columns.
    """

    def __init__(
        self,
        path: str,
        text_column: str | None = None,
        text_b_column: str | None = None,
        *,
        id_column: str | None = None,
        as_features: bool = False,
    ):
        self.path, self._as_features = path, as_features
        # The vector of a pair is made where it is asked for.
        self._usual = {**USUAL_NAMES, "text_b_column": ()} if as_features else USUAL_NAMES
        self._given = dict(zip(_PLACES, (text_column, text_b_column)))
        self._file: RowFile | None = None
        self._id: int | str | None = None
        self._text: int | str | None
        self._text_b: int | str | None
        if self._holds_lines():
            if id_column is not None:
                raise UserError(f"--id_column={id_column}: {path} has a text on each line, and no columns")
            self.names = ["text"]
            self._text, self._text_b = 0, None
            return
        self._file = recognise(path, "auto", "", "", self._fits)
        if self._file.is_table:
            line, row, _ = next(self._file.rows(), (1, None, None))
            if row is None:
                raise UserError(f"{path}: the file is empty")
            columns = Columns(row if self._has_header() else (), len(row), f"{path}:{line}", self._usual)
        else:
            columns = Columns(self._file.names(), None, path, self._usual)
        self._text, self._text_b = columns.find_all(self._given).values()
        if self._text is None:
            shown = " | ".join(str(name)[:40] for name in columns.names)
            raise UserError(
                f"{columns.where}: which column holds the text? Pass --text_column (a name of the header or a place from 0); the "
                f"columns are: {shown}"
            )
        self._id = None if id_column is None else columns.find("id_column", id_column)
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
            if not self._as_features and is_empty(row.text, row.text_b):
                raise UserError(f"{row.where}: empty text")
            yield row
        if empty:
            raise UserError(f"--input_file={self.path} holds no texts")

    def with_texts(self, row: TextRow, text: str, text_b: str | None) -> Any:
        """The values of a row with other texts: a copy."""
        values: Any = list(row.values) if self.is_table else dict(row.values)
        for place, one in ((self._text, text), (self._text_b, text_b)):
            if place is not None:
                values[place] = one
        return values

    def id_of(self, row: TextRow) -> Any:
        """What identifies a row; None where no column does, or an object lacks it."""
        if self._id is None:
            return None
        return row.values[self._id] if self.is_table else row.values.get(self._id)

    def _lines(self) -> Iterator[TextRow]:
        for number, line in read_lines(self.path):
            if not line and not self._as_features:
                raise UserError(f"{self.path}:{number}: a blank line; a .txt file holds a text on each line")
            text, sign, text_b = line.strip().rpartition(_PAIR_SIGN) if self._as_features else ("", "", line)
            yield TextRow(f"{self.path}:{number}", text if sign else text_b, text_b if sign else None, [line])

    def _rows(self, file: RowFile) -> Iterator[TextRow]:
        header = file.is_table and self._has_header()
        places = [str(place) for place in (self._text, self._text_b, self._id) if place is not None]
        wanted = places if self._as_features else None
        for line, row, shown in itertools.islice(file.rows(wanted), int(header), None):
            where = f"{self.path}:{line}"
            if self._as_features and row == [] and len(self.names) == 1:
                row = [""]
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

    def _holds_lines(self) -> bool:
        if any(self._given.values()):
            return False
        extension = os.path.splitext(self.path)[1].lower()
        return extension == ".txt" or (self._as_features and extension not in EXTENSIONS)

    def _has_header(self) -> bool:
        given = [value for value in self._given.values() if value]
        return not given or not all(value.isdecimal() for value in given)

    def _fits(self, rows: list[list[str]]) -> bool:
        """Whether rows of cells, the first of a file, hold the columns."""
        if not rows:
            return False
        columns = Columns(rows[0] if self._has_header() else (), min(map(len, rows)), "", self._usual)
        try:
            return columns.find("text_column", self._given["text_column"]) is not None and (
                self._given["text_b_column"] is None or columns.find("text_b_column", self._given["text_b_column"]) is not None
            )
        except UserError:
            return False

    def _names_by_place(self, count: int) -> list[str]:
        known = {self._text: "text", self._text_b: "text_b"}
        return [known.get(place, f"column_{place}") for place in range(count)]
