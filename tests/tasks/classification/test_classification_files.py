"""Prediction files: Google's format to the letter, and the readable table beside it."""

import csv

import numpy as np
import pytest

from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.files import write_predictions, write_test_results
from bert_tf2.tasks.classification.outputs import softmax

LOGITS = np.array([[2.0, 0.0], [-1.0, 3.0]], np.float32)


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_results_hold_one_row_of_probabilities_per_example(tmp_path):
    path = tmp_path / "test_results.tsv"
    write_test_results(str(path), softmax(LOGITS))
    rows = [[float(cell) for cell in row] for row in read(path)]
    np.testing.assert_allclose(rows, np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True), rtol=1e-6)
    write_test_results(str(path), LOGITS[:, :1])
    assert [[float(cell) for cell in row] for row in read(path)] == [[2.0], [-1.0]]


def test_predictions_name_everything(tmp_path):
    path = tmp_path / "predictions.tsv"
    texts = [("a\tb", "c\nd"), ("e", None)]
    of_labels = {"probabilities": softmax(LOGITS), "label_names": ["no", "yes"], "gold": ["no", "no"]}
    write_predictions(str(path), ["no", "yes"], example_ids=[10, 11], texts=texts, **of_labels)
    rows = read(path)
    assert rows[0] == ["id", "text_a", "text_b", "label", "prediction", "probability_no", "probability_yes"]
    assert rows[1][:5] == ["10", "a b", "c d", "no", "no"]
    assert rows[2][:5] == ["11", "e", "", "no", "yes"]
    assert sum(float(cell) for cell in rows[2][5:]) == pytest.approx(1, abs=1e-5)


def test_predictions_without_gold_and_text(tmp_path):
    path = tmp_path / "predictions.tsv"
    write_predictions(str(path), ["2", "-1"], example_ids=[0, 1])
    assert read(path) == [["id", "prediction"], ["0", "2"], ["1", "-1"]]


def test_texts_that_are_not_the_records_are_refused(tmp_path):
    path = tmp_path / "predictions.tsv"
    with pytest.raises(UserError, match="2 records but 1 texts"):
        write_predictions(str(path), ["no", "yes"], example_ids=[0, 1], texts=[("a", None)])
    assert not path.exists()
