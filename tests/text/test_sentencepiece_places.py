"""Where SentencePiece's pieces stand: as the library `tokenizers` places them, and the same inside a graph."""

import dataclasses
import unicodedata
import warnings

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
from places_material import assert_same_places
from sentencepiece import sentencepiece_model_pb2

from bert_tf2.text.normalization import Normalization
from bert_tf2.text.pieces.places import prepared_with_places
from bert_tf2.text.placing import placing_tokenizer
from bert_tf2.text.placing_in_graph import in_graph_placing_tokenizer
from bert_tf2.text.sentencepiece import SPACE, SentencePieceTokenizer, prepared

ALBERT = "albert-30k-clean.model"
PREPARATIONS = {
    "uncased": Normalization(),
    "as it is": Normalization(False),
    "cased without accents": Normalization(False, strip_accents=True),
    "uncased with accents": Normalization(True, strip_accents=False),
}
LINES = [
    "Hello  World, in 1999, ﬁb ㍿.",
    "  你好 a\u0301b Éa\u200d\x01b",
    "x▁y ¨z ﷺ ＦＵＬＬ\u3000ｗ１２３，İs ΑΣ",
    "שלום \u200fעולם\u200e مرحبا  بالعالم",
    "1,000, 2000, and ½ 👨\u200d👩\u200d👧 x",
    " \u0301a \u0301b", "\u202f\n", "\x01", "a\x01", "\u00a0a", "",
]  # fmt: skip


@pytest.fixture(params=PREPARATIONS.values(), ids=PREPARATIONS)
def normalization(request) -> Normalization:
    return request.param


def shown(tokenizer: SentencePieceTokenizer, text: str) -> list[tuple[str, str]]:
    tokens = placing_tokenizer(tokenizer)(text)
    places = zip(tokens.ids.tolist(), tokens.starts.tolist(), tokens.ends.tolist())
    return [(tokenizer.id_to_token(id), text[start:end]) for id, start, end in places]


def assert_places_hold(tokenizer: SentencePieceTokenizer, lines) -> None:
    """The ids are those without places, and what stands at a place becomes the piece."""
    place, normalized = placing_tokenizer(tokenizer), tokenizer.processor.normalize
    compared = 0
    for line in lines:
        tokens = place(line)
        assert tokens.ids.tolist() == (tokenizer.encode(line) if line.strip(" \t\r\n\u202f") else []), ascii(line)
        assert (np.diff([tokens.starts, tokens.ends]) >= 0).all(), ascii(line)
        assert len(tokens.words) == len(tokens.ids)
        rows = list(zip(tokens.starts.tolist(), tokens.ends.tolist()))
        assert all(0 <= start <= end <= len(line) for start, end in rows), ascii(line)
        for number, (id, (start, end)) in enumerate(zip(tokens.ids.tolist(), rows)):
            beside = rows[max(number - 1, 0) : number] + rows[number + 1 : number + 2]
            shares = any(one < end and start < other for one, other in beside)
            piece = tokenizer.id_to_token(id).strip(SPACE)
            if id == tokenizer.unk_id or not piece or shares:
                continue
            # A final sigma needs its word.
            found = normalized(prepared(line[start:end], tokenizer.normalization)).strip(SPACE).replace("ς", "σ")
            assert found == piece.replace("ς", "σ"), ascii(line)
            compared += 1
    assert compared > len(lines)


def test_what_stands_at_a_place_becomes_the_piece(sp_model_file, nasty_lines, normalization):
    assert_places_hold(SentencePieceTokenizer(sp_model_file, normalization), [*LINES, *nasty_lines])


@pytest.mark.real_data
def test_what_stands_at_a_place_becomes_the_piece_in_real_lines(real_data, real_lines, nasty_lines, normalization):
    path = str(real_data / "vocab" / ALBERT)
    assert_places_hold(SentencePieceTokenizer(path, normalization), [*real_lines[::500], *LINES, *nasty_lines])


@pytest.mark.real_data
def test_places_of_what_is_normalized(real_data):
    uncased = SentencePieceTokenizer(str(real_data / "vocab" / ALBERT))
    assert shown(uncased, "Hello  World, in 1999, ﬁb ㍿.") == [
        ("▁hello", "Hello"), ("▁world", "World"), (",", ","), ("▁in", "in"), ("▁1999", "1999"), (",", ","), ("▁fib", "ﬁb"),
        ("▁", " "), ("<unk>", "㍿"), (".", "."),
    ]  # fmt: skip
    # An accent belongs to its letter; a character that is dropped to a piece that it stands inside.
    assert shown(uncased, "a\u0301\u0302b") == [("▁ab", "a\u0301\u0302b")]
    assert shown(uncased, "dog\x01 do\x01g") == [("▁dog", "dog"), ("▁dog", "do\x01g")]
    assert shown(uncased, "你") == [(SPACE, ""), ("<unk>", "你")]
    assert shown(uncased, "Ⅷx") == [("▁viii", "Ⅷ"), ("x", "x")]


def test_quotation_marks_become_straight(sp_model_file, nasty_lines, normalization):
    tokenizer = SentencePieceTokenizer(sp_model_file, normalization)
    tokenizer.symbols = dataclasses.replace(tokenizer.symbols, straightens_quotes=True)
    quoted = ["``a'' '''b`` ```", "''", "`", "'`'`", "``''``", "a''\u0301 ``  ''"]
    nasty = nasty_lines[::5]
    lines = [*quoted, *LINES, *nasty, *(line.replace("a", "''").replace("e", "`") for line in nasty)]
    for line in quoted:
        found = prepared_with_places(line, normalization, True)
        assert found.text == prepared(line.replace("``", '"').replace("''", '"'), normalization)
        slices = [line[start:end] for start, end in zip(found.starts, found.ends)]
        assert [len(text.rstrip("\u0301")) for c, text in zip(found.text, slices) if c == '"'] == [2] * found.text.count('"')
    assert_same_places(tokenizer, lines)


def test_half_a_surrogate_pair_counts_as_a_replacement_character(sp_model_file, normalization):
    tokenizer = SentencePieceTokenizer(sp_model_file, normalization)
    place = placing_tokenizer(tokenizer)
    broken, replaced = place("good\ud800 the\udc00\u0301a"), place("good\ufffd the\ufffd\u0301a")
    assert broken.ids.tolist() == replaced.ids.tolist() == tokenizer.encode("good\ud800 the\udc00\u0301a")
    assert (broken.starts.tolist(), broken.ends.tolist()) == (replaced.starts.tolist(), replaced.ends.tolist())


def test_preparation_is_that_of_the_tokenizer(nasty_lines, normalization):
    for line in [*LINES, *nasty_lines]:
        found = prepared_with_places(line, normalization)
        assert found.text == prepared(line, normalization)
        assert len(found.starts) == len(found.ends) == len(found.text)
        assert (found.starts < found.ends).all()


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A place without white space, marks and what is dropped at its beginning, and marks at its end: there conventions differ."""
    while start < end and _belongs_to_none(text[start]):
        start += 1
    while start < end and _is_mark(text[end - 1]):
        end -= 1
    # What stands for nothing visible may stand anywhere.
    return (start, end) if start < end else (0, 0)


def _belongs_to_none(character: str) -> bool:
    begin = unicodedata.normalize("NFKD", character)[0]
    return begin.isspace() or not character.isprintable() or _is_mark(begin)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore")
def test_places_are_those_of_transformers(real_data, real_lines, nasty_lines):
    from tokenizers import models

    path = str(real_data / "vocab" / ALBERT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pytest.importorskip("transformers").AlbertTokenizerFast(path)
    # Their conversion gives most pieces another score, so that other pieces are chosen.
    model = sentencepiece_model_pb2.ModelProto.FromString((real_data / "vocab" / ALBERT).read_bytes())
    theirs.backend_tokenizer.model = models.Unigram([(piece.piece, piece.score) for piece in model.pieces], unk_id=1)
    tokenizer = SentencePieceTokenizer(path)
    place, compared = placing_tokenizer(tokenizer), 0
    # Where characters are dropped theirs may be off by some.
    nasty = [line for line in nasty_lines if line.isprintable() and not any(map(_is_mark, unicodedata.normalize("NFKD", line)))]
    for line in [line.strip() for line in [*real_lines[::20], *LINES, *nasty]]:
        found, tokens = theirs(line, add_special_tokens=False, return_offsets_mapping=True), place(line)
        if found["input_ids"] != tokens.ids.tolist():
            continue
        for id, expected, *own in zip(found["input_ids"], found["offset_mapping"], tokens.starts.tolist(), tokens.ends.tolist()):
            # Theirs is the first of several white spaces; a space that is not in the text has the first letter's place.
            if tokenizer.id_to_token(id) != SPACE:
                assert trimmed(line, *own) == trimmed(line, *expected), ascii(line)
                compared += 1
    assert compared > 50_000


def test_places_in_a_graph(sp_model_file, nasty_lines, normalization):
    assert_same_places(SentencePieceTokenizer(sp_model_file, normalization), [*LINES, *nasty_lines])


@pytest.mark.real_data
def test_places_of_real_lines_in_a_graph(real_data, real_lines, nasty_lines, normalization):
    path = str(real_data / "vocab" / ALBERT)
    assert_same_places(SentencePieceTokenizer(path, normalization), [*real_lines[::1500], *LINES, *nasty_lines[::5]])


def test_no_text_at_all(sp_model_file):
    place = in_graph_placing_tokenizer(SentencePieceTokenizer(sp_model_file))
    assert place(tf.zeros([0], tf.string)).ids.to_list() == []
    assert place(tf.constant(["", " \n", "\x01"])).ids.to_list()[:2] == [[], []]


def test_bytes_that_are_not_utf_8_are_left_out(sp_model_file):
    place = in_graph_placing_tokenizer(SentencePieceTokenizer(sp_model_file))
    found, expected = place(tf.constant([b"go\xffod \xf0"])), place(tf.constant([b"good "]))
    assert found.starts.to_list() == expected.starts.to_list()
    assert found.ids.to_list() == expected.ids.to_list()


KINDS = {
    "pairs of bytes": {"model_type": "bpe", "vocab_size": 200},
    "characters": {"model_type": "char"},
    "bytes of what is unknown": {"byte_fallback": True, "vocab_size": 500},
    "space at the end of a word": {"treat_whitespace_as_suffix": True},
    "no space before a text": {"add_dummy_prefix": False},
    "all white space": {"remove_extra_whitespaces": False},
    "nothing normalized": {"normalization_rule_name": "identity"},
    "case folded": {"normalization_rule_name": "nmt_nfkc_cf"},
    "pieces of several words": {"split_by_whitespace": False},
    "long symbols": {"user_defined_symbols": ["movie", "ab cd", "ﬁ", "1,0"]},
}


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_models_of_every_kind(tmp_path, nasty_lines, settings):
    words = ["the movie was good", "unaffable fish", "1,000, and 1,0 ab cd", "你好 die schöne Straße", "a b c d e f g h i"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words * 10),
        model_prefix=str(tmp_path / "spiece"),
        **{"vocab_size": 80, **settings},
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=-1,
        control_symbols=["[CLS]", "[SEP]"],
        minloglevel=2,
    )
    for normalization in (Normalization(), Normalization(False)):
        tokenizer = SentencePieceTokenizer(str(tmp_path / "spiece.model"), normalization)
        lines = [*words, *LINES, "  movie  ab cd ﬁsh fish 1,000,x ", *nasty_lines[::15]]
        if "byte_fallback" not in settings:
            assert_places_hold(tokenizer, lines)
        assert_same_places(tokenizer, lines)
