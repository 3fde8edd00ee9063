"""The classification task: head and loss against the model garden, predictions against the files written of them."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.classification.task import ClassificationTask


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
    task = ClassificationTask(None if num_labels == 1 else ["a", "b", "c"])
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
    task = ClassificationTask(None)
    batch = {"label_ids": tf.constant([1.0, 3.0]), "example_weight": tf.ones(2)}
    assert float(task.loss(tf.constant([[2.0], [3.5]]), batch, task.loss_denominators(batch))) == pytest.approx(0.625)


def test_metrics_loss_equals_the_training_loss():
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(size=(50, 2)).astype(np.float32), rng.integers(0, 2, 50)
    task = ClassificationTask(["no", "yes"], ["accuracy", "f1"])
    batch = {"label_ids": tf.constant(labels), "example_weight": tf.ones(50)}
    metrics = task.metrics({"logits": logits, "label_ids": labels})
    assert list(metrics) == ["accuracy", "f1", "loss"]
    assert metrics["loss"] == pytest.approx(float(task.loss(logits, batch, task.loss_denominators(batch))), rel=1e-5)


def test_wrong_settings_are_refused_in_one_line():
    with pytest.raises(UserError, match="at least 2 labels"):
        ClassificationTask(["only"])
    with pytest.raises(UserError, match="Did you mean 'accuracy'"):
        ClassificationTask(["a", "b"], best_metric="acuracy")
