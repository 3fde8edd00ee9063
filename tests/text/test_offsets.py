"""Every token's place in the text it came from."""

import random
import unicodedata

import numpy as np
import pytest

from bert_tf2.text.offsets import PlacingTokenizer, placed_basic_tokens
from bert_tf2.text.wordpiece import WordPieceTokenizer


def parts(tokenizer, text: str) -> list[str]:
    """What each token of the text stands for."""
    tokens = PlacingTokenizer(tokenizer)(text)
    return [text[start:end] for start, end in zip(tokens.starts, tokens.ends)]


def letters(tokenizer, text: str) -> str:
    """The characters of all words of a text, without regard to which small sigma it is: that depends on what follows."""
    words = placed_basic_tokens(text, tokenizer.normalization)
    return "".join(word for word, _, _ in words).replace("ς", "σ")


def check_places(tokenizer, text: str) -> tuple[int, int]:
    """Asserts what holds for the places of any text; returns how many tokens there are, and how many of them give exactly
    themselves when the text at their place is tokenized."""
    tokens = PlacingTokenizer(tokenizer)(text)
    assert tokens.ids.tolist() == tokenizer.encode(text)
    starts, ends = tokens.starts, tokens.ends
    assert (starts < ends).all()
    assert (np.diff(starts) >= 0).all()
    assert (np.diff(ends) >= 0).all()
    assert not len(ends) or ends[-1] <= len(text)
    assert len(tokens.words) == len(tokens.ids)
    begin = tokens.word_starts[tokens.words]
    end = np.append(tokens.word_starts[1:], len(text))[tokens.words]
    assert (begin <= starts).all()
    assert (ends <= end).all()
    exact = 0
    for id, start, end in zip(tokens.ids.tolist(), starts, ends):
        token = tokenizer.id_to_token(id)
        spelled = token.removeprefix("##") if token != "##" else token
        part = text[start:end]
        # What a token stands for has at least the token's letters; more only where tokens share a character.
        assert id == tokenizer.unk_id or spelled.replace("ς", "σ") in letters(tokenizer, part)
        exact += tokenizer.tokenize(part) == [spelled]
    return len(tokens.ids), exact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The good, unaffable", ["The", "good", ",", "un", "aff", "able"]),
        ("cafe\u0301 good", ["c", "a", "f", "e\u0301", "good"]),
        ("caf\u00e9", ["c", "a", "f", "\u00e9"]),
        # Two marks in the wrong order, and one that stands alone.
        ("e\u0301\u0323x \u0301 y", ["e\u0301\u0323", "x", "y"]),
        ("ΟΔΥΣΣΕΥΣ.", ["ΟΔΥΣΣΕΥΣ", "."]),
        ("İx", ["İ", "x"]),
        # One syllable is three letters, the next two.
        ("각가", ["각", "각", "각", "가", "가"]),
        ("好的酒店", ["好", "的", "酒", "店"]),
        ("“the”\u200f good", ["“", "the", "”", "good"]),
        ("\u202bun\u200faff\u202c", ["un", "aff"]),
        ("\U0001f468\u200d\U0001f469 x", ["\U0001f468\u200d\U0001f469", "x"]),
        ("x\ufe0f\u20e3!", ["x\ufe0f\u20e3", "!"]),
        ("（１）", ["（", "１", "）"]),
        ("the\u202fgood\u00a0the\tgood", ["the", "good", "the", "good"]),
        ("the\x00ing!", ["the", "ing", "!"]),
    ],
)
def test_what_tokens_stand_for(rich_vocab_file, text, expected):
    assert parts(WordPieceTokenizer(rich_vocab_file), text) == expected


def test_the_unknown_word_is_one_place(tiny_vocab_file):
    tokenizer = WordPieceTokenizer(tiny_vocab_file)
    text = f"good {'x' * 401}, ¿bé\u4f60d"
    assert parts(tokenizer, text) == ["good", "x" * 401, ",", "¿", "b", "é", "\u4f60", "d"]


def test_words_are_cut_at_five_characters_only(tiny_vocab_file):
    tokens = PlacingTokenizer(WordPieceTokenizer(tiny_vocab_file))("the\u00a0bad  \x00 good\u202fmovie\n")
    assert tokens.words.tolist() == [0, 0, 2, 3]
    assert tokens.word_starts.tolist() == [0, 9, 11, 16]
    assert tokens.word_tokens.tolist() == [0, 2, 2, 3, 4]


@pytest.mark.parametrize("text", ["", " ", "\x00", "\u200b \u0301"])
def test_texts_without_tokens(tiny_vocab_file, text):
    tokens = PlacingTokenizer(WordPieceTokenizer(tiny_vocab_file))(text)
    assert [len(tokens.ids), len(tokens.starts), len(tokens.ends), len(tokens.words)] == [0, 0, 0, 0]


def test_long_rows_of_marks(tiny_vocab_file):
    tokenizer = WordPieceTokenizer(tiny_vocab_file)
    assert len(PlacingTokenizer(tokenizer)("." * 5000).ids) == 5000


def test_hard_lines(rich_tokenizer, nasty_lines):
    counts = np.array([check_places(rich_tokenizer, line) for line in nasty_lines]).sum(axis=0)
    assert counts[1] > 0.95 * counts[0]


def test_random_texts_of_what_decomposes(rich_tokenizer):
    draw = random.Random(7)
    pool = [chr(c) for c in range(0x20000) if unicodedata.decomposition(chr(c)) or unicodedata.combining(chr(c))]
    pool += list("ΣΑas'.\u00ad \u0301\u302e") * 200
    for _ in range(1000):
        check_places(rich_tokenizer, "".join(draw.choices(pool, k=draw.randrange(30))))


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("vocabulary", ["uncased", "cased", "chinese"])
def test_real_lines(real_data, real_lines, vocabulary):
    tokenizer = WordPieceTokenizer(str(real_data / "vocab" / f"{vocabulary}.txt"), vocabulary != "cased")
    counts = np.array([check_places(tokenizer, line) for line in real_lines[::101]]).sum(axis=0)
    # The rest of a word is not always a word of its own.
    assert counts[1] > 0.85 * counts[0]
