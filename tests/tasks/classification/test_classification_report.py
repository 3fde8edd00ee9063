"""Each label's scores and the worst errors, as a report shows them."""

import numpy as np

from bert_tf2.tasks.classification.label_set_report import label_set_sections
from bert_tf2.tasks.classification.outputs import softmax
from bert_tf2.tasks.classification.report import difference_sections, label_sections


def test_worst_errors_come_with_their_texts():
    logits = np.array([[5.0, 0.0], [1.0, 0.0], [0.0, 3.0]], np.float32)
    texts = [("so | bad", None), ("dull", "and *long*"), ("fine", None)]
    labels, errors = label_sections(["no", "yes"], np.array([1, 1, 1]), softmax(logits), [7, 8, 9], texts)
    assert labels[0] == "Labels"
    # The label that most examples have is the first.
    assert labels[1].splitlines()[2] == "| 1 | yes | 1.0000 | 0.3333 | 0.5000 | 3 |"
    assert errors[0] == "Worst errors"
    lines = errors[1].splitlines()
    assert lines[0].startswith("2 of 3 examples are wrong")
    assert lines[4] == r"| 7 | yes | no | 0.993 | so \| bad |"
    assert lines[5] == r"| 8 | yes | no | 0.731 | dull ⟂ and \*long\* |"
    without = label_sections(["no", "yes"], np.array([1, 1, 1]), softmax(logits), [7, 8, 9])[1][1]
    assert "| 7 | yes | no | 0.993 |" in without


def test_a_label_that_never_occurs_has_no_scores():
    ((_, table),) = label_sections(["no", "yes"], np.array([0]), np.array([[0.9, 0.1]]), [0])
    assert table.splitlines()[-1] == "| 1 | yes | – | – | – | 0 |"


def test_of_many_labels_the_most_frequent_are_told():
    gold = np.arange(300)
    ((_, table),) = label_sections([f"label {index}" for index in gold], gold, np.eye(300), gold)
    assert table.startswith("The 200 of 300 labels that most examples have:")
    assert len(table.splitlines()) == 204


def test_largest_differences_of_a_regression():
    ((heading, text),) = difference_sections(np.array([1.5, 2.0, 1.0]), np.array([1.0, 2.0, 5.0]), [0, 1, 2])
    assert heading == "Largest differences"
    assert text.splitlines()[2] == "| 2 | 1 | 5 | +4 |"


def test_any_number_of_labels():
    gold = np.array([[1, 1, 0], [0, 0, 0], [1, 0, 0]], bool)
    probabilities = np.array([[0.9, 0.2, 0.1], [0.1, 0.7, 0.8], [0.6, 0.1, 0.3]])
    thresholds = np.array([0.5, 0.5, 0.9])
    texts = [("a", None), ("b | c", None), ("d", "e")]
    labels, numbers, errors = label_set_sections(["x", "*y", "z"], gold, probabilities, thresholds, [4, 5, 6], texts)
    lines = labels[1].splitlines()
    assert lines[0] == "| number | label | precision | recall | F1 | average precision | threshold | examples |"
    assert lines[2] == "| 0 | x | 1.0000 | 1.0000 | 1.0000 | 1.0000 | 0.5000 | 2 |"
    assert lines[3] == r"| 1 | \*y | 0.0000 | 0.0000 | 0.0000 | 0.5000 | 0.5000 | 1 |"
    assert lines[4] == "| 2 | z | – | – | – | 0.0000 | 0.9000 | 0 |"
    assert numbers[1].splitlines()[2:] == ["| 0 | 1 | 0 |", "| 1 | 1 | 3 |", "| 2 | 1 | 0 |"]
    assert errors[1].splitlines()[0].startswith("2 of 3 examples are wrong in at least one label")
    assert errors[1].splitlines()[4:] == [
        r"| 4 | x, \*y | x | \*y | 0.200 | a |",
        r"| 5 | – | \*y | \*y | 0.700 | b \| c |",
    ]
    assert len(label_set_sections(["x", "y", "z"], gold, gold * 1.0, thresholds, [4, 5, 6])) == 2
