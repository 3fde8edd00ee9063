"""Rows that occur twice, in one set or in two, and those whose answers contradict each other."""

from collections.abc import Iterator, Mapping, Sequence

from bert_tf2.jobs.doctor.facts import MOST_COMPARED, Facts, Inputs
from bert_tf2.jobs.doctor.findings import Finding, advice, ok, wrong

_MANY = 0.05
_SHOWN = 3


def examine(facts: Facts) -> Iterator[Finding]:
    """What the model is shown counts: texts that differ in capitals or spaces only are one where those do not reach it."""
    train = facts.inputs.get("train")
    if train is None:
        return
    first: dict[bytes, int] = {}
    repeats = [row for row, key in enumerate(train.keys) if first.setdefault(key, row) != row]
    if not repeats:
        yield ok(f"no training row occurs twice{_of_first(train)}")
    else:
        share = len(repeats) / len(train.keys)
        says = f"{len(repeats):,} training rows ({share:.1%}) repeat another{_of_first(train)}{_cut(facts, train, repeats)}"
        pairs = [(first[train.keys[row]], row) for row in repeats]
        if share > _MANY:
            yield advice(says, "leave the copies out: they count more than other rows", _pairs(facts, train, train, pairs))
        else:
            yield ok(says)
    yield from _contradictions(facts, train, first)
    for name, other in facts.inputs.items():
        if other is not train:
            yield from _leaks(facts, train, other, first, name)


def _of_first(inputs: Inputs) -> str:
    return f" (of the first {MOST_COMPARED:,})" if len(inputs.records) > MOST_COMPARED else ""


def _cut(facts: Facts, inputs: Inputs, rows: Sequence[int]) -> str:
    """How many of some rows may have been cut, so that only what is left of them was compared."""
    most = facts.run.max_seq_length
    cut = sum(len(inputs.ids[row]) == most for row in rows)
    return f" ({cut:,} of them cut to {most} tokens, and compared as far)" if cut else ""


def _contradictions(facts: Facts, train: Inputs, first: Mapping[bytes, int]) -> Iterator[Finding]:
    if train.answers is None:
        return
    contradicting = [(first[key], row) for row, key in enumerate(train.keys) if train.answers[row] != train.answers[first[key]]]
    if not contradicting:
        return
    share = len(contradicting) / len(train.keys)
    severity = wrong if share > _MANY else advice
    yield severity(
        f"{len(contradicting):,} training rows ({share:.1%}) are equal to another one and have another answer"
        f"{_cut(facts, train, [row for _, row in contradicting])}: one of the two at least is wrong",
        "look at these rows, and put right or leave out what is wrong",
        _pairs(facts, train, train, contradicting),
    )


def _leaks(facts: Facts, train: Inputs, other: Inputs, first: Mapping[bytes, int], name: str) -> Iterator[Finding]:
    shared = [(first[key], row) for row, key in enumerate(other.keys) if key in first]
    if not shared:
        yield ok(f"no row of {name} is in train{_of_first(train)}")
        return
    share = len(shared) / len(other.keys)
    differing = []
    if train.answers is not None and other.answers is not None:
        differing = [(one, row) for one, row in shared if train.answers[one] != other.answers[row]]
    says = f"{len(shared):,} rows of {name} ({share:.1%}) are in train too{_cut(facts, other, [row for _, row in shared])}"
    severity = wrong if share > _MANY else advice
    if differing and len(differing) > len(shared) / 2 and len(differing) > 4:
        yield wrong(
            f"{says}, and {len(differing):,} of them have another answer there",
            f"look at how the labels of {name} were made: rows and labels do not belong together",
            _pairs(facts, train, other, differing),
        )
        return
    yield severity(
        f"{says}: scores will look too good", f"leave them out of train or of {name}", _pairs(facts, train, other, shared)
    )


def _pairs(facts: Facts, one: Inputs, other: Inputs, pairs: Sequence[tuple[int, int]]) -> list[str]:
    """Lines with the places of the first pairs, the second's text, and their answers where they differ."""
    shown = pairs[:_SHOWN]
    told = [facts.run.told_rows(set.name, set.records, rows) for set, rows in zip((one, other), zip(*shown))]
    lines = []
    for (a, b), (where_a, _), (where_b, text) in zip(shown, *told):
        lines.append(
            f"{_short(where_a)}{_class(facts, one, a)} and {_short(where_b)}{_class(facts, other, b)}: {text}".rstrip(": ")
        )
    return [*lines, *([f"and {len(pairs) - _SHOWN:,} more"] if len(pairs) > _SHOWN else [])]


def _short(where: str) -> str:
    """A place by its file's name alone."""
    return where.rsplit("/", 1)[-1].split(" (byte")[0]


def _class(facts: Facts, inputs: Inputs, row: int) -> str:
    return "" if inputs.classes is None else f" ({facts.task.class_names[int(inputs.classes[row])]})"
