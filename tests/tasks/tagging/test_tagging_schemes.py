"""Schemes of tags: which one tags are written in, what breaks its rules, and what may follow what."""

import itertools

import pytest

from bert_tf2.tasks.tagging.schemes import IOB1, IOB2, IOBES, PLAIN, complaint, labels_of, recognise, transitions

RECOGNISED = [
    (["O B-PER I-PER O", "B-LOC"], IOB2),
    (["O I-PER I-PER B-PER", "I-LOC"], IOB1),
    (["O B-PER I-PER", "O I-LOC"], IOB2),
    (["B-PER E-PER", "S-LOC O"], IOBES),
    (["S-LOC O"], IOBES),
    (["B-PER B-LOC"], IOB2),
    (["B I O", "O"], IOB2),
    (["DET NOUN VERB", "INTJ SYM"], PLAIN),
    (["O O"], PLAIN),
    (["X S I"], PLAIN),
    (["B- I- O"], IOB2),
    # A header or another slip among tags with prefixes is told of later, with its line.
    (["tag O B-PER I-PER"], IOB2),
]


@pytest.mark.parametrize(("sentences", "scheme"), RECOGNISED)
def test_the_scheme_is_found_from_the_tags(sentences, scheme):
    assert recognise(sentence.split() for sentence in sentences) == scheme


BROKEN = [
    ("O I-PER", IOB2, 1, "the tag 'I-PER' stands behind 'O', which IOB2 does not allow; is it 'B-PER'?"),
    ("I-PER O", IOB2, 0, "the tag 'I-PER' stands at the beginning, which IOB2 does not allow; is it 'B-PER'?"),
    ("B-PER I-LOC", IOB2, 1, "the tag 'I-LOC' stands behind 'B-PER'"),
    ("O B-PER", IOB1, 1, "the tag 'B-PER' stands behind 'O', which IOB1 does not allow; is it 'I-PER'?"),
    ("B-PER O", IOBES, 1, "the tag 'O' stands behind 'B-PER', which IOBES does not allow"),
    ("O E-PER", IOBES, 1, "the tag 'E-PER' stands behind 'O', which IOBES does not allow; is it 'S-PER'?"),
    ("O B-PER", IOBES, 1, "the entity of 'B-PER' has no end; IOBES ends it with 'E-'"),
    ("O PER", IOB2, 1, "the tag 'PER' is none of IOB2, whose tags are O, B-TYPE, I-TYPE"),
    ("O S-PER", IOB2, 1, "the tag 'S-PER' is none of IOB2"),
    ("O B-", IOB2, 1, "the tag 'B-' is none of IOB2"),
]


@pytest.mark.parametrize(("tags", "scheme", "place", "message"), BROKEN)
def test_what_breaks_the_rules_is_told_with_its_place(tags, scheme, place, message):
    found, told = complaint(tags.split(), scheme)
    assert found == place
    assert message in told


GOOD = [
    ("B-PER I-PER B-PER O B-LOC", IOB2),
    ("I-PER I-PER B-PER O I-LOC I-PER", IOB1),
    ("S-PER B-PER I-PER E-PER O S-LOC", IOBES),
    ("NOUN O B-PER X", PLAIN),
    ("B I O", IOB2),
]


@pytest.mark.parametrize(("tags", "scheme"), GOOD)
def test_what_keeps_the_rules_is_not_told(tags, scheme):
    assert complaint(tags.split(), scheme) is None


@pytest.mark.parametrize("scheme", [IOB1, IOB2, IOBES])
def test_transitions_say_what_the_rules_say(scheme):
    """All sequences of three labels: those without a complaint are those whose steps are all allowed."""
    labels = labels_of(["I-LOC", "I-PER"], scheme)
    allowed, end = transitions(labels, scheme), len(labels)
    for chosen in itertools.product(range(end), repeat=3):
        steps = itertools.pairwise((end, *chosen, end))
        assert all(allowed[step] for step in steps) == (complaint([labels[i] for i in chosen], scheme) is None), chosen


def test_labels_are_complete_and_in_order():
    assert labels_of(["I-PER", "B-LOC", "O"], IOB2) == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert labels_of(["S-LOC"], IOBES) == ["O", "B-LOC", "I-LOC", "E-LOC", "S-LOC"]
    assert labels_of(["VERB", "NOUN", "O", ""], PLAIN) == ["NOUN", "O", "VERB"]
    assert labels_of(["tag", "B-PER", "S-LOC"], IOB2) == ["O", "B-PER", "I-PER"]
    assert labels_of(["B", "O"], IOB2) == ["O", "B", "I"]
