"""Scores of answers in languages without spaces, against values that CMRC 2018's published script gives."""

import pytest

from bert_tf2.errors import UserError
from bert_tf2.tasks.question_answering.character_scores import (
    CHARACTERS,
    CHINESE,
    WORDS,
    chosen,
    evaluate,
    language_of,
    segments,
    treebank_words,
)
from bert_tf2.tasks.question_answering.scores import evaluate_v1, evaluate_v2
from bert_tf2.tasks.question_answering.squad import Answer, Question


def asked(id: str, *golds: str, text: str = "哪一年？") -> Question:
    return Question(id, text, tuple(Answer(gold, -1) for gold in golds), not golds)


# Gold answers, the prediction, exact match and F1.
CMRC = [
    (["2010年"], "2010年", 1, 1.0),
    # Punctuation of both widths is left out, capitals do not count.
    (["《三国演义》"], "三国演义", 1, 1.0),
    (["iPhone-X"], "IPHONEX", 1, 1.0),
    # But not all of it.
    (["三国。"], "三国.", 0, 0.8),
    # The longest run: three of five and of four.
    (["北京大学生"], "东京大学", 0, 2 * 0.75 * 0.6 / 1.35),
    # A number is one segment.
    (["2010年"], "201年", 0, 0.5),
    (["在2010年"], "2010年", 0, 0.8),
    (["三国", "三国演义"], "三国演义", 1, 1.0),
    (["三国"], "", 0, 0.0),
    # Nothing is left of either.
    (["。"], "", 1, 0.0),
    # Spaces matter to the exact match alone.
    (["New York 市"], "new  york市", 0, 1.0),
    # Kana is no Chinese character, so that a run of it is one word.
    (["かな"], "か", 0, 0.0),
]


@pytest.mark.parametrize(("golds", "predicted", "exact", "f1"), CMRC)
def test_chinese_as_cmrc(golds, predicted, exact, f1):
    scores = evaluate([asked("1", *golds)], {"1": predicted}, False, language=CHINESE)
    assert scores["char_exact_match"] == 100 * exact
    assert scores["char_f1"] == pytest.approx(100 * f1)
    assert {"exact_match", "f1"} == set(scores) - {"char_exact_match", "char_f1"}


def test_other_scripts():
    questions = [asked("1", "かな文字"), asked("2", "กรุงเทพ")]
    scores = evaluate(questions, {"1": "かな", "2": "กรุง"}, False, language=CHARACTERS)
    assert scores["char_f1"] == pytest.approx(100 * (2 / 3 + 2 * (4 / 7) / (1 + 4 / 7)) / 2)
    assert segments("iPhone 3.5かなア々𠀀", CHARACTERS) == ("iphone", "3.5", "か", "な", "ア", "々", "𠀀")


def test_questions_without_an_answer():
    questions = [asked("1", "三国演义"), asked("2"), asked("3")]
    predictions, odds = {"1": "三国", "2": "", "3": "三"}, {"1": -2.0, "2": 1.0, "3": 0.5}
    scores = evaluate(questions, predictions, True, odds, CHINESE)
    plain = evaluate_v2(questions, predictions, odds)
    assert {name: scores[name] for name in plain} == plain
    assert scores["char_HasAns_f1"] == pytest.approx(100 * 2 / 3)
    assert scores["char_NoAns_f1"] == 50
    assert scores["char_f1"] == pytest.approx(100 * (2 / 3 + 1) / 3)
    assert scores["char_best_f1"] == pytest.approx(100 * (2 / 3 + 2) / 3)
    with pytest.raises(UserError, match="question 2 has no gold answer"):
        evaluate(questions, predictions, False, language=CHINESE)


def test_words_have_no_more_scores():
    questions = [asked("1", "the river", text="Where?")]
    assert evaluate(questions, {"1": "river"}, False) == evaluate_v1(questions, {"1": "river"})


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where was it built in 1931?", WORDS),
        ("어디에 있습니까?", WORDS),
        ("أين بني؟", WORDS),
        ("", WORDS),
        ("學者研究什麼？", CHINESE),
        ("iPhone 在哪一年发布的？", CHINESE),
        ("東京はどこにありますか。", CHARACTERS),
        ("กรุงเทพอยู่ที่ไหน", CHARACTERS),
    ],
)
def test_the_language_is_that_of_the_questions(text, language):
    questions = [asked("1", "2010", text=text)]
    assert language_of(questions) == language
    assert chosen(questions, "auto")[0] == language
    assert chosen(questions, "words") == (WORDS, "scores: those of SQuAD's scripts, on words (--answer_language=words)")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$3.5 billion, or 50%", "$ 3.5 billion , or 50 %"),
        ("3,500 km.", "3,500 km ."),
        ("it's john's; they don't, can't and cannot", "it 's john 's ; they do n't , ca n't and can not"),
        ('he said "no" (twice).', "he said `` no '' ( twice ) ."),
        ("u.s. army...", "u.s. army ..."),
        ("the dogs'", "the dogs '"),
    ],
)
def test_english_words_as_nltk(text, words):
    assert treebank_words(text) == words.split()


def test_english_words_equal_nltks():
    nltk = pytest.importorskip("nltk.tokenize.destructive", reason="NLTK is not installed")
    tokenizer = nltk.NLTKWordTokenizer()
    for text in ("a 'quoted' word", "rock 'n' roll", "o'neill & sons, 1990–1995", "[1] {x} <y> @z #1 !?", "e.g. 3:30 p.m."):
        assert treebank_words(text) == tokenizer.tokenize(text)
