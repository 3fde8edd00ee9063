"""A user's own files of rows as a data set, without code."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from bert_tf2 import files
from bert_tf2.data.examples import InputExample
from bert_tf2.data.processors import DataProcessor
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.data.sources.columns import Columns, check_roles
from bert_tf2.data.sources.named_rows import wrong_count
from bert_tf2.data.sources.row_files import recognise
from bert_tf2.errors import UserError
from bert_tf2.progress import during
from bert_tf2.tasks.classification.reading.collected_labels import CollectedLabels
from bert_tf2.tasks.classification.reading.label_sets import is_chosen, labels_in, separator_of
from bert_tf2.tasks.classification.reading.tabular_options import TabularOptions
from bert_tf2.tasks.classification.reading.tabular_source import TabularSource, json_label, value_of, why_unusable

_FILE_FLAGS = {"train": "train_file", "eval": "eval_file", "test": "test_file"}


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
        self._labels: list[str] | None = options.known_labels
        self._collected = self._nothing_collected()
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

    @property
    def is_multi_label(self) -> bool:  # type: ignore[override]  # rows are read when it is asked, not before
        """Whether a row has any number of labels; where that is not said, or not what is between them, all rows are read."""
        if not self._collected.is_settled and not self.options.label_columns:
            self._labels = self._collect_labels()
        return bool(self._collected.is_multi_label)

    def name(self) -> str:
        source = next(iter(self._sources.values()), None)
        return os.path.splitext(os.path.basename(source.path))[0] if source else "tabular"

    def get_labels(self) -> list[str]:
        if self._labels is None:
            self._labels = self._collect_labels()
        return self._labels

    def read_labels(self, label: Any) -> tuple[tuple[str, ...], str | None]:
        """The labels of an example whose row has any number of them, and what is wrong with them."""
        names = self.options.label_columns
        if not names:
            return labels_in(label, self._collected.separator)
        found = [is_chosen(value, name) for name, value in zip(names, label or (None,) * len(names))]
        complaint = next((complaint for _, complaint in found if complaint), None)
        return tuple(name for name, (chosen, _) in zip(names, found) if chosen), complaint

    def get_train_examples(self, data_dir: str | None = None) -> Iterator[InputExample]:
        return self._examples("train")

    def get_dev_examples(self, data_dir: str | None = None) -> Iterator[InputExample]:
        return self._examples("eval")

    def get_test_examples(self, data_dir: str | None = None) -> Iterator[InputExample]:
        return self._examples("test")

    def _locate(self, split: str, path: str) -> TabularSource:
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
        label_columns = self._find_label_columns(columns, split)
        found = columns.find_all(given, optional, label_columns)
        for place, label in zip(label_columns, options.label_columns):
            roles = {option: (name, found[option]) for option, name in given.items() if name is not None}
            check_roles(f"{where}: ", {**roles, "label_columns": (label, place)})
        for option, what in (("text_column", "text"), ("label_column", "label")):
            if option in found and found[option] is None and option not in optional:
                raise UserError(
                    f"{where}: which column holds the {what}? Pass --{option} (a name of the header or a place from 0); "
                    f"the first row is: {_shown(row)}"
                )
        texts = found["text_column"], found["text_b_column"]
        return TabularSource(
            file, *texts, found.get("label_column"), label_columns, found["weight_column"], columns.count, header
        )

    def _find_label_columns(self, columns: Columns, split: str) -> tuple[int | str, ...]:
        """The columns of 0 and 1, in the order of the labels; none where test rows have none."""
        names = self.options.label_columns
        if names and not columns.names:
            raise UserError(f"{columns.where}: --label_columns needs a header, by whose names the labels are called")
        found = [columns.find("label_columns", name, optional=split == "test") for name in names]
        missing = [name for name, place in zip(names, found) if place is None]
        if missing and len(missing) < len(names):
            there = next(name for name in names if name not in missing)
            raise UserError(
                f"{columns.where}: there is the label column '{there}', but no '{missing[0]}'; rows to predict have all label "
                "columns or none"
            )
        for name, place in zip(names, found):
            if isinstance(place, int) and columns.names[place].strip() != name.strip():
                raise UserError(
                    f"{columns.where}: --label_columns takes names of the header, by which the labels are called; got the place "
                    f"{name}"
                )
        return () if missing else tuple(place for place in found if place is not None)

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
        try:
            self._find_label_columns(columns, split)
        except UserError:
            return False
        return True if not missing else None if missing <= optional else False

    def _has_header(self, given: dict[str, str | None]) -> bool:
        if self.options.header != "auto" or self.options.label_columns:
            return self.options.header != "no"
        return not all(value.isdecimal() for value in given.values() if value) or not any(given.values())

    def _data_rows(self, split: str, bad_rows: BadRows) -> Iterator[tuple[int, int | str, Any]]:
        """Row number from 0, line and row of the rows that have all columns."""
        source = self._sources[split]
        for index, (line, row, shown) in enumerate(source.rows()):
            if source.count is None:
                complaint = why_unusable(row, source, self._collected.is_multi_label, has_labels=split != "test")
            else:
                complaint = wrong_count(row, source.count)
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
            label = value_of(row, columns.label) if columns.label is not None else None
            if columns.label_columns:
                label = tuple(value_of(row, place) for place in columns.label_columns)
            if is_json:
                label = json_label(label, self.is_regression)
                if not isinstance(text_a, str) or not (text_b is None or isinstance(text_b, str)):
                    self.bad_rows.report(f"{path}:{line}", "the text is not a string", row)
                    continue
            if optional_label and isinstance(label, str) and not label.strip():
                label = None
            weight = value_of(row, columns.weight) if columns.weight is not None else None
            yield InputExample(f"{split}-{index}", text_a, text_b, label, weight, index, (path, line))

    def _nothing_collected(self) -> CollectedLabels:
        options = self.options
        return CollectedLabels(options.known_multi_label, separator_of(options.label_separator), options.known_labels or ())

    @during("reading labels")
    def _collect_labels(self) -> list[str]:
        """The labels of the training and evaluation rows, sorted: as numbers when all are whole numbers, else as text.

        Those of test rows may be hidden behind a placeholder, so they never make a class.
        """
        is_known = self._labels is not None
        labelled = {split: source for split, source in self._sources.items() if is_known or split != "test"}
        if not labelled:
            raise UserError(
                f"{self._sources['test'].path}: rows to predict do not define classes; pass --labels, in the order in which "
                "the model was trained with them, or --input_meta_data_path=<model>/meta_data.json, which says it"
            )
        self._collected = found = self._nothing_collected()
        for number, (split, source) in enumerate(labelled.items()):
            for _, _, row in self._data_rows(split, self.bad_rows):
                found.add(source.path, None if source.label is None else value_of(row, source.label))
            found.settle(source.path)
            # A training has rows enough of each; an evaluation beside it may be of a few rows of many classes.
            if not number and not is_known:
                found.refuse_unique(source.path)
        if is_known:
            return self._labels or []
        if found.notice:
            self.notices.append(found.notice)
        path = next(iter(self._sources.values())).path
        names = found.names(path)
        self._check_labels(path, found.counts)
        return names

    def _check_labels(self, path: str, counts: Mapping[str, int]) -> None:
        """Refuses a header that was taken for a row, and numbers that were taken for classes."""
        source = next(iter(self._sources.values()))
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


def _is_fraction(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return "." in label


def _shown(row: Any) -> str:
    return " | ".join(str(cell)[:40] for cell in row)
