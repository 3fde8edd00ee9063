"""Documents into segments, against what the original's rules say."""

import math
import random

import numpy as np
import pytest

from bert_tf2.tasks.pretraining.instances import TokenizedDocuments, instances


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def documents_of(lengths: list[list[int]], separator_id: int | None = None) -> TokenizedDocuments:
    """Documents with sentences of these lengths; the id of a token is its place, so that slices can be told apart."""
    ids, sentences, firsts = [], [0], [0]
    for document in lengths:
        for length in document:
            ids += range(1000 + len(ids), 1000 + len(ids) + length)
            sentences.append(len(ids))
        if separator_id is not None:
            ids.append(separator_id)
            sentences.append(len(ids))
        firsts.append(len(sentences) - 1)
    return TokenizedDocuments(np.array(ids, np.int32), np.ones(len(ids), bool), sentences, firsts, separator_id)


def some_documents(number: int = 60, separator_id: int | None = None) -> TokenizedDocuments:
    draws = random.Random(1)
    return documents_of([[draws.randint(1, 40) for _ in range(draws.randint(1, 30))] for _ in range(number)], separator_id)


def document_of(documents: TokenizedDocuments, token: int) -> int:
    starts = [documents.sentences[first] for first in documents.documents]
    return int(np.searchsorted(starts, token, side="right")) - 1


def test_next_sentence_pairs_are_what_their_label_says():
    documents = some_documents()
    rows = instances(documents, "nsp", 61, 0.1, rng())
    bounds = set(documents.sentences)
    for begin_a, end_a, begin_b, end_b, label in rows.tolist():
        assert {begin_a, end_a, begin_b, end_b} <= bounds
        assert begin_a < end_a
        assert begin_b < end_b
        assert document_of(documents, begin_a) == document_of(documents, end_a - 1)
        assert document_of(documents, begin_b) == document_of(documents, end_b - 1)
        if label:
            assert document_of(documents, begin_a) != document_of(documents, begin_b)
        else:
            assert begin_b == end_a
            assert document_of(documents, begin_a) == document_of(documents, begin_b)


def test_every_sentence_is_a_first_or_real_second_segment_once():
    documents = some_documents()
    rows = instances(documents, "nsp", 61, 0.1, rng())
    used = np.zeros(len(documents.ids), int)
    for begin_a, end_a, begin_b, end_b, label in rows.tolist():
        used[begin_a:end_a] += 1
        if not label:
            used[begin_b:end_b] += 1
    assert (used == 1).all()


def test_a_pair_of_sentences_is_random_half_of_the_time():
    # Two sentences fill an input: the label is a coin, and a put-back sentence alone is always followed by a random one.
    documents = documents_of([[30, 30]] * 4000)
    rows = instances(documents, "nsp", 60, 0.0, rng())
    first = rows[rows[:, 0] % 60 == 0]
    assert len(first) == 4000
    assert abs(first[:, 4].mean() - 0.5) < 5 * math.sqrt(0.25 / 4000)


def test_short_inputs_are_as_many_as_asked_for():
    documents = documents_of([[1] * 100] * 4000)
    rows = instances(documents, "sop", 50, 0.3, rng())
    longest = {}
    for row in rows.tolist():
        document = row[0] // 100
        longest[document] = max(longest.get(document, 0), row[1] - row[0] + row[3] - row[2])
    lengths = np.array(list(longest.values()))
    # Of those with a shorter aim one in 49 is as long as can be after all.
    assert abs((lengths < 50).mean() - 0.3 * 48 / 49) < 5 * math.sqrt(0.21 / 4000)
    short = lengths[lengths < 50]
    assert short.min() == 2
    assert abs(short.mean() - 25.5) < 5 * 14 / math.sqrt(len(short))


def test_sentence_order_pairs_are_neighbours_swapped_half_of_the_time():
    documents = some_documents(300)
    rows = instances(documents, "sop", 61, 0.1, rng())
    for begin_a, end_a, begin_b, end_b, label in rows.tolist():
        assert (end_b == begin_a) if label else (end_a == begin_b)
        assert document_of(documents, begin_a) == document_of(documents, begin_b)
    assert abs(rows[:, 4].mean() - 0.5) < 5 * math.sqrt(0.25 / len(rows))


def test_one_document_of_one_sentence_gives_sentence_order():
    rows = instances(documents_of([[10]]), "sop", 61, 0.0, rng())
    assert len(rows) == 1
    assert len(instances(documents_of([[1]]), "sop", 61, 0.0, rng())) == 0


def test_running_text_is_whole_sentences_across_documents():
    documents = some_documents(60, separator_id=5)
    rows = instances(documents, "none", 62, 0.0, rng())
    bounds, used = set(documents.sentences), np.zeros(len(documents.ids), int)
    across = 0
    for begin, end, begin_b, end_b, label in rows.tolist():
        assert (begin_b, end_b, label) == (end, end, 0)
        # Where a separator was left out, the bound is beside it.
        assert {begin, begin - 1} & bounds
        assert {end, end + 1} & bounds
        assert 0 < end - begin <= 62
        assert documents.ids[begin] != 5
        assert documents.ids[end - 1] != 5
        used[begin:end] += 1
        across += 5 in documents.ids[begin:end]
    assert (used[documents.ids != 5] == 1).all()
    assert across


def test_a_sentence_longer_than_an_input_is_no_loss():
    documents = documents_of([[1000], [7]], separator_id=5)
    rows = instances(documents, "none", 32, 0.0, rng())
    assert (rows[:, 1] - rows[:, 0]).sum() == 1007 + 1, "all tokens and the separator between the documents"
    assert (rows[:, 1] - rows[:, 0]).max() == 32


@pytest.mark.parametrize("pairs", ["nsp", "sop", "none"])
def test_passes_differ_and_come_again_with_their_seed(pairs):
    documents = some_documents(separator_id=5 if pairs == "none" else None)
    assert instances(documents, pairs, 64, 0.1, rng(1)).tolist() == instances(documents, pairs, 64, 0.1, rng(1)).tolist()
    assert instances(documents, pairs, 64, 0.1, rng(1)).tolist() != instances(documents, pairs, 64, 0.1, rng(2)).tolist()
