"""XLNet's SentencePiece: the ids of `transformers.XLNetTokenizer`, in Python and in the graph."""

import warnings

import pytest
import tensorflow as tf
import xlnet_material

from bert_tf2.errors import UserError
from bert_tf2.text.in_graph import InGraphTokenizer
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.sentencepiece import SentencePieceTokenizer
from bert_tf2.text.tokenizer import load_tokenizer, mask_id_of
from bert_tf2.text.tokenizer_files import tokenizer_files

pytestmark = pytest.mark.filterwarnings("ignore")

LINES = [
    "He said ``stop'', and '' she `` did; it's ``` ''' quoted",
    "In 1999, 2,000, and 10,000,000, people; 9,9 (1990,) £5-10, €3.",
    "Élan vital – naïve  Ünïcode\tİstanbul ﬁne ½",
    "",
    "  leading and trailing  ",
    "日本語 ﷺ a\u0301b",
]


def theirs(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("transformers").XLNetTokenizer(path, **options)


@pytest.fixture(scope="session")
def xlnet_pieces(tmp_path_factory):
    lines = [*LINES, "In 1999, the year 2000, was 10,000, people", "A film that was good - and its people (few) said so."] * 3
    return xlnet_material.train_xlnet_pieces(tmp_path_factory.mktemp("pieces") / "spiece.model", lines)


@pytest.fixture(scope="session")
def real_pieces(tmp_path_factory, real_lines):
    return xlnet_material.train_xlnet_pieces(tmp_path_factory.mktemp("real") / "spiece.model", real_lines[::40], 8000)


def assert_same(path, lines, do_lower_case):
    """Their tokenizer would take the names of special tokens in a text for these; here they stay text."""
    other = theirs(path, do_lower_case=do_lower_case)
    ours = load_tokenizer(sp_model_file=path, tokenization="SentencePiece", do_lower_case=do_lower_case)
    for line in lines:
        expected = other.convert_tokens_to_ids(other._tokenize(line))
        assert ours.encode(line) == expected, ascii(line)


@pytest.mark.parametrize("do_lower_case", [False, True])
def test_ids_are_those_of_transformers(xlnet_pieces, nasty_lines, do_lower_case):
    assert_same(xlnet_pieces, [*LINES, *nasty_lines], do_lower_case)


@pytest.mark.real_data
@pytest.mark.parametrize("do_lower_case", [False, True])
def test_ids_of_real_lines_are_those_of_transformers(real_pieces, real_lines, do_lower_case):
    assert_same(real_pieces, [*LINES, *real_lines[1::20]], do_lower_case)


@pytest.mark.parametrize("do_lower_case", [False, True])
def test_the_graph_gives_the_same_ids(xlnet_pieces, nasty_lines, do_lower_case):
    require_same_in_graph(xlnet_pieces, [*LINES, *nasty_lines], do_lower_case)


@pytest.mark.slow
@pytest.mark.real_data
def test_the_graph_gives_the_same_ids_of_real_lines(real_pieces, real_lines):
    require_same_in_graph(real_pieces, [*LINES, *(line for line in real_lines[1::40] if len(line) < 1000)], False)


def require_same_in_graph(path, lines, do_lower_case):
    tokenizer = load_tokenizer(sp_model_file=path, tokenization="SentencePiece", do_lower_case=do_lower_case)
    module = InGraphTokenizer(tokenizer, 128)
    ids_of = tf.function(module.ids, input_signature=[tf.TensorSpec([None], tf.string)])
    lines = sorted(lines, key=len)
    for start in range(0, len(lines), 500):
        batch = lines[start : start + 500]
        for line, ids in zip(batch, ids_of(tf.constant([line.encode() for line in batch])).to_list(), strict=True):
            assert ids == tokenizer.encode(line), ascii(line)


def test_special_ids_and_the_template(xlnet_pieces):
    tokenizer, other = load_tokenizer(sp_model_file=xlnet_pieces, tokenization="SentencePiece"), theirs(xlnet_pieces)
    assert [tokenizer.id_to_token(id) for id in range(9)] == list(xlnet_material.IDS)
    assert (tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id, mask_id_of(tokenizer)) == (0, 3, 4, 5, 6)
    assert tokenizer.normalization == Normalization(False, True)
    for text, second in (("A film", None), ("A film", "was good")):
        expected = other(text, second)
        parts = [tokenizer.encode(part) for part in (text, second) if part]
        ids = tokenizer.template.packed(*parts)
        assert ids == expected["input_ids"]
        first = len(parts[0]) + 1 if second else len(ids)
        assert tokenizer.template.segment_ids(first, len(ids)) == expected["token_type_ids"]
        packed = InGraphTokenizer(tokenizer, 64)(tf.constant([text]), tf.constant([second or ""]))
        assert packed["input_word_ids"].numpy()[0].tolist() == expected["input_ids"]
        assert packed["input_type_ids"].numpy()[0].tolist() == expected["token_type_ids"]


def test_the_written_files_are_read_by_transformers(tmp_path, xlnet_pieces):
    tokenizer = load_tokenizer(sp_model_file=xlnet_pieces, tokenization="SentencePiece", do_lower_case=True)
    for name, content in tokenizer_files(tokenizer, 1 << 30, "XLNetTokenizer").items():
        (tmp_path / name).write_bytes(content)
    other = pytest.importorskip("transformers").XLNetTokenizer.from_pretrained(tmp_path)
    assert (other.do_lower_case, other.keep_accents, other.pad_token_id) == (True, False, 5)
    again = load_tokenizer(sp_model_file=str(tmp_path), tokenization="SentencePiece")
    assert again.normalization == tokenizer.normalization
    assert again.notices == ()
    for line in LINES:
        assert other(line)["input_ids"] == tokenizer.template.packed(tokenizer.encode(line))


def test_a_model_of_neither_family_is_refused(tmp_path, train_sentencepiece):
    path = train_sentencepiece(tmp_path / "plain.model", control_symbols=["<cls>"])
    with pytest.raises(UserError, match=r"lacks the piece \[CLS\] \(ALBERT's have \[CLS\] and \[SEP\]; XLNet's have <cls> and"):
        SentencePieceTokenizer(path)
