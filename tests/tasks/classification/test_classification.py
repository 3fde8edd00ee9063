"""The classification task: head and loss against the model garden, predictions against the files written of them."""

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.classification.task import ClassificationTask, RegressionTask


@pytest.fixture
def inputs():
    rng = np.random.default_rng(1)
    mask = (np.arange(12)[None, :] < np.array([12, 7, 1])[:, None]).astype(np.int32)
    return {
        "input_word_ids": (rng.integers(1, 80, (3, 12)) * mask).astype(np.int32),
        "input_mask": mask,
        "input_type_ids": (rng.integers(0, 2, (3, 12)) * mask).astype(np.int32),
    }


def garden_classifier(config: BertConfig, num_classes: int) -> tf_keras.Model:
    from official.legacy.bert import bert_models, configs

    return bert_models.classifier_model(configs.BertConfig.from_dict(config.to_dict()), num_classes)[0]


@pytest.mark.parametrize("num_labels", [1, 3])
def test_outputs_equal_the_gardens_classifier_and_checkpoints_interchange(tiny_config_dict, inputs, tmp_path, num_labels):
    config = BertConfig(**tiny_config_dict)
    theirs = garden_classifier(config, num_labels)
    task = RegressionTask() if num_labels == 1 else ClassificationTask(["a", "b", "c"])
    ours = task.build_model(build_encoder(config))
    path = tf.train.Checkpoint(model=theirs).write(str(tmp_path / "theirs"))
    tf.train.Checkpoint(model=ours).read(path).assert_existing_objects_matched()
    np.testing.assert_allclose(ours(inputs), theirs(inputs), atol=1e-5)

    for variable in ours.trainable_variables:
        variable.assign(variable + 0.1)
    path = tf.train.Checkpoint(model=ours).write(str(tmp_path / "ours"))
    tf.train.Checkpoint(model=theirs).read(path).assert_existing_objects_matched()
    np.testing.assert_allclose(ours(inputs), theirs(inputs), atol=1e-5)


def test_loss_is_the_weighted_mean_however_the_batch_is_divided():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(6, 3)).astype(np.float32)
    batch = {
        "label_ids": tf.constant([0, 1, 2, 0, 1, 2]),
        "example_weight": tf.constant([1.0, 1.0, 0.5, 1.0, 1.0, 0.0]),
    }
    task = ClassificationTask(["a", "b", "c"])
    whole = task.loss(logits, batch, task.loss_denominators(batch))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    losses = -np.log(probabilities[np.arange(6), batch["label_ids"].numpy()])
    assert float(whole) == pytest.approx(np.average(losses, weights=batch["example_weight"].numpy()), rel=1e-5)

    parts = [{name: value[start : start + 2] for name, value in batch.items()} for start in (0, 2, 4)]
    denominator = {"example_weight": sum(task.loss_denominators(part)["example_weight"] for part in parts)}
    shares = [task.loss(logits[2 * i : 2 * i + 2], part, denominator) for i, part in enumerate(parts)]
    assert float(sum(shares)) == pytest.approx(float(whole), rel=1e-6)


def test_regression_loss_is_the_squared_error():
    task = RegressionTask()
    batch = {"label_ids": tf.constant([1.0, 3.0]), "example_weight": tf.ones(2)}
    assert float(task.loss(tf.constant([[2.0], [3.5]]), batch, task.loss_denominators(batch))) == pytest.approx(0.625)


def test_metrics_loss_equals_the_training_loss():
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(size=(50, 2)).astype(np.float32), rng.integers(0, 2, 50)
    task = ClassificationTask(["no", "yes"], ["accuracy", "f1"])
    batch = {"label_ids": tf.constant(labels), "example_weight": tf.ones(50)}
    metrics = task.scores({"logits": logits, "label_ids": labels})
    assert [name for name in metrics if "/" not in name] == ["accuracy", "f1", "loss"]
    assert metrics["loss"] == pytest.approx(float(task.loss(logits, batch, task.loss_denominators(batch))), rel=1e-5)


def test_wrong_settings_are_refused_in_one_line():
    with pytest.raises(UserError, match="at least 2 labels"):
        ClassificationTask(["only"])
    with pytest.raises(UserError, match="Did you mean 'accuracy'"):
        ClassificationTask(["a", "b"], best_metric="acuracy")
    with pytest.raises(UserError, match=r"Did you mean 'recall/yes'.*Of each label there are precision/LABEL"):
        ClassificationTask(["no", "yes"], best_metric="recal/yes")
    with pytest.raises(UserError, match="is not computed for this task"):
        RegressionTask(best_metric="f1/yes")


@pytest.mark.parametrize("best_metric", ["f1/a", "weighted_f1", "matthews_corrcoef", "loss"])
def test_any_metric_and_that_of_any_label_can_name_the_best_checkpoint(best_metric):
    rng = np.random.default_rng(4)
    outcome = {"logits": rng.normal(size=(60, 3)), "label_ids": rng.integers(0, 3, 60)}
    task = ClassificationTask(["a", "b", "c"], ["accuracy"], best_metric=best_metric)
    scores = task.scores(outcome)
    assert best_metric in scores
    assert task.higher_is_better(best_metric) == (best_metric != "loss")
    predicted = outcome["logits"].argmax(1)
    expected = sklearn.metrics.precision_recall_fscore_support(outcome["label_ids"], predicted)
    for what, values in zip(("precision", "recall", "f1", "support"), expected):
        assert [scores[f"{what}/{name}"] for name in "abc"] == pytest.approx(list(values))
    # A line for the log tells what concerns all labels.
    assert "/" not in task.shown(scores)


def test_of_very_many_labels_single_ones_are_not_scored(caplog):
    names = [f"label {index}" for index in range(500)]
    outcome = {"logits": np.eye(500)[:40], "label_ids": np.arange(40)}
    assert set(ClassificationTask(names).scores(outcome)) == {"accuracy", "loss"}
    assert "500 labels are too many to score each" in caplog.text
    assert ClassificationTask(names, best_metric="f1/label 3").scores(outcome)["f1/label 3"] == 1
