"""Answer files in Google's format, and what a report says of answers."""

import numpy as np
import pytest

from bert_tf2.tasks.question_answering import report
from bert_tf2.tasks.question_answering.decoding import DecodedAnswers
from bert_tf2.tasks.question_answering.files import write_answers
from bert_tf2.tasks.question_answering.scores import question_scores
from bert_tf2.tasks.question_answering.squad import Answer, Question


def entry(text: str, probability: float, start: float, end: float) -> dict:
    return {"text": text, "probability": probability, "start_logit": start, "end_logit": end}


ANSWERS = DecodedAnswers(
    predictions={"1": 'a "word"\n\\', "é2": ""},
    nbest={
        "1": [entry('a "word"\n\\', 0.9999999999999999, 3.5, -1e-07), entry("Ünï 👍🏽", 1e-16, 0.0, 12345678.0)],
        "é2": [entry("", 1.0, float(np.float32(0.1)), 1e22)],
    },
    null_odds={"1": -3.25, "é2": 1000000.0},
    best_non_null={"1": 'a "word"\n\\', "é2": ""},
    spans={"1": (0, 9), "é2": None},
)


def question(id: str, text: str, *golds: str, start: int = -1) -> Question:
    return Question(id, text, tuple(Answer(gold, start) for gold in golds), not golds)


def test_files_are_googles_byte_for_byte(tmp_path):
    from official.nlp.data.squad_lib import write_to_json_files

    values = {
        "predictions.json": ANSWERS.predictions,
        "nbest_predictions.json": ANSWERS.nbest,
        "null_odds.json": ANSWERS.null_odds,
    }
    paths = write_answers(str(tmp_path / "ours"), ANSWERS, version_2=True)
    assert [path.rsplit("/", 1)[1] for path in paths] == list(values)
    for path, (name, value) in zip(paths, values.items()):
        write_to_json_files(value, str(tmp_path / name))
        with open(path, "rb") as file:
            assert file.read() == (tmp_path / name).read_bytes()


def test_version_1_has_no_null_odds(tmp_path):
    write_answers(str(tmp_path), ANSWERS, version_2=True, prefix="dev-")
    write_answers(str(tmp_path), ANSWERS, version_2=False, prefix="dev-")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev-nbest_predictions.json", "dev-predictions.json"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Who's there?", "who"),
        ("To whom did it go?", "who"),
        ("In what year was it?", "what"),
        ("How many legs has it?", "how many, how much"),
        ("how MUCH is it?", "how many, how much"),
        ("Roughly how far is it?", "how"),
        ("Whatever: where is it?", "where"),
        ("Name a colour.", "other"),
        ("哪里?", "other"),
    ],
)
def test_question_kinds(text, kind):
    assert report.question_kind(question("1", text, "x")) == kind
    assert kind in report.QUESTION_KINDS


def test_answer_lengths_are_those_of_the_shortest_gold_answer():
    for words, name in ((1, "1 word"), (2, "2 words"), (3, "3 to 4 words"), (8, "5 to 8 words"), (9, "9 words or more")):
        gold = " ".join("x" * words)
        assert report.answer_length(question("1", "?", gold + " and more", gold)) == name
        assert name in report.ANSWER_LENGTHS
    assert report.answer_length(question("1", "?")) == "no answer"


def test_breakdown_adds_up():
    questions = [
        question("1", "who?", "cat"),
        question("2", "what?", "big dog"),
        question("3", "who?", "bird"),
        question("4", "?"),
    ]
    scores = question_scores(questions, {"1": "cat", "2": "dog", "3": "fish", "4": ""}, version_2=True)
    rows = report.breakdown(questions, scores, report.question_kind, report.QUESTION_KINDS)
    assert rows == [("what", 1, 0.0, pytest.approx(200 / 3)), ("who", 2, 50.0, 50.0), ("other", 1, 100.0, 100.0)]


def test_wrong_answers_are_spread_evenly():
    questions = [question(str(number), "?", "x") for number in range(100)]
    scores = question_scores(questions, {str(number): "x" if number < 50 else "y" for number in range(100)}, version_2=False)
    assert report.wrong_answers(questions, scores, 5) == [55, 65, 75, 85, 95]
    assert report.wrong_answers(questions, scores, 1000) == list(range(50, 100))
    assert report.wrong_answers(questions[:50], scores, 5) == []


def test_excerpts_show_the_answer_where_it_is():
    assert report.excerpt("a cat and a *cat*.", "cat", 13) == r"a cat and a \***cat**\*."
    assert report.excerpt("a cat\nand a cat.", "cat", -1) == "a **cat** and a cat."
    assert report.excerpt("a cat.", "cat", 5) == "a **cat**."
    assert report.excerpt("a cat.", "dog", 0) == "a cat."
    assert report.excerpt("x " * 300 + "cat" + " y" * 300, "cat", 600) == f"… {'x ' * 50}**cat**{' y' * 50} …"


def test_sections_of_a_report():
    context = "The <quick> brown fox | jumps."
    questions = [
        question("1", "Which fox?", "brown fox", start=12),
        question("2", "What does *it* do?", "jumps", start=24),
        question("3", "Why?"),
        question("4", "Who?", "fox", start=18),
    ]
    predictions = {"1": "brown fox", "2": "", "3": "fox"}
    sections = report.report_sections(questions, [context] * 4, predictions, version_2=True)
    (by_word, first), (by_length, second), (wrong, third) = sections
    assert (by_word, by_length, wrong) == ("By question word", "By length of the answer", "Wrong answers")
    assert "| which | 1 | 100.00 | 100.00 |" in first
    assert "| no answer | 1 | 0.00 | 0.00 |" in second
    lines = third.splitlines()
    assert lines[0] == "3 of the 3 that are no exact match, spread evenly over the data."
    assert lines[2:6] == [
        r"- **What does \*it\* do?** (`2`)",
        "    - gold: jumps",
        "    - predicted: (no answer) (F1 0.0)",
        r"    - context: The \<quick\> brown fox \| **jumps**.",
    ]
    assert lines[7:10] == [
        "    - gold: (no answer)",
        "    - predicted: fox (F1 0.0)",
        r"    - context: The \<quick\> brown **fox** \| jumps.",
    ]
    assert lines[12] == "    - predicted: (no prediction) (F1 0.0)"


def test_nothing_wrong_has_no_section():
    questions = [question("1", "Which fox?", "fox", start=4)]
    assert len(report.report_sections(questions, ["The fox."], {"1": "fox"}, version_2=False)) == 2
