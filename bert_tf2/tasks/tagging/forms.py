"""Which form a file of sentences has, and where its words and tags are."""

import json
import os
from typing import Any

from bert_tf2 import files
from bert_tf2.data.sources.columns import Columns
from bert_tf2.data.sources.conll import read_conll
from bert_tf2.data.sources.contents import TEXT, content_of
from bert_tf2.data.sources.row_files import RowFile, recognise
from bert_tf2.data.sources.text_files import read_lines
from bert_tf2.errors import UserError
from bert_tf2.tasks.tagging.reading import SentenceFile
from bert_tf2.text.normalization import Normalization

COLUMNS = ("token_column", "tag_column", "sentence_column", "text_column", "span_column")
_OF_WORDS, _OF_TEXTS = ("token_column", "tag_column", "sentence_column"), ("text_column", "span_column")
_USUAL_NAMES = {
    "token_column": ("token", "tokens", "word", "words", "form"),
    "tag_column": ("tag", "tags", "ner", "ner_tag", "ner_tags", "pos_tags", "label", "labels"),
    "sentence_column": ("sentence", "sentence_id", "sent_id", "sentence #"),
    "text_column": ("text", "sentence", "content"),
    "span_column": ("spans", "entities", "label", "labels"),
}
_TABLES = (".csv", ".tsv", ".tab", ".txt")
# Whatever its first row looks like.
_ALWAYS_CONLL = (".conll", ".conllu", ".bio", ".iob", ".iob2")
_OF_TABLES = {"header": ("auto", "no"), "delimiter": ("",), "quotechar": ("",)}


def open_sentences(path: str, flag: str, options: Any, labels: tuple[str, ...], normalization: Normalization) -> SentenceFile:
    """Recognises a file and finds its columns.

    Args:
      path: the file.
      flag: the flag that names it; rows of `test_file` need no tags.
      options: has `COLUMNS`, `data_format`, `header`, `delimiter` and `quotechar`.
      labels: what numbers among the tags stand for.
      normalization: what words of texts are found by.

    Raises:
      UserError: no such file, it cannot be recognised, or columns are not there.
    """
    path = files.require_file(path, flag)
    given = {name: _given(getattr(options, name)) for name in COLUMNS}
    is_test = flag == "test_file"
    rows = _rows(path, given, options, is_test)
    skips_first, count = False, None
    if rows is None or not rows.is_table:
        for name, nothing in _OF_TABLES.items():
            if getattr(options, name) not in nothing:
                what = "columns divided by white space" if rows is None else "objects"
                raise UserError(f"{path}: it holds {what}, so --{name}={getattr(options, name)} can do nothing; leave it out")
    if rows is None:
        columns, count = _places(path, given)
    elif rows.is_table:
        skips_first = _has_header(given, options)
        columns, count = _cells(path, rows, given, skips_first)
    else:
        columns = _keys(path, rows.names(), given)
    if not is_test and columns["tag_column"] is None and columns["span_column"] is None:
        option = "span_column" if columns["text_column"] is not None else "tag_column"
        raise UserError(f"{path}: where are the tags? Pass --{option}, or a file that has them")
    return SentenceFile(path, rows, columns, count, skips_first, labels, normalization)


def _given(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _rows(path: str, given: dict[str, str | None], options: Any, is_test: bool) -> RowFile | None:
    """The file as one of rows; None for CoNLL's columns."""
    extension = os.path.splitext(path)[1].lower()
    if options.data_format == "auto" and (extension in _ALWAYS_CONLL or content_of(path) == TEXT):
        has_names = options.header == "yes" or any(value and not value.isdecimal() for value in given.values())
        has_names = has_names or (options.header == "auto" and not any(given.values()) and _names_columns(path, is_test))
        if extension not in (".json", ".jsonl", ".ndjson", ".csv") and not (has_names and extension in _TABLES):
            return None

    def fits(cells: list[list[str]]) -> bool:
        header = _has_header(given, options)
        try:
            found = _located(Columns(cells[0] if header else (), min(map(len, cells)), path, _USUAL_NAMES), given)
        except UserError:
            return False
        return found["token_column"] is not None and (is_test or found["tag_column"] is not None)

    return recognise(path, options.data_format, options.delimiter, options.quotechar, lambda cells: bool(cells) and fits(cells))


def _names_columns(path: str, is_test: bool) -> bool:
    """Whether the first row, divided by tabs, names a column of words and one of tags, which a test file need not have."""
    cells = [cell.strip().lower() for cell in next(read_lines(path), (1, ""))[1].split("\t")]
    words, tags = (any(cell in _USUAL_NAMES[name] for cell in cells) for name in ("token_column", "tag_column"))
    return words and (tags or (is_test and len(cells) == 1))


def _has_header(given: dict[str, str | None], options: Any) -> bool:
    if options.header != "auto":
        return options.header == "yes"
    named = [value for value in given.values() if value]
    return not named or not all(value.isdecimal() for value in named)


def _located(columns: Columns, given: dict[str, str | None]) -> dict[str, Any]:
    """Columns of words, one row each."""
    found = columns.find_all({name: given[name] for name in _OF_WORDS})
    return found | dict.fromkeys(_OF_TEXTS)


def _cells(path: str, rows: RowFile, given: dict[str, str | None], header: bool) -> tuple[dict[str, Any], int]:
    """Columns of a table, and how many it has."""
    for name in _OF_TEXTS:
        if given[name]:
            raise UserError(f"{path}: --{name}={given[name]} is for objects (JSON lines); a table has a row for each word")
    first = next(rows.rows(), None)
    if first is None:
        raise UserError(f"{path}: the file is empty")
    line, cells, _ = first
    where = f"{path}:{line}"
    found = _located(Columns(cells if header else (), len(cells), where, _USUAL_NAMES), given)
    if found["token_column"] is None:
        shown = " | ".join(cell[:40] for cell in cells)
        raise UserError(f"{where}: which column holds the words? Pass --token_column; the first row is: {shown}")
    return found, len(cells)


def _places(path: str, given: dict[str, str | None]) -> tuple[dict[str, Any], int]:
    """Places in CoNLL's columns, and how many there are: the first is the word and the last the tag, unless somebody says
    otherwise."""
    for name, value in given.items():
        if value is not None and (name not in ("token_column", "tag_column") or not value.isdecimal()):
            raise UserError(
                f"{path}: columns divided by white space have places from 0, no names; --{name}={value} is for tables and "
                "objects (--data_format=tsv, csv or jsonl)"
            )
    first = next(read_conll(path), None)
    if first is None:
        raise UserError(f"{path}: the file holds no words")
    line, cells = first[0]
    if _is_object(" ".join(cells)):
        raise UserError(
            f"{path}:{line}: an object of JSON, not a word with its tag; name the file .jsonl, or pass --data_format=jsonl"
        )
    of_conllu = path.lower().endswith(".conllu")
    token = int(given["token_column"] or (1 if of_conllu else 0))
    tag = given["tag_column"] if given["tag_column"] is None else int(given["tag_column"])
    if tag is None and len(cells) > 1:
        tag = 3 if of_conllu else len(cells) - 1
    for name, place in (("token_column", token), ("tag_column", tag)):
        if place is not None and place >= len(cells):
            raise UserError(f"{path}:{line}: {_count(cells)}, so --{name} can be 0 to {len(cells) - 1}; got {place}")
    if tag == token:
        raise UserError(f"{path}:{line}: the word and its tag are both in column {token}; pass --token_column and --tag_column")
    return dict.fromkeys(COLUMNS) | {"token_column": token, "tag_column": tag}, len(cells)


def _is_object(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and bool(value)


def _count(cells: list[str]) -> str:
    return f"{len(cells)} column{'s' if len(cells) != 1 else ''}"


def _keys(path: str, names: list[str], given: dict[str, str | None]) -> dict[str, Any]:
    """Keys of objects: of a list of words and one of tags, or of a text and its spans."""
    columns = Columns(names, None, path, _USUAL_NAMES)
    if given["sentence_column"]:
        raise UserError(f"{path}: an object is a sentence; --sentence_column={given['sentence_column']} is for tables")
    for_words = [name for name in ("token_column", "tag_column") if given[name]]
    for_texts = [name for name in _OF_TEXTS if given[name]]
    if for_words and for_texts:
        raise UserError(
            f"--{for_words[0]} and --{for_texts[0]} exclude each other: an object holds words and tags, or a text and spans"
        )
    if not for_texts:
        found = columns.find_all({name: given[name] for name in ("token_column", "tag_column")}, ("tag_column",))
        if found["token_column"] is not None:
            return dict.fromkeys(COLUMNS) | found
    found = columns.find_all({name: given[name] for name in _OF_TEXTS}, ("span_column",))
    if found["text_column"] is None:
        raise UserError(
            f"{path}: which key holds the words? Pass --token_column (a list of words) or --text_column (a text with spans); the "
            f"keys are: {', '.join(names)}"
        )
    return dict.fromkeys(COLUMNS) | found
