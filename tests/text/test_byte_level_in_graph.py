"""`InGraphByteLevelBPE`: the ids of `ByteLevelBPETokenizer`, inside a graph of TensorFlow's own operations."""

import subprocess
import sys

import pytest
import tensorflow as tf
from byte_level_material import SENTENCES

from bert_tf2.data.examples import pack_pair
from bert_tf2.text.byte_level.in_graph import InGraphByteLevelBPE
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.byte_level.vocabulary import ByteLevelVocabulary
from bert_tf2.text.in_graph import InGraphTokenizer

LINES = [
    "", " ", "  ", "   a", "a   ", "a  b   c", " a b ", "a \n b", "a\n \nb", "a\n\n b", "\ta \u3000b", "a \u00a0 b",
    "\u2028\u2029 a",
    "it's 'quoted' ''s I'd've THEY'LL we're'm x'sy 's 're' '' ' s '", "'", "'s", "'l", "'ll", "\n's \t'd", "'re", "a'v",
    "1's!'t'",
    "a1b2 ½½ ²x", "\x00\x01 \x7f\x1c\x85", "a" * 300, "=" * 299 + " " + "-" * 7, "é" * 200, "这部电影很好看" * 30, "😀" * 50,
]  # fmt: skip


def compiled(tokenizer):
    module = InGraphByteLevelBPE(tokenizer)
    return tf.function(module.__call__, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def assert_same_ids(tokenizer, lines, batch_size: int = 500) -> None:
    ids_of = compiled(tokenizer)
    for start in range(0, len(lines), batch_size):
        batch = lines[start : start + batch_size]
        for line, ids in zip(batch, ids_of(tf.constant([line.encode() for line in batch])).to_list()):
            assert ids == tokenizer.encode(line), ascii(line)


def test_ids_of_hand_made_and_random_lines(byte_level_folder, nasty_lines, every_character):
    assert_same_ids(ByteLevelBPETokenizer(byte_level_folder), [*LINES, *SENTENCES, *nasty_lines, *every_character(step=37)])


@pytest.mark.real_data
def test_ids_of_real_lines(real_data, real_lines):
    tokenizer = ByteLevelBPETokenizer(str(real_data / "vocab" / "roberta"))
    assert_same_ids(tokenizer, [*LINES, *real_lines[::150]])


@pytest.mark.slow
def test_ids_of_every_character(byte_level_folder, every_character):
    assert_same_ids(ByteLevelBPETokenizer(byte_level_folder), every_character(), batch_size=50000)


def test_no_text_at_all(byte_level_folder):
    ids_of = compiled(ByteLevelBPETokenizer(byte_level_folder))
    assert ids_of(tf.constant([], tf.string)).to_list() == []
    assert ids_of(tf.constant(["", ""])).to_list() == [[], []]


def test_bytes_that_are_not_utf8_are_left_out(byte_level_folder):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    assert compiled(tokenizer)(tf.constant([b"mo\xffvie \xe2\x82", b"\xff"])).to_list() == [tokenizer.encode("movie "), []]


def test_a_prefix_space_and_unknown_bytes():
    ids = {token: id for id, token in enumerate(["<s>", "</s>", "<unk>", "a", "b", "ab", "Ġ", "Ġab", "aa", "aaaa"])}
    merges = (("a", "b"), ("Ġ", "ab"), ("a", "a"), ("aa", "aa"))
    for add_prefix_space in (False, True):
        tokenizer = ByteLevelBPETokenizer(ByteLevelVocabulary("vocab.json", ids, merges, add_prefix_space))
        assert_same_ids(tokenizer, ["ab", " ab", "abcab", "\nab", "", "a" * 7, "a" * 8, "aab aaab"])


@pytest.mark.parametrize("max_seq_length", [6, 7, 9, 64])
def test_packing_and_truncation_are_those_of_training(byte_level_folder, max_seq_length):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    text, text_b = SENTENCES[:4], ["", *SENTENCES[1:3], "good"]
    packed = InGraphTokenizer(tokenizer, max_seq_length)(tf.constant(text), tf.constant(text_b))
    for row, (first, second) in enumerate(zip(text, text_b)):
        ids, segments, _ = pack_pair(tokenizer.encode(first), tokenizer.encode(second), tokenizer.template, max_seq_length)
        assert packed["input_word_ids"][row, : len(ids)].numpy().tolist() == ids
        assert tf.reduce_sum(packed["input_mask"][row]) == len(ids)
        assert packed["input_type_ids"][row, : len(ids)].numpy().tolist() == segments == [0] * len(ids)


@pytest.mark.slow
def test_a_saved_model_needs_nothing_but_tensorflow(byte_level_folder, tmp_path):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    module = tf.Module()
    module.tokenize = InGraphByteLevelBPE(tokenizer)
    module.serve = tf.function(
        lambda text: {"ids": module.tokenize(text).to_tensor(-1)}, input_signature=[tf.TensorSpec([None], tf.string, name="text")]
    )
    tf.saved_model.save(module, str(tmp_path), signatures=module.serve.get_concrete_function())
    code = (
        "import sys, tensorflow as tf\n"
        "found = tf.saved_model.load(sys.argv[1]).signatures['serving_default'](text=tf.constant(sys.argv[2:]))\n"
        "assert 'tensorflow_text' not in sys.modules\n"
        "print([[id for id in row if id >= 0] for row in found['ids'].numpy().tolist()])"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path), *SENTENCES]
    printed = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str([tokenizer.encode(sentence) for sentence in SENTENCES])
