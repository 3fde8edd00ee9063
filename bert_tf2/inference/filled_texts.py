"""Texts with a mask where a word is to be found, and with a token in its place."""

from bert_tf2.text.byte_level import vocabulary as byte_level_vocabulary
from bert_tf2.text.vocabulary import MASK

_CONTINUES, _BEGINS = "##", "▁"
MARKS = (MASK, byte_level_vocabulary.MASK)
"""What may be written where a word is to be found; the second with a model of byte-level BPE only."""


def with_token(text: str, place: int, token: str) -> str:
    """A text with one of its masks, counted from 0, replaced by a token; a continuation joins the word before it."""
    parts = text.split(MASK)
    before, after = MASK.join(parts[: place + 1]), MASK.join(parts[place + 1 :])
    if token.startswith(_CONTINUES) and len(token) > len(_CONTINUES):
        return before.rstrip() + token.removeprefix(_CONTINUES) + after
    return before + token.removeprefix(_BEGINS) + after


def with_spaced_token(text: str, place: int, token: str, mark: str) -> str:
    """As `with_token`, for a token that brings its own space along: white space before the mask `mark` is that of the token."""
    parts = text.split(mark)
    before, after = mark.join(parts[: place + 1]).rstrip(), mark.join(parts[place + 1 :])
    return before + (token if before else token.lstrip()) + after
