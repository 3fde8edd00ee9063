"""The steps of BERT's basic tokenizer, as character tables for `str.translate`.

Behaviour: Google's `tokenization.BasicTokenizer` (google-research/bert, 2018), in its order: drop control characters, make
white space a space, set CJK ideographs apart, [lower-case], [decompose (NFD), strip accents], set punctuation apart, split.
`Normalization` says which of the steps in brackets are taken; what Google's does not have is as in Hugging Face's
`BertTokenizer`. The tables fill themselves with the characters met.
"""

import dataclasses
import unicodedata
from collections.abc import Callable
from typing import Any

# The blocks of ideographs that the reference sets apart, first and last code point; kana and hangul are not among them.
CJK_BLOCKS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


@dataclasses.dataclass(frozen=True)
class Normalization:
    """What a tokenizer does to text before it looks for pieces; it belongs to the vocabulary, and to the data made with it.

    Attributes:
      do_lower_case: capitals become small letters.
      strip_accents: letters lose their accents: decomposed (NFD), the marks dropped. None, which becomes the value of
        `do_lower_case`, is Google's rule. Kept accents stay as they are written: nothing is composed or decomposed.
      tokenize_chinese_chars: every CJK ideograph is a word.
      never_split: words between white space that stay as they are written (`[DATE]`); so do words that are one of them after
        the other steps. Each is one token, [UNK] if the vocabulary lacks it, as in Hugging Face's Python tokenizer.
    """

    do_lower_case: bool = True
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool = True
    never_split: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.strip_accents is None:
            object.__setattr__(self, "strip_accents", self.do_lower_case)
        object.__setattr__(self, "never_split", tuple(dict.fromkeys(self.never_split)))

    @property
    def fact(self) -> bool | dict[str, Any]:
        """What identifies it in JSON beside other facts of a run: where it is Google's, `do_lower_case` alone.

        So what was noted before there was more to say is still true, and is unlike all that is new.
        """
        if self == Normalization(self.do_lower_case):
            return self.do_lower_case
        return dataclasses.asdict(self) | {"never_split": list(self.never_split)}

    @classmethod
    def of_fact(cls, fact: Any) -> "Normalization | None":
        """What was noted as `fact`; None of anything else."""
        if isinstance(fact, bool):
            return cls(fact)
        return cls(**fact) if isinstance(fact, dict) else None


def is_cjk(character: str) -> bool:
    """Whether the reference sets this character apart as an ideograph."""
    code_point = ord(character)
    return code_point >= 0x3400 and any(first <= code_point <= last for first, last in CJK_BLOCKS)


def is_punctuation(character: str) -> bool:
    """Unicode category P, and every ASCII character that is neither letter, digit, space nor control."""
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")


def cleaned(character: str) -> str:
    """The first step for one character: nothing for a control character, a space for white space, spaces around CJK."""
    if character not in "\t\n\r" and (unicodedata.category(character) in ("Cc", "Cf") or character == "\ufffd"):
        return ""
    if character.isspace():
        return " "
    return f" {character} " if is_cjk(character) else character


def cleaned_only(character: str) -> str:
    """As `cleaned`, with ideographs left where they stand."""
    return character if is_cjk(character) else cleaned(character)


def is_accent(character: str) -> bool:
    """Whether a character of decomposed text is stripped as an accent: Unicode category Mn."""
    return unicodedata.category(character) == "Mn"


def without_accent(character: str) -> str:
    """A character of decomposed text; nothing for an accent."""
    return "" if is_accent(character) else character


def without_accent_punctuation_apart(character: str) -> str:
    """The last steps for one character of decomposed text: nothing for an accent, spaces around punctuation."""
    return "" if is_accent(character) else punctuation_apart(character)


def punctuation_apart(character: str) -> str:
    """The character, with spaces around it if it is punctuation."""
    return f" {character} " if is_punctuation(character) else character


class _CharacterTable(dict):
    """Maps code points to strings by a function of one character, remembering the results."""

    def __init__(self, function: Callable[[str], str]):
        super().__init__()
        self._function = function

    def __missing__(self, code_point: int) -> str:
        result = self[code_point] = self._function(chr(code_point))
        return result


_CLEANED = _CharacterTable(cleaned)
_CLEANED_ONLY = _CharacterTable(cleaned_only)
_WITHOUT_ACCENT = _CharacterTable(without_accent)
_WITHOUT_ACCENT_PUNCTUATION_APART = _CharacterTable(without_accent_punctuation_apart)
_PUNCTUATION_APART = _CharacterTable(punctuation_apart)


def basic_tokens(text: str, normalization: Normalization) -> list[str]:
    """Splits a text into words and punctuation marks exactly as Google's `BasicTokenizer`.

    The reference works word by word. Lower-casing and decomposing the whole line gives the same: both look at neighbours
    (the final sigma; the order of combining marks), but never across a space.
    """
    text = text.translate(_CLEANED if normalization.tokenize_chinese_chars else _CLEANED_ONLY)
    if normalization.never_split:
        return _tokens_but_some_whole(text.split(), normalization)
    if normalization.do_lower_case:
        text = text.lower()
    if normalization.strip_accents:
        return unicodedata.normalize("NFD", text).translate(_WITHOUT_ACCENT_PUNCTUATION_APART).split()
    return text.translate(_PUNCTUATION_APART).split()


def folded(word: str, normalization: Normalization) -> str:
    """A word in lower case and without accents, as far as they are asked for."""
    word = word.lower() if normalization.do_lower_case else word
    return unicodedata.normalize("NFD", word).translate(_WITHOUT_ACCENT) if normalization.strip_accents else word


def _tokens_but_some_whole(words: list[str], normalization: Normalization) -> list[str]:
    tokens = []
    for word in words:
        if word not in normalization.never_split:
            word = folded(word, normalization)
        tokens += [word] if word in normalization.never_split else word.translate(_PUNCTUATION_APART).split()
    return tokens
