"""A file of rows whose columns are known: where each value is, and what a row holds."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

from bert_tf2.data.sources.row_files import RowFile


@dataclasses.dataclass(frozen=True)
class TabularSource:
    """A file and where its values are: places in a row, or keys of an object; None for what the file does not have.

    Of a column for each label `label` is None, and `label_columns` are in the order of the labels.
    """

    file: RowFile
    text: Any
    text_b: Any
    label: Any
    label_columns: tuple[Any, ...]
    weight: Any
    count: int | None
    skip_first: bool

    @property
    def path(self) -> str:
        """Of the file."""
        return self.file.path

    def rows(self) -> Iterator[Any]:
        """The file's rows, of columns that can be left out only those that are read."""
        places = (self.text, self.text_b, self.label, *self.label_columns, self.weight)
        keys = [key for key in places if isinstance(key, str)]
        return itertools.islice(self.file.rows(keys), int(self.skip_first), None)


def why_unusable(row: dict | None, columns: TabularSource, is_multi_label: bool | None, has_labels: bool) -> str | None:
    """What is wrong with a JSON object, or None.

    Args:
      row: the object; None for what is none.
      columns: what it must hold.
      is_multi_label: whether a row may have several labels or none; None while that is not known.
      has_labels: the rows of its file have labels.
    """
    if row is None:
        return "not a JSON object"
    missing = [key for key in (columns.text, columns.text_b) if key is not None and key not in row]
    if missing:
        return f"no '{missing[0]}' in the object"
    if is_multi_label and has_labels and columns.label is not None and columns.label not in row:
        return f"no '{columns.label}' in the object; a text without any label says so with []"
    label = row.get(columns.label)
    if isinstance(label, dict) or (isinstance(label, list) and is_multi_label is False):
        what = "a list; for several labels of a row pass --multi_label" if isinstance(label, list) else "an object"
        return f"the label must be one string or number, not {what}"
    return None


def value_of(row: Any, place: Any) -> Any:
    """What a row of cells has at a place, or an object under a key; None where it lacks that."""
    return row.get(place) if isinstance(row, dict) else row[place]


def json_label(label: Any, is_regression: bool) -> Any:
    """A JSON label as text: `true` for true and `1` for 1; lists stay lists, and for regression numbers stay numbers."""
    if label is None or isinstance(label, str | list | tuple) or (is_regression and type(label) in (int, float)):
        return label
    return str(label).lower() if isinstance(label, bool) else str(label)
