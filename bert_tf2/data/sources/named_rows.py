"""Rows as dictionaries: of a table by the names in its first row, of JSON and Parquet as they are."""

from collections.abc import Callable, Iterator
from typing import Any

from bert_tf2.data.sources.row_files import recognise
from bert_tf2.errors import UserError


def named_rows(path: str, report: Callable[[str, str, object], None]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the rows of a file with their places, `file:line`.

    Args:
      path: TSV, CSV, JSON lines, a JSON array of objects, or Parquet; told by its name and its beginning.
      report: is told place, reason and row of one that is no row.

    Raises:
      UserError: the file is empty or is none of these; or as `report`.
    """
    file = recognise(path, "auto", "", "", lambda rows: len({len(row) for row in rows}) == 1)
    rows, names = file.rows(), None
    if file.is_table:
        _, names, _ = next(rows, (0, None, None))
        if names is None:
            raise UserError(f"{path}: the file is empty")
    for line, row, shown in rows:
        if names is None:
            complaint = "not a JSON object" if row is None else None
        else:
            complaint = wrong_count(row, len(names))
            row = dict(zip(names, row))
        if complaint:
            report(f"{path}:{line}", complaint, shown)
        else:
            yield f"{path}:{line}", row


def wrong_count(row: list[str], expected: int) -> str | None:
    """What is wrong with a row of cells that should be so many, or None."""
    if len(row) == expected:
        return None
    if not row:
        return "empty line"
    return f"{len(row)} columns, expected {expected}" + ("; a tab or comma inside the text?" if len(row) > expected else "")
