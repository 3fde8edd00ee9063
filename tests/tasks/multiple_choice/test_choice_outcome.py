"""Scores, tables and reports of chosen answers."""

import numpy as np
import pytest

from bert_tf2.tasks.multiple_choice.files import write_predictions, write_test_results
from bert_tf2.tasks.multiple_choice.outcome import Answers
from bert_tf2.tasks.multiple_choice.report import report_sections


class Texts:
    """The texts of three questions, of which the second has two choices."""

    are_there = True
    choices = (["one", "a\ttab", "three"], ["yes", "no"], ["x|y", "", "z"])

    def id(self, row, example_id):
        return f"q{example_id}"

    def context(self, row):
        return "context " * 100

    def question(self, row):
        return f"question\n{row}"

    def choice(self, row, choice):
        return self.choices[row][choice]


@pytest.fixture
def answers():
    # What is collected is filled up with zeros, above which these logits lie and below.
    logits = np.array([[1, 3, 2], [-5, -4, 0], [-1, -9, -3]], np.float32)
    counts, gold = np.array([3, 2, 3], np.int32), np.array([1, 0, 2], np.int32)
    return Answers.of({"logits": logits, "choices": counts, "label_ids": gold, "example_id": np.arange(3)})


def test_only_choices_that_are_there_are_chosen(answers):
    np.testing.assert_array_equal(answers.predicted, [1, 1, 0])
    e = np.exp
    np.testing.assert_allclose(answers.probabilities(0), np.array([e(1), e(3), e(2)]) / (e(1) + e(3) + e(2)))
    np.testing.assert_allclose(answers.probabilities(1), [1 / (1 + e(1)), 1 / (1 + e(-1))])
    assert [len(answers.probabilities(row)) for row in range(3)] == [3, 2, 3]


def test_scores_are_those_of_scikit_learn(answers):
    metrics = pytest.importorskip("sklearn.metrics")
    scores = answers.scores()
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score([1, 0, 2], answers.predicted))
    probabilities = [np.append(answers.probabilities(row), [0] * (3 - answers.counts[row])) for row in range(3)]
    assert scores["loss"] == pytest.approx(metrics.log_loss([1, 0, 2], probabilities, labels=[0, 1, 2]))


def test_tables(answers, tmp_path):
    write_predictions(str(tmp_path / "p.tsv"), answers, Texts(), with_gold=True)
    assert (tmp_path / "p.tsv").read_text().splitlines() == [
        "id\tquestion\tlabel\tprediction\tchoice\tprobability_A\tprobability_B\tprobability_C",
        "q0\tquestion 0\tB\tB\ta tab\t0.090031\t0.665241\t0.244728",
        "q1\tquestion 1\tA\tB\tno\t0.268941\t0.731059\t",
        "q2\tquestion 2\tC\tA\tx|y\t0.880537\t0.000295\t0.119168",
    ]
    write_test_results(str(tmp_path / "t.tsv"), answers)
    rows = [list(map(float, line.split("\t"))) for line in (tmp_path / "t.tsv").read_text().splitlines()]
    for row, values in enumerate(rows):
        np.testing.assert_allclose(values, answers.probabilities(row))


def test_report(answers):
    sections = dict(report_sections(answers, np.array([20, 33, 200]), Texts()))
    assert sections["By number of choices"].splitlines()[2:] == ["| 2 | 1 | 0.0000 | 0.5000 |", "| 3 | 2 | 0.5000 | 0.3333 |"]
    assert [line.split(" | ")[0] for line in sections["By length"].splitlines()[2:]] == [
        "| 1 to 32",
        "| 33 to 64",
        "| 129 to 256",
    ]
    said, _, _, _, *errors = sections["Worst errors"].splitlines()
    assert said == "2 of 3 questions are answered wrongly; the most certain of these answers:"
    assert [line.split(" | ")[:4] for line in errors] == [
        ["| q2", "C: z", r"A: x\|y", "0.881"],
        ["| q1", "A: yes", "B: no", "0.731"],
    ]
    assert all(len(line) < 600 and line.count("\n") == 0 for line in errors)
