"""The conditional random field against the enumeration of all sequences of tags."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.tasks.tagging import crf
from bert_tf2.tasks.tagging.schemes import IOB2, IOBES, complaint, transitions

CLASSES = 3
LENGTHS = [5, 1, 3, 0, 2, 5]
WORDS = 5


@pytest.fixture(params=[0, 1, 2])
def field(request):
    """Emissions, lengths and transitions; what stands behind the last word must count for nothing."""
    numbers = np.random.default_rng(request.param)
    emissions = numbers.normal(scale=3, size=(len(LENGTHS), WORDS, CLASSES)).astype(np.float32)
    for row, length in enumerate(LENGTHS):
        emissions[row, length:] = 1e6
    return emissions, np.array(LENGTHS, np.int32), numbers.normal(scale=2, size=(CLASSES + 1, CLASSES + 1)).astype(np.float32)


def all_scores(emissions, table):
    """The score of every sequence of a sentence, in float64."""
    scores = {}
    for tags in itertools.product(range(table.shape[0] - 1), repeat=len(emissions)):
        ends = (table.shape[0] - 1,)
        steps = itertools.pairwise((*ends, *tags, *ends))
        score = sum(float(table[step]) for step in steps)
        scores[tags] = score + sum(float(emissions[place, tag]) for place, tag in enumerate(tags))
    return scores


def log_sum(values):
    values = np.array(list(values), np.float64)
    return values.max() + np.log(np.exp(values - values.max()).sum())


def padded(tags):
    return np.array([[*row, *[0] * (WORDS - len(row))] for row in tags], np.int32)


def test_the_log_likelihood_of_every_sequence(field):
    emissions, lengths, table = field
    of_row = [all_scores(emissions[row, :length], table) for row, length in enumerate(lengths)]
    for number in range(CLASSES**2):
        tags = [list(scores)[number % len(scores)] for scores in of_row]
        expected = [
            scores[row] - log_sum(scores.values()) if length else 0.0 for scores, row, length in zip(of_row, tags, lengths)
        ]
        found = crf.log_likelihood(emissions, padded(tags), lengths, table)
        np.testing.assert_allclose(found, expected, atol=2e-4)


def test_the_best_sequence(field):
    emissions, lengths, table = field
    found = crf.decode(emissions, lengths, tf.constant(table)).numpy()
    for row, length in enumerate(lengths):
        scores = all_scores(emissions[row, :length], table)
        assert tuple(found[row, :length]) == max(scores, key=scores.get)
        assert not found[row, length:].any()


def test_without_transitions_every_word_has_its_own_best_tag(field):
    emissions, lengths, _ = field
    found = crf.decode(emissions, lengths).numpy()
    for row, length in enumerate(lengths):
        assert found[row, :length].tolist() == emissions[row, :length].argmax(axis=1).tolist()
    zeros = tf.zeros((CLASSES + 1, CLASSES + 1))
    assert (crf.decode(emissions, lengths, zeros).numpy() == found).all()


@pytest.mark.parametrize("has_transitions", [True, False])
def test_the_probability_of_the_tags_of_some_words(field, has_transitions):
    emissions, lengths, table = field
    table = table if has_transitions else np.zeros_like(table)
    given = tf.constant(table) if has_transitions else None
    tags = crf.decode(emissions, lengths, given).numpy()
    spans = [(row, a, b) for row, length in enumerate(lengths) for a in range(length) for b in range(a, length)]
    found = crf.span_log_probabilities(emissions, lengths, given, tags, np.array(spans, np.int32)).numpy()
    for (row, first, last), value in zip(spans, found):
        scores = all_scores(emissions[row, : lengths[row]], table)
        wanted = tuple(tags[row, first : last + 1])
        expected = log_sum(s for some, s in scores.items() if some[first : last + 1] == wanted) - log_sum(scores.values())
        assert value == pytest.approx(expected, abs=2e-4)


def test_gradients_equal_differences(field):
    """Of the summed log-likelihood, by every transition."""
    emissions, lengths, table = field
    tags = padded([[1] * length for length in lengths])
    variable = tf.Variable(table)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(crf.log_likelihood(emissions, tags, lengths, variable))
    found = tape.gradient(total, variable).numpy()

    def exact(table):
        rows = ((all_scores(emissions[row, :n], table), tuple([1] * n)) for row, n in enumerate(lengths) if n)
        return sum(scores[tags] - log_sum(scores.values()) for scores, tags in rows)

    for place in itertools.product(range(CLASSES + 1), repeat=2):
        step = np.zeros_like(table, np.float64)
        step[place] = 1e-4
        expected = (exact(table.astype(np.float64) + step) - exact(table.astype(np.float64) - step)) / 2e-4
        assert found[place] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("scheme", [IOB2, IOBES])
def test_closed_transitions_give_only_what_the_scheme_allows(scheme):
    prefixes = {IOB2: "BI", IOBES: "BIES"}[scheme]
    labels = ["O", *(f"{prefix}-{kind}" for kind in ("LOC", "PER") for prefix in prefixes)]
    emissions = np.random.default_rng(1).normal(scale=5, size=(40, 9, len(labels))).astype(np.float32)
    lengths = np.arange(40, dtype=np.int32) % 9 + 1
    table = crf.closed(tf.zeros((len(labels) + 1,) * 2), transitions(labels, scheme))
    free, found = (crf.decode(emissions, lengths, given).numpy() for given in (None, table))
    named = [[labels[tag] for tag in row[:length]] for row, length in zip(found, lengths)]
    assert all(complaint(tags, scheme) is None for tags in named)
    assert any(complaint([labels[tag] for tag in row[:length]], scheme) for row, length in zip(free, lengths))


def test_one_word_and_compiled_by_xla():
    """A batch of sentences of one word has no steps; fixed shapes compile for accelerators."""
    emissions, table = tf.constant([[[1.0, 2.0, 0.0]]]), tf.zeros((4, 4))
    lengths, tags = tf.constant([1]), tf.constant([[1]])
    assert crf.decode(emissions, lengths, table).numpy().tolist() == [[1]]
    np.testing.assert_allclose(
        crf.log_likelihood(emissions, tags, lengths, table), tf.nn.log_softmax(emissions)[:, 0, 1], atol=1e-6
    )
    compiled = tf.function(crf.log_likelihood, jit_compile=True, autograph=False)
    emissions, tags = tf.random.stateless_normal((2, 6, 3), [1, 2]), tf.constant([[0, 1, 2, 0, 1, 2], [2, 2, 0, 0, 0, 0]])
    lengths = tf.constant([6, 2])
    np.testing.assert_allclose(
        compiled(emissions, tags, lengths, table), crf.log_likelihood(emissions, tags, lengths, table), atol=1e-5
    )
