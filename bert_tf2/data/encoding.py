"""Texts -> the ids of an input, as the bytes they have in a record.

A record holds ids as varints one after the other, so the bytes of a text are those of its parts joined. They are remembered
for each stretch between two spaces, which saves going through lists of ids for all that was seen before.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from bert_tf2.data.examples import kept_lengths
from bert_tf2.data.wire_format import kept_varint, varints

# In a varint every byte but the last has the high bit, so the bytes without it count the ids.
_NOT_LAST = bytes(range(128, 256))


Encoded = tuple[bytes, int, int, bool]


def input_encoder(tokenizer: Any, max_seq_length: int) -> Callable[[str, str | None], Encoded]:
    """A function that encodes a text or a pair of texts, packed and cut as `bert_tf2.data.examples.pack_ids` does.

    Args:
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      max_seq_length: the most ids an input may have, at least 3.

    Returns:
      A function from the texts to the input's ids as varints, their number, how many belong to the first segment, and whether
      any were cut. Texts without any token give `[CLS] [SEP]`: 2 ids.
    """
    cls, sep, most = varints([tokenizer.cls_id]), varints([tokenizer.sep_id]), max_seq_length
    encode_text = _by_stretches(tokenizer) if hasattr(tokenizer, "encode_stretch") else _whole_text(tokenizer)

    def encode(text_a: str, text_b: str | None) -> Encoded:
        a = encode_text(text_a)
        length = len(a.translate(None, _NOT_LAST)) + 2
        if text_b:
            b = encode_text(text_b)
            if b:
                return pair(a, length - 2, b, len(b.translate(None, _NOT_LAST)))
        if length <= most:
            return cls + a + sep, length, length, False
        return cls + _first(a, most - 2) + sep, most, most, True

    def pair(a: bytes, length_a: int, b: bytes, length_b: int) -> Encoded:
        cut = length_a + length_b > most - 3
        if cut:
            length_a, length_b = kept_lengths(length_a, length_b, most - 3)
            a, b = _first(a, length_a), _first(b, length_b)
            if not length_b:
                return cls + a + sep, length_a + 2, length_a + 2, True
        return cls + a + sep + b + sep, length_a + length_b + 3, length_a + 2, cut

    return encode


def unknown_counter(tokenizer: Any) -> Callable[[bytes], int]:
    """A function that counts the [UNK] in an input's encoded ids."""
    unknown = varints([tokenizer.unk_id])
    # The same bytes may end a longer varint; then the byte before them has the high bit.
    occurrences = re.compile(b"(?<![\x80-\xff])" + re.escape(unknown), re.DOTALL).findall
    return lambda encoded: len(occurrences(encoded)) if unknown in encoded else 0


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
    known, join = _Stretches(tokenizer).__getitem__, b"".join
    return lambda text: join(map(known, text.split(" ")))


class _Stretches(dict):
    """The encoded ids of stretches of text without spaces; the short ones are remembered, up to a number."""

    _LONGEST = 24
    _MOST = 1 << 16

    def __init__(self, tokenizer: Any):
        super().__init__()
        self._encode_stretch = tokenizer.encode_stretch
        self._whole_word = tokenizer.vocabulary.get
        self._as_spelled = str.lower if tokenizer.do_lower_case else str

    def __missing__(self, stretch: str) -> bytes:
        if len(stretch) > self._LONGEST:
            return varints(self._encode_stretch(stretch))
        # Most stretches are plain words that the vocabulary holds; the others take the steps of the reference.
        id = self._whole_word(self._as_spelled(stretch)) if stretch.isalnum() and stretch.isascii() else None
        encoded = varints(self._encode_stretch(stretch)) if id is None else kept_varint(id)
        if len(self) >= self._MOST:
            self.clear()
        self[stretch] = encoded
        return encoded
