"""`load_vocabulary`: ids are line numbers, and a vocabulary that cannot work is refused in one line."""

import pathlib

import pytest
import tensorflow as tf
from official.nlp.tools import tokenization
from transformers import BertTokenizer, BertTokenizerFast

from bert_tf2.data.encoding import id_encoder
from bert_tf2.errors import UserError
from bert_tf2.text.in_graph import InGraphTokenizer
from bert_tf2.text.in_graph_offsets import InGraphPlacingTokenizer
from bert_tf2.text.offsets import PlacingTokenizer
from bert_tf2.text.vocabulary import load_vocabulary
from bert_tf2.text.wordpiece import WordPieceTokenizer


def write(tmp_path, content: bytes) -> str:
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    return str(path)


def test_byte_order_mark_and_carriage_returns_simply_work(tmp_path):
    plain = load_vocabulary(write(tmp_path, b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n"))
    windows = load_vocabulary(write(tmp_path, b"\xef\xbb\xbf[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\n\r\n"))
    assert plain.ids == windows.ids == {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4}


def test_a_token_of_white_space_keeps_its_line_and_cannot_be_produced(tmp_path):
    vocabulary = load_vocabulary(write(tmp_path, "[UNK]\n\u2028\n[CLS]\n\n[SEP]".encode()))
    assert (vocabulary.ids["[CLS]"], vocabulary.ids["[SEP]"], len(vocabulary.ids)) == (2, 4, 5)
    assert vocabulary.to_text() == "[UNK]\n\n[CLS]\n\n[SEP]\n"
    assert load_vocabulary(write(tmp_path, vocabulary.to_text().encode())).ids == vocabulary.ids


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lacks [UNK], [CLS], [SEP] (0 tokens read)"),
        (b"[UNK]\n[SEP]\n", "lacks [CLS]"),
        (b"[UNK]\n\xff\n", "is not UTF-8 text (byte 6)"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path, content, message):
    with pytest.raises(UserError) as error:
        load_vocabulary(write(tmp_path, content))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_vocabulary(str(tmp_path / "none.txt"))


def test_the_last_line_of_a_token_is_its_id_in_every_tokenizer(tmp_path):
    path = write(tmp_path, b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\nun\n##un\nthe\n##un\ngood\nthe\n")
    tokenizer = WordPieceTokenizer(path)
    ids = [[10, 5, 8, 9]]
    assert tokenizer.notices == (
        f"{path}:8 repeats line 5: 'the', and 2 more lines repeat others; the last line of a token is its id",
    )
    assert tokenizer.vocab_size == 11
    text = "the unun good"
    assert [tokenizer.encode(text)] == ids
    assert PlacingTokenizer(tokenizer)(text).ids.tolist() == ids[0]
    assert InGraphTokenizer(tokenizer, 16).ids(tf.constant([text])).to_list() == ids
    assert InGraphPlacingTokenizer(tokenizer)(tf.constant([text])).ids.to_list() == ids
    assert id_encoder(tokenizer)([text])[0].tolist() == ids[0]
    # Google's reader as the garden has it, and both of transformers.
    reference = tokenization.FullTokenizer(path, do_lower_case=True)
    assert [reference.convert_tokens_to_ids(reference.tokenize(text))] == ids
    for theirs in (BertTokenizer(path), BertTokenizerFast(path)):
        assert [theirs(text, add_special_tokens=False)["input_ids"]] == ids
    assert tokenizer.source.to_text() == pathlib.Path(path).read_text()
