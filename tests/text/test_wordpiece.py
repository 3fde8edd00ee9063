"""`WordPieceTokenizer` gives the ids of Google's `FullTokenizer` on every line."""

import pathlib
import pickle
import subprocess
import sys

import pytest
from official.nlp.tools import tokenization

from bert_tf2.text.wordpiece import Memory, WordPieceTokenizer


def assert_equal_to_reference(tokenizer: WordPieceTokenizer, lines) -> None:
    reference = tokenization.FullTokenizer(tokenizer.file, do_lower_case=tokenizer.do_lower_case)
    for line in lines:
        tokens = reference.tokenize(line)
        assert tokenizer.encode(line) == reference.convert_tokens_to_ids(tokens), ascii(line)
        assert tokenizer.tokenize(line) == tokens, ascii(line)


def test_equals_the_reference_on_hand_made_and_random_lines(google_tokenizer, nasty_lines):
    assert_equal_to_reference(google_tokenizer, nasty_lines)


def test_equals_the_reference_on_a_sample_of_all_characters(google_tokenizer, every_character):
    assert_equal_to_reference(google_tokenizer, every_character(step=37))


@pytest.mark.slow
def test_equals_the_reference_on_every_character(google_tokenizer, every_character):
    assert_equal_to_reference(google_tokenizer, every_character())


def test_equals_the_reference_on_lone_surrogates(google_tokenizer):
    assert_equal_to_reference(google_tokenizer, ["\ud800", "a\udc80b", "good\ud83d \ude00 the"])


CASES = [("uncased", True), ("cased", False), ("chinese", True), ("chinese", False)]


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "do_lower_case"), CASES)
def test_equals_the_reference_on_a_sample_of_real_lines(real_data, real_lines, nasty_lines, name, do_lower_case):
    tokenizer = WordPieceTokenizer(str(real_data / "vocab" / f"{name}.txt"), do_lower_case)
    assert_equal_to_reference(tokenizer, real_lines[::400])
    assert_equal_to_reference(tokenizer, nasty_lines)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("number", range(len(CASES)))
def test_equals_the_reference_on_every_real_line(real_data, real_lines, number):
    """Each line by one of the vocabularies in turn: all lines by all of them take the reference six minutes."""
    name, do_lower_case = CASES[number]
    tokenizer = WordPieceTokenizer(str(real_data / "vocab" / f"{name}.txt"), do_lower_case)
    assert_equal_to_reference(tokenizer, real_lines[number :: len(CASES)])


def test_result_belongs_to_the_caller(rich_tokenizer):
    first = rich_tokenizer.encode("the good")
    expected = list(first)
    first.clear()
    assert rich_tokenizer.encode("the good") == expected


def test_memory_is_bounded_and_does_not_change_ids(rich_vocab_file, monkeypatch):
    monkeypatch.setattr(Memory, "MOST", 10)
    tokenizer = WordPieceTokenizer(rich_vocab_file)
    lines = [f"the word{i} is good, 你好{i}" for i in range(100)]
    assert [tokenizer.encode(line) for line in lines] == [WordPieceTokenizer(rich_vocab_file).encode(line) for line in lines]
    assert len(tokenizer._ids) <= 10
    tokenizer.encode("x" * 1000)
    assert "x" * 1000 not in tokenizer._ids


def test_special_ids_fingerprint_and_tokens(tmp_path, rich_vocab_file):
    tokenizer = WordPieceTokenizer(rich_vocab_file)
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id) == (0, 1, 2, 3)
    assert tokenizer.id_to_token(tokenizer.vocab_size - 1) == "##\U00020000"
    content = pathlib.Path(rich_vocab_file).read_text(encoding="utf-8")
    windows = tmp_path / "windows.txt"
    windows.write_bytes(b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode())
    other = tmp_path / "other.txt"
    other.write_text(content.replace("the\n", "that\n", 1), encoding="utf-8")
    assert WordPieceTokenizer(str(windows)).fingerprint == tokenizer.fingerprint
    assert WordPieceTokenizer(str(other)).fingerprint != tokenizer.fingerprint


def test_can_be_sent_to_another_process(rich_tokenizer):
    rich_tokenizer.encode("the good")
    assert pickle.loads(pickle.dumps(rich_tokenizer)).encode("unaffable good") == rich_tokenizer.encode("unaffable good")


def test_does_not_import_tensorflow():
    modules = ", ".join(f"bert_tf2.text.{name}" for name in ("tokenizer", "wordpiece", "sentencepiece"))
    program = f"import sys, {modules}; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
