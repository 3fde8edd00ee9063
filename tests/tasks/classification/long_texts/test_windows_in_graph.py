"""Windows inside the graph are those of data preparation."""

import random

import numpy as np
import pytest
import templates
import tensorflow as tf

from bert_tf2.tasks.classification.long_texts.in_graph import InGraphWindows
from bert_tf2.tasks.classification.long_texts.rule import LongText, pack
from bert_tf2.text.in_graph import InGraphTokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer


def texts(generator, words, lengths, number=60):
    return [" ".join(generator.choices(words, k=generator.choice(lengths))) for _ in range(number)]


def compiled(module):
    return tf.function(module.__call__, input_signature=[tf.TensorSpec([None], tf.string)] * 2, autograph=False)


@pytest.mark.parametrize(
    ("template", "length", "overlap", "most"), [("bert", 12, 3, 32), pytest.param("last", 10, 0, 3, marks=pytest.mark.slow)]
)
def test_windows_of_texts_and_pairs(tiny_vocab_file, template, length, overlap, most):
    tokenizer, generator = templates.with_template(WordPieceTokenizer(tiny_vocab_file), template), random.Random(1)
    rule = LongText("windows", None, overlap, most)
    first = texts(generator, ["the", "movie", "ab", "x"], [0, 1, 5, 9, 10, 11, 20, 60])
    second = texts(generator, ["was", "bad", "q"], [0, 0, 1, 3, 12, 40])
    packed = [pack(tokenizer.encode(a), tokenizer.encode(b), tokenizer.template, length, rule) for a, b in zip(first, second)]
    usable = [row for row, one in enumerate(packed) if not isinstance(one, str)]
    assert 30 < len(usable) < 60
    module = compiled(InGraphWindows(tokenizer, length, rule))
    found = module(tf.constant([first[row] for row in usable]), tf.constant([second[row] for row in usable]))
    ids, mask, segments = (found[name].numpy() for name in ("input_word_ids", "input_mask", "input_type_ids"))
    expected = np.zeros((3, *ids.shape), np.int32)
    for number, row in enumerate(usable):
        for window, (inputs, begin) in enumerate(zip(packed[row].ids, packed[row].first)):
            values = inputs, [1] * len(inputs), tokenizer.template.segment_ids(begin, len(inputs))
            expected[:, number, window, : len(inputs)] = values
    assert max(len(packed[row].ids) for row in usable) == ids.shape[1]
    np.testing.assert_array_equal([ids, mask, segments], expected)

    refused = next(row for row in range(60) if row not in usable)
    with pytest.raises(tf.errors.InvalidArgumentError, match="too long to stand whole in each window"):
        module(tf.constant([first[refused]]), tf.constant([second[refused]]))
    assert module(tf.constant([], tf.string), tf.constant([], tf.string))["input_mask"].shape == [0, 0, 0]


def test_heads_and_tails(tiny_vocab_file):
    tokenizer, generator = WordPieceTokenizer(tiny_vocab_file), random.Random(2)
    first, second = texts(generator, ["the", "movie", "ab"], [0, 3, 30]), texts(generator, ["was", "q"], [0, 2, 30])
    module = compiled(InGraphTokenizer(tokenizer, 16, 0.25))
    found = module(tf.constant(first), tf.constant(second))["input_word_ids"].numpy()
    rule = LongText("head_tail", 0.25)
    for row, (a, b) in enumerate(zip(first, second)):
        (ids,) = pack(tokenizer.encode(a), tokenizer.encode(b), tokenizer.template, 16, rule).ids
        assert found[row].tolist() == ids + [0] * (found.shape[1] - len(ids))
