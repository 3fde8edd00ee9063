"""Packing and cutting token ids."""

import random

import pytest
import templates

from bert_tf2.data.encoding import input_encoder, unknown_counter
from bert_tf2.data.examples import InputExample, kept_lengths, pack_ids, pack_pair
from bert_tf2.data.records.wire_format import varints
from bert_tf2.text.template import bert_template
from bert_tf2.text.wordpiece import WordPieceTokenizer


def reference_lengths(length_a, length_b, most):
    """Takes tokens away one at a time, as the reference does."""
    while length_a + length_b > most:
        if length_a > length_b:
            length_a -= 1
        else:
            length_b -= 1
    return length_a, length_b


def test_kept_lengths_are_where_taking_away_one_by_one_ends():
    for most in range(1, 20):
        for length_a in range(30):
            for length_b in range(30):
                assert kept_lengths(length_a, length_b, most) == reference_lengths(length_a, length_b, most)


@pytest.mark.parametrize(
    ("ids_a", "ids_b", "most", "packed"),
    [
        ([5, 6], None, 8, ([1, 5, 6, 2], [0, 0, 0, 0], False)),
        ([5, 6, 7], None, 4, ([1, 5, 6, 2], [0, 0, 0, 0], True)),
        ([5], [6, 7], 8, ([1, 5, 2, 6, 7, 2], [0, 0, 0, 1, 1, 1], False)),
        ([5], [6, 7, 8], 6, ([1, 5, 2, 6, 7, 2], [0, 0, 0, 1, 1, 1], True)),
        ([5], [], 8, ([1, 5, 2], [0, 0, 0], False)),
        ([5, 6], [7, 8], 4, ([1, 5, 2], [0, 0, 0], True)),
        ([], [7], 8, ([1, 2, 7, 2], [0, 0, 1, 1], False)),
    ],
)
def test_packing(ids_a, ids_b, most, packed):
    assert pack_pair(ids_a, ids_b, bert_template(1, 2), most) == packed


@pytest.mark.parametrize("template", templates.NAMES)
def test_encoding_texts_to_bytes_equals_packing_their_ids(tiny_vocab_file, template):
    tokenizer = templates.with_template(WordPieceTokenizer(tiny_vocab_file), template)
    generator = random.Random(1)
    words = ["the", "movie", "é!", "", "wasgood", "\u4e2d\u4e2d", "x" * 30, "..", "\u0301", "😀"]
    for _ in range(1000):
        most = generator.randint(6, 30)
        text_a, text_b = (" ".join(generator.choices(words, k=generator.randint(0, 8))) for _ in range(2))
        text_b = generator.choice([None, text_b])
        ids_b = None if text_b is None else tokenizer.encode(text_b)
        ids, first, cut = pack_ids(tokenizer.encode(text_a), ids_b, tokenizer.template, most)
        (encoded,) = input_encoder(tokenizer, most)([text_a], [text_b])
        assert encoded[:3] == (varints(ids), len(ids), first)
        assert (encoded[3] > 0) == cut
        assert unknown_counter(tokenizer)(encoded[0]) == ids.count(tokenizer.unk_id)


class ManyIds:
    """A tokenizer that splits only at spaces, whose tokens are numbers, and whose [UNK] may need two bytes."""

    template = bert_template(101, 102)

    def __init__(self, unk_id):
        self.unk_id = unk_id

    def encode(self, text):
        return [int(number) for number in text.split()]


@pytest.mark.parametrize("unk_id", [100, 300, 20000])
def test_unknown_tokens_are_told_from_the_ends_of_longer_ids(unk_id):
    tokenizer = ManyIds(unk_id)
    generator = random.Random(unk_id)
    for _ in range(300):
        near = [unk_id, unk_id << 7, unk_id << 7 | 5, unk_id + 128, unk_id & 127, 7, 30000]
        ids = generator.choices(near, k=12)
        encoded = input_encoder(tokenizer, 64)([" ".join(map(str, ids))], [None])[0][0]
        assert encoded == varints([101, *ids, 102])
        assert unknown_counter(tokenizer)(encoded) == ids.count(unk_id)


def test_an_example_says_where_it_is_from():
    assert InputExample("train-1", "a").where() == "example 'train-1'"
    assert InputExample("train-1", "a", origin=("train.tsv", 7)).where() == "train.tsv:7"
    assert repr(InputExample("g", "a", None, "1")) == "InputExample(guid='g', text_a='a', text_b=None, label='1')"
