"""The rows of a file of texts with predictions."""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.commands.input_file import InputFile
from bert_tf2.tasks.classification.reading.label_sets import joined

OUTPUT_FORMATS = {".tsv": "tsv", ".tab": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def check_output(path: str, source: InputFile, added: Sequence[str]) -> None:
    """Checks that predictions can be written beside the columns of a file.

    Raises:
      UserError: the name does not say as what, or a column has the name of one that is added.
    """
    _format(path)
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
    form = _format(path)
    lines = _json_lines(source, added, predictions) if form == "jsonl" else _table_lines(form, source, added, predictions, labels)
    with files.written_whole(path) as temporary, files.open_to_write(temporary) as file:
        for line in lines:
            # Half a surrogate pair, which only JSON can hold, is written as JSON's escape.
            file.write(line.encode("utf-8", errors="backslashreplace"))


def _format(path: str) -> str:
    form = OUTPUT_FORMATS.get(os.path.splitext(path)[1].lower())
    if form is None:
        raise UserError(f"--output_file={path}: the name must say what to write: .tsv, .csv or .jsonl")
    return form


def _json_lines(source: InputFile, added: Sequence[str], predictions: Iterable[Sequence[Any]]) -> Iterator[str]:
    for row, values in zip(source.rows(), predictions, strict=True):
        known = dict(zip(source.names, row.values)) if source.is_table else row.values
        yield json.dumps(known | dict(zip(added, values)), ensure_ascii=False, default=str) + "\n"


def _table_lines(
    form: str, source: InputFile, added: Sequence[str], predictions: Iterable[Sequence[Any]], labels: Sequence[str]
) -> Iterator[str]:
    line = _csv_line if form == "csv" else _tsv_line
    yield line([*source.names, *added])
    for row, values in zip(source.rows(), predictions, strict=True):
        if source.is_table:
            known = row.values
        else:
            further = [key for key in row.values if key not in source.names]
            if further:
                raise UserError(f"{row.where}: the key '{further[0]}' is not in the first object; write to a .jsonl file instead")
            known = [_cell(row.values.get(name, "")) for name in source.names]
        first, *probabilities = values
        yield line([*known, _readable(first, labels), *(f"{probability:.6f}" for probability in probabilities)])


def _readable(predicted: Any, labels: Sequence[str]) -> str:
    if isinstance(predicted, list):
        return joined(predicted, labels)
    return predicted if isinstance(predicted, str) else f"{predicted:.6g}"


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _tsv_line(cells: Sequence[str]) -> str:
    # As everywhere in files with tabs quotes are text, so what would break a row becomes a space.
    return "\t".join(" ".join(cell.replace("\0", " ").replace("\r", " ").replace("\n", " ").split("\t")) for cell in cells) + "\n"
