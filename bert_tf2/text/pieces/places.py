"""Where the pieces of a SentencePiece model stand in a text.

On the way from a text to pieces there are three texts: the text, what `prepared` makes of it, and what the model's own
normalization makes of that. The library tells which character of the second each of the third came from
(`SentencePieceProcessor.normalize`), and the pieces one after the other are the third.
"""

import functools
import re
import unicodedata
from typing import NamedTuple

import numpy as np

from bert_tf2.text.normalization import Normalization
from bert_tf2.text.sentencepiece import SPACE, SentencePieceTokenizer, prepared

_WORD = re.compile(r"\S+")
_QUOTES = re.compile("``|''")
_NONE = np.zeros(0, np.int32)


class Prepared(NamedTuple):
    """A text as it is prepared, and the place of each of its characters.

    Attributes:
      text: n characters.
      starts, ends: int [n]: character i stands for `original[starts[i]:ends[i]]`.
    """

    text: str
    starts: np.ndarray
    ends: np.ndarray


class SentencePiecePlaces:
    """The ids of a text, and where each piece starts and ends in it, int32 [T]; places are in code points.

    The space before a word is not counted to its first piece. A piece of nothing but space has the space's place, and none where
    the model puts a space of its own, at the beginning of a text. Pieces made from one character (㍿) share its place. An accent
    that is stripped belongs to its letter, and a character that the model drops to a piece where it stands inside it.

    Args:
      tokenizer: gives the ids.
    """

    def __init__(self, tokenizer: SentencePieceTokenizer):
        self._tokenizer, self._processor = tokenizer, tokenizer.processor
        self._lengths = piece_lengths(tokenizer)
        self._parts = {
            id: list(zip(ids, part_lengths(tokenizer, id, self._lengths))) for id, ids in tokenizer.numbers_with_comma.items()
        }

    def __call__(self, text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As above."""
        source = prepared_with_places(text, self._tokenizer.normalization, self._tokenizer.symbols.straightens_quotes)
        ids, lengths = self._pieces(source.text)
        if not len(ids):
            return _NONE, _NONE, _NONE
        normalized, offsets = self._processor.normalize(source.text, with_offsets=True)
        starts, ends = _places_of_pieces(source, normalized, np.array(offsets), lengths)
        return ids, starts, ends

    def _pieces(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """The ids of a prepared text, and how many characters of the normalized text each stands for, int32 [T]."""
        ids = np.array(self._processor.encode(text), np.int32)
        lengths = self._lengths[ids]
        if (ids == self._tokenizer.unk_id).any():
            lengths = np.fromiter(map(len, self._processor.encode(text, out_type=str)), np.int32, len(ids))
        parts = self._parts
        if parts.keys().isdisjoint(ids.tolist()):
            return ids, lengths
        rows = [row for id, length in zip(ids.tolist(), lengths.tolist()) for row in parts.get(id, ((id, length),))]
        ids, lengths = np.array(rows, np.int32).T
        return np.ascontiguousarray(ids), lengths


def piece_lengths(tokenizer: SentencePieceTokenizer) -> np.ndarray:
    """How many characters each piece spells, int32 [V]; of bytes that spell a character together the first spells it."""
    processor = tokenizer.processor
    lengths = [len(tokenizer.id_to_token(id)) for id in range(tokenizer.vocab_size)]
    for id in filter(processor.is_byte, range(tokenizer.vocab_size)):
        byte = int(tokenizer.id_to_token(id)[1:-1], 16)
        lengths[id] = int(byte & 0xC0 != 0x80)
    return np.array(lengths, np.int32)


def part_lengths(tokenizer: SentencePieceTokenizer, id: int, lengths: np.ndarray) -> list[int]:
    """How many characters each part spells of a number with a comma behind it (`numbers_with_comma`)."""
    _, *others = (len(part) for part in tokenizer.parts_of_number(id))
    # The number may begin with a space that its first part has not.
    return [int(lengths[id]) - sum(others), *others]


def prepared_with_places(text: str, normalization: Normalization, straightens_quotes: bool = False) -> Prepared:
    """`sentencepiece.prepared`, with places.

    Args:
      text: the text.
      normalization: how it is prepared.
      straightens_quotes: whether `` and '' become " before that.
    """
    if straightens_quotes and _QUOTES.search(text):
        begins = np.array([match.start() for match in _QUOTES.finditer(text)])
        kept = np.delete(np.arange(len(text)), begins + 1)
        ends = kept + 1 + np.isin(kept, begins)
        of_straight = prepared_with_places(_QUOTES.sub('"', text), normalization)
        return Prepared(of_straight.text, kept[of_straight.starts], ends[of_straight.ends - 1])
    found, strips = prepared(text, normalization), normalization.strip_accents
    if not (normalization.do_lower_case or strips) or (text.isascii() and len(found) == len(text)):
        places = np.arange(len(text) + 1)
        return Prepared(found, places[:-1], places[1:])
    joined = _joined(text)
    if joined.text.isascii():
        return Prepared(found, joined.starts, joined.ends)
    made = functools.partial(_made_of, normalization.do_lower_case, strips)
    counts = np.fromiter(map(made, joined.text), np.int32, len(joined.text))
    _extend_by_dropped(joined, counts == 0)
    return Prepared(found, np.repeat(joined.starts, counts), np.repeat(joined.ends, counts))


def _joined(text: str) -> Prepared:
    """White space joined; what is joined is one space."""
    words = np.array([match.span() for match in _WORD.finditer(text)], np.int64).reshape(-1, 2)
    if not len(words):
        return Prepared("", _NONE, _NONE)
    # Each word with the space behind it.
    lengths = words[:, 1] - words[:, 0] + 1
    behind = np.cumsum(lengths)
    starts = np.arange(behind[-1]) + np.repeat(words[:, 0] - behind + lengths, lengths)
    ends = starts + 1
    ends[behind[:-1] - 1] = words[1:, 0]
    return Prepared(" ".join(text.split()), starts[:-1], ends[:-1])


@functools.lru_cache(maxsize=1 << 16)
def _made_of(lowers: bool, strips: bool, character: str) -> int:
    """How many characters are made of one."""
    if strips:
        character = "".join([c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c)])
    return len(character.lower() if lowers else character)


def _extend_by_dropped(joined: Prepared, dropped: np.ndarray) -> None:
    """Lets the marks that are `dropped`, bool [n], belong to the letter before them."""
    marks = np.flatnonzero(dropped)
    if not len(marks):
        return
    bearers = np.maximum.accumulate(np.where(dropped, -1, np.arange(len(dropped))))[marks]
    worn = np.array([bearer >= 0 and joined.text[bearer] != " " for bearer in bearers.tolist()])
    np.maximum.at(joined.ends, bearers[worn], joined.ends[marks[worn]])


def _places_of_pieces(
    source: Prepared, normalized: str, offsets: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where pieces start and end.

    Args:
      source: the prepared text.
      normalized: what the model makes of it, n characters.
      offsets: [n + 1], the character of the prepared text that each came from, and the end of the last.
      lengths: [T], of the pieces, which one after the other are `normalized`.
    """
    begins = offsets[:-1]
    starts, ends = source.starts[np.minimum(begins, len(source.text) - 1)], _ends(source, offsets)
    behind = np.cumsum(lengths)
    last = behind - 1
    # Later bytes of a character have no length.
    first = np.minimum(behind - lengths, last)
    visible = np.flatnonzero(np.frombuffer(normalized.encode("utf-32-le"), np.uint32) != ord(SPACE))
    begin, end = np.searchsorted(visible, first), np.searchsorted(visible, last, "right") - 1
    blank = np.flatnonzero(begin > end)
    # A text of nothing but space has nothing visible.
    visible = np.append(visible, 0)
    piece_starts, piece_ends = starts[visible[begin]], ends[visible[end]]
    if len(blank):
        first, last = first[blank], last[blank]
        begin, stop = begins[first], offsets[last + 1]
        # Some models put a space of their own at the end.
        piece_starts[blank] = np.where(begin < len(source.text), starts[first], source.ends[-1])
        spaced = np.where(stop > begin, source.ends[np.maximum(stop - 1, 0)], piece_starts[blank])
        # A space can be a part of what one character becomes.
        shares = (first > 0) & (begins[first - 1] == begin)
        piece_ends[blank] = np.where(shares, ends[last], spaced)
    return piece_starts.astype(np.int32), piece_ends.astype(np.int32)


def _ends(source: Prepared, offsets: np.ndarray) -> np.ndarray:
    """Where what each character of the normalized text came from ends, [n]."""
    begins, count = offsets[:-1], len(offsets) - 1
    stops = offsets[np.minimum(np.searchsorted(offsets, begins, "right"), count)]
    if not source.text.isprintable():
        # What is dropped behind a character is no part of it.
        visible = np.fromiter(map(is_visible, source.text), bool, len(source.text))
        last_visible = np.maximum.accumulate(np.where(visible, np.arange(len(visible)), -1))
        stops = last_visible[np.maximum(stops - 1, 0)] + 1
    stops = np.minimum(np.maximum(stops, begins + 1), len(source.text))
    return source.ends[stops - 1]


def is_visible(character: str) -> bool:
    """Whether a character can be dropped without a trace, or is white space: if not, it is visible."""
    return character.isprintable() and character != " "
