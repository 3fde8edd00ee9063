"""Class weights, label smoothing and focal loss, beside Keras's losses, scikit-learn's weights and NumPy's sums."""

import dataclasses
import json
import types

import numpy as np
import pytest
import sklearn.utils.class_weight
import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.run import kinds_identity
from bert_tf2.jobs.fine_tuning.teaching.teacher_checks import with_teacher
from bert_tf2.tasks.classification.label_loss import ClassLoss, LabelSetLoss, label_loss
from bert_tf2.tasks.classification.label_numbers import WEIGHTS
from bert_tf2.tasks.classification.losses import balanced_weights, sigmoid_losses, softmax_losses
from bert_tf2.tasks.classification.multi_label_task import MultiLabelTask
from bert_tf2.tasks.classification.options import LabelLossOptions
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.tasks.kind import kinds
from bert_tf2.tasks.kind_options import decides_model, refuse_options_of_others

NAMES = ["a", "b", "c"]
RANDOM = np.random.default_rng(5)
LOGITS = RANDOM.normal(0, 2, (8, 3)).astype(np.float32)
CLASSES = np.array([0, 0, 0, 1, 2, 2, 0, 0])
SETS = (RANDOM.random((8, 3)) < [0.7, 0.3, 0.2]).astype(np.int32)
EXAMPLE_WEIGHTS = np.array([1, 1, 0.5, 1, 2, 1, 1, 0], np.float32)
keras = tf_keras.losses


def batch(label_ids) -> dict:
    return {"label_ids": tf.constant(label_ids), "example_weight": tf.constant(EXAMPLE_WEIGHTS)}


def loss(task, rows) -> float:
    return float(task.loss(LOGITS, rows, task.loss_denominators(rows)))


def test_smoothing_is_kerass():
    one_hot = tf.one_hot(CLASSES, 3)
    theirs = keras.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, reduction="none")(one_hot, LOGITS)
    np.testing.assert_allclose(softmax_losses(LOGITS, CLASSES, 0.1), theirs, rtol=1e-5)
    theirs = keras.BinaryCrossentropy(from_logits=True, label_smoothing=0.1, reduction="none")(SETS, LOGITS)
    np.testing.assert_allclose(tf.reduce_mean(sigmoid_losses(LOGITS, SETS, 0.1), -1), theirs, rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_the_focal_loss_is_kerass(gamma):
    given = {"from_logits": True, "gamma": gamma, "reduction": "none"}
    one_hot = tf.one_hot(CLASSES, 3)
    for smoothing in (0.0, 0.1):
        theirs = keras.CategoricalFocalCrossentropy(alpha=1.0, label_smoothing=smoothing, **given)(one_hot, LOGITS)
        np.testing.assert_allclose(softmax_losses(LOGITS, CLASSES, smoothing, gamma), theirs, rtol=1e-4)
        # A label is a choice between two outcomes, whose logits differ by its own.
        outcomes = tf.stack([tf.zeros_like(LOGITS), LOGITS], -1)
        theirs = keras.CategoricalFocalCrossentropy(alpha=1.0, label_smoothing=smoothing, **given)(tf.one_hot(SETS, 2), outcomes)
        np.testing.assert_allclose(sigmoid_losses(LOGITS, SETS, smoothing, gamma), theirs, rtol=1e-4)
    theirs = keras.BinaryFocalCrossentropy(**given)(SETS, LOGITS)
    np.testing.assert_allclose(tf.reduce_mean(sigmoid_losses(LOGITS, SETS, gamma=gamma), -1), theirs, rtol=1e-4)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_of_what_is_certain_are_finite(gamma):
    logits = tf.constant([[100.0, -100.0, 0.0], [-100.0, 100.0, 0.0]])
    for losses, gold in ((softmax_losses, [0, 0]), (sigmoid_losses, [[1, 0, 1], [1, 0, 0]])):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = losses(logits, tf.constant(gold), 0.1, gamma)
        assert np.isfinite(value).all()
        assert np.isfinite(tape.gradient(value, logits)).all()


def test_balanced_weights_are_scikit_learns():
    theirs = sklearn.utils.class_weight.compute_class_weight("balanced", classes=np.arange(3), y=CLASSES)
    np.testing.assert_allclose(balanced_weights(np.bincount(CLASSES)), theirs)
    # A class that does not occur is none of scikit-learn's either.
    np.testing.assert_allclose(balanced_weights(np.bincount(CLASSES, minlength=5)), [*theirs, 0, 0])
    found = LabelSetLoss(NAMES, "balanced")
    found.begin(SETS)
    theirs = np.stack([sklearn.utils.class_weight.compute_sample_weight("balanced", column) for column in SETS.T], 1)
    np.testing.assert_allclose(found.weights(SETS), theirs.mean(axis=1), rtol=1e-6)


@pytest.mark.parametrize("weights", [None, [1.0, 4.0, 2.5], "balanced"])
@pytest.mark.parametrize(("smoothing", "gamma"), [(0.0, 0.0), (0.1, 2.0)])
def test_the_loss_is_a_weighted_mean_however_the_batch_is_divided(weights, smoothing, gamma):
    of_class, of_set = ClassLoss(NAMES, weights, smoothing, gamma), LabelSetLoss(NAMES, weights, smoothing, gamma)
    for form, gold in ((of_class, CLASSES), (of_set, SETS)):
        form.begin(gold)
    each = np.array([1.0, 1.0, 1.0] if weights is None else [8 / 15, 8 / 3, 8 / 6] if weights == "balanced" else weights)
    there = 8 / (2 * SETS.sum(0)) if weights == "balanced" else each
    absent = 8 / (2 * (1 - SETS).sum(0)) if weights == "balanced" else np.ones(3)
    of_decisions = np.where(SETS, there, absent) * EXAMPLE_WEIGHTS[:, np.newaxis]
    expected = [
        np.average(softmax_losses(LOGITS, CLASSES, smoothing, gamma), weights=each[CLASSES] * EXAMPLE_WEIGHTS),
        np.average(sigmoid_losses(LOGITS, SETS, smoothing, gamma), weights=of_decisions),
    ]
    tasks = [ClassificationTask(NAMES, label_loss=of_class), MultiLabelTask(NAMES, label_loss=of_set)]
    for task, gold, mean in zip(tasks, (CLASSES, SETS), expected):
        whole = batch(gold)
        assert loss(task, whole) == pytest.approx(mean, rel=1e-5)
        parts = [{name: value[start : start + 2] for name, value in whole.items()} for start in (0, 2, 4, 6)]
        denominators = tf.nest.map_structure(lambda *some: tf.add_n(some), *map(task.loss_denominators, parts))
        shares = [task.loss(LOGITS[2 * i : 2 * i + 2], part, denominators) for i, part in enumerate(parts)]
        assert float(sum(shares)) == pytest.approx(mean, rel=1e-5)


def test_class_weights_are_kerass_up_to_what_they_divide_by():
    """Keras divides by the number of examples."""
    task, weights = ClassificationTask(NAMES, label_loss=ClassLoss(NAMES, [1.0, 4.0, 2.5])), np.array([1.0, 4.0, 2.5])[CLASSES]
    rows = {"label_ids": tf.constant(CLASSES), "example_weight": tf.ones(8)}
    theirs = keras.SparseCategoricalCrossentropy(from_logits=True)(CLASSES, LOGITS, sample_weight=weights)
    assert loss(task, rows) == pytest.approx(float(theirs) * 8 / weights.sum(), rel=1e-5)


def operations(loss_of) -> list[str]:
    graph = tf.function(loss_of, autograph=False).get_concrete_function(tf.constant(LOGITS), batch(CLASSES)).graph
    return [one.type for one in graph.get_operations()]


def test_what_is_off_adds_no_operation_and_nothing_to_a_runs_identity():
    def by_hand(logits, rows):
        total = tf.reduce_sum(rows["example_weight"])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=rows["label_ids"], logits=logits)
        return tf.math.divide_no_nan(tf.reduce_sum(losses * rows["example_weight"]), total)

    for form in (ClassLoss, LabelSetLoss):
        assert label_loss(LabelLossOptions(), NAMES, form) is None
    task = ClassificationTask(NAMES)
    assert operations(lambda logits, rows: task.loss(logits, rows, task.loss_denominators(rows))) == operations(by_hand)
    assert task.begin_training(types.SimpleNamespace()) == {}
    assert kinds_identity(ClassifierOptions()) == {}


def test_what_is_on_belongs_to_the_training_and_neither_to_the_model_nor_to_other_kinds():
    options = ClassifierOptions(label_smoothing=0.1, focal_gamma=2.0)
    assert kinds_identity(options) == {"label_smoothing": 0.1, "focal_gamma": 2.0}
    deciding = {field.name for field in dataclasses.fields(options) if decides_model(field)}
    assert not deciding & {field.name for field in dataclasses.fields(LabelLossOptions)}
    assert {"pooling", "use_crf"} <= deciding
    for name in ("classification", "multi_label"):
        refuse_options_of_others(options, kinds.get(name))
    for name in ("regression", "tagging", "multiple_choice", "similarity"):
        with pytest.raises(UserError, match=f"--label_smoothing belongs to classification, multi_label.* for {name}"):
            refuse_options_of_others(options, kinds.get(name))
    with pytest.raises(UserError, match="--label_smoothing is of the labels' loss, of which --distillation_alpha=1 leaves"):
        with_teacher(dataclasses.replace(options, teacher="teacher", distillation_alpha=1.0), trains=True)


def test_scores_and_soft_targets_know_nothing_of_it():
    outcome = {"logits": LOGITS, "label_ids": CLASSES}
    plain, other = ClassificationTask(NAMES), ClassificationTask(NAMES, label_loss=ClassLoss(NAMES, [1.0, 4.0, 2.5], 0.1, 2.0))
    assert plain.scores(outcome) == other.scores(outcome)
    rows = batch(CLASSES)
    soft = [float(task.soft_loss(LOGITS, -LOGITS, rows, task.loss_denominators(rows), 2.0)) for task in (plain, other)]
    assert soft[0] == soft[1]


def test_weights_are_given_as_a_list_or_a_file(tmp_path):
    names = ["0", "x=y", "a, b"]
    (tmp_path / "weights.json").write_text(json.dumps({"a, b": 3, "0": 0.5, "x=y": 1e3}))
    assert WEIGHTS.read(str(tmp_path / "weights.json"), names) == [0.5, 1000.0, 3.0]
    assert WEIGHTS.read(" x=y=2, 0=.5", names[:2]) == [0.5, 2.0]
    assert WEIGHTS.read("Balanced", names) == "balanced"


def test_what_identifies_a_run_is_what_a_file_holds(tmp_path):
    path = tmp_path / "weights.json"
    path.write_text('{"a": 1, "b": 4, "c": 2.5}')
    found = [ClassLoss(NAMES, WEIGHTS.read(given, NAMES)).begin(CLASSES) for given in (str(path), "c=2.5,b=4.0,a=1")]
    assert found[0] == found[1] == {"class_weights": {"a": 1.0, "b": 4.0, "c": 2.5}}
    assert ClassLoss(NAMES, WEIGHTS.read("BALANCED", NAMES)).begin(CLASSES) == {"class_weights": "balanced"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("negative=1,positve=2", "there is no label 'positve'. Did you mean 'positive'?"),
        ("negative=1", "gives no weight to 'positive'; name every label once: negative, positive"),
        ("negative=1,positive=0", "the weight of 'positive' must be a number greater than 0; got 0"),
        ("negative=inf,positive=1", "the weight of 'negative' must be a number greater than 0; got inf"),
        ("negative=1,positive=much", "got much"),
        ("negative=1,positive=1,negative=2", "names 'negative' twice"),
        ('{"negative": 1, "positive": true}', "got True"),
        ('{"negative": 1, "positive": 2, "positive": 3}', "names 'positive' twice"),
        ("[1, 2]", "must hold an object such as"),
        ("{", "not valid JSON"),
    ],
)
def test_wrong_weights_are_refused_in_one_line(tmp_path, given, message):
    if given[0] in "{[":
        path = tmp_path / "weights.json"
        path.write_text(given)
        given = str(path)
    with pytest.raises(UserError) as error:
        label_loss(LabelLossOptions(class_weights=given), ["negative", "positive"], ClassLoss)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"class_weights": "balancd"}, "--class_weights must be balanced, a file.json.* Did you mean 'balanced'; got balancd"),
        ({"class_weights": "1,2"}, "label=weight with commas between .*; got 1,2"),
        ({"class_weights": "nowhere.json"}, "--class_weights: no such file: nowhere.json"),
        ({"label_smoothing": 1.0}, "--label_smoothing must be at least 0 and less than 1; got 1.0"),
        ({"focal_gamma": -1.0}, "--focal_gamma must be 0 or greater"),
        ({"focal_gama": 2.0}, "Did you mean 'focal_gamma'"),
    ],
)
def test_wrong_values_are_refused(given, message):
    with pytest.raises(UserError, match=message):
        label_loss(LabelLossOptions(**given), NAMES, ClassLoss)


def test_a_class_that_is_never_trained_on_is_told_of(caplog):
    caplog.set_level("INFO")
    ClassLoss([*NAMES, "d"], "balanced").begin(CLASSES)
    assert "no training record has the label 'd'" in caplog.text
    assert "--class_weights=balanced: from 0.533 ('a') to 2.67 ('b')" in caplog.text
