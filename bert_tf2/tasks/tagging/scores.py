"""Entities in tags, and precision, recall and F1 of them: equal to seqeval's, in its default and in its strict mode.

By default an entity is what conlleval (CoNLL-2000) takes for one: it may begin with any prefix, and ends where a tag cannot go on
with it. In the strict mode only what its scheme calls an entity is one.
"""

import collections
import dataclasses
from collections.abc import Iterable, Sequence

from bert_tf2.tasks.tagging.schemes import IOB1, IOB2, IOBES, OUTSIDE, divided

Entity = tuple[str, int, int]
"""Type, first word and the word behind the last."""


def entities(tags: Sequence[str], strict: str | None = None) -> list[Entity]:
    """The entities of a sentence.

    Args:
      tags: of its words; none of plain tags has entities to speak of.
      strict: the scheme whose rules decide; None for those of conlleval.
    """
    parts = [*map(divided, tags), (OUTSIDE, "")]
    return _by_rules(parts, strict) if strict else _as_conlleval(parts)


def _as_conlleval(parts: Sequence[tuple[str, str]]) -> list[Entity]:
    found, begin = [], 0
    before, kind = OUTSIDE, ""
    for place, (prefix, here) in enumerate(parts):
        goes_on = before not in "OES" and prefix in "IE" and here == kind
        if before != OUTSIDE and not goes_on:
            found.append((kind, begin, place))
        if prefix != OUTSIDE and not goes_on:
            begin = place
        before, kind = prefix, here
    return found


def _by_rules(parts: Sequence[tuple[str, str]], scheme: str) -> list[Entity]:
    found, place = [], 0
    before = (OUTSIDE, "")
    while place < len(parts):
        begin = place
        place += 1
        if _begins(before, parts[begin], scheme):
            while _goes_on(parts[place - 1], parts[place], scheme):
                place += 1
            if _is_whole(parts[place - 1], parts[place], scheme):
                found.append((parts[begin][1], begin, place))
        before = parts[place - 1]
    return found


def _begins(before: tuple[str, str], here: tuple[str, str], scheme: str) -> bool:
    if scheme == IOB1:
        same = before[0] != OUTSIDE and before[1] == here[1]
        return (here[0] == "I" and (not same or before[0] == "B")) or (here[0] == "B" and same)
    return here[0] in ("B" if scheme == IOB2 else "BS")


def _goes_on(before: tuple[str, str], here: tuple[str, str], scheme: str) -> bool:
    return before[0] in "BI" and here[0] in ("IE" if scheme == IOBES else "I") and before[1] == here[1]


def _is_whole(last: tuple[str, str], behind: tuple[str, str], scheme: str) -> bool:
    if scheme == IOBES:
        return last[0] in "ES"
    # Of two B of different types, which IOB1 does not have, the first is none.
    return scheme != IOB1 or not (last[0] == "B" and behind[0] == "B" and last[1] != behind[1])


@dataclasses.dataclass(frozen=True)
class Score:
    """How well entities were found: exact in type, begin and end.

    Attributes:
      right: how many of the predicted ones are gold.
      predicted, gold: how many there are.
    """

    right: int
    predicted: int
    gold: int

    @property
    def precision(self) -> float:
        """Share of the predicted ones that are gold; 0 of none."""
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold ones that are predicted; 0 of none."""
        return self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 where nothing is right."""
        return 2 * self.right / (self.predicted + self.gold) if self.right else 0.0


def entity_scores(
    gold: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]], strict: str | None = None
) -> tuple[Score, dict[str, Score]]:
    """The score of all entities, and that of each type, in the order of their names.

    Args:
      gold, predicted: the tags of each sentence's words.
      strict: see `entities`.
    """
    right: collections.Counter[str] = collections.Counter()
    found: collections.Counter[str] = collections.Counter()
    wanted: collections.Counter[str] = collections.Counter()
    for gold_tags, predicted_tags in zip(gold, predicted, strict=True):
        those, these = set(entities(gold_tags, strict)), set(entities(predicted_tags, strict))
        for counter, some in ((right, those & these), (found, these), (wanted, those)):
            counter.update(kind for kind, _, _ in some)
    types = sorted(found.keys() | wanted.keys())
    total = Score(right.total(), found.total(), wanted.total())
    return total, {kind: Score(right[kind], found[kind], wanted[kind]) for kind in types}
