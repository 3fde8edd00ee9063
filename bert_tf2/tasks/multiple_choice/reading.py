"""Files and folders of questions with choices, as examples one at a time."""

import collections
import dataclasses
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.data.sources.contents import JSON_OBJECT, content_of
from bert_tf2.data.sources.json_stream import JsonStream, without_surrogates
from bert_tf2.data.sources.named_rows import wrong_count
from bert_tf2.data.sources.row_files import NumberedRow, RowFile, recognise
from bert_tf2.errors import UserError
from bert_tf2.options import refuse_given
from bert_tf2.tasks.kind import SPLITS
from bert_tf2.tasks.multiple_choice.examples import ChoiceExample, UnusableRow, checked
from bert_tf2.tasks.multiple_choice.forms import EXPECTED, RACE, Form, form_of

HIGH, MIDDLE = "high", "middle"
_RACE_ENDINGS = (".txt", ".json")
# Rows at the beginning of which one must be of a known form.
_MOST_LOOKED_AT = 100


@dataclasses.dataclass(frozen=True)
class ChoiceFile:
    """A file, or a folder of RACE's files, whose form is known.

    Attributes:
      path: as given.
      files: the file, or those of the folder and the folders in it, sorted by their names.
      form: of its rows.
      level: the only articles of RACE that are read, `high` or `middle`; None for all.
    """

    path: str
    files: tuple[RowFile, ...]
    form: Form
    level: str | None = None

    def examples(self, bad_rows: BadRows, *, answer_needed: bool = True) -> Iterator[ChoiceExample]:
        """Yields the examples.

        Args:
          bad_rows: told of every row that cannot be used, with file and line.
          answer_needed: a row without an answer is one of them.

        Raises:
          UserError: a file cannot be read, or holds articles of which `level` cannot be told; none is of that level.
        """
        number, is_wanted = 0, self.level is None
        for file in self.files:
            for line, row, shown in _rows(file):
                where = f"{file.path}:{line}"
                if not isinstance(row, dict):
                    bad_rows.report(where, row, shown)
                    continue
                if self.level is not None and self._level(where, file.path, row) != self.level:
                    continue
                is_wanted = True
                for question in self._questions(where, row, shown, bad_rows):
                    try:
                        yield checked(question, number, where, answer_needed)
                    except UnusableRow as reason:
                        bad_rows.report(where, str(reason), shown)
                    number += 1
        if not is_wanted:
            raise UserError(f"--{self.level}_only: no article of {self.path} is of that school; leave the flag out")

    def _questions(self, where: str, row: dict[str, Any], shown: Any, bad_rows: BadRows) -> list:
        if not self.form.fits(row):
            bad_rows.report(where, f"not as the rows before, {self.form.title}; it has {_shown(row)}", shown)
            return []
        try:
            return self.form.read(row)
        except UnusableRow as reason:
            bad_rows.report(where, str(reason), shown)
            return []

    def _level(self, where: str, path: str, row: dict[str, Any]) -> str:
        for name in (str(row.get("id", "")), os.path.basename(os.path.dirname(path))):
            for level in (HIGH, MIDDLE):
                if name.startswith(level):
                    return level
        raise UserError(
            f"{where}: --{self.level}_only needs to know the school of an article, by its id (high….txt, middle….txt) or by its "
            f"folder ({HIGH}, {MIDDLE}); leave the flag out, or keep RACE's folders"
        )


def open_all(options: Any) -> dict[str, ChoiceFile]:
    """The files that the options of data preparation name, by split.

    Raises:
      UserError: as `open_choices`; or an option for tables is given, and there is no table.
    """
    level = HIGH if options.high_only else MIDDLE if options.middle_only else None
    form = TableForm(options.data_format, options.delimiter, options.quotechar)
    opened = {}
    for split in SPLITS:
        if path := getattr(options, f"{split}_file"):
            opened[split] = open_choices(path, f"{split}_file", level, form)
    if not any(file.is_table for source in opened.values() for file in source.files):
        refuse_given(options, ("header", "delimiter", "quotechar"), "can do nothing: no file is a table; leave it out")
    return opened


@dataclasses.dataclass(frozen=True)
class TableForm:
    """What was said of files; see `recognise`."""

    data_format: str = "auto"
    delimiter: str = ""
    quotechar: str = ""


def open_choices(path: str, flag: str, level: str | None = None, said: TableForm | None = None) -> ChoiceFile:
    """Finds out what form a file or a folder has.

    Args:
      path: a local or remote file, or a folder of RACE's.
      flag: the flag that names it, for messages.
      level: the only articles of RACE that are wanted, `high` or `middle`.
      said: what was said of it; None for nothing.

    Raises:
      UserError: there is no such file, or it holds no questions with choices.
    """
    path = files.expand(path)
    paths = list(_in_folder(path, level))
    if not paths and not files.names_in(path):
        paths = [files.require_file(path, flag)]
    elif not paths:
        raise UserError(f"--{flag}: the folder {path} holds no files of RACE (.txt or .json){' of that school' if level else ''}")
    opened = tuple(_recognised(one, said or TableForm()) for one in paths)
    alien = next((file for file in opened if file.is_table), None) if paths[0] != path else None
    if alien is not None:
        raise UserError(f"{alien.path}:1: not an article of RACE, which is a JSON object; take the file out of the folder")
    form = _form(opened[0])
    if level is not None and form is not RACE:
        raise UserError(f"--{level}_only belongs to RACE, but {path} holds {form.title}; leave the flag out")
    return ChoiceFile(path, opened, form, level)


def _in_folder(path: str, level: str | None) -> Iterator[str]:
    """The files of RACE in a folder and those in it; where some of these are called as a school, of the wanted one only."""
    names = [name.rstrip("/") for name in files.names_in(path)]
    chosen = [name for name in names if name == level]
    for name in chosen or names:
        below = os.path.join(path, name)
        if name.endswith(_RACE_ENDINGS):
            yield below
        elif not name.startswith("."):
            yield from _in_folder(below, level)


def _recognised(path: str, said: TableForm) -> RowFile:
    if said.data_format == "auto" and content_of(path) == JSON_OBJECT:
        return RowFile(path, JSON_OBJECT)

    def fits(rows: list[list[str]]) -> bool:
        return bool(rows) and form_of(_header(rows[0])) is not None

    return recognise(path, said.data_format, said.delimiter, said.quotechar, fits)


def _header(cells: list[str]) -> dict[str, Any]:
    return dict.fromkeys(map(str.strip, cells))


def _rows(file: RowFile) -> Iterator[NumberedRow]:
    """Line, object (or what is wrong with it) and what to show of it, for each row of a file."""
    if file.form == JSON_OBJECT:
        stream = JsonStream(file.path, "questions with choices", f"give {EXPECTED}")
        value = stream.value()
        if stream.next_character():
            raise UserError(f"{file.path}: more follows the first object; write each object on a line of its own")
        yield 1, value if isinstance(value, dict) else "not a JSON object", value
        return
    names: Sequence[str] | None = None
    for line, row, shown in file.rows():
        if not file.is_table:
            yield line, "not a JSON object" if row is None else without_surrogates(row), shown
        elif names is None:
            names = list(map(str.strip, row))
        elif complaint := wrong_count(row, len(names)):
            yield line, complaint, shown
        else:
            # A blank cell is the table's way to say that there is nothing.
            yield line, {name: cell if cell.strip() else None for name, cell in zip(names, row)}, shown


def _form(file: RowFile) -> Form:
    """The form of a file's rows, by the header or the first object that is of any."""
    complaint = ""
    for line, row, _ in itertools.islice(file.rows() if file.is_table else _rows(file), 1 if file.is_table else _MOST_LOOKED_AT):
        if file.is_table:
            _refuse_doubled(f"{file.path}:{line}", row)
            row = _header(row)
        if isinstance(row, dict) and (form := form_of(row)) is not None:
            return form
        found = f"it has {_shown(row)}" if isinstance(row, dict) else row
        complaint = complaint or f"{file.path}:{line}: no questions with choices: {found}"
    raise UserError(f"{complaint or f'{file.path}: the file is empty'}; expected {EXPECTED}")


def _refuse_doubled(where: str, cells: list[str]) -> None:
    counts = collections.Counter(filter(None, map(str.strip, cells)))
    name, count = next(iter(counts.most_common(1)), ("", 0))
    if count > 1:
        raise UserError(f"{where}: {count} columns are called '{name}'; rename all but one")


def _shown(row: dict[str, Any]) -> str:
    return ", ".join([str(key)[:40] for key in row][:12]) or "no keys"
