"""Losses against a teacher's outputs, beside NumPy's and SciPy's of the papers' formulas."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from bert_tf2.tasks.classification.multi_label_task import MultiLabelTask
from bert_tf2.tasks.classification.task import ClassificationTask, RegressionTask
from bert_tf2.tasks.multiple_choice.model import NO_CHOICE
from bert_tf2.tasks.multiple_choice.task import MultipleChoiceTask
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.task import SpanTask
from bert_tf2.tasks.soft_targets import softmax_divergence
from bert_tf2.tasks.tagging.task import TaggingTask

RANDOM = np.random.default_rng(3)
WEIGHTS = np.array([1.0, 0.5, 0.0, 2.0], np.float32)
T = 2.5


def drawn(*shape: int) -> np.ndarray:
    return RANDOM.normal(0, 2, shape).astype(np.float32)


def divergence(given: np.ndarray, wanted: np.ndarray) -> float:
    """T^2 KL of one row, by SciPy's entropy of probabilities."""
    return T**2 * scipy.stats.entropy(scipy.special.softmax(wanted / T), scipy.special.softmax(given / T))


def loss(task, outputs, targets, batch) -> float:
    batch = {name: tf.constant(value) for name, value in batch.items()}
    return float(task.soft_loss(outputs, targets, batch, task.loss_denominators(batch), T))


def test_the_divergence_is_0_of_equals_and_its_gradient_that_of_hinton():
    logits, targets = tf.Variable(drawn(5, 3)), drawn(5, 3)
    np.testing.assert_allclose(softmax_divergence(targets, targets, T), np.zeros(5), atol=1e-6)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(softmax_divergence(logits, targets, T))
    # T (q - p): equation 2 of the paper, times the square of the temperature.
    expected = T * (scipy.special.softmax(logits.numpy() / T, -1) - scipy.special.softmax(targets / T, -1))
    np.testing.assert_allclose(tape.gradient(value, logits), expected, atol=1e-5)


def test_one_label():
    given, wanted = drawn(4, 3), drawn(4, 3)
    expected = sum(w * divergence(*rows) for w, *rows in zip(WEIGHTS, given, wanted)) / WEIGHTS.sum()
    task = ClassificationTask(["a", "b", "c"])
    assert loss(task, given, wanted, {"example_weight": WEIGHTS}) == pytest.approx(expected, rel=1e-5)


def test_several_labels():
    given, wanted = drawn(4, 3), drawn(4, 3)
    p, q = scipy.special.expit(wanted / T), scipy.special.expit(given / T)
    losses = -(p * np.log(q) + (1 - p) * np.log(1 - q)).mean(axis=1) * T**2
    task = MultiLabelTask(["a", "b", "c"])
    found = loss(task, given, wanted, {"example_weight": WEIGHTS})
    assert found == pytest.approx((losses * WEIGHTS).sum() / WEIGHTS.sum(), rel=1e-5)


def test_numbers():
    given, wanted = drawn(4, 1), drawn(4, 1)
    expected = ((given - wanted)[:, 0] ** 2 * WEIGHTS).sum() / WEIGHTS.sum()
    assert loss(RegressionTask(), given, wanted, {"example_weight": WEIGHTS}) == pytest.approx(expected, rel=1e-5)


def test_tags_with_the_weights_of_the_words():
    given, wanted, labels = drawn(4, 5, 3), drawn(4, 5, 3), np.array([[-1, 0, 1, -1, 2]] * 4, np.int32)
    expected, total = 0.0, 0.0
    for row in range(4):
        for place in (1, 2, 4):
            expected += WEIGHTS[row] * divergence(given[row, place], wanted[row, place])
            total += WEIGHTS[row]
    task, batch = TaggingTask(["O", "B-A", "I-A"], "iob2"), {"example_weight": WEIGHTS, "label_ids": labels}
    assert loss(task, {"logits": given}, {"logits": wanted}, batch) == pytest.approx(expected / total, rel=1e-5)


def test_starts_and_ends_among_the_tokens():
    names, mask = ("start_positions", "end_positions"), np.array([[1, 1, 1, 0], [1, 1, 0, 0], [1] * 4, [1] * 4], np.int32)
    given, wanted = ({name: drawn(4, 4) for name in names} for _ in range(2))
    expected = 0.0
    for row, length in enumerate((3, 2, 4, 4)):
        both = [divergence(given[name][row, :length], wanted[name][row, :length]) for name in names]
        expected += WEIGHTS[row] * np.mean(both)
    batch = {"example_weight": WEIGHTS, "input_mask": mask}
    assert loss(SpanTask(DecodingOptions()), given, wanted, batch) == pytest.approx(expected / WEIGHTS.sum(), rel=1e-5)


def test_choices_that_there_are():
    given, wanted = drawn(4, 3), drawn(4, 3)
    mask = np.ones([4, 3, 2], np.int32)
    mask[1, 2] = 0
    given[1, 2], wanted[1, 2] = NO_CHOICE, 0  # what a teacher's kept outputs are filled up with is not looked at
    rows = [divergence(given[row, : 2 if row == 1 else 3], wanted[row, : 2 if row == 1 else 3]) for row in range(4)]
    batch = {"example_weight": WEIGHTS, "input_mask": mask}
    found = loss(MultipleChoiceTask(), given, wanted, batch)
    assert found == pytest.approx((np.array(rows) * WEIGHTS).sum() / WEIGHTS.sum(), rel=1e-5)
