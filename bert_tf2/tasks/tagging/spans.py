"""Marked stretches of a text -> tags of its words, with places in code points."""

import dataclasses
import unicodedata
from collections.abc import Sequence
from typing import Any

from bert_tf2.tasks.tagging.schemes import OUTSIDE
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.offsets import placed_basic_tokens

_JOINER = "\u200d"
_START, _END, _TYPE = (
    ("start", "start_offset", "begin"),
    ("end", "end_offset"),
    ("type", "label", "entity_group", "tag", "entity"),
)
FORM = '{"start": 0, "end": 5, "type": "PER"} or [0, 5, "PER"]'


@dataclasses.dataclass(frozen=True)
class Span:
    """A marked stretch: `text[start:end]` is of the type `kind`."""

    start: int
    end: int
    kind: str


def words_of(text: str, normalization: Normalization) -> tuple[list[int], list[int]]:
    """Where the words of a text begin and end: what the tokenizer divides it into before it looks for pieces.

    That is at white space and at every punctuation mark, and around ideographs.
    """
    words = placed_basic_tokens(text, normalization)
    return [starts[0] for _, starts, _ in words], [ends[-1] for _, _, ends in words]


def parsed(value: Any, text: str) -> list[Span] | str:
    """The spans of a JSON value, in the order of the text; or what is wrong with it.

    Taken are lists of objects with the keys of several annotation tools, and lists of begin, end and type.
    """
    if not isinstance(value, list):
        return f"the spans must be a list of {FORM}; got {str(value)[:60]}"
    spans = []
    for one in value:
        if isinstance(one, dict):
            start, end, kind = (next((one[key] for key in keys if key in one), None) for keys in (_START, _END, _TYPE))
        else:
            start, end, kind = one if isinstance(one, list) and len(one) == 3 else (None, None, None)
        if type(start) is not int or type(end) is not int or not isinstance(kind, str) or not kind.strip():
            return f"a span must be {FORM}; got {str(one)[:80]}"
        if not 0 <= start < end <= len(text):
            return f"a span must lie in the text, which has {len(text)} characters (code points); got {start} to {end}"
        if isinstance(one, dict) and isinstance(one.get("text"), str) and one["text"] != text[start:end]:
            return (
                f"the span {start} to {end} is '{text[start:end][:40]}', not '{one['text'][:40]}' as it says; places are counted "
                "in characters (code points), not in bytes or UTF-16"
            )
        spans.append(Span(start, end, kind.strip()))
    return sorted(spans, key=lambda span: span.start)


def tags_of(text: str, starts: Sequence[int], ends: Sequence[int], spans: Sequence[Span]) -> list[str] | str:
    """The tags of a text's words, IOB2; or what is wrong with the spans.

    Args:
      starts, ends: of the words.
      spans: as `parsed` gives them.
    """
    tags = [OUTSIDE] * len(starts)
    first_of, last_of = ({place: word for word, place in enumerate(places)} for places in (starts, ends))
    behind = 0
    for span in spans:
        shown = f"the span {span.start} to {span.end} ('{text[span.start : span.end][:40]}')"
        if span.start < behind:
            return f"{shown} overlaps another; a word has one tag, so leave one of them out"
        behind = span.end
        for place in (span.start, span.end):
            if splits_character(text, place):
                return f"{shown} splits the character '{_character(text, place)}' at {place}; move it to the character's edge"
        first, last = first_of.get(span.start), last_of.get(span.end)
        if first is None or last is None:
            edges = text[span.start], text[span.end - 1]
            if any(edge.isspace() for edge in edges):
                return f"{shown} has white space at its edge; move it to the word's"
            return f"{shown} does not begin and end with a word; a word has one tag, so widen the span or divide the word"
        tags[first : last + 1] = [f"B-{span.kind}", *[f"I-{span.kind}"] * (last - first)]
    return tags


def splits_character(text: str, place: int) -> bool:
    """Whether what stands before and behind a place is one character to a reader: a letter and its marks, an emoji of several
    parts (an approximation of the grapheme clusters of Unicode, annex 29)."""
    if not 0 < place < len(text):
        return False
    before, behind = text[place - 1], text[place]
    if behind == _JOINER or before == _JOINER or unicodedata.category(behind)[0] == "M" or _is_modifier(behind):
        return True
    if _is_flag_letter(before) and _is_flag_letter(behind):
        begin = place
        while begin and _is_flag_letter(text[begin - 1]):
            begin -= 1
        return (place - begin) % 2 == 1
    return before + behind == "\r\n"


def _is_modifier(character: str) -> bool:
    """Colours of skin, and the letters in the flags of regions."""
    return "\U0001f3fb" <= character <= "\U0001f3ff" or "\U000e0020" <= character <= "\U000e007f"


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _character(text: str, place: int) -> str:
    begin, end = place - 1, place + 1
    while splits_character(text, begin):
        begin -= 1
    while splits_character(text, end):
        end += 1
    return text[begin:end]
