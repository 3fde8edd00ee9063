"""Scores against the official scripts: published numbers of version 1.1, the model garden's copy of the script of version 2.0."""

import json
import logging
import random

import pytest

from bert_tf2.errors import UserError
from bert_tf2.tasks.question_answering.scores import (
    agreement,
    best_null_threshold,
    evaluate_v1,
    evaluate_v2,
    normalized,
    question_scores,
)
from bert_tf2.tasks.question_answering.squad import Answer, Question, read_paragraphs

# The garden's names of what the official script calls best_*.
OFFICIAL = {
    "final_exact": "best_exact",
    "final_exact_thresh": "best_exact_thresh",
    "final_f1": "best_f1",
    "final_f1_thresh": "best_f1_thresh",
}


def question(id: str, *golds: str) -> Question:
    return Question(id, f"what is {id}?", tuple(Answer(gold, 0) for gold in golds), not golds)


def official_v2(questions, predictions, null_odds=None) -> dict[str, float]:
    """The official scores of version 2.0, nothing blanked."""
    from official.nlp.tools import squad_evaluate_v2_0 as script

    logging.getLogger("absl").setLevel(logging.ERROR)
    qas = [{"id": q.id, "answers": [{"text": answer.text} for answer in q.answers]} for q in questions]
    data = [{"paragraphs": [{"qas": qas}]}]
    plain = script.evaluate(data, predictions)
    plain = {key: value for key, value in plain.items() if key.startswith(("exact", "f1", "total", "HasAns", "NoAns"))}
    if null_odds is None:
        return plain
    best = script.evaluate(data, predictions, null_odds)
    return plain | {ours: best[theirs] for theirs, ours in OFFICIAL.items()}


@pytest.fixture(scope="module")
def dev_v1(real_data):
    return [q for p in read_paragraphs([str(real_data / "squad" / "dev-v1.1.json")]) for q in p.questions]


@pytest.fixture(scope="module")
def dev_v2(real_data):
    return [q for p in read_paragraphs([str(real_data / "squad" / "dev-v2.0-half.json")]) for q in p.questions]


def guesses(questions, seed: int) -> tuple[dict[str, str], dict[str, float]]:
    """Answers other than "", a part of them right or nearly, and odds that say something about the questions."""
    chosen = random.Random(seed)
    answers, odds = {}, {}
    for number, q in enumerate(questions):
        gold = q.answers[chosen.randrange(len(q.answers))].text if q.answers else q.text[:20]
        words = gold.split()
        answers[q.id] = [gold, f"The {gold}.", " ".join(words[1:]) or "x", q.text, gold.upper()][chosen.randrange(5)]
        odds[q.id] = round(chosen.gauss(-2 if q.answers else 2, 3), 1 if number % 2 else 6)
    return answers, odds


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "exact_match", "f1"),
    [
        ("BERT_ensemble_Google_AI_Language_1.1", 86.20624408703878, 92.19557978351145),
        ("LR_baseline_1.1", 40.14191106906339, 50.98153647324461),
    ],
)
def test_version_1_equals_the_official_script_to_the_last_digit(real_data, dev_v1, name, exact_match, f1):
    predictions = json.loads((real_data / "squad" / "predictions" / f"{name}.json").read_text(encoding="utf-8"))
    assert evaluate_v1(dev_v1, predictions) == {"exact_match": exact_match, "f1": f1}


@pytest.mark.real_data
@pytest.mark.parametrize("seed", range(3))
def test_version_2_equals_the_official_script(dev_v2, seed):
    answers, odds = guesses(dev_v2, seed)
    blanked = {id: "" if odds[id] > 1 else text for id, text in answers.items()}
    for predictions in (answers, blanked, dict.fromkeys(answers, "")):
        assert evaluate_v2(dev_v2, predictions) == official_v2(dev_v2, predictions)
        assert evaluate_v2(dev_v2, predictions, odds) == official_v2(dev_v2, predictions, odds)


@pytest.mark.real_data
@pytest.mark.parametrize("seed", range(3))
def test_predicting_with_the_best_threshold_gives_the_f1_it_says(dev_v2, seed):
    answers, odds = guesses(dev_v2, seed)
    threshold, f1 = best_null_threshold(dev_v2, answers, odds)

    def f1_with(value: float) -> float:
        return evaluate_v2(dev_v2, {id: "" if odds[id] > value else text for id, text in answers.items()})["f1"]

    assert f1_with(threshold) == f1
    assert f1 > max(f1_with(-1000), f1_with(1000)) + 5
    assert all(f1_with(value / 4) <= f1 + 1e-9 for value in range(-20, 20))
    assert best_null_threshold(dev_v2[::-1], answers, odds)[0] == threshold


def test_what_is_not_compared():
    assert normalized("  The   Cat's, (a) THEATRE an  anthem—x ") == "cats theatre anthem—x"
    assert evaluate_v1([question("1", "The cat")], {"1": "a CAT!"}) == {"exact_match": 100.0, "f1": 100.0}


def test_the_best_of_several_gold_answers_counts():
    scores = question_scores([question("1", "in the house", "old house by the sea")], {"1": "house by sea"}, version_2=False)
    assert (scores["1"].exact, scores["1"].f1) == (0, pytest.approx(2 * 1 * 0.75 / 1.75))


def test_versions_differ_where_nothing_remains_of_an_answer():
    # What the official scripts do: F1 without a common word is 0 in version 1.1, and 1 for two empty texts in 2.0.
    strange = [question("1", "the")]
    assert evaluate_v1(strange, {"1": "a"}) == {"exact_match": 100.0, "f1": 0.0}
    assert evaluate_v2(strange, {"1": "a"}) == official_v2(strange, {"1": "a"})
    assert evaluate_v2(strange, {"1": "a"})["f1"] == 100.0


def test_nothing_is_blanked_unasked():
    questions = [question("1", "cat"), question("2")]
    scores = evaluate_v2(questions, {"1": "cat", "2": ""}, {"1": 5.0, "2": 7.0})
    assert (scores["exact"], scores["f1"]) == (100, 100)
    assert (scores["best_f1"], scores["best_f1_thresh"]) == (100, 5.0)


def test_missing_and_unknown_predictions_are_counted():
    questions = [question("1", "cat"), question("2"), question("3", "dog")]
    predictions = {"3": "dog", "9": "bird"}
    found = agreement(questions, predictions)
    assert (found.missing, found.unknown) == (["1", "2"], ["9"])
    assert found.warnings() == [
        "2 questions have no prediction and score 0 (ids 1, 2)",
        "1 predictions are for ids that are not in the data and are not used (ids 9)",
    ]
    scores = evaluate_v2(questions, predictions, {"3": 0.0, "9": 1.0})
    assert scores["exact"] == pytest.approx(100 / 3)
    assert (scores["HasAns_f1"], scores["NoAns_f1"], scores["total"]) == (50, 0, 3)
    assert scores["best_f1"] == pytest.approx(100 / 3)
    assert evaluate_v1(questions[::2], predictions) == {"exact_match": 50.0, "f1": 50.0}
    assert agreement(questions, {"1": "", "2": "", "3": ""}).warnings() == []


def test_the_best_threshold_lies_between_two_questions():
    questions = [question("1", "cat"), question("2", "dog"), question("3"), question("4")]
    best = {"1": "cat", "2": "dog", "3": "bird", "4": "fish"}
    assert best_null_threshold(questions, best, {"1": -2.0, "2": 1.0, "3": 2.0, "4": 3.0}) == (1.5, 100.0)
    # Equal odds cannot be told apart: all of them, or none.
    assert best_null_threshold(questions, best, {"1": 1.0, "2": 1.0, "3": 1.0, "4": 3.0}) == (2.0, 75.0)
    assert best_null_threshold(questions[:2], best, {"1": -5.0, "2": -3.0}) == (-2.0, 100.0)
    assert best_null_threshold(questions[2:], best, {"3": 4.0, "4": 6.0}) == (3.0, 100.0)


def test_equally_good_thresholds_are_told_apart():
    questions = [question("1"), question("2", "x"), question("3"), question("4", "y")]
    wrong = dict.fromkeys("1234", "wrong")
    assert best_null_threshold(questions[1::2], wrong, {"2": -8.0, "4": 6.0}) == (-1.0, 0.0)
    # As near: the lower one.
    assert best_null_threshold(questions[1:2], wrong, {"2": 0.0}) == (-1.0, 0.0)


def test_neighbouring_floats_have_a_threshold():
    low, high = 1.0, 1.0000000000000002
    questions = [question("1", "cat"), question("2")]
    assert best_null_threshold(questions, {"1": "cat", "2": "dog"}, {"1": low, "2": high}) == (low, 100.0)


def test_what_cannot_be_scored_says_why():
    with pytest.raises(UserError, match="no question to score"):
        evaluate_v1([], {})
    with pytest.raises(UserError, match="question 2 has no gold answer"):
        evaluate_v1([question("1", "cat"), question("2")], {"1": "", "2": ""})
    with pytest.raises(UserError, match=r"2 predicted questions have no null odds \(ids 1, 2\)"):
        evaluate_v2([question("1", "cat"), question("2")], {"1": "", "2": ""}, {"3": 0.0})
    with pytest.raises(UserError, match="no question has a prediction"):
        best_null_threshold([question("1", "cat")], {}, {})
