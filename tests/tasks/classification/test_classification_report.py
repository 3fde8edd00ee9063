"""Each label's scores and the worst errors, as a report shows them."""

import numpy as np
import sklearn.metrics

from bert_tf2.tasks.classification.metrics import confusion_matrix
from bert_tf2.tasks.classification.report import label_scores, report_sections
from bert_tf2.tasks.classification.task import ClassificationTask


def test_label_scores_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    gold, predicted = random.integers(0, 5, 300), random.integers(0, 5, 300)
    expected = sklearn.metrics.precision_recall_fscore_support(gold, predicted)
    np.testing.assert_allclose(label_scores(confusion_matrix(gold, predicted, 5)), np.stack(expected, axis=1))


def test_a_label_that_never_occurs_has_no_scores():
    scores = label_scores(confusion_matrix(np.array([0]), np.array([0]), 2))
    assert np.isnan(scores[1, :3]).all()
    assert scores[1, 3] == 0


def test_worst_errors_come_with_their_texts():
    logits = np.array([[5.0, 0.0], [1.0, 0.0], [0.0, 3.0]], np.float32)
    texts = [("so | bad", None), ("dull", "and *long*"), ("fine", None)]
    labels, errors = report_sections(ClassificationTask(["no", "yes"]), logits, np.array([1, 1, 1]), [7, 8, 9], texts)
    assert labels[0] == "Labels"
    assert "| 1 | yes | 1.0000 | 0.3333 | 0.5000 | 3 |" in labels[1]
    assert errors[0] == "Worst errors"
    lines = errors[1].splitlines()
    assert lines[0].startswith("2 of 3 examples are wrong")
    assert lines[4] == r"| 7 | yes | no | 0.993 | so \| bad |"
    assert lines[5] == r"| 8 | yes | no | 0.731 | dull ⟂ and \*long\* |"
    without = report_sections(ClassificationTask(["no", "yes"]), logits, np.array([1, 1, 1]), [7, 8, 9])[1][1]
    assert "| 7 | yes | no | 0.993 |" in without


def test_largest_differences_of_a_regression():
    values = np.array([[1.0], [2.0], [5.0]], np.float32)
    ((heading, text),) = report_sections(ClassificationTask(None), values, np.array([1.5, 2.0, 1.0]), [0, 1, 2])
    assert heading == "Largest differences"
    assert text.splitlines()[2] == "| 2 | 1 | 5 | +4 |"
