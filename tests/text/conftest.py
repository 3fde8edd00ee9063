"""Texts and vocabularies that tokenizers must agree on."""

import functools
import json
import pathlib
import random
import sys
import unicodedata
from collections.abc import Callable

import pytest
import sentencepiece

from bert_tf2.text.normalization import Normalization
from bert_tf2.text.wordpiece import WordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["the", "un", "##aff", "##able", "good", "The", "Good", "ing", "##ing", "οδυσσευς", "οδυσσευσ", "ΟΔΥΣΣΕΥΣ", "straße", "½"]

WHOLE = ("[MASK]", "[cls]the", "Good", "ab,", "e-mail@example.org", "café", "straße", "known", "你", "ΑΣ’Α")
# Not among the hand-made lines: those train the SentencePiece model of the tests.
WITH_WHOLE_WORDS = (
    "[CLS]the Good good GOOD good, ab, AB, (ab,) ab,. café CAFÉ cafe\u0301 caf\u00ade Straße, known 你\u0301 ΑΣ’Α\u0301 ΑΣ’Α"
)
NORMALIZATIONS = {
    "uncased": Normalization(),
    "cased": Normalization(False),
    "uncased accents": Normalization(True, strip_accents=False),
    "cased stripped": Normalization(False, strip_accents=True),
    "ideographs joined": Normalization(True, tokenize_chinese_chars=False),
    "cased ideographs joined": Normalization(False, tokenize_chinese_chars=False),
    "uncased some whole": Normalization(never_split=WHOLE),
    "cased some whole": Normalization(False, never_split=WHOLE),
    "all": Normalization(True, False, False, WHOLE),
}

NASTY = [
    "",
    " ",
    "  two  spaces\tand a tab ",
    "\ufeffThe mark of byte order",
    "un\u00adaff\u200bable \x00good\x7f \x0bThe\x0cgood\x1cThe\x85good",
    "line\u2028separator paragraph\u2029separator",
    "no\u00a0break\u3000wide\u2009thin\u180emongolian",
    "[MASK] [mask] [UNK] ##ing # ## [CLS]the",
    "ΟΔΥΣΣΕΥΣ. ΟΔΥΣΣΕΥΣ'Σ ΣΣ Σ 1Σ ΑΣ\u0301 Α\u0301Σ,Α ΑΣ\u00adΑ ΑΣ\u2019α ʰΣ Aʰ\u0345Σ!Α \u4f60ΑΣ\u597dΑ",
    "\U0001d6ba \U0001d400\U0001d6ba ﬀΣ",
    "İstanbul ISTANBUL ıi ǅ ﬃ ß ẞ straße STRASSE ½ ² № ™ K Å",
    "café cafe\u0301 CAFÉ e\u0301\u0327\u0323 \u1b44\u302e\u0323a\u302e\u1b44 \u302e\u0300\u1b44 \U0001d15e\U0001d165\U0001d16e",
    "한국어 가각 \u1112\u1161\u11ab \u3131",
    "日本語のテキスト カタカナ ｶﾞ が",
    "这是一个、很好的。“酒店”！（真的）：ｆｕｌｌ　ｗｉｄｔｈ？～ ＄＋＜ 豈 \U00020000\U0002f800",
    "𝒲𝒽𝑒𝓃 \U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea 1\ufe0f\u20e3",
    "हिन्दी தமிழ் ไทย العَرَبِيَّة עִבְרִית ქართული Ⴀ ᏣᎳᎩ ꮳ",
    "\u037e \u0387 \u1fef \u2329x\u232a \u226e a\u0338=\u0338",
    "state-of-the-art,well-known;$1,999.99!? e-mail@example.org http://x.y/z?a=b&c=[d]",
    "x" * 400,
    "x" * 401,
    "é" * 400,
    "é" * 401,
    "e\u0301" * 400,
    "ß" * 201,
    "a" * 30 + "\u4f60" + "b" * 30,
    "\U0010ffff\ue000\ufffe\ufdd0\u0378\ufffd",
]


def strings_in(value) -> list[str]:
    """All strings in a JSON value."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in strings_in(part)]


@functools.lru_cache(maxsize=1)
def _real_lines(folder: pathlib.Path) -> tuple[str, ...]:
    lines: dict[str, None] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".txt", ".tsv"):
            lines.update(dict.fromkeys(path.read_bytes().decode("utf-8").split("\n")))
        elif path.suffix == ".json":
            lines.update(dict.fromkeys(strings_in(json.loads(path.read_text(encoding="utf-8")))))
    return tuple(lines)


@pytest.fixture(scope="session")
def real_lines(real_data) -> tuple[str, ...]:
    """Every different line of the real data, and every string of its JSON files."""
    return _real_lines(real_data)


@pytest.fixture(scope="session")
def nasty_lines() -> list[str]:
    """Hand-made lines, and random ones over all of Unicode in which marks, sigmas and spaces are frequent."""
    draw = random.Random(20180411)
    marks = [chr(c) for c in range(0x20000) if unicodedata.combining(chr(c))]
    pools = [marks, list(" ΣΑας'.\u00ad"), [chr(c) for c in range(32, 0x250)], list("这是一个，好。 ")]
    lines = [*NASTY, WITH_WHOLE_WORDS]
    for _ in range(1500):
        pool = draw.choice(pools)
        line = [draw.choice(pool) if draw.random() < 0.7 else chr(draw.randrange(0x110000)) for _ in range(draw.randrange(40))]
        lines.append("".join(c for c in line if not 0xD800 <= ord(c) < 0xE000))
    return lines


@pytest.fixture(scope="session")
def every_character() -> Callable[..., list[str]]:
    """A function giving every code point that UTF-8 can hold (or every `step`-th), alone and between letters."""

    def lines(step: int = 1) -> list[str]:
        characters = [chr(c) for c in range(0, sys.maxunicode + 1, step) if not 0xD800 <= c < 0xE000]
        return [text for c in characters for text in (c, f"a{c}b")]

    return lines


@pytest.fixture
def characters_of_the_way(rich_tokenizer, every_character) -> list[str]:
    """Every character for Google's own two ways of preparing text, every fifth for the others, which share their code."""
    return every_character(step=1 if isinstance(rich_tokenizer.normalization.fact, bool) else 5)


@pytest.fixture(scope="session")
def rich_vocab_file(tmp_path_factory) -> str:
    """A vocabulary with letters, accents, punctuation, ideographs and combining marks, each also as a continuation."""
    blocks = ((33, 0x3FF), (0x1100, 0x11FF), (0x1B00, 0x1BFF), (0x3000, 0x30FF))
    characters = [chr(code_point) for first, last in blocks for code_point in range(first, last + 1)]
    characters += [*"你好这是一个很的酒店真豈！，？：（）～½№ﬀ", "\u302e", "\U0001f600", "\U00020000"]
    tokens = SPECIAL + WORDS + [token for c in dict.fromkeys(characters) if c == c.strip() for token in (c, f"##{c}")]
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(dict.fromkeys(tokens)) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session", params=[True, False], ids=["uncased", "cased"])
def google_tokenizer(request, rich_vocab_file) -> WordPieceTokenizer:
    """A tokenizer over `rich_vocab_file` that Google's could be: lower-casing or not."""
    return WordPieceTokenizer(rich_vocab_file, request.param)


@pytest.fixture(scope="session", params=NORMALIZATIONS.values(), ids=NORMALIZATIONS)
def rich_tokenizer(request, rich_vocab_file) -> WordPieceTokenizer:
    """A tokenizer over `rich_vocab_file`, with each way of preparing text."""
    return WordPieceTokenizer(rich_vocab_file, request.param)


@pytest.fixture(scope="session")
def train_sentencepiece() -> Callable[..., str]:
    """A function that trains a small unigram model on the hand-made lines and writes it to a path."""

    def train(path: pathlib.Path, control_symbols: list[str]) -> str:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([line for line in NASTY if 0 < len(line) < 300 and "\x00" not in line] * 3),
            model_prefix=str(path.with_suffix("")),
            vocab_size=300,
            hard_vocab_limit=False,
            pad_id=0,
            unk_id=1,
            bos_id=-1,
            eos_id=-1,
            control_symbols=control_symbols,
            user_defined_symbols=["(", ")", "-", "€"],
            minloglevel=2,
        )
        return str(path)

    return train


@pytest.fixture(scope="session")
def sp_model_file(tmp_path_factory, train_sentencepiece) -> str:
    """A SentencePiece model of some 300 pieces, with ALBERT's special pieces."""
    return train_sentencepiece(tmp_path_factory.mktemp("pieces") / "spiece.model", ["[CLS]", "[SEP]", "[MASK]"])
