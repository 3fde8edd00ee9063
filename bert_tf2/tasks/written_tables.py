"""Texts as they stand in the tables that a job writes: tab-separated files, and Markdown."""

import re
from collections.abc import Sequence

_LONGEST_TEXT = 300


def cell(value: object) -> str:
    """A value as one cell of a tab-separated table: what would break a row becomes a space."""
    return " ".join(str(value).replace("\0", " ").split("\t")).replace("\r", " ").replace("\n", " ")


def shortened(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def escaped(text: str, strip: bool = True) -> str:
    """The text as Markdown that shows it as it is, on one line of a table.

    Args:
      text: any.
      strip: without the blanks around it.
    """
    text = re.sub(r"\s+", " ", text)
    return re.sub(r"([\\`*_\[\]<>|$#~]|&(?=#?\w+;))", r"\\\1", text.strip() if strip else text)


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)
