import dataclasses

import pytest

from bert_tf2.errors import UserError
from bert_tf2.text.coverage import difference, measure
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.vocabulary import Vocabulary
from bert_tf2.text.vocabulary_changes import add_tokens, trim
from bert_tf2.text.vocabulary_training import count_words
from bert_tf2.text.wordpiece import WordPieceTokenizer

SPECIAL = ("[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def tokenizer_of(*tokens, **way):
    return WordPieceTokenizer(Vocabulary("memory", (*SPECIAL, *tokens)), Normalization(**way))


@pytest.fixture
def spelling():
    return tokenizer_of("[", "]", "e", "##1", "co", "##vi", "##d", "fever")


def test_added_words_are_whole_and_their_rows_are_those_of_their_pieces(spelling):
    change = add_tokens(spelling, ["covid", "[E1]", "\U0001f600"])
    assert change.tokenizer.tokenize("Covid fever [E1] \U0001f600") == ["covid", "fever", "[E1]", "\U0001f600"]
    assert change.tokenizer.source.lines == (*spelling.source.lines, "covid", "[E1]", "\U0001f600")
    assert change.added == {"covid": ["co", "##vi", "##d"], "[E1]": ["[", "e", "##1", "]"], "\U0001f600": ["[UNK]"]}
    assert change.rows[:-3] == tuple((id,) for id in range(spelling.vocab_size))
    assert change.rows[-3:] == (tuple(spelling.encode("covid")), tuple(spelling.encode("[E1]")), (spelling.unk_id,))
    assert change.tokenizer.normalization.never_split == ("[E1]",)


def test_unused_slots_are_taken_first_and_then_padding(spelling):
    size = spelling.vocab_size
    change = add_tokens(spelling, ["a", "b", "c"], ["[unused1]"], use_unused=True, table_rows=size + 3)
    assert change.tokenizer.source.lines[:3] == ("[PAD]", "a", "[unused1]")
    assert change.tokenizer.source.lines[size:] == ("b", "c")
    assert len(change.rows) == size + 3
    assert change.reused == 1
    assert change.rows[-1] == (size + 2,)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("fever", r"'fever' is in memory already \(id 14\)"),
        ("Covid", "'Covid' is 'covid' when .* --keep_tokens=Covid"),
        ("##ing", "'##ing' is a piece of a word"),
    ],
)
def test_what_cannot_be_added(spelling, word, message):
    with pytest.raises(UserError, match=f"^--add_tokens: {message}"):
        add_tokens(spelling, [word])


# Without `abc` the last word could be spelled `ab ##cx`.
TRIMMED = ("a", "ab", "abc", "##c", "##cx", "##d", "un", "##used", "x", "##x", "[E1]")


def test_every_word_of_the_text_has_the_same_tokens_as_before():
    before = tokenizer_of(*TRIMMED, never_split=("[E1]",))
    texts = ["ab abd", "abcd [E1] qq", "abcx abx", "abcxq"]
    change = trim(before, count_words(texts, before.normalization), keep_characters=False)
    assert [before.tokenize(text) for text in texts] == [change.tokenizer.tokenize(text) for text in texts]
    kept = list(change.tokenizer.vocabulary)
    assert kept == [token for token in before.vocabulary if token in kept]
    assert kept == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ab", "abc", "##d", "##x", "[E1]"]
    assert [before.id_to_token(*row) for row in change.rows] == kept


def test_a_word_that_could_not_be_spelled_still_cannot():
    before = tokenizer_of("abc", "ab", "##cq")
    counts = count_words(["abcq abcq ab abx"], before.normalization)
    change = trim(before, counts)
    assert before.tokenize("abcq") == change.tokenizer.tokenize("abcq") == ["[UNK]"]
    assert "abc" in change.tokenizer.vocabulary


def test_characters_rare_tokens_and_those_that_are_named():
    before = tokenizer_of(*TRIMMED)
    counts = count_words(["ab ab abd"], before.normalization)
    kept = trim(before, counts, min_count=3, kept=["[unused1]"]).tokenizer.vocabulary
    assert list(kept) == ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "ab", "##c", "##d", "x", "##x"]
    with pytest.raises(UserError, match=r"^--keep_tokens: 'zz' is not in memory$"):
        trim(before, counts, kept=["zz"])


def test_real_text_keeps_its_tokens(real_data):
    before = WordPieceTokenizer(str(real_data / "vocab" / "cased.txt"), False)
    lines = (real_data / "corpus" / "1342_Pride-and-Prejudice.txt").read_text(encoding="utf-8").splitlines()[:3000]
    change = trim(before, count_words(lines, before.normalization), keep_characters=False)
    assert [before.tokenize(line) for line in lines] == [change.tokenizer.tokenize(line) for line in lines]
    assert change.tokenizer.vocab_size < 5000
    one, other = measure([before, change.tokenizer], lines)
    assert dataclasses.astuple(one) == dataclasses.astuple(other)


def test_coverage_and_difference():
    one, other = tokenizer_of("the", "low", "##er"), tokenizer_of("low", "the", "tower")
    first, second = measure([one, other], ["The lower tower, the", ""])
    assert (first.words, first.tokens, first.unknown) == (5, 6, 2)
    assert (second.tokens, second.unknown) == (5, 2)
    assert first.pieces_per_word == 1.2
    assert second.unknown_share == 0.4
    found = difference(one, other)
    assert found.sizes == (10, 10)
    assert (found.shared, found.moved, found.only) == (9, ("the", "low"), (("##er",), ("tower",)))
