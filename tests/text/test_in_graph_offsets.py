"""`InGraphPlacingTokenizer`: the ids and the places of `PlacingTokenizer`, inside a graph."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.text.in_graph_offsets import InGraphPlacingTokenizer
from bert_tf2.text.offsets import PlacingTokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer


def compiled(tokenizer):
    return tf.function(InGraphPlacingTokenizer(tokenizer).__call__, input_signature=[tf.TensorSpec([None], tf.string)])


def assert_same_places(tokenizer, lines, batch_size: int = 1000) -> None:
    place, in_graph = PlacingTokenizer(tokenizer), compiled(tokenizer)
    lines = sorted(lines, key=len)
    for start in range(0, len(lines), batch_size):
        batch = lines[start : start + batch_size]
        placed = in_graph(tf.constant([line.encode() for line in batch]))
        for line, ids, starts, ends in zip(batch, placed.ids.to_list(), placed.starts.to_list(), placed.ends.to_list()):
            expected = place(line)
            assert ids == tokenizer.encode(line), ascii(line)
            assert ids == expected.ids.tolist(), ascii(line)
            assert starts == expected.starts.tolist(), ascii(line)
            assert ends == expected.ends.tolist(), ascii(line)


def test_places_of_hand_made_and_random_lines(rich_tokenizer, nasty_lines, every_character):
    assert_same_places(rich_tokenizer, nasty_lines + every_character(step=101))


TEXTS_OF_TOKENS = [
    ("  unaffable, GOOD", ["un", "aff", "able", ",", "GOOD"]),
    ("cafe\u0301 é", ["c", "a", "f", "e\u0301", "é"]),
    ("\u0301a \u0301 b", ["a", "b"]),
    ("你\u0301好", ["你\u0301", "好"]),
    ("가", ["가", "가"]),
    ("the\u200b \u200egood", ["the", "good"]),
    ("go\u00adod", ["go\u00adod"]),
    ("the 🤷🏽 good", ["the", "🤷🏽", "good"]),
    ("x" * 401, ["x" * 401]),
    ("İ!", ["İ", "!"]),
    ("\u1b44\u302e\u0323", ["\u1b44\u302e\u0323"] * 2),
]


def test_the_text_of_each_token(rich_vocab_file):
    texts = [text for text, _ in TEXTS_OF_TOKENS]
    placed = compiled(WordPieceTokenizer(rich_vocab_file))(tf.constant([text.encode() for text in texts]))
    for (text, expected), starts, ends in zip(TEXTS_OF_TOKENS, placed.starts.to_list(), placed.ends.to_list()):
        assert [text[start:end] for start, end in zip(starts, ends)] == expected, ascii(text)


def test_places_count_without_bytes_that_are_not_utf8(rich_vocab_file):
    placed = compiled(WordPieceTokenizer(rich_vocab_file))(tf.constant([b"\xffthe\xc3 good\xff", b""]))
    assert placed.starts.to_list() == [[0, 4], []]
    assert placed.ends.to_list() == [[3, 8], []]
    assert bytes(placed.characters[0].numpy().astype(np.uint8)) == b"the good"


def test_an_empty_batch(rich_tokenizer):
    placed = compiled(rich_tokenizer)(tf.constant([], tf.string))
    assert placed.ids.nrows() == placed.starts.nrows() == 0


@pytest.mark.slow
def test_places_of_a_sample_of_all_characters(rich_tokenizer, every_character):
    """Fewer for the further ways of preparing text, which share the code of Google's own two."""
    step = 7 if isinstance(rich_tokenizer.normalization.fact, bool) else 35
    assert_same_places(rich_tokenizer, every_character(step=step), batch_size=20000)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(("name", "do_lower_case"), [("uncased", True), ("cased", False), ("chinese", True)])
def test_places_of_real_lines(real_data, real_lines, name, do_lower_case):
    assert_same_places(WordPieceTokenizer(str(real_data / "vocab" / f"{name}.txt"), do_lower_case), real_lines[::8])
