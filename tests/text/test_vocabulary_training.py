import collections

import pytest

from bert_tf2.errors import UserError
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.sentencepiece import SentencePieceTokenizer
from bert_tf2.text.vocabulary import Vocabulary, whole_tokens
from bert_tf2.text.vocabulary_training import characters_of, count_words, train_sentencepiece, train_wordpiece
from bert_tf2.text.wordpiece import WordPieceTokenizer

TEXTS = ["The lowest towers are lower than the newest tower.", "Lowering, newer; widest! 低い 低い塔 [E1] Café [/E1]"] * 5
WAY = Normalization(never_split=("[E1]", "[/E1]"))


def _trained(size=70, **settings):
    return train_wordpiece(count_words(TEXTS, WAY), size, WAY, **settings)


def test_special_tokens_come_first_then_characters_then_pieces():
    tokens = _trained(num_unused=2)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[E1]", "[/E1]", "[unused0]", "[unused1]"]
    assert tokens[:9] == special
    assert len(tokens) == len(set(tokens)) == 70
    assert {"##we", "##st"} <= set(tokens)


def test_what_stands_apart_from_words_goes_on_none():
    tokens = set(_trained())
    assert {"低", "い", "##い", "!", "e", "##e"} <= tokens
    assert not {"##低", "##!", "##["} & tokens


def test_every_word_of_the_text_can_be_spelled():
    tokenizer = WordPieceTokenizer(Vocabulary("memory", tuple(_trained())), WAY)
    assert not [text for text in TEXTS if tokenizer.unk_id in tokenizer.encode(text)]
    assert tokenizer.tokenize("[E1] low [/E1]") == ["[E1]", "l", "##o", "##w", "[/E1]"]


def test_the_pieces_are_those_that_the_library_finds_by_itself():
    from tokenizers import BertWordPieceTokenizer

    # Ties are broken by chance there.
    counts = collections.Counter({"ab": 8, "abc": 4, "xy": 7, "xyz": 2})
    theirs = BertWordPieceTokenizer()
    theirs.train_from_iterator(counts.elements(), vocab_size=500, min_frequency=2, show_progress=False)
    ours = train_wordpiece(counts, 500, Normalization())
    assert [token for token in ours if len(token.removeprefix("##")) in (2, 3)] == ["ab", "xy", "abc", "xyz"]
    # Ours have characters inside words also where the text happens to have none.
    assert set(ours) - set(theirs.get_vocab()) == {"##a", "##x"}
    assert set(ours) > set(theirs.get_vocab())


def test_the_order_of_the_text_decides_nothing():
    counts = count_words(TEXTS, WAY)
    other = collections.Counter(dict(reversed(counts.items())))
    assert train_wordpiece(counts, 70, WAY) == train_wordpiece(other, 70, WAY)


def test_rare_characters_can_be_left_out():
    counts = collections.Counter({"abc": 99, "é": 1})
    assert characters_of(counts) == ["a", "b", "c", "é"]
    assert characters_of(counts, 0.99) == ["a", "b", "c"]
    assert "é" not in train_wordpiece(counts, 20, Normalization(), character_coverage=0.99)


def test_too_small_a_size():
    with pytest.raises(
        UserError, match=r"^--vocab_size=20 is smaller than 7 special tokens and \d+ characters, .* at least (\d+), "
    ):
        _trained(20)


def test_sentencepiece_has_alberts_special_pieces(tmp_path):
    texts = ["the lowest tower", "the newest towers [e1] are lower"] * 20
    way = Normalization(never_split=("[e1]",))
    model = train_sentencepiece(texts, 40, way)
    assert model == train_sentencepiece(texts, 40, way)
    (tmp_path / "spiece.model").write_bytes(model)
    tokenizer = SentencePieceTokenizer(str(tmp_path / "spiece.model"))
    assert [tokenizer.id_to_token(id) for id in range(6)] == ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "[e1]"]
    assert "[e1]" in tokenizer.tokenize("towers[e1]")
    assert tokenizer.unk_id not in tokenizer.encode("The Towers are")


def test_sentencepiece_refuses_in_one_line():
    texts = ["the lowest tower"] * 20
    with pytest.raises(UserError, match=r"^--vocab_size=8 is smaller than special pieces and characters; give more than \d+, "):
        train_sentencepiece(texts, 8, Normalization())
    with pytest.raises(UserError, match=r"^--keep_tokens: '\[E1\]' is '\[e1\]' when SentencePiece sees it"):
        train_sentencepiece(texts, 40, WAY)


def test_whole_tokens():
    assert whole_tokens("[E1], [E2],") == ("[E1]", "[E2]")
    assert whole_tokens(None) == ()
    with pytest.raises(UserError, match=r"^--keep_tokens: a token holds no white space; got 'a b'$"):
        whole_tokens("a b")
    with pytest.raises(UserError, match=r"^--keep_tokens names 'a' twice$"):
        whole_tokens("a,a")
