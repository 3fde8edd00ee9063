"""Entities and their scores against seqeval, on random and on adversarial sequences."""

import itertools
import random
import warnings

import pytest

from bert_tf2.tasks.tagging.schemes import IOB1, IOB2, IOBES
from bert_tf2.tasks.tagging.scores import entities, entity_scores

seqeval_scheme = pytest.importorskip("seqeval.scheme", reason="needs seqeval, of the extra test")
from seqeval.metrics import classification_report  # noqa: E402
from seqeval.metrics.sequence_labeling import get_entities  # noqa: E402

TAGS = ["O"] + [f"{prefix}-{kind}" for prefix in "BIES" for kind in ("PER", "LOC")] + ["B", "I"]
OF_SCHEME = {IOB1: "OBI", IOB2: "OBI", IOBES: "OBIES"}


def all_short_sequences(tags, longest):
    for length in range(1, longest + 1):
        yield from itertools.product(tags, repeat=length)


def test_default_entities_equal_seqeval_on_every_short_sequence():
    for tags in all_short_sequences(TAGS, 4):
        expected = [(kind, begin, end + 1) for kind, begin, end in get_entities(list(tags))]
        assert entities(tags) == expected, tags


@pytest.mark.parametrize("scheme", [IOB1, IOB2, IOBES])
def test_strict_entities_equal_seqeval_on_every_short_sequence(scheme):
    tags_of_scheme = [tag for tag in TAGS if tag[0] in OF_SCHEME[scheme]]
    for tags in all_short_sequences(tags_of_scheme, 4):
        tokens = seqeval_scheme.Tokens(list(tags), getattr(seqeval_scheme, scheme))
        expected = [(entity.tag, entity.start, entity.end) for entity in tokens.entities]
        assert entities(tags, scheme) == expected, tags


def sentences(scheme, seed):
    chosen = random.Random(seed)
    tags = [tag for tag in TAGS if (tag[0] in OF_SCHEME[scheme] and len(tag) > 1) or tag == "O"]
    gold = [[chosen.choice(tags) for _ in range(chosen.randrange(1, 12))] for _ in range(30)]
    predicted = [[tag if chosen.random() < 0.7 else chosen.choice(tags) for tag in sentence] for sentence in gold]
    return gold, predicted


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("scheme", [IOB2, IOBES])
def test_scores_equal_seqeval(scheme, strict, seed):
    gold, predicted = sentences(scheme, seed)
    total, types = entity_scores(gold, predicted, scheme if strict else None)
    options = {"mode": "strict", "scheme": getattr(seqeval_scheme, scheme)} if strict else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = classification_report(gold, predicted, output_dict=True, **options)
    rows = {"micro avg": total} | types
    for name, score in rows.items():
        values = {"precision": score.precision, "recall": score.recall, "f1-score": score.f1, "support": score.gold}
        assert values == pytest.approx(expected[name]), name
    assert set(types) == set(expected) - {"micro avg", "macro avg", "weighted avg"}


def test_nothing_found_scores_nothing():
    total, types = entity_scores([["O", "B-PER"]], [["O", "O"]])
    assert (total.precision, total.recall, total.f1) == (0.0, 0.0, 0.0)
    assert types["PER"].gold == 1


def test_known_sequences():
    """An entity that begins with I counts by default, and not in the strict mode."""
    gold, predicted = [["O", "B-PER", "I-PER"]], [["O", "I-PER", "I-PER"]]
    assert entity_scores(gold, predicted)[0].f1 == 1.0
    assert entity_scores(gold, predicted, IOB2)[0].f1 == 0.0
