"""Whether a file is the published one: how much it holds, and its bytes."""

import csv
import dataclasses
import json
import os
from collections.abc import Callable

from bert_tf2 import files
from bert_tf2.data.sources.conll import read_conll
from bert_tf2.errors import UserError
from bert_tf2.jobs.datasets.dataset import ARTICLES, CONLL, CSV, JSON_LINES, SQUAD, TABLE, TRAIN, Dataset, File


@dataclasses.dataclass(frozen=True)
class Checked:
    """What a file holds.

    Attributes:
      rows: rows, sentences or questions.
      is_known: its bytes are the published ones; None where these are not known.
      complaint: why it is not as published, where it is not.
    """

    rows: int
    is_known: bool | None
    complaint: str | None


def check(dataset: Dataset, file: File, path: str, where: str) -> Checked:
    """Counts and compares a file.

    Args:
      dataset, file: what it should be.
      path: where it lies now.
      where: where it came from, for messages.

    Raises:
      UserError: it cannot be read, or is SQuAD's of another version.
    """
    try:
        rows = _COUNT[file.form](file, path)
    except UserError as error:
        raise UserError(str(error).replace(path, where)) from None
    if isinstance(rows, str):
        raise UserError(f"{where}: {rows}, not {dataset.name}'s {file.name}; it is not taken for what it is called")
    least, most = file.least_and_most
    is_known = files.sha256_of_file(path) == file.sha256 if file.sha256 else None
    return Checked(rows, is_known, None if least <= rows <= most else _wrong_number(dataset, file, rows, where))


def _wrong_number(dataset: Dataset, file: File, rows: int, where: str) -> str:
    least, most = file.least_and_most
    published = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    others = [title for title, (low, high) in dataset.editions.items() if file.role == TRAIN and low <= rows <= high]
    guess = f": this is {others[0]}" if others else " (cut off, or another edition?)" if rows < least else ""
    return f"{where}: {rows:,} {unit(file)}, but {dataset.name}'s {file.name} has {published}{guess}"


def unit(file: File) -> str:
    """What is counted in a file."""
    return {SQUAD: "questions", ARTICLES: "questions", CONLL: "sentences"}.get(file.form, "rows")


def _lines(file: File, path: str) -> int:
    with open(path, "rb") as lines:
        return sum(1 for line in lines if line.strip()) - (file.form == TABLE and not file.cells)


def _csv_rows(file: File, path: str) -> int:
    try:
        with open(path, encoding="utf-8", newline="") as lines:
            return sum(1 for row in csv.reader(lines) if row) - 1
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not comma-separated rows in UTF-8 ({error})") from None


def _questions(file: File, path: str) -> int | str:
    """How many questions there are, or what version of SQuAD it is instead."""
    content = files.read_json(path, "a file of questions (SQuAD)")
    version = content.get("version") if isinstance(content, dict) else None
    if file.version and version not in (None, file.version):
        return f'SQuAD\'s data of version {str(version).removeprefix("v")} (it says "version": {json.dumps(version)})'
    try:
        return sum(len(paragraph["qas"]) for article in content["data"] for paragraph in article["paragraphs"])
    except (KeyError, TypeError):
        raise UserError(f"{path}: not in SQuAD's form (data, paragraphs, qas)") from None


def _sentences(file: File, path: str) -> int:
    return sum(1 for _ in read_conll(path))


def _articles(file: File, path: str) -> int:
    questions = 0
    for name in sorted(os.listdir(path)):
        article = os.path.join(path, name)
        content = files.read_json(article, "an article of RACE")
        if not isinstance(content, dict) or not set(file.columns) <= set(content) or not isinstance(content["questions"], list):
            raise UserError(f"{article}: not an article of RACE, an object with {', '.join(file.columns)}")
        questions += len(content["questions"])
    return questions


_COUNT: dict[str, Callable[[File, str], int | str]] = {
    TABLE: _lines,
    JSON_LINES: _lines,
    CSV: _csv_rows,
    SQUAD: _questions,
    CONLL: _sentences,
    ARTICLES: _articles,
}
