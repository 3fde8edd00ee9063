"""Texts that data preparation encodes at once have the ids that the tokenizer gives for each of them."""

import pytest

from bert_tf2.data.encoding import _Stretches, id_encoder, input_encoder
from bert_tf2.data.records.wire_format import all_varints, varints
from bert_tf2.text.wordpiece import WordPieceTokenizer


def assert_encoded_as_one_by_one(tokenizer, lines, sizes=(1, 7, 64)) -> None:
    for size in sizes:
        encode = input_encoder(tokenizer, 1 << 20)
        for begin in range(0, len(lines), size):
            some = lines[begin : begin + size]
            for line, encoded in zip(some, encode(some, [None] * len(some)), strict=True):
                ids = [tokenizer.cls_id, *tokenizer.encode(line), tokenizer.sep_id]
                assert encoded == (varints(ids), len(ids), len(ids), False), ascii(line)


@pytest.mark.parametrize(
    "ends", [["\n", "the \n good", "the\ngood"], ["", "", " ", "\n \n"], ["É", "\udc80 É", "ΟΔΟΣ ΣΑΣ", "\x85"]]
)
def test_hand_made_lines_and_all_that_may_be_taken_for_an_end(rich_tokenizer, nasty_lines, ends):
    assert_encoded_as_one_by_one(rich_tokenizer, [*nasty_lines, *ends])
    assert_encoded_as_one_by_one(rich_tokenizer, ends)


def test_a_sample_of_all_characters(rich_tokenizer, every_character):
    assert_encoded_as_one_by_one(rich_tokenizer, every_character(step=37), [64])


@pytest.mark.slow
def test_every_character(rich_tokenizer, characters_of_the_way):
    assert_encoded_as_one_by_one(rich_tokenizer, characters_of_the_way, [64])


CASES = [("uncased", True), ("cased", False), ("chinese", True), ("chinese", False)]


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "do_lower_case"), CASES)
def test_a_sample_of_real_lines(real_data, real_lines, name, do_lower_case):
    assert_encoded_as_one_by_one(WordPieceTokenizer(str(real_data / "vocab" / f"{name}.txt"), do_lower_case), real_lines[::400])


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("number", range(len(CASES)))
def test_every_real_line(real_data, real_lines, number):
    """Each line by one of the vocabularies in turn."""
    name, do_lower_case = CASES[number]
    tokenizer = WordPieceTokenizer(str(real_data / "vocab" / f"{name}.txt"), do_lower_case)
    assert_encoded_as_one_by_one(tokenizer, real_lines[number :: len(CASES)], [64])


def test_a_bounded_number_of_stretches_is_remembered(rich_vocab_file, monkeypatch):
    lines = [f"the word{i}, is good, 你好{i} {'x' * i}" for i in range(100)]
    monkeypatch.setattr(_Stretches, "_MOST", 10)
    tokenizer = WordPieceTokenizer(rich_vocab_file)
    assert_encoded_as_one_by_one(tokenizer, lines)
    stretches = _Stretches(tokenizer, all_varints(tokenizer.vocab_size), b"")
    for stretch in " ".join(lines).split(" "):
        assert stretches[stretch] == varints(tokenizer.encode_stretch(stretch))
        assert len(stretches) <= 10
    assert "x" * 99 not in stretches


def test_ids_of_many_texts_are_those_of_each(rich_vocab_file):
    tokenizer = WordPieceTokenizer(rich_vocab_file)
    texts = ["the word, is good", "", "你好 \n x", "\u200e", "ΣΑΣ Σ", "x" * 500]
    ids, lengths = id_encoder(tokenizer)(texts)
    assert ids.tolist() == [id for text in texts for id in tokenizer.encode(text)]
    assert lengths.tolist() == [len(tokenizer.encode(text)) for text in texts]
    assert [part.tolist() for part in id_encoder(tokenizer)([])] == [[], []]
