"""The labels that occur in rows, and whether a row has one of them or several."""

import collections
from collections.abc import Collection
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.reading.label_sets import find_separator, is_list, labels_in, name_of, require_separator
from bert_tf2.tasks.classification.reading.labels import refuse_unique_labels, sorted_labels

MOST_LABELS = 20_000


class CollectedLabels:
    """Counts the labels of rows. Cells are kept until it is known what stands in them, at most so many different ones as there
    may be labels.

    Args:
      is_multi_label: whether a row may have several labels; None finds it out.
      separator: between the labels of a cell; empty finds it out.
      known: the labels, where they need not be collected to know them.

    Attributes:
      is_settled: whether it is known what stands in the cells.
      counts: rows by label.
      notice: what was found out and people should know.
    """

    def __init__(self, is_multi_label: bool | None = None, separator: str = "", known: Collection[str] = ()):
        self.is_multi_label, self.separator = is_multi_label, separator
        # Of known labels nothing else is to be found out.
        self.is_settled = is_multi_label is False or bool(is_multi_label and separator and known)
        self.counts: collections.Counter[str] = collections.Counter()
        self.notice: str | None = None
        self._cells: collections.Counter[str | tuple[str, ...]] = collections.Counter()
        self._known = frozenset(known)

    def add(self, where: str, value: Any) -> None:
        """Counts the label or labels of a row; what cannot be read is told of when the row is used.

        Args:
          where: the file, for messages.
          value: text, a number, a list, or nothing.

        Raises:
          UserError: there are too many labels, or several signs separate them.
        """
        if self.is_settled:
            self._count(value, 1)
        else:
            self._cells[tuple(map(text_of, value)) if isinstance(value, list | tuple) else text_of(value)] += 1
            if len(self._cells) > MOST_LABELS:
                self.settle(where)
        if len(self.counts) > MOST_LABELS:
            raise UserError(
                f"{where}: more than {MOST_LABELS:,} different labels; is --label_column right? "
                "For numbers pass --fine_tuning_task_type=regression"
            )

    def settle(self, where: str) -> None:
        """Decides what the cells hold that were read so far, which is what all hold.

        Raises:
          UserError: several signs separate labels.
        """
        if self.is_settled:
            return
        listed = {cell for cell in self._cells if is_list(cell) and labels_in(cell, "")[1] is None}
        plain = {cell for cell in self._cells if cell and isinstance(cell, str)} - listed
        if self.is_multi_label is None:
            self.separator = self.separator or find_separator(plain) or ""
            self.is_multi_label = bool(self.separator) or (bool(listed) and not plain)
            if self.is_multi_label:
                form = f"with a {name_of(self.separator)} between two" if self.separator else "as a list"
                self.notice = f"{where}: rows have any number of labels, {form} (--nomulti_label says that each has one)"
        elif not self.separator and self._known:
            self.separator = find_separator(plain, self._known) or ""
        elif not self.separator:
            self.separator = require_separator(where, plain)
        self.is_settled = True
        for cell, count in self._cells.items():
            self._count(cell, count)
        self._cells.clear()

    def names(self, where: str) -> list[str]:
        """The names of the labels, sorted: as numbers when all are whole numbers, else as text.

        Raises:
          UserError: there are too few.
        """
        if not self.counts:
            raise UserError(f"{where}: 0 data rows with a label")
        if len(self.counts) == 1:
            raise UserError(f"{where}: only the label '{next(iter(self.counts))}' occurs; classification needs at least 2 labels")
        return sorted_labels(self.counts)

    def refuse_unique(self, where: str) -> None:
        """Refuses labels of which nearly every row has one of its own.

        Raises:
          UserError: they cannot be classes.
        """
        refuse_unique_labels(where, sum(self.counts.values()), self.counts)

    def _count(self, value: Any, times: int) -> None:
        if self.is_multi_label:
            names, complaint = labels_in(value, self.separator)
            self.counts.update(dict.fromkeys(() if complaint else names, times))
        elif (name := text_of(value)) and not isinstance(value, list | tuple):
            self.counts[name] += times


def text_of(label: Any) -> str:
    """A label as text without blanks around it: `true` for true and `1` for 1; empty for none."""
    if label is None:
        return ""
    return str(label).lower() if isinstance(label, bool) else str(label).strip()
