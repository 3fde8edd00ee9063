"""A user's own TSV, CSV or JSONL files as a data set, without code."""

import collections
import dataclasses
import itertools
import os
import re
from collections.abc import Iterator
from typing import Any

from bert_tf2 import files
from bert_tf2.data.bad_rows import BadRows
from bert_tf2.data.examples import InputExample
from bert_tf2.data.processors import DataProcessor
from bert_tf2.data.text_files import read_csv, read_jsonl, read_tsv
from bert_tf2.errors import UserError, did_you_mean

FORMATS = {".tsv": "tsv", ".txt": "tsv", ".tab": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_USUAL_NAMES = {
    "text_column": ("text", "sentence", "text_a", "sentence1", "premise", "question1", "question", "review", "content"),
    "text_b_column": ("text_b", "sentence2", "hypothesis", "question2"),
    "label_column": ("label", "labels", "gold_label", "class", "category", "score"),
}
_MOST_LABELS = 20_000
_FILE_FLAGS = {"train": "train_file", "eval": "eval_file", "test": "test_file"}


@dataclasses.dataclass(frozen=True)
class TabularOptions:
    """Which files and columns hold a data set.

    Attributes:
      train_file, eval_file, test_file: the files; test rows need no label column.
      text_column, text_b_column, label_column, weight_column: a column's name in the header (a key in JSONL) or its place
        from 0; None looks for a usual name such as `text` and `label`.
      data_format: `tsv`, `csv` or `jsonl`; `auto` goes by the file's name.
      header: `yes` or `no`; `auto` means yes when a column is given by name or none is given, no when all are places.
      quotechar: character that encloses cells; empty is " for CSV and makes quotes plain text in TSV.
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

    def columns(self) -> dict[str, str | None]:
        """The columns as given, by option."""
        return {name: getattr(self, name) for name in (*_USUAL_NAMES, "weight_column")}


@dataclasses.dataclass(frozen=True)
class _Columns:
    """Where a file's values are: places in a row, or keys of an object; None for what the file does not have."""

    text: Any
    text_b: Any
    label: Any
    weight: Any
    count: int | None
    skip_first: bool


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
        self._paths = {
            split: files.require_file(getattr(options, flag), flag)
            for split, flag in _FILE_FLAGS.items()
            if getattr(options, flag)
        }
        if options.quotechar and {self._format(path) for path in self._paths.values()} == {"jsonl"}:
            names = ", ".join(self._paths.values())
            raise UserError(
                f"{names}: JSONL has quotes of its own, so --quotechar={options.quotechar} can do nothing; leave it out"
            )
        self._columns = {split: self._locate(split, path) for split, path in self._paths.items()}
        self._labels: list[str] | None = list(options.labels) or None

    def get_processor_name(self) -> str:
        path = next(iter(self._paths.values()), "tabular")
        return os.path.splitext(os.path.basename(path))[0]

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

    def _format(self, path: str) -> str:
        if self.options.data_format != "auto":
            return self.options.data_format
        extension = os.path.splitext(path)[1].lower()
        if extension not in FORMATS:
            raise UserError(f"{path}: the name does not say what it holds; pass --data_format=tsv, csv or jsonl")
        return FORMATS[extension]

    def _rows(self, path: str) -> Iterator[tuple[int, Any, Any]]:
        """Line number, row (cells, or an object) and what to show of it in a complaint."""
        kind = self._format(path)
        if kind == "jsonl":
            yield from read_jsonl(path)
            return
        quotechar = self.options.quotechar
        for line, row in read_csv(path, quotechar or '"') if kind == "csv" else read_tsv(path, quotechar or None):
            yield line, row, row

    def _locate(self, split: str, path: str) -> _Columns:
        """Finds the columns in the first row."""
        first = next(self._rows(path), None)
        if first is None:
            raise UserError(f"{path}: the file is empty")
        line, row, shown = first
        if row is None:
            raise UserError(f"{path}:{line}: not a JSON object: {shown[:60]}")
        given = self.options.columns()
        if self._format(path) == "jsonl":
            names = list(row)
            places, count, header = {name: name for name in names}, None, False
        else:
            header = self._has_header(given)
            names = [cell.strip() for cell in row] if header else []
            places, count = {}, len(row)
            for place, name in enumerate(names):
                places.setdefault(name, place)
        optional = {"label_column": split == "test", "weight_column": split != "train"}
        found = {
            name: _place(name, value, places, count, f"{path}:{line}", optional.get(name, False)) for name, value in given.items()
        }
        if found["text_column"] is None:
            raise UserError(
                f"{path}:{line}: which column holds the text? Pass --text_column (a name of the header or a place from 0); "
                f"the first row is: {_shown(names or row)}"
            )
        if found["label_column"] is None and split != "test":
            raise UserError(
                f"{path}:{line}: which column holds the label? Pass --label_column (a name of the header or a place from 0); "
                f"the first row is: {_shown(names or row)}"
            )
        return _Columns(
            found["text_column"], found["text_b_column"], found["label_column"], found["weight_column"], count, header
        )

    def _has_header(self, given: dict[str, str | None]) -> bool:
        if self.options.header != "auto":
            return self.options.header == "yes"
        return not all(value.isdecimal() for value in given.values() if value) or not any(given.values())

    def _data_rows(self, split: str, bad_rows: BadRows) -> Iterator[tuple[int, int, Any]]:
        """Row number from 0, line number and row of the rows that have all columns."""
        path, columns = self._paths[split], self._columns[split]
        for index, (line, row, shown) in enumerate(itertools.islice(self._rows(path), int(columns.skip_first), None)):
            complaint = _unusable(row, columns) if columns.count is None else _wrong_count(row, columns.count)
            if complaint:
                bad_rows.report(f"{path}:{line}", complaint, shown)
            else:
                yield index, line, row

    def _examples(self, split: str) -> Iterator[InputExample]:
        if split not in self._paths:
            raise UserError(f"no {split} data: pass --{_FILE_FLAGS[split]}")
        path, columns = self._paths[split], self._columns[split]
        is_json = columns.count is None
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

    def _collect_labels(self) -> list[str]:
        """The labels of the training and evaluation rows, sorted: as numbers when all are whole numbers, else as text.

        Those of test rows may be hidden behind a placeholder, so they never make a class.
        """
        counts: collections.Counter[str] = collections.Counter()
        labelled = {split: columns for split, columns in self._columns.items() if split != "test"}
        if not labelled:
            raise UserError(
                f"{self._paths['test']}: rows to predict do not define classes; pass --labels, in the order in which the model "
                "was trained with them"
            )
        for split, columns in labelled.items():
            for _, _, row in self._data_rows(split, self.bad_rows):
                label = _json_label(_get(row, columns.label), False)
                if label is not None and label.strip():
                    counts[label.strip()] += 1
                if len(counts) > _MOST_LABELS:
                    raise UserError(
                        f"{self._paths[split]}: more than {_MOST_LABELS:,} different labels; is --label_column right? "
                        "For numbers pass --fine_tuning_task_type=regression"
                    )
        self._check_labels(counts)
        whole = all(re.fullmatch(r"-?\d{1,18}", label) for label in counts)
        return sorted(counts, key=(lambda label: (int(label), label)) if whole else None)

    def _check_labels(self, counts: collections.Counter) -> None:
        columns = next(iter(self._columns.values()))
        path = next(iter(self._paths.values()))
        if not counts:
            raise UserError(f"{path}: 0 data rows with a label")
        if len(counts) == 1:
            raise UserError(f"{path}: only the label '{next(iter(counts))}' occurs; classification needs at least 2 labels")
        if columns.count is not None and not columns.skip_first and self.options.header == "auto":
            first = next(self._rows(path))[1]
            label = first[columns.label].strip() if columns.label is not None else ""
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


def _place(option: str, given: str | None, places: dict[str, Any], count: int | None, where: str, optional: bool) -> Any:
    """The place or key of a column; None when it was not given and has no usual name, or is not there and need not be."""
    if given is None:
        lower = {str(name).lower(): place for name, place in reversed(places.items())}
        return next((lower[name] for name in _USUAL_NAMES.get(option, ()) if name in lower), None)
    if given in places:
        return places[given]
    if count is not None and given.isdecimal() and int(given) < count:
        return int(given)
    if optional:
        # An object may lack in the first line what others have.
        return given if count is None else None
    if given.isdecimal() and count is not None:
        raise UserError(f"{where}: {count} columns, so --{option} can be 0 to {count - 1}; got {given}")
    if not places:
        raise UserError(f"{where}: --{option}={given} is a name, but the file has no header; give its place from 0")
    raise UserError(f"{where}: no column '{given}' (--{option}).{did_you_mean(given, places)} Columns: {', '.join(places)}")


def _unusable(row: dict | None, columns: _Columns) -> str | None:
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


def _wrong_count(row: list[str], expected: int) -> str | None:
    if len(row) == expected:
        return None
    if not row:
        return "empty line"
    return f"{len(row)} columns, expected {expected}" + ("; a tab or comma inside the text?" if len(row) > expected else "")


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
