"""`InGraphTokenizer`: the ids, the truncation and the packing of data preparation, inside a graph."""

import subprocess
import sys

import numpy as np
import pytest
import templates
import tensorflow as tf

from bert_tf2.data.examples import pack_pair
from bert_tf2.text.in_graph import InGraphTokenizer
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.sentencepiece import SentencePieceTokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer

NUMBERS = ["In 1999, 2,000, and 10,000,000, people; 9,9", "1990,", "1,,2", "100,000,000,000 $ 2000,and", "5, 15, 25, 2009, x²,"]


def compiled(module: InGraphTokenizer):
    return tf.function(module.ids, input_signature=[tf.TensorSpec([None], tf.string)])


def assert_same_ids(tokenizer, lines, batch_size: int = 1000) -> None:
    ids_of = compiled(InGraphTokenizer(tokenizer, 128))
    lines = sorted(lines, key=len)
    for start in range(0, len(lines), batch_size):
        batch = lines[start : start + batch_size]
        for line, ids in zip(batch, ids_of(tf.constant([line.encode() for line in batch])).to_list()):
            assert ids == tokenizer.encode(line), ascii(line)


def test_wordpiece_ids_of_hand_made_and_random_lines(rich_tokenizer, nasty_lines, every_character):
    assert_same_ids(rich_tokenizer, nasty_lines + every_character(step=37))


@pytest.mark.parametrize("do_lower_case", [True, False])
@pytest.mark.parametrize("strip_accents", [True, False])
def test_sentencepiece_ids_of_hand_made_and_random_lines(sp_model_file, nasty_lines, do_lower_case, strip_accents):
    assert_same_ids(SentencePieceTokenizer(sp_model_file, Normalization(do_lower_case, strip_accents)), nasty_lines)


@pytest.mark.slow
def test_wordpiece_ids_of_every_character(rich_tokenizer, characters_of_the_way):
    assert_same_ids(rich_tokenizer, characters_of_the_way, batch_size=50000)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(("name", "do_lower_case"), [("uncased", True), ("cased", False), ("chinese", True)])
def test_wordpiece_ids_of_real_lines(real_data, real_lines, name, do_lower_case):
    assert_same_ids(WordPieceTokenizer(str(real_data / "vocab" / f"{name}.txt"), do_lower_case), real_lines[::4])


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("do_lower_case", [True, False])
def test_sentencepiece_ids_of_real_lines(real_data, real_lines, do_lower_case):
    tokenizer = SentencePieceTokenizer(str(real_data / "vocab" / "albert-30k-clean.model"), do_lower_case)
    lines = [line for line in real_lines[::20] if len(line) < 1000]
    assert_same_ids(tokenizer, [*lines, *NUMBERS, "太好了!!!!", "x" * 400], batch_size=200)


@pytest.mark.parametrize("template", templates.NAMES)
@pytest.mark.parametrize("max_seq_length", [5, 6, 8, 9, 64, 3, 4])
def test_packing_and_truncation_are_those_of_training(rich_vocab_file, max_seq_length, template):
    tokenizer = templates.with_template(WordPieceTokenizer(rich_vocab_file, False), template)
    if max_seq_length < tokenizer.template.special_tokens_of_pair:
        pytest.skip("no input can be so short")
    text = ["the good", "", "un", "the " * 3, "the " * 20, "the " * 4, "good", ""]
    text_b = ["good", "the", "", "the " * 20, "the " * 3, "the " * 5, "the " * 9, ""]
    pack = InGraphTokenizer(tokenizer, max_seq_length)
    for second in (None, text_b):
        packed = pack(tf.constant(text), None if second is None else tf.constant(second))
        rows = []
        for row, line in enumerate(text):
            ids_b = None if second is None else tokenizer.encode(second[row])
            rows.append(pack_pair(tokenizer.encode(line), ids_b, tokenizer.template, max_seq_length))
        length = max(len(ids) for ids, _, _ in rows)
        for name, values in (
            ("input_word_ids", [ids for ids, _, _ in rows]),
            ("input_type_ids", [segments for _, segments, _ in rows]),
            ("input_mask", [[1] * len(ids) for ids, _, _ in rows]),
        ):
            assert packed[name].dtype == tf.int32
            np.testing.assert_array_equal(packed[name], [value + [0] * (length - len(value)) for value in values], name)


def test_bytes_that_are_not_utf8_are_left_out(rich_tokenizer, sp_model_file):
    broken = [b"the \xffgood\xc3", b"\xed\xa0\x80the\xf4\x90\x80\x80", b"\xff", b""]
    for tokenizer in (rich_tokenizer, SentencePieceTokenizer(sp_model_file, rich_tokenizer.normalization)):
        expected = [tokenizer.encode(line.decode("utf-8", "ignore")) for line in broken]
        assert compiled(InGraphTokenizer(tokenizer, 16))(tf.constant(broken)).to_list() == expected


def test_an_empty_batch_gives_an_empty_batch(rich_vocab_file, sp_model_file):
    for tokenizer in (WordPieceTokenizer(rich_vocab_file), SentencePieceTokenizer(sp_model_file)):
        packed = InGraphTokenizer(tokenizer, 16)(tf.constant([], tf.string))
        assert packed["input_word_ids"].shape[0] == 0


def test_texts_without_any_token(rich_vocab_file, sp_model_file):
    for tokenizer in (WordPieceTokenizer(rich_vocab_file), SentencePieceTokenizer(sp_model_file)):
        module = InGraphTokenizer(tokenizer, 16)
        pack = tf.function(lambda text, module=module: module(text), input_signature=[tf.TensorSpec([None], tf.string)])
        for texts in (["", " "], ["the good", ""], []):
            packed = pack(tf.constant(texts, tf.string))["input_word_ids"]
            expected = [tokenizer.template.packed(tokenizer.encode(text)) for text in texts]
            assert tf.ragged.boolean_mask(packed, packed != tokenizer.pad_id).to_list() == expected


LOAD = """
import sys, numpy as np, tensorflow as tf, tensorflow_text
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
result = serve(text=tf.constant(["the ΟΔΥΣΣΕΥΣ, unaffable 你好", "good"]), text_b=tf.constant(["Good!", ""]))
np.save(sys.argv[1] + "/ids.npy", result["input_word_ids"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wordpiece", "sentencepiece"])
def test_survives_saving_and_loading_in_a_fresh_process(tmp_path, rich_vocab_file, sp_model_file, kind):
    tokenizer = WordPieceTokenizer(rich_vocab_file) if kind == "wordpiece" else SentencePieceTokenizer(sp_model_file)
    pack = InGraphTokenizer(tokenizer, 12)
    module = tf.Module()
    module.pack = pack
    signature = [tf.TensorSpec([None], tf.string, name=name) for name in ("text", "text_b")]
    module.serve = tf.function(lambda text, text_b: pack(text, text_b), input_signature=signature)
    tf.saved_model.save(module, str(tmp_path / "model"), {"serving_default": module.serve})
    subprocess.run([sys.executable, "-c", LOAD, str(tmp_path / "model")], check=True, capture_output=True)
    expected = pack(tf.constant(["the ΟΔΥΣΣΕΥΣ, unaffable 你好", "good"]), tf.constant(["Good!", ""]))
    np.testing.assert_array_equal(np.load(tmp_path / "model" / "ids.npy"), expected["input_word_ids"])
