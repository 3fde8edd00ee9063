"""Instances into records: what a reader finds in them."""

import dataclasses

import numpy as np
import pytest
import templates
import tensorflow as tf

from bert_tf2.data.records.parsing import parse_records
from bert_tf2.tasks.pretraining.document_tokens import DocumentEncoder
from bert_tf2.tasks.pretraining.features import pretraining_features
from bert_tf2.tasks.pretraining.instances import TokenizedDocuments, instances
from bert_tf2.tasks.pretraining.records import InstanceSettings, RecordMaker, build_inputs
from bert_tf2.text.template import bert_template
from bert_tf2.text.tokenizer import load_tokenizer, mask_id_of

SETTINGS = InstanceSettings(max_seq_length=48, max_predictions_per_seq=6)
CLS, SEP = 2, 3


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def text_blocks() -> list[list[list[str]]]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    draws = rng(4)
    word = lambda: "".join(letters[i] for i in draws.integers(0, 26, draws.integers(1, 6)))  # noqa: E731
    return [[[" ".join(word() for _ in range(8)) for _ in range(12)] for _ in range(10)]]


def made(settings: InstanceSettings, vocab_file: str) -> tuple[dict, RecordMaker, TokenizedDocuments]:
    """All records of a small text as one batch, with who made them."""
    tokenizer = load_tokenizer(vocab_file=vocab_file)
    none = settings.sentence_pairs == "none"
    documents, _ = DocumentEncoder(tokenizer)(text_blocks(), tokenizer.sep_id if none else None)
    rows = instances(
        documents, settings.sentence_pairs, settings.max_seq_length - (2 if none else 3), settings.short_seq_prob, rng()
    )
    maker = RecordMaker(settings, tokenizer, mask_id_of(tokenizer))
    records = [record for batch in maker.records(rows, documents, rng(1)) for record in batch]
    assert len(records) == len(rows) == maker.counts.records
    specs = pretraining_features(masked=not settings.dynamic_masking, next_sentence=not none)
    batch = parse_records(tf.constant(records), specs, {"tokens": settings.max_seq_length})
    return {name: value.numpy() for name, value in batch.items()}, maker, documents


@pytest.mark.parametrize("pairs", ["nsp", "sop", "none"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"pad_to_max_length": True},
        {"use_v2_feature_names": True},
        {"whole_word_masking": True},
        {"whole_word_masking": True, "max_ngram_size": 3},
    ],
    ids=str,
)
def test_masked_records(tiny_vocab_file, pairs, changes):
    settings = dataclasses.replace(SETTINGS, sentence_pairs=pairs, **changes)
    batch, maker, _ = made(settings, tiny_vocab_file)
    ids, mask, segments = batch["input_word_ids"], batch["input_mask"], batch["input_type_ids"]
    lengths = mask.sum(axis=1)
    columns = np.arange(48)
    assert (mask == (columns < lengths[:, np.newaxis])).all()
    assert (ids[:, 0] == CLS).all()
    assert (ids[mask == 0] == 0).all()
    rows = np.arange(len(ids))
    assert (ids[rows, lengths - 1] == SEP).all()
    if pairs == "none":
        assert not segments.any()
        assert "next_sentence_labels" not in batch
    else:
        first = lengths - segments.sum(axis=1)
        assert (ids[rows, first - 1] == SEP).all()
        assert (segments == ((columns >= first[:, np.newaxis]) & (mask == 1))).all()
        assert set(batch["next_sentence_labels"].tolist()) == {0, 1}
        assert maker.counts.labelled == batch["next_sentence_labels"].sum()
    positions, labels, weights = (batch[f"masked_lm_{name}"] for name in ("positions", "ids", "weights"))
    counts = weights.sum(axis=1).astype(int)
    assert set(np.unique(weights)) <= {0.0, 1.0}
    assert counts.max() <= 6
    assert (np.diff(positions, axis=1)[weights[:, 1:] == 1] > 0).all(), "positions ascend"
    assert not np.isin(labels[weights == 1], [CLS, SEP]).any()
    assert maker.counts.predictions == counts.sum()
    assert maker.counts.tokens == lengths.sum()
    if not settings.whole_word_masking:
        assert (counts == np.minimum(6, np.maximum(1, np.rint(lengths * 0.15)))).all()


@pytest.mark.parametrize("whole_words", [False, True])
def test_records_for_dynamic_masking_hold_the_text_and_its_units(tiny_vocab_file, whole_words):
    settings = dataclasses.replace(SETTINGS, dynamic_masking=True, whole_word_masking=whole_words)
    batch, maker, _ = made(settings, tiny_vocab_file)
    ids, units = batch["input_word_ids"], batch["masking_units"]
    tokenizer = load_tokenizer(vocab_file=tiny_vocab_file)
    assert (ids != mask_id_of(tokenizer)).all()
    special = (batch["input_mask"] == 0) | (ids == CLS) | (ids == SEP)
    assert ((units == 0) == special).all()
    assert maker.counts.maskable == (units > 0).sum()
    assert maker.counts.predictions == 0
    for row_ids, row_units in zip(ids, units):
        numbers = row_units[row_units > 0]
        assert set(np.diff(numbers)) <= {0, 1}
        assert numbers[0] == 1
        repeated = np.flatnonzero((row_units[1:] == row_units[:-1]) & (row_units[1:] > 0)) + 1
        goes_on = [tokenizer.id_to_token(id).startswith("##") for id in row_ids[repeated]]
        assert all(goes_on)
        assert bool(goes_on) == whole_words


def test_padded_records_have_googles_lengths(tiny_vocab_file):
    settings = dataclasses.replace(SETTINGS, pad_to_max_length=True)
    tokenizer = load_tokenizer(vocab_file=tiny_vocab_file)
    documents, _ = DocumentEncoder(tokenizer)(text_blocks())
    rows = instances(documents, "nsp", 45, 0.1, rng())
    (records,) = RecordMaker(settings, tokenizer, 4).records(rows, documents, rng())
    per_token = {name: tf.io.FixedLenFeature([48], tf.int64) for name in ("input_ids", "input_mask", "segment_ids")}
    per_prediction = {f"masked_lm_{name}": tf.io.FixedLenFeature([6], tf.int64) for name in ("positions", "ids")}
    parsed = tf.io.parse_example(
        records,
        per_token
        | per_prediction
        | {
            "masked_lm_weights": tf.io.FixedLenFeature([6], tf.float32),
            "next_sentence_labels": tf.io.FixedLenFeature([1], tf.int64),
        },
    )
    assert parsed["input_ids"].shape == (len(rows), 48)


def test_inputs_hold_the_segments():
    documents = TokenizedDocuments(np.arange(100, 200, dtype=np.int32), np.ones(100, bool), [], [0])
    rows = np.array([[0, 3, 10, 12, 0], [5, 6, 90, 100, 1], [7, 12, 12, 12, 0]])
    batch = build_inputs(rows, documents, 32, bert_template(CLS, SEP), rng())
    assert batch.ids[0, :8].tolist() == [CLS, 100, 101, 102, SEP, 110, 111, SEP]
    assert batch.ids[1, :14].tolist() == [CLS, 105, SEP, *range(190, 200), SEP]
    assert batch.ids[2, :7].tolist() == [CLS, *range(107, 112), SEP]
    assert batch.lengths.tolist() == [8, 14, 7]
    assert batch.first.tolist() == [5, 3, 7]
    assert batch.cut == 0
    assert batch.candidates.sum(axis=1).tolist() == [5, 11, 5]


@pytest.mark.parametrize("template", templates.NAMES)
def test_inputs_are_packed_by_the_template(tiny_vocab_file, template):
    template = templates.with_template(load_tokenizer(vocab_file=tiny_vocab_file), template).template
    documents = TokenizedDocuments(np.arange(100, 200, dtype=np.int32), np.ones(100, bool), [], [0])
    rows = np.array([[0, 3, 10, 12, 0], [5, 6, 90, 100, 1], [7, 12, 12, 12, 0]])
    batch = build_inputs(rows, documents, 32, template, rng())
    for row, (begin_a, end_a, begin_b, end_b, _) in enumerate(rows):
        ids = template.packed(range(100 + begin_a, 100 + end_a), range(100 + begin_b, 100 + end_b))
        assert batch.ids[row].tolist() == ids + [0] * (batch.ids.shape[1] - len(ids))
        assert batch.lengths[row] == len(ids)
        assert batch.first[row] == (len(ids) if begin_b == end_b else end_a - begin_a + template.before_second)
        assert batch.candidates[row].sum() == end_a - begin_a + end_b - begin_b


@pytest.mark.parametrize("most", [5, 8, 9, 64])
def test_pairs_that_are_too_long_are_cut_as_the_original_does(most):
    documents = TokenizedDocuments(np.arange(1000, 3000, dtype=np.int32), np.ones(2000, bool), [], [0])
    draws = rng(2)
    begins = draws.integers(0, 900, 500)
    lengths = draws.integers(1, 100, (2, 500))
    rows = np.stack([begins, begins + lengths[0], begins + 1000, begins + 1000 + lengths[1], 0 * begins], axis=1)
    batch = build_inputs(rows, documents, most, bert_template(CLS, SEP), rng(1))
    fronts = cuts = 0
    for row, ids, length, first in zip(rows, batch.ids, batch.lengths, batch.first):
        length_a, length_b = row[1] - row[0], row[3] - row[2]
        while length_a + length_b > most - 3:
            if length_a > length_b:
                length_a -= 1
            else:
                length_b -= 1
        a, b = ids[1 : first - 1] - 1000, ids[first : length - 1] - 1000
        assert (len(a), len(b)) == (length_a, length_b)
        assert (np.diff(a) == 1).all()
        assert (np.diff(b) == 1).all()
        assert row[0] <= a[0]
        assert a[-1] < row[1]
        assert row[2] <= b[0]
        assert b[-1] < row[3]
        fronts += a[0] - row[0] + b[0] - row[2]
        cuts += row[1] - row[0] - length_a + row[3] - row[2] - length_b
    assert batch.cut == cuts
    assert abs(fronts / cuts - 0.5) < 5 * 0.5 / cuts**0.5
