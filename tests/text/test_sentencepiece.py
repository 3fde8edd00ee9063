"""`SentencePieceTokenizer` gives the ids of the model garden's, which are Google's, and those of `transformers`."""

import warnings

import pytest
import sentencepiece
from official.nlp.tools import tokenization

from bert_tf2.errors import UserError
from bert_tf2.text.sentencepiece import SentencePieceTokenizer

NUMBERS = [
    "In 1999, 2,000, and 10,000,000, people; 9,9",
    "0,1,2,3,4,5,6,7,8,9,",
    "1990,", ",1990", "1,,2", "a1,", "１９９９，٣,", "100,000,000,000 $ 2000,and", "5, 15, 25, 2009, 2010,", "x²,",
]  # fmt: skip


def assert_equal_to_garden(path: str, lines) -> None:
    library = sentencepiece.SentencePieceProcessor(model_file=path)
    cased, uncased = (SentencePieceTokenizer(path, do_lower_case) for do_lower_case in (False, True))
    for line in lines:
        assert cased.encode(line) == tokenization.encode_ids(library, line), ascii(line)
        text = tokenization.preprocess_text(line, lower=True)
        assert uncased.encode(line) == tokenization.encode_ids(library, text), ascii(line)
        assert uncased.tokenize(line) == tokenization.encode_pieces(library, text), ascii(line)


def test_equals_the_garden_on_hand_made_and_random_lines(sp_model_file, nasty_lines):
    assert_equal_to_garden(sp_model_file, [*nasty_lines, *NUMBERS])


@pytest.mark.real_data
def test_equals_the_garden_on_real_lines(real_data, real_lines, nasty_lines):
    assert_equal_to_garden(str(real_data / "vocab" / "albert-30k-clean.model"), [*real_lines[::20], *nasty_lines, *NUMBERS])


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore")
def test_equals_transformers_but_for_quotation_marks(real_data, real_lines):
    path = str(real_data / "vocab" / "albert-30k-clean.model")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pytest.importorskip("transformers").AlbertTokenizer(path)
    ours = SentencePieceTokenizer(path)
    for line in [*real_lines[::20], *NUMBERS]:
        expected = theirs.convert_tokens_to_ids(theirs.tokenize(line))
        assert ours.encode(line.replace("``", '"').replace("''", '"')) == expected, ascii(line)


@pytest.mark.real_data
def test_numbers_lose_their_comma(real_data):
    tokenizer = SentencePieceTokenizer(str(real_data / "vocab" / "albert-30k-clean.model"))
    assert tokenizer.tokenize("in 1999, 2,000") == ["▁in", "▁1999", ",", "▁2,000"]
    assert tokenizer.numbers_with_comma


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
