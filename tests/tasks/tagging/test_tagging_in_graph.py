"""The module that tags texts against what records, decoding and scores give for the same texts."""

import numpy as np
import pytest
import templates
import tensorflow as tf
import tf_keras

from bert_tf2.tasks.tagging import crf
from bert_tf2.tasks.tagging.decoding import probabilities, tagged
from bert_tf2.tasks.tagging.encoding import SentenceEncoder
from bert_tf2.tasks.tagging.features import NO_TAG
from bert_tf2.tasks.tagging.in_graph import EntityTaggingModule
from bert_tf2.tasks.tagging.schemes import IOB2, IOBES, PLAIN, labels_of, transitions
from bert_tf2.tasks.tagging.scores import entities
from bert_tf2.tasks.tagging.sentences import Sentence
from bert_tf2.tasks.tagging.spans import words_of
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.sentencepiece import SentencePieceTokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer

pytest.importorskip("tensorflow_text")

TEXTS = [
    "the movie was good!",
    "",
    "a  very, very bad movie was the movie . the good ab cd ef gh ij kl mn op , qr st uv wx yz",
    " \u200d ",
    "日本 é😀 e\u0301a (bad) x-y",
    "abcdefghijklmnopqrstuvwxyz" * 3,
    "the",
]
LENGTH = 9


class Positions(tf_keras.layers.Layer):
    """Logits that depend on the token, on its neighbours and on its place in the window."""

    def __init__(self, classes, vocab_size, has_crf):
        super().__init__()
        numbers = np.random.default_rng(5)
        self._table = tf.constant(numbers.normal(scale=2, size=(vocab_size, classes)), tf.float32)
        self._places = tf.constant(numbers.normal(size=(64, classes)), tf.float32)
        self._transitions = tf.constant(numbers.normal(size=(classes + 1, classes + 1)), tf.float32) if has_crf else None

    def call(self, ids):
        values = tf.gather(self._table, ids)
        # The first token has none before it: what stands at the end depends on padding.
        before = tf.pad(values[:, :-1], [[0, 0], [1, 0], [0, 0]])
        logits = values + 0.5 * before + self._places[: tf.shape(ids)[1]]
        found = {"logits": logits}
        return found if self._transitions is None else found | {"transitions": self._transitions}


def model_of(classes, vocab_size, has_crf):
    inputs = {
        name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in ("input_word_ids", "input_mask", "input_type_ids")
    }
    masked = (inputs["input_word_ids"] + inputs["input_type_ids"]) * inputs["input_mask"]
    return tf_keras.Model(inputs, Positions(classes, vocab_size, has_crf)(masked))


def expected(text, tokenizer, model, labels, scheme, has_crf):
    starts, ends = words_of(text, tokenizer.normalization)
    if not starts:
        return []
    words = [text[start:end] for start, end in zip(starts, ends)]
    encode = SentenceEncoder(tokenizer, LENGTH, dict.fromkeys(labels, 0))
    records = encode(Sentence(words, None, "", [1], text, starts, ends), 0).records
    widest = max(len(record["input_ids"]) for record in records)
    logits, given = np.zeros((len(records), widest, len(labels)), np.float32), np.full((len(records), widest), NO_TAG)
    for row, record in enumerate(records):
        ids = tf.constant([record["input_ids"]])
        types = tf.constant([record["segment_ids"]])
        found = model({"input_word_ids": ids, "input_mask": tf.ones_like(ids), "input_type_ids": types})
        logits[row, : ids.shape[1]], given[row, : ids.shape[1]] = found["logits"][0], record["label_ids"]
    table = crf.closed(found["transitions"], transitions(labels, scheme)) if has_crf else None
    collected = {"logits": logits, "is_word": given != NO_TAG, "label_ids": given, "sub_sentence_id": np.arange(len(records))}
    outcome = tagged(collected, table)
    names = [labels[tag] for tag in outcome.predicted[0]]
    found = [(name, place, place + 1) for place, name in enumerate(names)] if scheme == PLAIN else entities(names)
    scores = probabilities(outcome, [[(first, behind) for _, first, behind in found]])[0]
    return [
        (kind, text[starts[first] : ends[behind - 1]], starts[first], ends[behind - 1], pytest.approx(score, abs=1e-4))
        for (kind, first, behind), score in zip(found, scores)
    ]


@pytest.mark.parametrize(("scheme", "has_crf"), [(IOB2, False), (IOB2, True), (IOBES, True), (IOBES, False), (PLAIN, False)])
def test_texts_are_tagged_as_by_records(tiny_vocab_file, scheme, has_crf):
    assert_tagged_as_by_records(WordPieceTokenizer(tiny_vocab_file), scheme, has_crf)


@pytest.mark.parametrize("template", templates.NAMES[1:])
def test_templates_of_texts(tiny_vocab_file, template):
    assert_tagged_as_by_records(templates.with_template(WordPieceTokenizer(tiny_vocab_file), template), IOB2, False)


@pytest.mark.parametrize(("scheme", "has_crf"), [(IOB2, True), (PLAIN, False)])
def test_texts_of_byte_level_bpe(byte_level_folder, scheme, has_crf):
    assert_tagged_as_by_records(ByteLevelBPETokenizer(byte_level_folder), scheme, has_crf)


@pytest.mark.parametrize(("scheme", "has_crf"), [(IOB2, True), (PLAIN, False)])
def test_texts_of_sentencepiece(word_pieces_model_file, scheme, has_crf):
    assert_tagged_as_by_records(SentencePieceTokenizer(word_pieces_model_file), scheme, has_crf)


def assert_tagged_as_by_records(tokenizer, scheme, has_crf):
    labels = ["DET", "NOUN", "X"] if scheme == PLAIN else labels_of(["B-PER", "B-LOC"], scheme)
    model = model_of(len(labels), tokenizer.vocab_size, has_crf)
    allowed = transitions(labels, scheme) if has_crf else None
    module = EntityTaggingModule(model, tokenizer, LENGTH, labels, scheme, allowed, joins_signs=False)
    for texts in (TEXTS, TEXTS[1:2], []):
        columns = {name: value.numpy().tolist() for name, value in module.tag(tf.constant(texts, tf.string)).items()}
        found = [[] for _ in texts]
        rows = zip(*(columns[name] for name in ("text_number", "type", "text", "start", "end", "probability")))
        for number, kind, text, *rest in rows:
            found[number].append((kind.decode(), text.decode(), *rest))
        assert found == [expected(text, tokenizer, model, labels, scheme, has_crf) for text in texts]


@pytest.mark.parametrize("kind", [WordPieceTokenizer, ByteLevelBPETokenizer, SentencePieceTokenizer])
def test_signs_inside_words_join_them(tiny_vocab_file, byte_level_folder, word_pieces_model_file, kind):
    """Where the data have words of their own: as a part-of-speech tagger would see it, every word once."""
    vocabularies = {WordPieceTokenizer: tiny_vocab_file, ByteLevelBPETokenizer: byte_level_folder}
    tokenizer = kind(vocabularies.get(kind, word_pieces_model_file))
    module = EntityTaggingModule(model_of(2, tokenizer.vocab_size, False), tokenizer, LENGTH, ["A", "B"], PLAIN)
    texts = ["a.b.c was bad. the 1,5 , x", "a.b", ".a", "a.", "", "a..b", "c", "日.a"]
    found = [[] for _ in texts]
    outputs = module.tag(tf.constant(texts))
    for number, text in zip(outputs["text_number"].numpy(), outputs["text"].numpy()):
        found[number].append(text.decode())
    words = [
        ["a.b.c", "was", "bad", ".", "the", "1,5", ",", "x"],
        ["a.b"],
        [".", "a"],
        ["a", "."],
        [],
        ["a", ".", ".", "b"],
        ["c"],
    ]
    # The ideograph is [UNK] here, which is no ideograph for certain.
    assert found[:-1] == words
    assert kind is WordPieceTokenizer or found[-1] == ["日", ".", "a"]
