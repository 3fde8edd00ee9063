"""A user's own files of rows as a data set, without code."""

import collections
import dataclasses
import itertools
import os
from collections.abc import Iterator
from typing import Any

from bert_tf2 import files
from bert_tf2.data.examples import InputExample
from bert_tf2.data.processors import DataProcessor
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.data.sources.columns import USUAL_NAMES, Columns
from bert_tf2.data.sources.named_rows import wrong_count
from bert_tf2.data.sources.row_files import RowFile, recognise
from bert_tf2.errors import UserError
from bert_tf2.progress import during
from bert_tf2.tasks.classification.labels import refuse_unique_labels, sorted_labels

_MOST_LABELS = 20_000
_FILE_FLAGS = {"train": "train_file", "eval": "eval_file", "test": "test_file"}


@dataclasses.dataclass(frozen=True)
class TabularOptions:
    """Which files and columns hold a data set.

    Attributes:
      train_file, eval_file, test_file: the files; test rows need no label column.
      text_column, text_b_column, label_column, weight_column: a column's name in the header (a key in JSONL) or its place
        from 0; None looks for a usual name such as `text` and `label`.
      data_format: `tsv`, `csv`, `jsonl`, `json` (an array of objects) or `parquet`; `auto` goes by name and content.
      header: `yes` or `no`; `auto` means yes when a column is given by name or none is given, no when all are places.
      delimiter: character between two cells, or its name (`semicolon`); empty is the comma or the tab by the file's name, or
        another where the file's beginning leaves no doubt.
      quotechar: character that encloses cells; empty is ", but between tabs of a TSV makes quotes plain text.
      labels: label names in id order; empty collects them from the training and evaluation rows and sorts them.
      is_regression: labels are numbers.
    """

    train_file: str | None = None
    eval_file: str | None = None
    test_file: str | None = None
    text_column: str | None = None
    text_b_column: str | None = None
    label_column: str | None = None
    weight_column: str | None = None
    data_format: str = "auto"
    header: str = "auto"
    quotechar: str = ""
    labels: tuple[str, ...] = ()
    is_regression: bool = False
    delimiter: str = ""

    def columns(self) -> dict[str, str | None]:
        """The columns as given, by option."""
        return {name: getattr(self, name) for name in (*USUAL_NAMES, "weight_column")}


@dataclasses.dataclass(frozen=True)
class _Source:
    """A file and where its values are: places in a row, or keys of an object; None for what the file does not have."""

    file: RowFile
    text: Any
    text_b: Any
    label: Any
    weight: Any
    count: int | None
    skip_first: bool

    @property
    def path(self) -> str:
        return self.file.path

    def rows(self) -> Iterator[Any]:
        """The file's rows, of columns that can be left out only those that are read."""
        keys = [key for key in (self.text, self.text_b, self.label, self.weight) if isinstance(key, str)]
        return itertools.islice(self.file.rows(keys), int(self.skip_first), None)


class TabularProcessor(DataProcessor):
    """Reads the files named in the options row by row; `get_labels` reads them once before.

    Raises:
      UserError: no such file, or columns that are not there.
    """

    test_labels_may_be_placeholders = False
    examples_are_checked = True

    def __init__(self, options: TabularOptions):
        super().__init__()
        self.options = options
        self.is_regression = options.is_regression
        self.label_type = float if options.is_regression else None
        self.weight_key = options.weight_column
        paths = {
            split: files.require_file(getattr(options, flag), flag)
            for split, flag in _FILE_FLAGS.items()
            if getattr(options, flag)
        }
        self._sources = {split: self._locate(split, path) for split, path in paths.items()}
        if not any(source.file.is_table for source in self._sources.values()):
            for flag, nothing in (("header", "auto"), ("delimiter", ""), ("quotechar", "")):
                if (value := getattr(options, flag)) != nothing:
                    names = ", ".join(paths.values())
                    raise UserError(f"{names}: rows are objects, so --{flag}={value} can do nothing; leave it out")
        self.notices = [source.file.notice for source in self._sources.values() if source.file.notice]
        self._labels: list[str] | None = list(options.labels) or None

    def get_processor_name(self) -> str:
        source = next(iter(self._sources.values()), None)
        return os.path.splitext(os.path.basename(source.path))[0] if source else "tabular"

    def get_labels(self) -> list[str]:
        if self._labels is None:
            self._labels = self._collect_labels()
        return self._labels

    def get_train_examples(self, data_dir: str | None = None) -> Iterator[InputExample]:
        return self._examples("train")

    def get_dev_examples(self, data_dir: str | None = None) -> Iterator[InputExample]:
        return self._examples("eval")

    def get_test_examples(self, data_dir: str | None = None) -> Iterator[InputExample]:
        return self._examples("test")

    def _locate(self, split: str, path: str) -> _Source:
        """Recognises a file and finds the columns in its first row."""
        given, options = self.options.columns(), self.options
        file = recognise(path, options.data_format, options.delimiter, options.quotechar, lambda rows: self._fits(split, rows))
        if file.is_table:
            first = next(file.rows(), None)
            if first is None:
                raise UserError(f"{path}: the file is empty")
            line, row, _ = first
            header = self._has_header(given)
            columns, where = Columns(row if header else (), len(row), f"{path}:{line}"), f"{path}:{line}"
        else:
            row, header = file.names(), False
            columns, where = Columns(row, None, path), path
        optional = _optional(split)
        found = columns.find_all(given, optional)
        for option, what in (("text_column", "text"), ("label_column", "label")):
            if found[option] is None and option not in optional:
                raise UserError(
                    f"{where}: which column holds the {what}? Pass --{option} (a name of the header or a place from 0); "
                    f"the first row is: {_shown(row)}"
                )
        places = (found["text_column"], found["text_b_column"], found["label_column"], found["weight_column"])
        return _Source(file, *places, columns.count, header)

    def _fits(self, split: str, rows: list[list[str]]) -> bool | None:
        """Whether rows of cells, the first ones of a file, hold the columns; None where only some are missing that may be."""
        given, optional = self.options.columns(), _optional(split)
        header = self._has_header(given)
        if not rows or (len(rows) == 1 and not header):
            return False
        columns = Columns(rows[0] if header else (), min(map(len, rows)), "")
        missing = set()
        for name, value in given.items():
            try:
                found = columns.find(name, value)
            except UserError:
                found = None
            if found is None and (value is not None or (name not in optional and name in ("text_column", "label_column"))):
                missing.add(name)
        return True if not missing else None if missing <= optional else False

    def _has_header(self, given: dict[str, str | None]) -> bool:
        if self.options.header != "auto":
            return self.options.header == "yes"
        return not all(value.isdecimal() for value in given.values() if value) or not any(given.values())

    def _data_rows(self, split: str, bad_rows: BadRows) -> Iterator[tuple[int, int | str, Any]]:
        """Row number from 0, line and row of the rows that have all columns."""
        source = self._sources[split]
        for index, (line, row, shown) in enumerate(source.rows()):
            complaint = _unusable(row, source) if source.count is None else wrong_count(row, source.count)
            if complaint:
                bad_rows.report(f"{source.path}:{line}", complaint, shown)
            else:
                yield index, line, row

    def _examples(self, split: str) -> Iterator[InputExample]:
        if split not in self._sources:
            raise UserError(f"no {split} data: pass --{_FILE_FLAGS[split]}")
        columns = self._sources[split]
        path, is_json = columns.path, columns.count is None
        optional_label = split == "test"
        for index, line, row in self._data_rows(split, self.bad_rows):
            text_a = row[columns.text]
            text_b = row[columns.text_b] if columns.text_b is not None else None
            label = _get(row, columns.label) if columns.label is not None else None
            if is_json:
                label = _json_label(label, self.is_regression)
                if not isinstance(text_a, str) or not (text_b is None or isinstance(text_b, str)):
                    self.bad_rows.report(f"{path}:{line}", "the text is not a string", row)
                    continue
            if optional_label and isinstance(label, str) and not label.strip():
                label = None
            weight = _get(row, columns.weight) if columns.weight is not None else None
            yield InputExample(f"{split}-{index}", text_a, text_b, label, weight, index, (path, line))

    @during("reading labels")
    def _collect_labels(self) -> list[str]:
        """The labels of the training and evaluation rows, sorted: as numbers when all are whole numbers, else as text.

        Those of test rows may be hidden behind a placeholder, so they never make a class.
        """
        counts: collections.Counter[str] = collections.Counter()
        labelled = {split: source for split, source in self._sources.items() if split != "test"}
        if not labelled:
            raise UserError(
                f"{self._sources['test'].path}: rows to predict do not define classes; pass --labels, in the order in which "
                "the model was trained with them, or --input_meta_data_path=<model>/meta_data.json, which says it"
            )
        for number, (split, source) in enumerate(labelled.items()):
            for _, _, row in self._data_rows(split, self.bad_rows):
                label = _json_label(_get(row, source.label), False)
                if label is not None and label.strip():
                    counts[label.strip()] += 1
                if len(counts) > _MOST_LABELS:
                    raise UserError(
                        f"{source.path}: more than {_MOST_LABELS:,} different labels; is --label_column right? "
                        "For numbers pass --fine_tuning_task_type=regression"
                    )
            # A training has rows enough of each; an evaluation beside it may be of a few rows of many classes.
            if not number:
                refuse_unique_labels(source.path, sum(counts.values()), counts)
        self._check_labels(counts)
        return sorted_labels(counts)

    def _check_labels(self, counts: collections.Counter) -> None:
        source = next(iter(self._sources.values()))
        path = source.path
        if not counts:
            raise UserError(f"{path}: 0 data rows with a label")
        if len(counts) == 1:
            raise UserError(f"{path}: only the label '{next(iter(counts))}' occurs; classification needs at least 2 labels")
        if source.count is not None and not source.skip_first and self.options.header == "auto":
            label = next(source.rows())[1][source.label].strip()
            if counts.get(label) == 1 and len(counts) > 2 and sum(counts.values()) > 3 * len(counts):
                raise UserError(
                    f"{path}:1: the label '{label}' occurs in the first row only; is that row a header? "
                    "Pass --header=yes or --header=no"
                )
        if len(counts) > 20 and all(_is_fraction(label) for label in counts):
            raise UserError(
                f"{path}: {len(counts)} different labels, all of them numbers such as {next(iter(counts))}; "
                "pass --fine_tuning_task_type=regression, or --labels to make them classes"
            )


def _optional(split: str) -> set[str]:
    """The columns that a split may lack although they are given."""
    return {"train": set(), "eval": {"weight_column"}, "test": {"label_column", "weight_column"}}[split]


def _unusable(row: dict | None, columns: _Source) -> str | None:
    """What is wrong with a JSON object, or None."""
    if row is None:
        return "not a JSON object"
    missing = [key for key in (columns.text, columns.text_b) if key is not None and key not in row]
    if missing:
        return f"no '{missing[0]}' in the object"
    label = row.get(columns.label)
    if isinstance(label, (list, dict)):
        return f"the label must be one string or number, not {'a list' if isinstance(label, list) else 'an object'}"
    return None


def _get(row: Any, place: Any) -> Any:
    return row.get(place) if isinstance(row, dict) else row[place]


def _json_label(label: Any, is_regression: bool) -> Any:
    """A JSON label as text: `true` for true and `1` for 1; for regression numbers stay numbers."""
    if label is None or isinstance(label, str) or (is_regression and type(label) in (int, float)):
        return label
    return str(label).lower() if isinstance(label, bool) else str(label)


def _is_fraction(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return "." in label


def _shown(row: Any) -> str:
    return " | ".join(str(cell)[:40] for cell in row)
