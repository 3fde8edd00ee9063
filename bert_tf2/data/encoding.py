"""Texts -> the ids of an input, as the bytes they have in a record.

A record holds ids as varints one after the other, so the bytes of a text are those of its parts joined. They are remembered
for each stretch between two spaces, which saves going through lists of ids for all that was seen before.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bert_tf2.data.examples import kept_lengths
from bert_tf2.data.records import varints

# In a varint every byte but the last has the high bit, so the bytes without it count the ids.
_NOT_LAST = bytes(range(128, 256))


class InputEncoder:
    """Encodes a text or a pair of texts, packed and cut as `bert_tf2.data.examples.pack_ids` does.

    Args:
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      max_seq_length: the most ids an input may have, at least 3.
    """

    def __init__(self, tokenizer: Any, max_seq_length: int):
        self._cls, self._sep = varints([tokenizer.cls_id]), varints([tokenizer.sep_id])
        self._most = max_seq_length
        self._text = _by_stretches(tokenizer) if hasattr(tokenizer, "encode_stretch") else _whole_text(tokenizer)

    def encode(self, text_a: str, text_b: str | None) -> tuple[bytes, int, int, bool]:
        """Returns the input's ids as varints, their number, how many belong to the first segment, and whether any were cut.

        Texts without any token give `[CLS] [SEP]`: 2 ids.
        """
        a = self._text(text_a)
        length_a = len(a.translate(None, _NOT_LAST))
        if text_b:
            b = self._text(text_b)
            length_b = len(b.translate(None, _NOT_LAST))
            if length_b:
                return self._pair(a, length_a, b, length_b)
        if length_a <= self._most - 2:
            return self._cls + a + self._sep, length_a + 2, length_a + 2, False
        return self._cls + _first(a, self._most - 2) + self._sep, self._most, self._most, True

    def _pair(self, a: bytes, length_a: int, b: bytes, length_b: int) -> tuple[bytes, int, int, bool]:
        cut = length_a + length_b > self._most - 3
        if cut:
            length_a, length_b = kept_lengths(length_a, length_b, self._most - 3)
            a, b = _first(a, length_a), _first(b, length_b)
            if not length_b:
                return self._cls + a + self._sep, length_a + 2, length_a + 2, True
        return self._cls + a + self._sep + b + self._sep, length_a + length_b + 3, length_a + 2, cut


def _first(encoded: bytes, count: int) -> bytes:
    """The bytes of the first `count` ids."""
    if not count:
        return b""
    ends = np.flatnonzero(np.frombuffer(encoded, np.uint8) < 128)
    return encoded[: ends[count - 1] + 1] if count < len(ends) else encoded


def _whole_text(tokenizer: Any) -> Callable[[str], bytes]:
    encode = tokenizer.encode
    return lambda text: varints(encode(text))


def _by_stretches(tokenizer: Any) -> Callable[[str], bytes]:
    known, join = _Stretches(tokenizer.encode_stretch).__getitem__, b"".join
    return lambda text: join(map(known, text.split(" ")))


class _Stretches(dict):
    """The encoded ids of stretches of text without spaces; the short ones are remembered, up to a number."""

    _LONGEST = 24
    _MOST = 1 << 16

    def __init__(self, encode_stretch: Callable[[str], list[int]]):
        super().__init__()
        self._encode_stretch = encode_stretch

    def __missing__(self, stretch: str) -> bytes:
        encoded = varints(self._encode_stretch(stretch))
        if len(stretch) <= self._LONGEST:
            if len(self) >= self._MOST:
                self.clear()
            self[stretch] = encoded
        return encoded
