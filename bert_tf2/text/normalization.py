"""The steps of BERT's basic tokenizer, as character tables for `str.translate`.

Behaviour: Google's `tokenization.BasicTokenizer` (google-research/bert, 2018), in its order: drop control characters, make
white space a space, set CJK ideographs apart, [lower-case, decompose (NFD), strip accents], set punctuation apart, split.
The tables fill themselves with the characters met.
"""

import unicodedata

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


def without_accent(character: str) -> str:
    """The last step for one character of decomposed text: nothing for an accent, spaces around punctuation."""
    if unicodedata.category(character) == "Mn":
        return ""
    return punctuation_apart(character)


def punctuation_apart(character: str) -> str:
    """The character, with spaces around it if it is punctuation."""
    return f" {character} " if is_punctuation(character) else character


class _CharacterTable(dict):
    """Maps code points to strings by a function of one character, remembering the results."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def __missing__(self, code_point: int) -> str:
        result = self[code_point] = self._function(chr(code_point))
        return result


_CLEANED = _CharacterTable(cleaned)
_WITHOUT_ACCENT = _CharacterTable(without_accent)
_PUNCTUATION_APART = _CharacterTable(punctuation_apart)


def basic_tokens(text: str, do_lower_case: bool) -> list[str]:
    """Splits a text into words and punctuation marks exactly as Google's `BasicTokenizer`.

    The reference works word by word. Lower-casing and decomposing the whole line gives the same: both look at neighbours
    (the final sigma; the order of combining marks), but never across a space.
    """
    text = text.translate(_CLEANED)
    if do_lower_case:
        return unicodedata.normalize("NFD", text.lower()).translate(_WITHOUT_ACCENT).split()
    return text.translate(_PUNCTUATION_APART).split()
