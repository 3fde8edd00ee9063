"""What a report says of a tagger beyond its total scores: each type or tag, what is taken for what, and some of the errors."""

import collections
from collections.abc import Sequence

from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.tasks.tagging.files import sentences_of
from bert_tf2.tasks.tagging.schemes import PLAIN
from bert_tf2.tasks.tagging.scores import Entity, Score, entities, entity_scores
from bert_tf2.tasks.written_tables import escaped, shortened

_MOST_ROWS = 200
_MOST_TYPES = 30
_MOST_ERRORS = 20
_NONE = "(none)"

Tags = Sequence[Sequence[str]]


def report_sections(gold: Tags, predicted: Tags, scheme: str, strict: str | None, records: RecordSet) -> list[tuple[str, str]]:
    """Headings and Markdown for `bert_tf2.training.reporting.report.write_report`.

    Args:
      gold, predicted: the tags of each sentence's words.
      scheme: how they are written.
      strict: the rules that entities are found by; see `scores.entities`.
      records: what the sentences are in.
    """
    if scheme == PLAIN:
        pairs = [(one, other) for tags in zip(gold, predicted) for one, other in zip(*tags, strict=True)]
        confusion = collections.Counter(pairs)
        return [("Tags", _scores(_tag_scores(confusion), "tag")), ("Confusion of tags", _most_confused(confusion))]
    types = entity_scores(gold, predicted, strict)[1]
    those, these = ([entities(tags, strict) for tags in some] for some in (gold, predicted))
    sections = [("Entities", _scores(types, "type")), ("Confusion of types", _confusion(_matched(those, these)))]
    wrong = [row for row, (one, other) in enumerate(zip(those, these)) if set(one) != set(other)]
    if wrong:
        said = f"{len(wrong):,} of {len(gold):,} sentences have an entity that is missed, wrong or not there"
        sections.append(("Errors", _errors(said, wrong, those, these, records)))
    return sections


def _tag_scores(confusion: collections.Counter) -> dict[str, Score]:
    wanted: collections.Counter[str] = collections.Counter()
    found: collections.Counter[str] = collections.Counter()
    for (one, other), count in confusion.items():
        wanted[one] += count
        found[other] += count
    return {tag: Score(confusion[tag, tag], found[tag], wanted[tag]) for tag in sorted(wanted.keys() | found.keys())}


def _scores(scores: dict[str, Score], what: str) -> str:
    shown = sorted(scores.items(), key=lambda item: -item[1].gold)[:_MOST_ROWS]
    lines = [f"| {what} | precision | recall | F1 | gold | predicted |", "|---|---|---|---|---|---|"]
    for name, score in shown:
        values = " | ".join(f"{value:.4f}" for value in (score.precision, score.recall, score.f1))
        lines.append(f"| {escaped(name)} | {values} | {score.gold:,} | {score.predicted:,} |")
    if len(shown) < len(scores):
        lines = [f"The {len(shown)} most frequent of {len(scores)}:", "", *lines]
    return "\n".join(lines)


def _matched(gold: Sequence[list[Entity]], predicted: Sequence[list[Entity]]) -> collections.Counter:
    """How often entities of a gold type were given a predicted type, where begin and end agree; `(none)` where none does."""
    counts: collections.Counter = collections.Counter()
    for one, other in zip(gold, predicted):
        there, here = ({(begin, end): kind for kind, begin, end in some} for some in (one, other))
        for place in there.keys() | here.keys():
            counts[there.get(place, _NONE), here.get(place, _NONE)] += 1
    return counts


def _confusion(counts: collections.Counter) -> str:
    occurring: collections.Counter[str] = collections.Counter()
    for pair, count in counts.items():
        for kind in set(pair) - {_NONE}:
            occurring[kind] += count
    types = [kind for kind, _ in occurring.most_common(_MOST_TYPES)]
    names = [*sorted(types), _NONE]
    header = " | ".join(["gold \\ predicted", *map(escaped, names)])
    lines = [f"| {header} |", f"|{'---|' * (len(names) + 1)}"]
    for row in names:
        cells = " | ".join(f"{counts[row, column]:,}" if (row, column) != (_NONE, _NONE) else "" for column in names)
        lines.append(f"| {escaped(row)} | {cells} |")
    said = "Entities whose begin and end agree; `(none)`: nothing there, or with another begin or end."
    return "\n".join([said, "", *lines])


def _most_confused(confusion: collections.Counter) -> str:
    wrong = [(count, *pair) for pair, count in confusion.items() if pair[0] != pair[1]]
    lines = ["| gold | predicted | words |", "|---|---|---|"]
    for count, one, other in sorted(wrong, key=lambda row: (-row[0], row[1:]))[:_MOST_ERRORS]:
        lines.append(f"| {escaped(one)} | {escaped(other)} | {count:,} |")
    return "\n".join(lines)


def _errors(
    said: str, wrong: list[int], gold: Sequence[list[Entity]], predicted: Sequence[list[Entity]], records: RecordSet
) -> str:
    # Evenly from the beginning to the end, which shows more than the first ones.
    chosen = {wrong[number * len(wrong) // _MOST_ERRORS] for number in range(_MOST_ERRORS)}
    lines = [f"{said}; some of them:", "", "| sentence | gold | predicted | text |", "|---|---|---|---|"]
    for row, sentence in enumerate(sentences_of(records)):
        if row in chosen:
            named = []
            for some in (gold[row], predicted[row]):
                marked = [f"{sentence.text[sentence.begins[a] : sentence.ends[b - 1]]} ({kind})" for kind, a, b in some]
                named.append(escaped(", ".join(marked)))
            lines.append(f"| {row} | {named[0]} | {named[1]} | {escaped(shortened(sentence.text))} |")
    return "\n".join(lines)
