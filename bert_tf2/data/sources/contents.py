"""What a file holds, by its first bytes."""

import re

from bert_tf2 import file_kinds
from bert_tf2.data.sources.text_files import open_bytes, read_bytes_of

TEXT, JSON_LINES, JSON_ARRAY, JSON_OBJECT, PARQUET = "text", "jsonl", "json", "json object", "parquet"
TITLES = {
    TEXT: "plain text",
    JSON_LINES: "a JSON object on each line",
    JSON_ARRAY: "a JSON array",
    JSON_OBJECT: "one JSON object over several lines",
    PARQUET: "Parquet",
}
"""What people call each of them."""
BEGINNING = 1 << 16
_BOM = b"\xef\xbb\xbf"
_STRING = rb'"(?:[^"\\]|\\.)*"'
_OBJECT = re.compile(rb"\{\s*(?:" + _STRING + rb"\s*:|\})")
_ARRAY = re.compile(rb"\[\s*(?:\{\s*(?:" + _STRING + rb"\s*:|\})|\])")


def beginning_of(path: str) -> bytes:
    """The first 64 KiB of a file.

    Raises:
      UserError: it cannot be read.
    """
    with open_bytes(path) as file:
        return read_bytes_of(file, path, BEGINNING)


def content_of(path: str) -> str:
    """Whether a file holds text, JSON lines, a JSON array of objects, a JSON object over several lines, or Parquet.

    Raises:
      UserError: it cannot be read, or is of a kind that no reader takes.
    """
    head = beginning_of(path)
    if head.startswith(b"PAR1"):
        return PARQUET
    if (other := file_kinds.explained(path, "rows of text or Parquet", wants_text=True)) is not None:
        raise other
    head = head.removeprefix(_BOM).lstrip()
    if _ARRAY.match(head):
        return JSON_ARRAY
    if not _OBJECT.match(head):
        return TEXT
    line, end, _ = head.partition(b"\n")
    # What ends with its line was meant to be an object of its own, though it is none.
    return JSON_LINES if not end or line.rstrip().endswith(b"}") else JSON_OBJECT
