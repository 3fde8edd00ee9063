"""A large JSON object, value by value: of an array in it, one element is in memory at a time."""

import codecs
import functools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from bert_tf2 import file_kinds, files
from bert_tf2.errors import UserError

_BLOCK = 1 << 18
_WHITE_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# The longest that the decoder looks back from where the text ends: `-Infinity`, or an escaped pair of surrogates.
_NEAR_END = 16


class JsonStream:
    """Reads the JSON value of a file piece by piece.

    Control characters inside strings are taken as they are, and half a surrogate pair, which no text holds, becomes U+FFFD:
    one code point for another, so that places in the text stay right.

    Args:
      path: a local or remote file in UTF-8, with or without byte-order mark.
      wanted, cure: what it should be, and what to give instead, for the message about a file that is no JSON.

    Raises (here and in the methods):
      UserError: the file cannot be read, is not UTF-8 or not JSON; the message holds line and column.
    """

    def __init__(self, path: str, wanted: str = "a JSON file", cure: str = ""):
        self.path = path
        self._no_json = functools.partial(file_kinds.no_json, path, wanted, cure)
        self._blocks = _text_blocks(path, self._no_json)
        self._decoder = json.JSONDecoder(strict=False)
        self._buffer, self._position = "", 0
        # Lines before the buffer, and characters in the line that the buffer begins in.
        self._lines, self._column = 0, 0

    def next_character(self) -> str:
        """The next character that is not white space, without passing over it; nothing at the end."""
        while True:
            found = _WHITE_SPACE.match(self._buffer, self._position)
            self._position = found.end()  # type: ignore[union-attr]  # the pattern matches no character as well
            if self._position < len(self._buffer) or not self._more():
                return self._buffer[self._position : self._position + 1]

    def take(self, expected: str, where: str) -> str:
        """Passes over the next character, which has to be one of those expected; `where` is for the message."""
        character = self.next_character()
        if not character or character not in expected:
            shown = " or ".join(f"'{c}'" for c in expected)
            self._fail(self._position, f"expected {shown} {where}, found {repr(character) if character else 'the end'}")
        self._position += 1
        return character

    def members(self) -> Iterator[str]:
        """Yields the keys of the object that comes next; the caller takes each value before the next key."""
        self.take("{", "at the beginning")
        if self.next_character() == "}":
            self.take("}", "")
            return
        while True:
            if self.next_character() != '"':
                self.take('"', "before a key")
            key = self.value()
            self.take(":", f"after the key '{key}'")
            yield key
            if self.take(",}", f"after the value of '{key}'") == "}":
                return

    def elements(self, name: str) -> Iterator[Any]:
        """Yields the elements of the array that comes next, decoded one at a time; `name` is for messages."""
        self.take("[", f"before {name}")
        if self.next_character() == "]":
            self.take("]", "")
            return
        while True:
            yield self.value()
            if self.take(",]", f"between the elements of {name}") == "]":
                return

    def value(self) -> Any:
        """Decodes the next value."""
        self.next_character()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._position)
            except json.JSONDecodeError as error:
                unfinished = error.msg.startswith("Unterminated string") or error.pos > len(self._buffer) - _NEAR_END
                if not (unfinished and self._more()):
                    self._fail(error.pos, error.msg[0].lower() + error.msg[1:])
            except RecursionError:
                self._fail(self._position, "values nested too deeply")
            except ValueError as error:  # a number of thousands of digits
                self._fail(self._position, str(error).partition(";")[0])
            else:
                # A number may go on in the next block, also after `.` or `e+`, which belong to no number yet.
                if end + 2 < len(self._buffer) or not self._more():
                    break
        escapes = any(self._buffer.find(escape, self._position, end) >= 0 for escape in ("\\ud", "\\uD"))
        self._position = end
        return without_surrogates(value) if escapes else value

    def _more(self) -> bool:
        """Reads on; False at the end of the file. What was passed over is forgotten."""
        kept = self._buffer[self._position :]
        parts, size = [kept], 0
        # As much again as there is, so that a long value is not begun anew too often.
        while size <= len(kept) and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            size += len(block)
        if not size:
            return False
        passed = self._buffer[: self._position]
        self._lines += passed.count("\n")
        self._column = len(passed) - passed.rfind("\n") - 1 if "\n" in passed else self._column + len(passed)
        self._buffer, self._position = "".join(parts), 0
        return True

    def _fail(self, position: int, reason: str) -> None:
        if (other := self._no_json()) is not None:
            raise other from None
        line = self._lines + self._buffer.count("\n", 0, position) + 1
        before = self._buffer.rfind("\n", 0, position)
        column = position - before if before >= 0 else self._column + position + 1
        raise UserError(f"{self.path}:{line}:{column}: not valid JSON: {reason}") from None


def without_surrogates(value: Any) -> Any:
    """A JSON value with U+FFFD in place of half surrogate pairs, which no text holds."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [without_surrogates(element) for element in value]
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(element) for key, element in value.items()}
    return value


def _text_blocks(path: str, no_json: Callable[[], UserError | None]) -> Iterator[str]:
    """The file's text in blocks, without a byte-order mark."""
    decoder, decoded_bytes = codecs.getincrementaldecoder("utf-8-sig")(), 0
    for block in _blocks(path):
        if not decoded_bytes and block.startswith(_UTF16):
            raise UserError(f"{path}: the file is UTF-16; save it as UTF-8")
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            if (other := no_json()) is not None:
                raise other from None
            place = decoded_bytes + error.start - (len(error.object) - len(block))
            raise UserError(
                f"{path}: byte {place + 1:,} (0x{error.object[error.start]:02X}) is not UTF-8; save the file as UTF-8 JSON"
            ) from None
        decoded_bytes += len(block)
        if text:
            yield text


def _blocks(path: str) -> Iterator[bytes]:
    """The file's bytes, an empty block at the end."""
    try:
        if files.is_remote(path):
            import tensorflow as tf

            with files.remote_errors(path), tf.io.gfile.GFile(path, "rb") as file:
                while block := file.read(_BLOCK):
                    yield block
        else:
            with open(path, "rb") as file:
                while block := file.read(_BLOCK):
                    yield block
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    yield b""
