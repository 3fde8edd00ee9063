"""Text files -> documents of sentences, never more than a block of a file in memory.

`scan` goes once through a file, checks that it is text and divides it into blocks that end where documents end;
`read_block` gives the documents of one block. So any process can read any block, and a corpus of any size costs no memory.
"""

import dataclasses
import hashlib
import json
import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence

from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.data.sources.contents import JSON_ARRAY, JSON_LINES, JSON_OBJECT, TEXT, TITLES, content_of
from bert_tf2.data.sources.text_files import decode_lines, open_bytes, read_bytes_of
from bert_tf2.errors import UserError
from bert_tf2.tasks.pretraining.sentences import split_sentences

SENTENCES, PARAGRAPHS, JSONL = "sentences", "paragraphs", "jsonl"
_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 26
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# A line of white space only, of all that `str.isspace` takes for it, in UTF-8.
_BLANK = rb"(?:[ \t\r\x0b\x0c\x1c-\x1f]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)*\n"
_BREAKS = {
    SENTENCES: re.compile(rb"\n(?:" + _BLANK + rb")+"),
    PARAGRAPHS: re.compile(rb"\n(?:" + _BLANK + rb"){2,}"),
    JSONL: re.compile(rb"\n(?:" + _BLANK + rb")*"),
}
# How an object on each line is made of what holds none.
_WAYS = {
    JSON_ARRAY: ', made by: python -c "import json, sys; [print(json.dumps(o)) for o in json.load(sys.stdin)]" <{path} >{lines}',
    JSON_OBJECT: ', made by: python -c "import json, sys; print(json.dumps(json.load(sys.stdin)))" <{path} >{lines}',
}


@dataclasses.dataclass(frozen=True)
class TextFormat:
    """How documents stand in the files.

    Attributes:
      name: `sentences`: a sentence on each line, a blank line between documents. `paragraphs`: running text; a blank line ends
        a paragraph, two or more end a document. `jsonl`: an object on each line, a document each.
      text_field: the key of the text in an object; its lines are paragraphs, or where it is a list its strings are sentences.
      skip_bad_rows: lines that are no object with such a text are left out; otherwise they are errors.
    """

    name: str = SENTENCES
    text_field: str = "text"
    skip_bad_rows: bool = False


def recognise_format(paths: Sequence[str], input_format: str) -> str:
    """How documents stand in files: as given, or by what the files hold; plain text is taken for `sentences`.

    Args:
      paths: the files.
      input_format: `sentences`, `paragraphs`, `jsonl` or `auto`.

    Raises:
      UserError: a file is no text, holds something else than its name or the format says, or the files differ.
    """
    found: dict[str, str] = {}
    for path in paths:
        held, extension = content_of(path), os.path.splitext(path)[1].lower()
        if held not in (TEXT, JSON_LINES):
            way = _WAYS.get(held, "").format(path=shlex.quote(path), lines=shlex.quote(os.path.splitext(path)[0] + ".jsonl"))
            raise UserError(f"{path} holds {TITLES[held]}; give plain text, or a file with an object on each line{way}")
        if held == TEXT and input_format == "auto" and extension in (".csv", ".tsv", ".tab", ".json"):
            raise UserError(
                f"{path}: by its name a table or JSON, which would be trained on with all its signs; write the texts into a "
                "file, a sentence on each line, or pass --input_format=sentences if that is what it holds"
            )
        is_json = held == JSON_LINES or extension in (".jsonl", ".ndjson")
        if held == JSON_LINES and input_format in (SENTENCES, PARAGRAPHS):
            raise UserError(f"{path} holds {TITLES[held]}, but --input_format={input_format}; pass --input_format=jsonl")
        found.setdefault(JSONL if is_json else SENTENCES, path)
    if input_format != "auto":
        return input_format
    if len(found) > 1:
        raise UserError(
            f"{found[JSONL]} holds {TITLES[JSON_LINES]} and {found[SENTENCES]} {TITLES[TEXT]}; make the records of each in a "
            "run of its own"
        )
    return next(iter(found))


@dataclasses.dataclass(frozen=True)
class Block:
    """Bytes `start` to `end` of a file: whole documents, or a part of one that is too long. Lines that are left out are among
    the `documents`."""

    path: str
    start: int
    end: int
    documents: int


@dataclasses.dataclass
class Scanned:
    """What a pass through a file found.

    Attributes:
      blocks: in order.
      bytes: the file's size.
      sha256: of the file.
      documents: number of documents with any text.
      divided: number of places where a document is divided because of its length; its parts count in the blocks.
    """

    blocks: list[Block]
    bytes: int = 0
    sha256: str = ""
    documents: int = 0
    divided: int = 0


def scan(path: str, text_format: TextFormat, block_bytes: int, longest_document: int, bad_rows: BadRows | None = None) -> Scanned:
    """Checks a file and divides it into blocks.

    Args:
      path: the file.
      text_format: how documents stand in it.
      block_bytes: a block ends with the first document's end from here.
      longest_document: a document of more bytes is divided, as its tokens have to fit into memory.
      bad_rows: what to do with lines that are not what the format says.

    Raises:
      UserError: the file cannot be read, is no UTF-8 text, or a line is not what the format says.
    """
    scanned, digest, lines = Scanned([]), hashlib.sha256(), 0
    divider = _Divider(path, scanned, block_bytes)
    for chunk in _chunks(path, digest.update):
        text = decode_lines(path, lines, chunk)
        if text_format.name == JSONL:
            scanned.documents -= _check_json_lines(path, lines, text, text_format, bad_rows or BadRows())
        lines += chunk.count(b"\n")
        # A line end stands before the chunk, as its first line may be blank.
        base, place = scanned.bytes - 1, 1
        scanned.bytes += len(chunk)
        for found in _BREAKS[text_format.name].finditer(b"\n" + chunk):
            divider.see_text(found.start() >= place)
            place = found.end()
            divider.end_document(base + place)
        divider.see_text(bool(chunk[place - 1 :].strip()))
        if divider.document_bytes(scanned.bytes) > longest_document:
            # Rather between two paragraphs than within one.
            paragraph = chunk.rfind(b"\n\n", place - 1) + 2 if text_format.name == PARAGRAPHS else 0
            left = chunk[paragraph:] if paragraph > 1 else b""
            divider.divide_document(scanned.bytes - len(left), bool(left.strip()))
    divider.end_file()
    scanned.sha256 = digest.hexdigest()
    return scanned


class _Divider:
    """Counts documents and makes blocks while a file goes by."""

    def __init__(self, path: str, scanned: Scanned, block_bytes: int):
        self._path, self._scanned, self._block_bytes = path, scanned, block_bytes
        self._block_start = self._document_start = self._in_block = 0
        # A document is open until its end is seen; what was divided off may have had all of its text.
        self._is_open = self._has_text = False
        self._may_go_on = False

    def see_text(self, is_text: bool) -> None:
        """Takes note of text that belongs to the current document."""
        if is_text:
            self._scanned.documents += not self._is_open
            self._is_open = self._has_text = True
            self._scanned.divided += self._may_go_on
            self._may_go_on = False

    def end_document(self, place: int) -> None:
        """Ends the current document; the next one begins at `place`."""
        self._in_block += self._has_text
        self._is_open = self._has_text = self._may_go_on = False
        self._document_start = place
        if self._in_block and place - self._block_start >= self._block_bytes:
            self._end_block(place)

    def document_bytes(self, end: int) -> int:
        """How long the current document, or what is left of it, is up to `end`."""
        return end - self._document_start if self._has_text else 0

    def divide_document(self, place: int, has_text: bool) -> None:
        """Makes the current document's text up to `place` one of its own; `has_text` says whether there is text behind."""
        # Without text behind the place the document is whole, unless more of it comes.
        self._scanned.divided += has_text
        self._may_go_on = not has_text
        self._in_block += 1
        self._document_start, self._has_text = place, has_text
        self._end_block(place)

    def end_file(self) -> None:
        """Makes a block of what is left."""
        self._in_block += self._has_text
        if self._in_block:
            self._end_block(self._scanned.bytes)

    def _end_block(self, end: int) -> None:
        self._scanned.blocks.append(Block(self._path, self._block_start, end, self._in_block))
        self._block_start, self._in_block = end, 0


def _chunks(path: str, seen: Callable[[bytes], None]) -> Iterator[bytes]:
    """The file in pieces that end where a line with text ends; a byte-order mark is part of the first."""
    rest = b""
    with open_bytes(path) as file:
        while piece := read_bytes_of(file, path, _CHUNK):
            seen(piece)
            if not rest and piece.startswith(_UTF16):
                raise UserError(f"{path}:1: the file is UTF-16; save it as UTF-8")
            piece = rest + piece
            end = piece.rfind(b"\n", 0, len(piece.rstrip())) + 1
            if not end and len(piece) > _LONGEST_LINE:
                raise UserError(f"{path}: a line longer than {_LONGEST_LINE:,} bytes; is it a text file?")
            rest = piece[end:]
            if end:
                yield piece[:end]
    if rest:
        yield rest


def _check_json_lines(path: str, lines_before: int, text: str, text_format: TextFormat, bad_rows: BadRows) -> int:
    """Reports the lines that are no object with a text, and returns their number."""
    bad = 0
    for number, line in enumerate(text.split("\n"), lines_before + 1):
        if line and not line.isspace():
            try:
                _json_text(line, text_format.text_field)
            except ValueError as error:
                bad_rows.report(f"{path}:{number}", str(error), line)
                bad += 1
    return bad


def _json_text(line: str, field: str) -> str | list[str]:
    """The text of a JSON line.

    Raises:
      ValueError: what is wrong with the line.
    """
    try:
        value = json.loads(line.removeprefix("\ufeff"))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {getattr(error, 'msg', 'nested too deeply')}; every line holds one object") from None
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {type(value).__name__}")
    if field not in value:
        found = ", ".join(list(value)[:8]) or "none"
        raise ValueError(f"no key '{field}' (found: {found}); name the text's key by --text_field")
    text = value[field]
    if not isinstance(text, str) and not (isinstance(text, list) and all(isinstance(part, str) for part in text)):
        raise ValueError(f"'{field}' must be a text or a list of sentences; got {type(text).__name__}")
    return text


def read_block(block: Block, text_format: TextFormat) -> list[list[str]]:
    """The documents of a block as lists of sentences, without white space around them; of an
    object without text there are none.

    Raises:
      UserError: the file cannot be read or has changed since it was scanned.
    """
    with open_bytes(block.path) as file:
        file.seek(block.start)
        data = read_bytes_of(file, block.path, block.end - block.start)
    if len(data) != block.end - block.start:
        raise UserError(f"{block.path}: the file has changed while it was read; run the command again")
    text = decode_lines(block.path, 0, data.removeprefix(_BOM) if block.start == 0 else data)
    if text_format.name == JSONL:
        return _documents_of_json(text, text_format)
    return _documents_of_paragraphs(text) if text_format.name == PARAGRAPHS else _documents_of_lines(text)


def _documents_of_lines(text: str) -> list[list[str]]:
    documents: list[list[str]] = [[]]
    for line in text.split("\n"):
        line = line.strip()
        if line:
            documents[-1].append(line)
        elif documents[-1]:
            documents.append([])
    return documents if documents[-1] else documents[:-1]


def _documents_of_paragraphs(text: str) -> list[list[str]]:
    documents: list[list[str]] = [[]]
    paragraph: list[str] = []
    blank = 0
    for line in (*text.split("\n"), ""):
        line = line.strip()
        if line:
            if blank > 1 and documents[-1]:
                documents.append([])
            paragraph.append(line)
            blank = 0
            continue
        if paragraph:
            documents[-1] += split_sentences(" ".join(paragraph))
            paragraph = []
        blank += 1
    return documents if documents[-1] else documents[:-1]


def _documents_of_json(text: str, text_format: TextFormat) -> list[list[str]]:
    documents = []
    for line in text.split("\n"):
        if line and not line.isspace():
            try:
                documents.append(_sentences_of_json(line, text_format.text_field))
            except ValueError:
                # `scan` has told of it.
                if not text_format.skip_bad_rows:
                    raise
    return documents


def _sentences_of_json(line: str, field: str) -> list[str]:
    text = _json_text(line, field)
    if isinstance(text, list):
        # A line end inside a sentence would be taken for the end of a text.
        return [" ".join(sentence.split("\n")).strip() for sentence in text if sentence.strip()]
    return [sentence for paragraph in text.split("\n") for sentence in split_sentences(paragraph)]
