"""The rows of a file of texts with predictions."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.jobs.commands.input_file import InputFile
from bert_tf2.jobs.commands.row_output import cells_of, line_of, output_form, write_lines
from bert_tf2.tasks.classification.reading.label_sets import joined


def check_output(path: str, source: InputFile, added: Sequence[str]) -> None:
    """Checks that predictions can be written beside the columns of a file.

    Raises:
      UserError: the name does not say as what, or a column has the name of one that is added.
    """
    output_form(path)
    taken = [name for name in added if name in source.names]
    if taken:
        raise UserError(f"{source.path} has a column '{taken[0]}' already, as predictions would be called; rename it")


def write_rows(
    path: str, source: InputFile, added: Sequence[str], predictions: Iterable[Sequence[Any]], labels: Sequence[str] = ()
) -> None:
    """Writes the rows of a file with further columns, as TSV, CSV or JSON lines by the path's name, whole or not at all.

    Args:
      path: where to.
      source: gives the rows.
      added: the names of the columns that are added.
      predictions: their values, row by row: a label, a list of labels or a number, then probabilities.
      labels: all labels.

    Raises:
      UserError: see `check_output`; or an object has a key that the first had not, and columns are written.
      JobError: the disk is full or fails.
    """
    check_output(path, source, added)
    form = output_form(path)
    lines = _json_lines(source, added, predictions) if form == "jsonl" else _table_lines(form, source, added, predictions, labels)
    write_lines(path, lines)


def _json_lines(source: InputFile, added: Sequence[str], predictions: Iterable[Sequence[Any]]) -> Iterator[str]:
    for row, values in zip(source.rows(), predictions, strict=True):
        known = dict(zip(source.names, row.values)) if source.is_table else row.values
        yield json.dumps(known | dict(zip(added, values)), ensure_ascii=False, default=str) + "\n"


def _table_lines(
    form: str, source: InputFile, added: Sequence[str], predictions: Iterable[Sequence[Any]], labels: Sequence[str]
) -> Iterator[str]:
    line = line_of(form)
    yield line([*source.names, *added])
    for row, values in zip(source.rows(), predictions, strict=True):
        known = cells_of(source, row.where, row.values)
        first, *probabilities = values
        yield line([*known, _readable(first, labels), *(f"{probability:.6f}" for probability in probabilities)])


def _readable(predicted: Any, labels: Sequence[str]) -> str:
    if isinstance(predicted, list):
        return joined(predicted, labels)
    return predicted if isinstance(predicted, str) else f"{predicted:.6g}"
