"""Files of rows that commands write: TSV, CSV or JSON lines, by their names."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.commands.input_file import InputFile

OUTPUT_FORMATS = {".tsv": "tsv", ".tab": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def output_form(path: str) -> str:
    """What a file is to be, by its name: `tsv`, `csv` or `jsonl`.

    Raises:
      UserError: the name does not say.
    """
    form = OUTPUT_FORMATS.get(os.path.splitext(path)[1].lower())
    if form is None:
        raise UserError(f"--output_file={path}: the name must say what to write: .tsv, .csv or .jsonl")
    return form


def line_of(form: str) -> Callable[[Sequence[str]], str]:
    """A function from the cells of a row to its line, of `tsv` or `csv`."""
    return _csv_line if form == "csv" else _tsv_line


def write_lines(path: str, lines: Iterable[str]) -> None:
    """Writes lines, whole or not at all.

    Raises:
      JobError: the disk is full or fails.
    """
    with files.written_whole(path) as temporary, files.open_to_write(temporary) as file:
        for line in lines:
            # Half a surrogate pair, which only JSON can hold, is written as JSON's escape.
            file.write(line.encode("utf-8", errors="backslashreplace"))


def cells_of(source: InputFile, where: str, values: Any) -> list[str]:
    """The values of a row as cells, in the order of the file's columns.

    Args:
      source: the file.
      where: the row's place, for messages.
      values: of the row; see `TextRow`.

    Raises:
      UserError: an object has a key that the first had not.
    """
    if source.is_table:
        return list(values)
    further = [key for key in values if key not in source.names]
    if further:
        raise UserError(f"{where}: the key '{further[0]}' is not in the first object; write to a .jsonl file instead")
    return [_cell(values.get(name, "")) for name in source.names]


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _tsv_line(cells: Sequence[str]) -> str:
    # As everywhere in files with tabs quotes are text, so what would break a row becomes a space.
    return "\t".join(" ".join(cell.replace("\0", " ").replace("\r", " ").replace("\n", " ").split("\t")) for cell in cells) + "\n"
