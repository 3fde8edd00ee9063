"""How tags say where entities begin and end: IOB1, IOB2, IOBES, or plain tags that say nothing of the kind.

A tag of the first three is `O` (outside) or a prefix and the entity's type: `B-PER`. IOB2 begins every entity with B and goes on
with I; IOB1 (Ramshaw and Marcus 1995) writes B only where an entity follows another of its type; IOBES ends with E and gives an
entity of one word S.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


IOB1, IOB2, IOBES, PLAIN = "IOB1", "IOB2", "IOBES", "plain"
SCHEMES = (IOB1, IOB2, IOBES, PLAIN)
OUTSIDE = "O"
PREFIXES = {IOB1: "BI", IOB2: "BI", IOBES: "BIES", PLAIN: ""}
_BEFORE_THE_FIRST = (OUTSIDE, "")


def divided(tag: str) -> tuple[str, str]:
    """Prefix and type of a tag: `B` and `PER` of `B-PER`, `O` and nothing of `O`; a prefix alone has the type `_`."""
    return (OUTSIDE, "") if tag == OUTSIDE else (tag[:1], tag[2:] or "_")


def has_prefix(tag: str, prefixes: str) -> bool:
    """Whether the tag is one of the prefixes, alone or before a hyphen and a type."""
    return tag[:1] in prefixes and bool(tag) and (len(tag) == 1 or (len(tag) > 2 and tag[1] == "-"))


def recognise(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme that tags are written in, from all of them.

    Where none has a prefix, they are plain. With E or S it is IOBES; where entities begin with I, and with B only behind one of
    their type, IOB1; else IOB2.
    """
    found: set[str] = set()
    begins_with: set[str] = set()
    for tags in sentences:
        before = _BEFORE_THE_FIRST
        for tag in tags:
            if tag == OUTSIDE:
                before = _BEFORE_THE_FIRST
                continue
            found.add(tag)
            here = divided(tag)
            if here[1] != before[1]:
                begins_with.add(here[0])
            before = here
    # `B-` lacks its type: no tag of the scheme, and no plain one either.
    typed = {tag for tag in found if has_prefix(tag.removesuffix("-") if len(tag) == 2 else tag, "BIES")}
    if (not any(len(tag) > 1 for tag in typed) and typed != found) or not typed:
        return PLAIN
    if any(tag[0] in "ES" for tag in typed):
        return IOBES
    return IOB1 if "I" in begins_with and "B" not in begins_with else IOB2


def complaint(tags: Sequence[str], scheme: str) -> tuple[int, str] | None:
    """The first place where tags break the rules of their scheme, and how; None where they keep them."""
    if scheme == PLAIN:
        return None
    known = PREFIXES[scheme]
    before, previous = _BEFORE_THE_FIRST, ""
    for place, tag in enumerate((*tags, OUTSIDE)):
        if tag != OUTSIDE and not has_prefix(tag, known):
            shown = ", ".join(f"{prefix}-TYPE" for prefix in known)
            return place, f"the tag '{tag}' is none of {scheme}, whose tags are O, {shown}"
        here = divided(tag)
        if not _may_follow(before, here, scheme):
            where = f"behind '{previous}'" if place else "at the beginning"
            if place == len(tags):
                return place - 1, f"the entity of '{previous}' has no end; {scheme} ends it with 'E-', or writes 'S-' of one word"
            return place, f"the tag '{tag}' stands {where}, which {scheme} does not allow; is it '{_cure(tag, scheme)}'?"
        before, previous = here, tag
    return None


def _cure(tag: str, scheme: str) -> str:
    other = {IOB1: {"B": "I"}, IOB2: {"I": "B"}, IOBES: {"I": "B", "E": "S", "B": "I", "S": "E"}}[scheme]
    return other.get(tag[:1], "I") + (tag[1:] if tag != OUTSIDE else "-…")


def _may_follow(before: tuple[str, str], here: tuple[str, str], scheme: str) -> bool:
    """Whether a tag may follow another, or `O` at the beginning and the end."""
    continues = before[0] != OUTSIDE and before[1] == here[1]
    if scheme == IOB2:
        return here[0] != "I" or continues
    if scheme == IOB1:
        return here[0] != "B" or continues
    if scheme == IOBES:
        is_open = before[0] in "BI"
        return (here[0] in "IE") == is_open and (not is_open or continues)
    return True


def labels_of(tags: Iterable[str], scheme: str) -> list[str]:
    """The labels of a model that knows these tags: `O` first, then every type in order with all prefixes of the scheme; plain
    tags in order. What is no tag of the scheme gives none."""
    if scheme == PLAIN:
        return sorted(set(tags) - {""})
    types = sorted({tag[1:] for tag in tags if has_prefix(tag, PREFIXES[scheme])})
    return [OUTSIDE, *(prefix + rest for rest in types for prefix in PREFIXES[scheme])]


def transitions(labels: Sequence[str], scheme: str) -> "np.ndarray":
    """Which label may follow which: bool [C + 1, C + 1] by the one before; the last row and column are the sentence's ends."""
    parts = [*map(divided, labels), _BEFORE_THE_FIRST]
    import numpy as np

    return np.array([[_may_follow(before, here, scheme) for here in parts] for before in parts])
