"""Texts -> the ids of an input, as the bytes they have in a record.

A record holds ids as varints one after the other, so the bytes of a text are those of its parts joined. They are remembered
for each stretch between two spaces, which saves going through lists of ids for all that was seen before. Texts are encoded
many at a time, as one long text that is taken apart afterwards: then hardly any step is taken in Python for a single one.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bert_tf2.data.examples import head_of, kept_lengths
from bert_tf2.data.records.wire_format import all_varints, varints
from bert_tf2.text.template import TextTemplate
from bert_tf2.text.wordpiece import ASCII_WORDS

# Between texts that are encoded as one: no vocabulary gives it, since all WordPiece drops or passes over it, and
# no varint holds so many bytes with the high bit.
_TEXT_END, _ENCODED_END = "\n", b"\xff" * 10
# Its lower case depends on its neighbours.
_CAPITAL_SIGMA = "Σ"
# In a varint every byte but the last has the high bit, so the bytes without it count the ids.
_NOT_LAST = bytes(range(128, 256))


Encoded = tuple[bytes, int, int, int]


def input_encoder(
    tokenizer: Any, max_seq_length: int, head_share: float | None = None
) -> Callable[[Sequence[str], Sequence[str | None]], list[Encoded]]:
    """A function that encodes texts or pairs of texts, packed and cut as `bert_tf2.data.examples.pack_ids` does.

    Args:
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      max_seq_length: the most ids an input may have, at least as many as a pair has special tokens.
      head_share: see `bert_tf2.data.examples.head_of`: of each text that is cut.

    Returns:
      A function from the inputs' first and second texts (None: no pair) to each input's ids as varints, their number, how many
      belong to the first segment, and how many tokens were cut. Texts without any token give the special tokens alone.
    """
    template: TextTemplate = tokenizer.template
    begin, between, end = map(varints, (template.begin, template.between, template.end))
    special, before_second, special_of_pair = template.special_tokens, template.before_second, template.special_tokens_of_pair
    most, most_of_pair = max_seq_length, max_seq_length - special_of_pair
    encode_texts = _by_stretches(tokenizer) if hasattr(tokenizer, "encode_stretch") else _whole_texts(tokenizer)

    def encode(texts_a: Sequence[str], texts_b: Sequence[str | None]) -> list[Encoded]:
        first = encode_texts(texts_a)
        if not any(texts_b):
            return list(map(single, first))
        second = encode_texts([text or "" for text in texts_b])
        return [pair(a, b) if b else single(a) for a, b in zip(first, second)]

    def single(a: bytes) -> Encoded:
        length = len(a.translate(None, _NOT_LAST)) + special
        if length <= most:
            return begin + a + end, length, length, 0
        return begin + _kept(a, most - special, head_share) + end, most, most, length - most

    def pair(a: bytes, b: bytes) -> Encoded:
        length_a, length_b = len(a.translate(None, _NOT_LAST)), len(b.translate(None, _NOT_LAST))
        lost = max(length_a + length_b - most_of_pair, 0)
        if lost:
            length_a, length_b = kept_lengths(length_a, length_b, most_of_pair)
            a, b = _kept(a, length_a, head_share), _kept(b, length_b, head_share)
            if not length_b:
                return begin + a + end, length_a + special, length_a + special, lost
        return begin + a + between + b + end, length_a + length_b + special_of_pair, length_a + before_second, lost

    return encode


def id_encoder(tokenizer: Any) -> Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]]:
    """A function that encodes many texts at once: their ids, int32 [T], and the number of each one's ids, int64 [N]."""
    if not hasattr(tokenizer, "encode_stretch"):

        def encode_each(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
            ids = list(map(tokenizer.encode, texts))
            lengths = np.fromiter(map(len, ids), np.int64, len(ids))
            return np.fromiter(itertools.chain.from_iterable(ids), np.int32, int(lengths.sum())), lengths

        return encode_each
    # Four bytes for each id: then the joined bytes are an array.
    codes = np.arange(tokenizer.vocab_size, dtype="<i4").view("V4").tolist()
    encode_joined = _joined_stretches(tokenizer, codes, b"\xff" * 4)

    def encode_joined_texts(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        if not texts:
            return np.zeros(0, np.int32), np.zeros(0, np.int64)
        joined = np.frombuffer(encode_joined(texts), "<i4")
        ends = np.flatnonzero(joined < 0)
        if len(ends) != len(texts) - 1:
            # Some text has such an end inside.
            return _concatenated([encode_joined_texts([text.replace(_TEXT_END, " ")]) for text in texts])
        lengths = np.diff(ends, prepend=-1, append=len(joined)) - 1
        return joined[joined >= 0], lengths

    return encode_joined_texts


def _concatenated(encoded: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    ids, lengths = zip(*encoded)
    return np.concatenate(ids), np.concatenate(lengths)


def unknown_counter(tokenizer: Any) -> Callable[[bytes], int]:
    """A function that counts the [UNK] in encoded ids, of one input or of many joined."""
    unknown = varints([tokenizer.unk_id])
    # The same bytes may end a longer varint; then the byte before them has the high bit. That is looked at last: bytes at the
    # beginning of a pattern are found quickly.
    occurrences = re.compile(re.escape(unknown) + b"(?<![\x80-\xff]" + re.escape(unknown) + b")", re.DOTALL).findall
    return lambda encoded: len(occurrences(encoded))


def _kept(encoded: bytes, count: int, head_share: float | None) -> bytes:
    """The bytes of `count` ids: the first ones, or those of the head and the tail."""
    if not count:
        return b""
    ends = np.flatnonzero(np.frombuffer(encoded, np.uint8) < 128)
    if count >= len(ends):
        return encoded
    head = head_of(count, head_share)
    kept = encoded[: ends[head - 1] + 1] if head else b""
    return kept if head == count else kept + encoded[ends[len(ends) - count + head - 1] + 1 :]


def _whole_texts(tokenizer: Any) -> Callable[[Sequence[str]], list[bytes]]:
    encode = tokenizer.encode
    return lambda texts: [varints(encode(text)) for text in texts]


def _joined_stretches(tokenizer: Any, codes: list[bytes], end: bytes) -> Callable[[Sequence[str]], bytes]:
    """A function that gives the codes of all texts' ids, with `end` between two texts."""
    known, join = _Stretches(tokenizer, codes, end).__getitem__, b"".join
    # Words that are never split are told by their capitals.
    lower_case = tokenizer.do_lower_case and not tokenizer.normalization.never_split

    def encode_joined(texts: Sequence[str]) -> bytes:
        joined = f" {_TEXT_END} ".join(texts)
        # In lower case fewer stretches are new.
        if lower_case:
            joined = joined.lower() if _CAPITAL_SIGMA not in joined else _lower_case_but_sigmas(joined)
        return join(map(known, joined.split(" ")))

    return encode_joined


def _by_stretches(tokenizer: Any) -> Callable[[Sequence[str]], list[bytes]]:
    encode_joined = _joined_stretches(tokenizer, all_varints(tokenizer.vocab_size), _ENCODED_END)

    def encode(texts: Sequence[str]) -> list[bytes]:
        encoded = encode_joined(texts).split(_ENCODED_END)
        if len(encoded) != len(texts):
            # Some text has such an end inside.
            encoded = [encode_joined([text]).replace(_ENCODED_END, b"") for text in texts]
        return encoded

    return encode


def _lower_case_but_sigmas(text: str) -> str:
    return " ".join([stretch if _CAPITAL_SIGMA in stretch else stretch.lower() for stretch in text.split(" ")])


class _Stretches(dict):
    """The codes of the ids of stretches of text without spaces; the short ones are remembered, up to a number.

    For a tokenizer that takes lower case, ASCII stretches have to be in lower case.
    """

    _LONGEST = 24
    _MOST = 1 << 16

    def __init__(self, tokenizer: Any, codes: list[bytes], end: bytes):
        super().__init__()
        self._tokenizer = tokenizer
        self._whole_word = tokenizer.vocabulary.get
        self._codes, self._end = codes, end
        self._splits_all = not tokenizer.normalization.never_split
        self._start()

    def __missing__(self, stretch: str) -> bytes:
        if len(stretch) > self._LONGEST:
            return self._joined(self._tokenizer.encode_stretch(stretch))
        is_ascii = self._splits_all and stretch.isascii()
        if is_ascii and stretch.isalnum():
            # Most are plain words that the vocabulary holds.
            id = self._whole_word(stretch)
            encoded = self._joined(self._tokenizer.word_ids(stretch)) if id is None else self._codes[id]
        elif is_ascii and stretch.isprintable() and len(stretch) > 1:
            encoded = b"".join(map(self.__getitem__, ASCII_WORDS.findall(stretch)))
        else:
            encoded = self._joined(self._tokenizer.encode_stretch(stretch))
        if len(self) >= self._MOST:
            self._start()
        self[stretch] = encoded
        return encoded

    def _joined(self, ids: list[int]) -> bytes:
        return b"".join(map(self._codes.__getitem__, ids))

    def _start(self) -> None:
        self.clear()
        self[_TEXT_END] = self._end
