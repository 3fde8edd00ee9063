"""Batches of which some rows have no label: what their loss is made of, by a formula in NumPy, for every kind of task."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from bert_tf2.data.records.mixed_records import UNLABELLED
from bert_tf2.models.observation import States
from bert_tf2.tasks.classification.label_loss import ClassLoss
from bert_tf2.tasks.classification.multi_label_task import MultiLabelTask
from bert_tf2.tasks.classification.task import ClassificationTask, RegressionTask
from bert_tf2.tasks.multiple_choice.task import MultipleChoiceTask
from bert_tf2.tasks.tagging.task import TaggingTask
from bert_tf2.training.distillation.task import DistilledTask, Losses, _Outputs
from bert_tf2.training.distillation.teachers import KeptTeacher, Lesson

ALPHA, T = 0.3, 2.0
WEIGHTS = np.array([1.0, 0.5, 2.0, 1.5, 0.0])
WITHOUT = np.array([0, 1, 0, 1, 1])


def softmax_losses(logits, labels):
    return -scipy.special.log_softmax(logits, axis=-1)[np.arange(len(labels)), labels]


def divergences(logits, targets):
    wanted, given = (scipy.special.log_softmax(one / T, axis=-1) for one in (targets, logits))
    return T**2 * (np.exp(wanted) * (wanted - given)).sum(axis=-1)


def found_loss(task, logits, targets, labels, parts=1, **more):
    """The loss of a batch in so many parts, their shares summed."""
    distilled = DistilledTask(task, Losses(ALPHA, 1.0, T), KeptTeacher("kept"))
    batch = {"label_ids": labels, "example_weight": WEIGHTS.astype(np.float32), UNLABELLED: WITHOUT.astype(np.int32), **more}
    rows = np.array_split(np.arange(len(WEIGHTS)), parts)
    batches = [{name: tf.constant(value[some]) for name, value in batch.items()} for some in rows]
    sums = tf.nest.map_structure(lambda *of_parts: tf.add_n(of_parts), *map(distilled.loss_denominators, batches))
    total = 0.0
    for some, part in zip(rows, batches):
        given, wanted = (
            tf.nest.map_structure(lambda value, some=some: tf.constant(value[some].astype(np.float32)), one)
            for one in (logits, targets)
        )
        total += float(distilled.loss(_Outputs(given, States(), Lesson(wanted, States())), part, sums))
    return total


def expected_loss(hard, soft, weights=WEIGHTS, without=WITHOUT):
    shares = np.where(without, 1.0, ALPHA)
    hard = np.where(without, 0.0, hard)
    return (weights * ((1 - shares) * hard + shares * soft)).sum() / weights.sum()


@pytest.fixture
def drawn():
    return np.random.default_rng(8)


@pytest.mark.parametrize("parts", [1, 3])
def test_one_label_of_several(drawn, parts):
    task = ClassificationTask(["a", "b", "c"])
    logits, targets, labels = drawn.normal(size=(5, 3)), drawn.normal(size=(5, 3)), np.array([0, 2, 1, 0, 1], np.int32)
    expected = expected_loss(softmax_losses(logits, labels), divergences(logits, targets))
    assert found_loss(task, logits, targets, labels, parts) == pytest.approx(expected, rel=1e-5)
    # What stands in the place of a label is not read.
    other = np.where(WITHOUT, 2, labels).astype(np.int32)
    assert found_loss(task, logits, targets, other, parts) == pytest.approx(expected, rel=1e-5)


def test_labels_with_weights(drawn):
    """The labelled rows' loss is their weighted mean; their share of the batch does not depend on which labels they have."""
    of_class = np.array([5.0, 1.0, 0.2])
    task = ClassificationTask(["a", "b", "c"], label_loss=ClassLoss(["a", "b", "c"], list(of_class)))
    logits, targets, labels = drawn.normal(size=(5, 3)), drawn.normal(size=(5, 3)), np.array([0, 0, 1, 0, 0], np.int32)
    labelled = WEIGHTS * (1 - WITHOUT)
    hard = softmax_losses(logits, labels) * of_class[labels] / (np.average(of_class[labels], weights=labelled))
    expected = expected_loss(hard, divergences(logits, targets))
    assert found_loss(task, logits, targets, labels, 2) == pytest.approx(expected, rel=1e-5)


def test_several_labels(drawn):
    task = MultiLabelTask(["a", "b", "c"])
    logits, targets, labels = drawn.normal(size=(5, 3)), drawn.normal(size=(5, 3)), drawn.integers(0, 2, (5, 3)).astype(np.int32)

    def crossed(wanted, logits):
        return (np.logaddexp(0, logits) - wanted * logits).mean(axis=1)

    soft = T**2 * crossed(scipy.special.expit(targets / T), logits / T)
    expected = expected_loss(crossed(labels, logits), soft)
    assert found_loss(task, logits, targets, labels, 2) == pytest.approx(expected, rel=1e-5)


def test_numbers(drawn):
    logits, targets, labels = drawn.normal(size=(5, 1)), drawn.normal(size=(5, 1)), drawn.normal(size=5).astype(np.float32)
    expected = expected_loss((logits[:, 0] - labels) ** 2, (logits[:, 0] - targets[:, 0]) ** 2)
    assert found_loss(RegressionTask(), logits, targets, labels) == pytest.approx(expected, rel=1e-5)


def test_choices_without_an_answer(drawn):
    """Which is -1 in the records."""
    logits, targets = drawn.normal(size=(5, 3)), drawn.normal(size=(5, 3))
    labels, mask = np.where(WITHOUT, -1, [1, 0, 2, 0, 0]).astype(np.int32), np.ones([5, 3, 4], np.int32)
    expected = expected_loss(softmax_losses(logits, labels), divergences(logits, targets))
    found = found_loss(MultipleChoiceTask(), logits, targets, labels, input_mask=mask)
    assert found == pytest.approx(expected, rel=1e-5)


def test_tags_count_by_words(drawn):
    task = TaggingTask(["O", "B-A", "I-A"], "iob2")
    logits, targets = drawn.normal(size=(5, 4, 3)), drawn.normal(size=(5, 4, 3))
    tags = np.array([[-1, 0, 1, -1], [0, 0, 0, 0], [-1, 1, 2, 0], [0, -1, -1, -1], [0, 0, -1, -1]], np.int32)
    words = (tags >= 0) * WEIGHTS[:, np.newaxis]
    hard = -np.take_along_axis(scipy.special.log_softmax(logits, axis=-1), np.maximum(tags, 0)[..., np.newaxis], -1)[..., 0]
    without = np.broadcast_to(WITHOUT[:, np.newaxis], words.shape)
    expected = expected_loss(hard, divergences(logits, targets), words, without)
    assert found_loss(task, {"logits": logits}, {"logits": targets}, tags, 2) == pytest.approx(expected, rel=1e-5)


def test_without_the_soft_loss_a_row_without_label_adds_nothing(drawn):
    task, labels = ClassificationTask(["a", "b", "c"]), np.array([0, 2, 1, 0, 1], np.int32)
    logits = drawn.normal(size=(5, 3))
    distilled = DistilledTask(task, Losses(), KeptTeacher("kept"))
    batch = {"label_ids": labels, "example_weight": WEIGHTS.astype(np.float32), UNLABELLED: WITHOUT.astype(np.int32)}
    batch = {name: tf.constant(value) for name, value in batch.items()}
    outputs = _Outputs(tf.constant(logits.astype(np.float32)), States(), Lesson(None, States()))
    found = float(distilled.loss(outputs, batch, distilled.loss_denominators(batch)))
    hard = (WEIGHTS * (1 - WITHOUT) * softmax_losses(logits, labels)).sum() / WEIGHTS.sum()
    assert found == pytest.approx(hard, rel=1e-5)
