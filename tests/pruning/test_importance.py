import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import family_of
from bert_tf2.models.families.xlnet.config import XLNetConfig
from bert_tf2.pruning.choice import most_important
from bert_tf2.pruning.importance import Importance, OutputRows, importance_of
from bert_tf2.tasks.classification.task import ClassificationTask

CONFIGS = {
    "bert": BertConfig(50, 16, 2, 4, 5, max_position_embeddings=16, hidden_act="relu"),
    # Its kernels have the axis of the heads elsewhere.
    "xlnet": XLNetConfig(50, 16, 2, 4, 5, hidden_act="relu"),
}
ROWS = 3


@pytest.fixture(scope="module")
def task():
    return ClassificationTask(["a", "b", "c"])


@pytest.fixture(scope="module", params=CONFIGS.values(), ids=CONFIGS.keys())
def config(request):
    return request.param


@pytest.fixture(scope="module")
def model(task, config):
    tf_keras.utils.set_random_seed(3)
    model = task.build_model(family_of(config).build(config))
    rng = np.random.default_rng(4)
    model.set_weights([value + rng.normal(0, 0.3, value.shape).astype(np.float32) for value in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def records(task, tmp_path_factory):
    path, rng = tmp_path_factory.mktemp("records") / "train.tf_record", np.random.default_rng(5)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in range(ROWS):
            length = 8
            values = {"input_ids": rng.integers(1, 50, length), "input_mask": [1] * length, "segment_ids": [0] * length}
            values["label_ids"] = [number % 3]
            features = {name: tf.train.Feature(int64_list=tf.train.Int64List(value=value)) for name, value in values.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return RecordSet.open(str(path), task.features)


def losses(task, compute, model, records):
    """Of each record alone, float64."""
    found = []
    for row in range(ROWS):
        batch = {name: tf.constant(value) for name, value in records.parse([row]).items()}
        batch["example_weight"] = tf.ones([1])
        outputs = compute({name: batch[name] for name in model.input}, training=False)
        found.append(float(task.loss(outputs, batch, task.loss_denominators(batch))))
    return np.array(found)


def test_importance_is_what_a_small_change_of_a_part_changes(task, model, config, records):
    found = importance_of(task, model, config, records, ROWS)
    assert (found.heads.shape, found.neurons.shape, found.examples) == ((2, 4), (2, 5), ROWS)
    encoder = next(layer for layer in model.layers if layer.weights)
    rows, step, compute = OutputRows.of(encoder, config), 1e-2, tf.function(model, autograph=False)
    for matrices, axis, importance in ((rows.heads, rows.axis_of_heads, found.heads), (rows.neurons, 0, found.neurons)):
        for layer, matrix in enumerate(matrices):
            value = matrix.numpy()
            for part in range(value.shape[axis]):
                sides = []
                for factor in (1 + step, 1 - step):
                    changed = value.copy()
                    np.moveaxis(changed, axis, 0)[part] *= factor
                    matrix.assign(changed)
                    sides.append(losses(task, compute, model, records))
                matrix.assign(value)
                measured = np.abs(sides[0] - sides[1]).mean() / (2 * step)
                assert importance[layer, part] == pytest.approx(measured, rel=0.02, abs=2e-4)


def test_the_most_important_stay_in_their_order():
    importance = Importance(np.array([[1.0, 4.0, 3.0], [9.0, 0.0, 9.0], [0.0, 0.0, 1.0]]), np.arange(12.0).reshape(3, 4), 1)
    kept = most_important(importance, 2, 1, [0, 2])
    assert dataclasses.astuple(kept) == ((0, 2), ((1, 2), (0, 2)), ((3,), (3,)))
