"""`SentencePieceTokenizer` gives the ids of the `sentencepiece` library."""

import pytest
import sentencepiece
from official.nlp.tools import tokenization

from bert_tf2.errors import UserError
from bert_tf2.text.sentencepiece import SentencePieceTokenizer


def assert_equal_to_library(path: str, lines) -> None:
    library = sentencepiece.SentencePieceProcessor(model_file=path)
    cased, uncased = (SentencePieceTokenizer(path, do_lower_case) for do_lower_case in (False, True))
    for line in lines:
        assert cased.encode(line) == library.encode(line), ascii(line)
        assert uncased.encode(line) == library.encode(tokenization.preprocess_text(line, lower=True)), ascii(line)


def test_equals_the_library_on_hand_made_and_random_lines(sp_model_file, nasty_lines):
    assert_equal_to_library(sp_model_file, nasty_lines)


@pytest.mark.real_data
def test_equals_the_library_on_real_lines(real_data, real_lines, nasty_lines):
    assert_equal_to_library(str(real_data / "vocab" / "albert-30k-clean.model"), [*real_lines[::20], *nasty_lines])


@pytest.mark.real_data
def test_albert_special_ids(real_data):
    tokenizer = SentencePieceTokenizer(str(real_data / "vocab" / "albert-30k-clean.model"))
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id) == (0, 1, 2, 3)
    assert tokenizer.vocab_size == 30000
    assert tokenizer.id_to_token(4) == "[MASK]"
    assert tokenizer.tokenize("Hello World") == ["▁hello", "▁world"]
    assert len(tokenizer.fingerprint) == 64


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(range(256))])
def test_what_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "spiece.model"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not a SentencePiece model"):
        SentencePieceTokenizer(str(path))


def test_a_model_without_special_pieces_is_refused(tmp_path, train_sentencepiece):
    path = train_sentencepiece(tmp_path / "plain.model", control_symbols=[])
    with pytest.raises(UserError, match=r"lacks the piece \[CLS\]"):
        SentencePieceTokenizer(path)
