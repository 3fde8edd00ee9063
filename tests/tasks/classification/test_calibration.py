"""Expected calibration error and accuracy by length, beside plain computations of the same."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from bert_tf2.tasks.classification.calibration import BINS, Calibration
from bert_tf2.tasks.classification.length_report import length_section, parts_by_length
from bert_tf2.tasks.classification.outputs import softmax
from bert_tf2.tasks.classification.pictures import draw_calibration


def drawn(number: int, classes: int = 3, sharper: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels that are drawn from probabilities, and these made sharper."""
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(number, classes))
    gold = (softmax(logits).cumsum(axis=1) > rng.random((number, 1))).argmax(axis=1)
    return gold, softmax(logits * sharper)


def plain_error(gold: np.ndarray, probabilities: np.ndarray) -> float:
    """Equation 3 of Guo et al. (2017), bin by bin: those above a bin's lower edge and up to its upper one."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == gold
    error = 0.0
    for lower, upper in zip(np.linspace(0, 1, 16)[:-1], np.linspace(0, 1, 16)[1:]):
        within = (confidence > lower) & (confidence <= upper)
        if within.any():
            error += within.mean() * abs(right[within].mean() - confidence[within].mean())
    return error


@pytest.mark.parametrize("sharper", [0.3, 1.0, 3.0, 1000.0])
@pytest.mark.parametrize("number", [1, 7, 5000])
def test_the_error_is_the_papers(number, sharper):
    gold, probabilities = drawn(number, sharper=sharper)
    found = Calibration.of(gold, probabilities)
    assert found.error == pytest.approx(plain_error(gold, probabilities), abs=1e-12)
    assert found.counts.sum() == number
    over = probabilities.max(axis=1).mean() - np.mean(probabilities.argmax(axis=1) == gold)
    assert found.overconfidence == pytest.approx(over, abs=1e-12)


def test_bins_are_those_of_scikit_learn():
    gold, probabilities = drawn(5000, sharper=2.0)
    right = probabilities.argmax(axis=1) == gold
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=BINS)
    found = Calibration.of(gold, probabilities)
    some = found.counts > 0
    np.testing.assert_allclose(found.accuracy[some], accuracy)
    np.testing.assert_allclose(found.confidence[some], confidence)


def test_bounds_belong_to_the_lower_bin():
    probabilities = np.array([[1 / 3, 1 / 3, 1 / 3], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    assert np.flatnonzero(Calibration.of(np.zeros(3, int), probabilities).counts).tolist() == [4, 7, 14]


@pytest.mark.parametrize("number", [50, 1000])
def test_what_chance_gives_is_what_draws_give(number):
    _, probabilities = drawn(number)
    rng = np.random.default_rng(1)
    draws = (probabilities.cumsum(axis=1) > rng.random((400, number, 1))).argmax(axis=2)
    expected = np.mean([plain_error(gold, probabilities) for gold in draws])
    assert Calibration.of(draws[0], probabilities).by_chance == pytest.approx(expected, rel=0.1)


def test_what_is_told(tmp_path, caplog):
    gold, probabilities = drawn(1000, sharper=3.0)
    found = Calibration.of(gold, probabilities)
    heading, text = found.section()
    assert heading == "Calibration"
    assert f"| expected calibration error | {plain_error(gold, probabilities):.4f} |" in text
    assert "| too certain by | +" in text
    unsure = Calibration.of(gold, softmax(np.log(probabilities) / 30))
    assert "| too certain by | -" in unsure.section()[1]
    both = unsure.section(found, "temperature 30")[1].splitlines()
    assert both[2] == "|  | temperature 30 | without |"
    assert both[4] == f"| expected calibration error | {unsure.error:.4f} | {found.error:.4f} |"
    path = draw_calibration(str(tmp_path), found)
    with open(path, "rb") as file:
        assert file.read(4) == b"\x89PNG"
    assert not caplog.records


def test_accuracy_by_length():
    lengths = np.array([3, 3, 3, 3, 5, 5, 9, 40, 41, 300])
    gold, predicted = np.array([0, 0, 1, 1, 1, 1, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 0, 0, 0, 0, 1])
    probabilities = np.where(np.eye(2, dtype=bool)[predicted], 0.9, 0.1)
    parts = parts_by_length(lengths)
    assert sum(part.astype(int) for part in parts).tolist() == [1] * 10
    heading, text = length_section(["no", "a|b"], gold, probabilities, lengths)
    assert heading == "By length"
    assert text.splitlines()[2:] == [
        "| 3 | 4 | 1.0000 | 0.9000 | – |",
        r"| 5 | 2 | 0.5000 | 0.9000 | a\|b → no (1) |",
        r"| 9 to 40 | 2 | 0.5000 | 0.9000 | a\|b → no (1) |",
        r"| 41 to 300 | 2 | 0.5000 | 0.9000 | a\|b → no (1) |",
    ]
    assert length_section(["no", "yes"], gold, probabilities, np.full(10, 7)) is None
    assert parts_by_length(np.zeros(0, int)) == []
