"""Files of pairs of texts with a score: STS-B as GLUE has it, SICK as SemEval has it, and any table or JSON."""

import dataclasses
import itertools
import math
from typing import Any

from bert_tf2.data.sources.columns import Columns
from bert_tf2.data.sources.row_files import RowFile, recognise
from bert_tf2.errors import UserError

USUAL_NAMES = {
    "text_column": ("sentence1", "sentence_a", "text_a", "text1", "question1", "premise", "text", "sentence"),
    "text_b_column": ("sentence2", "sentence_b", "text_b", "text2", "question2", "hypothesis"),
    "score_column": ("score", "relatedness_score", "similarity", "similarity_score", "label"),
}
"""By flag the names by which a column is found that nobody named."""


@dataclasses.dataclass(frozen=True)
class ScoredPairs:
    """The pairs of a file.

    Attributes:
      pairs: in its order.
      scores: of each, as people gave them; any scale.
    """

    pairs: list[tuple[str, str]]
    scores: list[float]


def read_scored_pairs(path: str, text_column: str | None, text_b_column: str | None, score_column: str | None) -> ScoredPairs:
    """Reads a file of pairs.

    Args:
      path: TSV, CSV, JSON lines, a JSON array or Parquet.
      text_column, text_b_column, score_column: names, or places from 0 of a table without header; None looks for usual names.

    Raises:
      UserError: the file is empty, lacks a column, or a row cannot be used; the message holds its line.
    """
    given = {"text_column": text_column, "text_b_column": text_b_column, "score_column": score_column}
    named = [value for value in given.values() if value]
    has_header = not named or not all(value.isdecimal() for value in named)

    def fits(rows: list[list[str]]) -> bool:
        columns = Columns(rows[0] if has_header else (), min(map(len, rows)), "", USUAL_NAMES) if rows else None
        try:
            return columns is not None and None not in columns.find_all(given).values()
        except UserError:
            return False

    file = recognise(path, "auto", "", "", fits)
    places = _places(file, path, given, has_header)
    pairs, scores = [], []
    for line, row, shown in itertools.islice(file.rows(), int(file.is_table and has_header), None):
        where = f"{path}:{line}"
        text, text_b, score = _cells(file, row, list(places.values()), where, shown)
        pairs.append((text, text_b))
        scores.append(_number(score, where))
    if len(pairs) < 2:
        raise UserError(f"{path}: a correlation needs two pairs at least; found {len(pairs)}")
    return ScoredPairs(pairs, scores)


def _places(file: RowFile, path: str, given: dict[str, str | None], has_header: bool) -> dict[str, Any]:
    if file.is_table:
        line, row, _ = next(file.rows(), (1, None, None))
        if row is None:
            raise UserError(f"{path}: the file is empty")
        columns = Columns(row if has_header else (), len(row), f"{path}:{line}", USUAL_NAMES)
    else:
        columns = Columns(file.names(), None, path, USUAL_NAMES)
    places = columns.find_all(given)
    missing = [f"--{name}" for name, place in places.items() if place is None]
    if missing:
        names = " | ".join(str(name)[:40] for name in columns.names)
        raise UserError(
            f"{columns.where}: which columns hold the two texts and the score? Pass {' and '.join(missing)} (a name of the "
            f"header or a place from 0); the columns are: {names}"
        )
    return places


def _cells(file: RowFile, row: Any, places: list[Any], where: str, shown: object) -> list[Any]:
    if not file.is_table:
        if row is None:
            raise UserError(f"{where}: not a JSON object: {str(shown)[:60]}")
        cells = [row.get(place) for place in places]
    elif len(row) <= max(places):
        # STS-B's own files have rows with further columns.
        raise UserError(f"{where}: {len(row) or 'no'} columns, but a score and two texts stand in columns up to {max(places)}")
    else:
        cells = [row[place] for place in places]
    for cell, place in zip(cells[:2], places):
        if not isinstance(cell, str):
            raise UserError(f"{where}: '{place}' must be a text; got {cell!r}")
    return cells


def _number(cell: Any, where: str) -> float:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{where}: the score must be a number; got {str(cell)[:40]!r}")
    return number
