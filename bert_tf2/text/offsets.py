"""Tokens with their places: which characters of the text every token stands for."""

import dataclasses
import functools
import itertools
import re
import struct
import unicodedata
from array import array
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bert_tf2.text.normalization import Normalization, cleaned, cleaned_only, folded, is_accent, is_cjk, is_punctuation
from bert_tf2.text.wordpiece import MAX_CHARACTERS_PER_WORD, Memory, WordPieceTokenizer

# What separates words in SQuAD, as in the reference (`read_squad_examples` of google-research/bert): fewer characters than
# `str.split` takes for white space. The tokenizer makes spaces of the others, so a word can give several tokens anyhow.
WHITE_SPACE = " \t\r\n\u202f"
_OTHER_WHITE_SPACE = WHITE_SPACE[1:]
_ASCII_WORDS = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")
_CAPITAL_SIGMA = "Σ"
# An id, a start and an end.
_PACKED = struct.Struct("=3i")


@dataclasses.dataclass(frozen=True, eq=False)
class PlacedTokens:
    """The tokens of a text and where they stand in it; places are in code points.

    Attributes:
      ids: int32 [T], as `WordPieceTokenizer.encode`.
      starts, ends: int32 [T]: token i stands for `text[starts[i]:ends[i]]`. Neither ever decreases.
      word_starts: int32 [N], where each word begins; a word is what stands between `WHITE_SPACE`.
      word_tokens: int32 [N + 1], the tokens of word j are `word_tokens[j]` up to, not including, `word_tokens[j + 1]`; a word
        of control characters has none.
    """

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    word_starts: np.ndarray
    word_tokens: np.ndarray

    @functools.cached_property
    def words(self) -> np.ndarray:
        """int32 [T], the word each token lies in."""
        return np.repeat(np.arange(len(self.word_starts), dtype=np.int32), np.diff(self.word_tokens))


class PlacingTokenizer:
    """Tokenizes texts and keeps the place of every token.

    An accent belongs to its letter, also where normalization strips it. Tokens made from one character (a Hangul syllable
    decomposes into several) share its place, and so do combining marks that normalization puts into another order. A token
    for a word that cannot be spelled has the place of that word. Control and format characters (direction marks, joiners)
    belong to a token where they stand inside it, not where they stand beside it.

    Args:
      tokenizer: gives the ids.
    """

    def __init__(self, tokenizer: WordPieceTokenizer):
        self._tokenizer = tokenizer
        self._lengths = [len(tokenizer.id_to_token(id)) for id in range(tokenizer.vocab_size)]
        self._rows = Memory(self._word_rows)

    def __call__(self, text: str) -> PlacedTokens:
        """The tokens of a text, without [CLS] and [SEP], and their places."""
        spaced = text
        for character in _OTHER_WHITE_SPACE:
            spaced = spaced.replace(character, " ")
        stretches = spaced.split(" ")
        lengths = np.fromiter(map(len, stretches), np.int32, len(stretches))
        word_starts = (np.cumsum(lengths + 1, dtype=np.int32) - lengths - 1)[lengths > 0]
        known = self._rows
        word_rows = [known[stretch] for stretch in stretches if stretch]
        word_tokens = np.zeros(len(word_rows) + 1, np.int32)
        word_tokens[1:] = np.fromiter(map(len, word_rows), np.int32, len(word_rows)) // _PACKED.size
        places = np.repeat(word_starts, word_tokens[1:])
        np.cumsum(word_tokens, out=word_tokens)
        # Three values a token, of which the last two count from the word's beginning.
        ids, starts, ends = np.frombuffer(b"".join(word_rows), np.int32).reshape(-1, 3).T
        return PlacedTokens(np.ascontiguousarray(ids), starts + places, ends + places, word_starts, word_tokens)

    def _word_rows(self, word: str) -> bytes:
        """Id, start and end of each token of a word, as int32 [n, 3] in bytes; the places count from the word's beginning."""
        rows, normalization = array("i"), self._tokenizer.normalization
        do_lower_case = normalization.do_lower_case
        if word.isascii() and word.isprintable() and not normalization.never_split:
            spelled, end = word.lower() if do_lower_case else word, len(word)
            known = self._tokenizer.vocabulary.get
            # Most words are plain and in the vocabulary, or such a word and a mark after it.
            if spelled.isalnum():
                id = known(spelled)
                if id is not None and end <= MAX_CHARACTERS_PER_WORD:
                    return _PACKED.pack(id, 0, end)
            elif 1 < end <= Memory.LONGEST and not spelled[-1].isalnum():
                return self._rows[word[:-1]] + _PACKED.pack(known(spelled[-1], self._tokenizer.unk_id), end - 1, end)
            for match in _ASCII_WORDS.finditer(spelled):
                start, end = match.span()
                self._add(rows, match.group(), range(start, end), range(start + 1, end + 1))
        else:
            for spelled, starts, ends in placed_basic_tokens(word, normalization):
                self._add(rows, spelled, starts, ends)
        return rows.tobytes()

    def _add(self, rows: array, spelled: str, starts: Sequence[int], ends: Sequence[int]) -> None:
        """Adds the pieces of a word whose characters have these places."""
        ids = self._tokenizer.word_or_whole_ids(spelled)
        if len(ids) == 1:
            rows.extend((ids[0], starts[0], ends[-1]))
            return
        begin = 0
        for id in ids:
            # All but the first piece of a word are in the vocabulary with two signs before them.
            end = begin + self._lengths[id] - (2 if begin else 0)
            rows.extend((id, starts[begin], ends[end - 1]))
            begin = end


Word = tuple[str, list[int], list[int]]


def placed_basic_tokens(text: str, normalization: Normalization) -> list[Word]:
    """The words and punctuation marks that `basic_tokens` gives, with the start and the end in `text` of each character."""
    if not normalization.never_split:
        return _placed(text, normalization)
    found: list[Word] = []
    begin = 0
    for start, end, spelled in [*_whole_words(text, normalization), (len(text), len(text), "")]:
        between = _placed(text[begin:start], normalization)
        found += [(word, [begin + x for x in starts], [begin + x for x in ends]) for word, starts, ends in between]
        if spelled:
            found.append((spelled, [start] * len(spelled), [end] * len(spelled)))
        begin = end
    return found


def _whole_words(text: str, normalization: Normalization) -> Iterator[tuple[int, int, str]]:
    """The words that are never split: where they start and end, and as what they are looked up."""
    clean = _cleaning(normalization)
    characters = [(c, place) for place, character in enumerate(text) for c in clean(character)]
    for is_space, group in itertools.groupby(characters, key=lambda row: row[0] == " "):
        rows = list(group)
        word = "".join(c for c, _ in rows)
        spelled = word if word in normalization.never_split else folded(word, normalization)
        # An ideograph is whole anyhow.
        if not is_space and spelled in normalization.never_split and not is_cjk(spelled[0]):
            yield rows[0][1], rows[-1][1] + 1, spelled


def _placed(text: str, normalization: Normalization) -> list[Word]:
    found: list[tuple[list[str], list[int], list[int]]] = []
    # Whether the next character begins a word, and whether there is a character that an accent could belong to.
    apart, bare = True, True
    strip_accents = normalization.strip_accents
    for character, start, end in _normalized(text, normalization):
        if character == " ":
            apart, bare = True, bare or text[start].isspace()
        elif strip_accents and is_accent(character):
            if not bare:
                ends = found[-1][2]
                ends[-1] = max(ends[-1], end)
        else:
            is_sign = is_punctuation(character)
            if apart or is_sign:
                found.append(([], [], []))
            characters, starts, ends = found[-1]
            characters.append(character)
            starts.append(start)
            ends.append(end)
            apart, bare = is_sign, False
    return [("".join(characters), starts, ends) for characters, starts, ends in found]


def _normalized(text: str, normalization: Normalization) -> list[tuple[str, int, int]]:
    """The characters that the reference cuts into words, accents still among them, each with its start and end in `text`."""
    prepare, lower, strip = _cleaning(normalization), normalization.do_lower_case, normalization.strip_accents
    if lower and _CAPITAL_SIGMA in text:
        text = _with_small_sigmas(text, prepare)
    if lower or strip:
        prepare = functools.partial(_folded, prepare, lower, strip)
    rows = [(c, place, place + 1) for place, character in enumerate(text) for c in prepare(character)]
    return _in_canonical_order(rows) if strip else rows


def _cleaning(normalization: Normalization) -> Callable[[str], str]:
    return cleaned if normalization.tokenize_chinese_chars else cleaned_only


@functools.lru_cache(maxsize=1 << 16)
def _folded(clean: Callable[[str], str], lower: bool, strip: bool, character: str) -> str:
    text = clean(character)
    text = text.lower() if lower else text
    return unicodedata.normalize("NFD", text) if strip else text


def _with_small_sigmas(text: str, clean: Callable[[str], str]) -> str:
    """The text with σ or ς for every Σ; which of them depends on the letters beside it."""
    small = iter([c for c in "".join(map(clean, text)).lower() if c in "σς"])
    return "".join([next(small) if c in "Σσς" else c for c in text])


def _in_canonical_order(rows: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Sorts neighbouring combining marks as NFD does (Unicode, section 3.11); marks that are sorted share their place."""
    classes = [unicodedata.combining(row[0]) for row in rows]
    if not any(classes):
        return rows
    begin = 0
    for combining, run in itertools.groupby(classes, key=bool):
        end = begin + len(list(run))
        if combining and (order := sorted(range(begin, end), key=classes.__getitem__)) != list(range(begin, end)):
            start, stop = rows[begin][1], rows[end - 1][2]
            rows[begin:end] = [(rows[i][0], start, stop) for i in order]
        begin = end
    return rows
