"""What says which files and columns hold a user's own data set."""

import dataclasses

from bert_tf2.data.sources.columns import USUAL_NAMES
from bert_tf2.errors import UserError


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
      multi_label: a row has any number of labels; None finds it out while labels are collected.
      label_separator: character between the labels of a cell, or its name; empty finds it out.
      label_columns: instead of `label_column`, for each label a column of 0 and 1, which is called like the label.
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
    multi_label: bool | None = None
    label_separator: str = ""
    label_columns: tuple[str, ...] = ()

    def columns(self) -> dict[str, str | None]:
        """The columns as given, by option."""
        names = [name for name in USUAL_NAMES if name != "label_column" or not self.label_columns]
        return {name: getattr(self, name) for name in (*names, "weight_column")}

    @property
    def known_multi_label(self) -> bool | None:
        """Whether rows have any number of labels; None where that is left to the rows.

        Raises:
          UserError: options contradict each other.
        """
        for flag in ("label_columns", "label_separator"):
            if not getattr(self, flag):
                continue
            if self.is_regression or self.multi_label is False:
                what = "--fine_tuning_task_type=regression" if self.is_regression else "--nomulti_label"
                raise UserError(
                    f"--{flag} is for several labels of a row, and {what} says that each has one; leave one of them out"
                )
            return True
        # Labels that are given are not collected, so nothing could be found out.
        return False if self.is_regression or (self.labels and self.multi_label is None) else self.multi_label

    @property
    def known_labels(self) -> list[str] | None:
        """The labels in id order; None where they are to be collected.

        Raises:
          UserError: options contradict each other.
        """
        columns, labels = list(self.label_columns), list(self.labels)
        if columns and self.label_column is not None:
            raise UserError(
                "--label_column and --label_columns exclude each other; give one column of labels, or one for each label"
            )
        if columns and self.label_separator:
            raise UserError(
                f"--label_columns has one each, so --label_separator={self.label_separator} can do nothing; leave it out"
            )
        if len(set(columns)) < len(columns):
            twice = next(name for name in columns if columns.count(name) > 1)
            raise UserError(f"--label_columns names '{twice}' twice; name each column once")
        if len(columns) == 1:
            raise UserError(
                f"--label_columns={columns[0]} is one column; of two classes, 0 and 1, it is --label_column={columns[0]}; "
                "several have commas between them"
            )
        if columns and labels and set(columns) != set(labels):
            other = next(name for name in (*labels, *columns) if (name in labels) != (name in columns))
            raise UserError(f"--labels and --label_columns must name the same labels; '{other}' is in one of them only")
        return labels or columns or None
