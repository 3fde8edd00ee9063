"""Files of texts that are compared, as examples one at a time."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.data.sources.columns import USUAL_NAMES, Columns
from bert_tf2.data.sources.named_rows import wrong_count
from bert_tf2.data.sources.row_files import RowFile, recognise
from bert_tf2.errors import UserError
from bert_tf2.options import refuse_given
from bert_tf2.tasks.kind import SPLITS
from bert_tf2.tasks.similarity.examples import SimilarityExample
from bert_tf2.tasks.similarity.facts import LABELS, PAIRS, SCORES, TEXTS, TRIPLETS

_COLUMNS = ("text_column", "text_b_column", "negative_column", "score_column", "label_column")
_USUAL = {
    "text_column": (*USUAL_NAMES["text_column"], "anchor", "sentence_a", "sent1", "query", "sent0"),
    "text_b_column": (*USUAL_NAMES["text_b_column"], "positive", "sentence_b", "sent2", "answer"),
    "negative_column": ("negative", "hard_neg", "text_c", "sentence3"),
    "score_column": ("score", "similarity", "similarity_score", "relatedness_score"),
    "label_column": ("label", "gold_label"),
}
_NO_NUMBER = ("", "-", "none", "null", "nan")
# What SNLI has where people did not agree.
_NO_LABEL = ("", "-")


@dataclasses.dataclass(frozen=True)
class SimilarityFile:
    """A file whose columns are known.

    Attributes:
      file: its form.
      columns: by option the place or key of its column; None for none.
      count: how many cells a row has; None where rows are objects.
      has_header: the first row names the columns.
      absent: keys that are named and the first object lacks.
    """

    file: RowFile
    columns: dict[str, int | str | None]
    count: int | None
    has_header: bool
    absent: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Of the file."""
        return self.file.path

    @property
    def form(self) -> str:
        """What its rows hold, one of `bert_tf2.tasks.similarity.facts.FORMS`."""
        if self.columns["text_b_column"] is None:
            return TEXTS
        forms = {"negative_column": TRIPLETS, "score_column": SCORES, "label_column": LABELS}
        return next((form for column, form in forms.items() if self.columns[column] is not None), PAIRS)

    def examples(self, bad_rows: BadRows, *, score_needed: bool = True) -> Iterator[SimilarityExample]:
        """Yields the examples. Blank lines of a file with one column are none.

        Args:
          bad_rows: told of every row that cannot be used, with file and line.
          score_needed: a row without score or label, where the file has a column for it, is one of them.

        Raises:
          UserError: the file cannot be read; or as `BadRows.report`.
        """
        rows = self.file.rows([*(str(column) for column in self.columns.values() if column is not None), *self.absent])
        if self.has_header:
            next(rows, None)
        number = 0
        for line, row, shown in rows:
            where = f"{self.path}:{line}"
            if self.count == 1 and not (row and "".join(row).strip()):
                continue
            example = self._example(row, number, where, score_needed)
            if isinstance(example, str):
                bad_rows.report(where, example, shown)
            else:
                yield example
            number += 1

    def _example(self, row: Any, number: int, where: str, score_needed: bool) -> SimilarityExample | str:
        """The example of a row, or what is wrong with it."""
        if self.count is None and not isinstance(row, dict):
            return "not a JSON object"
        if self.count is not None and (complaint := wrong_count(row, self.count)):
            return complaint
        if later := [name for name in self.absent if name in row]:
            return f"has '{later[0]}', which the first object lacks; give it to all or none"
        texts = []
        for option in _COLUMNS[:3]:
            if (column := self.columns[option]) is None:
                continue
            text = self._value(row, option)
            if not isinstance(text, str) or not text.strip():
                return f"the text of '{column}' is {'empty' if isinstance(text, str) else 'not a string'}"
            texts.append(text)
        score = _number(self._value(row, "score_column")) if self.form == SCORES else None
        if isinstance(score, str):
            return score
        label = _name(self._value(row, "label_column")) if self.form == LABELS else None
        if score_needed and self.form in (SCORES, LABELS) and score is None and label is None:
            return "no score" if self.form == SCORES else "no label"
        return SimilarityExample(tuple(texts), score, label, number, where)

    def _value(self, row: Any, option: str) -> Any:
        column = self.columns[option]
        return row[column] if self.count is not None else row.get(column)


def _number(value: Any) -> float | str | None:
    """A score, None where it is not known, or what is wrong with it."""
    if value is None or str(value).strip().lower() in _NO_NUMBER:
        return None
    try:
        score = float(value)
    except (TypeError, ValueError):
        return f"the score must be a number; got {value!r}"
    return score if math.isfinite(score) else f"the score must be a finite number; got {value}"


def _name(value: Any) -> str | None:
    """A label, None where there is none."""
    name = "" if value is None else str(value).strip()
    return None if name in _NO_LABEL else name


def open_all(options: Any) -> dict[str, SimilarityFile]:
    """The files that the options of data preparation name, by split.

    Raises:
      UserError: a file cannot be used; or no file has a column that is named, or an option is for tables and there is none.
    """
    opened: dict[str, SimilarityFile] = {}
    paths = {split: path for split in SPLITS if (path := getattr(options, f"{split}_file"))}
    for split, path in paths.items():
        opened[split] = _located(files.require_file(path, f"{split}_file"), options, len(paths) == 1)
    for option in _COLUMNS:
        if getattr(options, option) is not None and all(file.columns[option] is None for file in opened.values()):
            names = ", ".join(file.path for file in opened.values())
            raise UserError(f"--{option}={getattr(options, option)}: no such column in {names}")
    if options.labels and all(file.form != LABELS for file in opened.values()):
        raise UserError(
            f"--labels={options.labels}: no file has a column of labels; name it with --label_column, or leave it out"
        )
    if not any(file.file.is_table for file in opened.values()):
        refuse_given(options, ("header", "delimiter", "quotechar"), "can do nothing: no file is a table; leave it out")
    return opened


def _located(path: str, options: Any, is_alone: bool) -> SimilarityFile:
    """The file with its columns; `is_alone` where no other is given."""
    given = {option: getattr(options, option) for option in _COLUMNS}
    given = {option: None if value is None else str(value) for option, value in given.items()}

    def fits(rows: list[list[str]]) -> bool:
        if not rows or len(rows[0]) < 2:
            return False
        header = _has_header(rows[0], given, options)
        try:
            columns = Columns(rows[0] if header else (), min(map(len, rows)), "", _USUAL)
            return columns.find("text_column", given["text_column"]) is not None
        except UserError:
            return False

    file = recognise(path, options.data_format, options.delimiter, options.quotechar, fits)
    if file.is_table:
        first = next(file.rows(), None)
        if first is None:
            raise UserError(f"{path}: the file is empty")
        line, row, _ = first
        header, where = _has_header(row, given, options), f"{path}:{line}"
        columns = Columns(row if header else (), len(row), where, _USUAL)
        if len(row) == 1:
            # A line is a text, whatever a flag calls it in other files.
            if is_alone:
                columns.find("text_column", given["text_column"])
            return SimilarityFile(file, {option: 0 if option == "text_column" else None for option in _COLUMNS}, 1, header)
    else:
        header, where = False, path
        columns = Columns(file.names(), None, path, _USUAL)
    # A file to train on may hold texts alone, and one to evaluate on pairs with scores.
    found = columns.find_all(given, _COLUMNS[1:])
    there = columns.names if columns.count is None else range(columns.count)
    absent = tuple(str(column) for column in found.values() if column is not None and column not in there)
    found = {option: column if column in there else None for option, column in found.items()}
    if found["text_column"] is None:
        raise UserError(
            f"{where}: which column holds the text? Pass --text_column (a name of the header or a place from 0); the columns "
            f"are: {_shown(columns.names or row)}"
        )
    # What a flag names comes before what has a usual name.
    telling = ("negative_column", "score_column", "label_column")
    if told := next((option for option in telling if given[option] is not None and found[option] is not None), None):
        found |= dict.fromkeys(option for option in telling if option != told)
    return SimilarityFile(file, found, columns.count, header, absent)


def _has_header(row: Sequence[str], given: dict[str, str | None], options: Any) -> bool:
    if options.header != "auto":
        return options.header == "yes"
    if len(row) == 1:
        return row[0].strip().lower() in (*_USUAL["text_column"], (given["text_column"] or "text").lower())
    named = [value for value in given.values() if value is not None]
    return not named or not all(value.isdecimal() for value in named)


def _shown(row: Sequence[str]) -> str:
    return " | ".join(str(cell)[:40] for cell in row)
