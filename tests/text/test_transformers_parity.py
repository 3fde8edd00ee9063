"""How text is prepared beyond Google's own two ways, against the tokenizers of `transformers`: in Python, and the fast one."""

import dataclasses
import re

import pytest
from transformers import BertTokenizer, BertTokenizerFast

from bert_tf2.text.normalization import Normalization
from bert_tf2.text.tokenizer import load_tokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer

TEXTS = [
    "Ich möchte Müsli, bitte! MÖCHTE mochte",
    "L'été à Noël: garçon, œuvre, ÇA VA? ŒUVRE",
    "Việt Nam đẹp quá; Tiếng Việt CÓ dấu",
    "Żółw świętokrzyski, Łódź; Čeština ŘEŘICHA",
    "İstanbul'da ılık bir GÜN",
    "ΟΔΥΣΣΕΥΣ, Ἀχιλλεύς. Όμορφη μέρα",
    "Ёлка и Йод; УКРАЇНА",
    "日本語が好き。東京タワー（高い）",
    "这是一个很好的酒店！ABC中文",
    "हिन्दी தமிழ் ไทย العَرَبِيَّة עִבְרִית 한국어",
    "don't [DATE] foo-bar Foo-Bar, FOO [date] (foo) ab.c",
]
WAYS = [Normalization(lower, strip, chinese) for lower in (True, False) for strip in (True, False) for chinese in (True, False)]
CHARACTERS = sorted({c for text in TEXTS for part in (text, text.lower()) for c in part if not c.isspace()} | set("oaeuc[]-'"))


@pytest.fixture(scope="module")
def vocab_file(tmp_path_factory) -> str:
    """A vocabulary that holds letters with and without their accents, and some words."""
    words = ["möchte", "mochte", "Möchte", "é", "ét", "##é", "東京", "foo", "foo-bar", "[DATE]", "όμορφη", "##ές"]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *CHARACTERS, *(f"##{c}" for c in CHARACTERS)]
    path = tmp_path_factory.mktemp("accents") / "vocab.txt"
    path.write_text("\n".join(dict.fromkeys(tokens)) + "\n", encoding="utf-8")
    return str(path)


def settings(normalization: Normalization) -> dict:
    """The arguments of `transformers`' tokenizers."""
    named = dataclasses.asdict(normalization)
    return {key: list(value) if key == "never_split" else value for key, value in named.items() if value != ()}


def ids_of_python(path: str, normalization: Normalization, texts: list[str]) -> list[list[int]]:
    # Before this, `tokenize` makes small letters of all but special tokens, one by one: of words that are never split too.
    reference = BertTokenizer(path, **settings(normalization))
    return [reference.convert_tokens_to_ids(reference._tokenize(text)) for text in texts]


def ids_of_fast(path: str, normalization: Normalization, texts: list[str]) -> list[list[int]]:
    return BertTokenizerFast(path, **settings(normalization))(texts, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_texts_in_many_languages(vocab_file, way):
    tokenizer = WordPieceTokenizer(vocab_file, way)
    ours = [tokenizer.encode(text) for text in TEXTS]
    assert ours == ids_of_python(vocab_file, way, TEXTS)
    # The fast one makes small letters one by one: it knows no final sigma.
    without_sigma = [i for i, text in enumerate(TEXTS) if not (way.do_lower_case and re.search("Σ", text))]
    fast = ids_of_fast(vocab_file, way, TEXTS)
    assert [ours[i] for i in without_sigma] == [fast[i] for i in without_sigma]


def test_accents_are_told_apart(vocab_file):
    keep = load_tokenizer(vocab_file=vocab_file, strip_accents=False)
    assert keep.tokenize("MÖCHTE mochte") == ["möchte", "mochte"]
    assert load_tokenizer(vocab_file=vocab_file).tokenize("MÖCHTE mochte") == ["mochte", "mochte"]
    assert load_tokenizer(vocab_file=vocab_file, do_lower_case=False).tokenize("Möchte") == ["Möchte"]


@pytest.mark.parametrize("lower", [True, False])
def test_words_that_are_never_split(vocab_file, lower):
    way = Normalization(lower, never_split=("[DATE]", "foo", "Foo-Bar", "foo-bar", "not-there"))
    tokenizer = WordPieceTokenizer(vocab_file, way)
    texts = [*TEXTS, "[DATE], [DATE] [DATE]x", "NOT-THERE not-there, (not-there)", "Foo-Bar. foo-bar. FOO-BAR fooo"]
    assert [tokenizer.encode(text) for text in texts] == ids_of_python(vocab_file, way, texts)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("name", ["uncased", "cased", "chinese"])
def test_real_lines(real_data, real_lines, name, way):
    path = str(real_data / "vocab" / f"{name}.txt")
    # Transformers' tokenizers look for special tokens in the text.
    lines = [line for line in real_lines[::40] if not re.search(r"\[(UNK|CLS|SEP|PAD|MASK)\]", line)]
    tokenizer = WordPieceTokenizer(path, way)
    ours = [tokenizer.encode(line) for line in lines]
    assert ours == ids_of_fast(path, way, lines)
    if name == "cased":
        assert ours == ids_of_python(path, way, lines)
