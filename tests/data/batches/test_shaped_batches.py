"""Batches of features with several axes: every part of a global batch has the same sizes."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.data.batches.pipeline import Padding, bad_record, distributed_batches, next_batch
from bert_tf2.data.batches.plans import BatchPlan
from bert_tf2.data.records.feature_spec import CHOICES, TOKEN_FEATURES, TOKENS, FeatureSpec
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.data.records.sharded_records import ShardedRecords

FEATURES = [
    *(dataclasses.replace(spec, shape=(CHOICES, TOKENS)) for spec in TOKEN_FEATURES),
    FeatureSpec("order", shape=(CHOICES,), pad=-1),
    FeatureSpec("targets", "float32", shape=("labels",)),
    FeatureSpec("label_ids"),
]
MOST = {"tokens": 12, "choices": 5, "labels": 3}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The name of a file of 21 questions of 2 to 5 choices of 1 to 9 tokens."""
    path = str(tmp_path_factory.mktemp("records") / "a.tfrecord")
    random = np.random.default_rng(0)
    with RecordWriter(path, FEATURES) as writer:
        for row in range(21):
            ids = [[row + 1] * random.integers(1, 10) for _ in range(random.integers(2, 6))]
            ones = [[1] * len(choice) for choice in ids]
            values = {"input_ids": ids, "input_mask": ones, "segment_ids": ones, "label_ids": row, "targets": [0.0, row, 0.5]}
            writer.write(values | {"order": range(len(ids))})
    return path


@pytest.fixture(params=[RecordSet, ShardedRecords])
def records(request, path):
    return request.param.open(path, FEATURES)


def plan_of(path):
    return BatchPlan(RecordSet.open(path, FEATURES).lengths, 8, seed=1)


def check_two_replicas(path):
    """Run in a process of its own, since TensorFlow must not have been used when its devices are divided."""
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    for kind in (RecordSet, ShardedRecords):
        _check_sizes(strategy, kind.open(path, FEATURES), plan_of(path))


def _check_sizes(strategy, records, plan):
    batches = iter(distributed_batches(strategy, records, plan, 0, Padding()))

    def parts_of(batch):
        parts = zip(*(strategy.experimental_local_results(value) for value in batch.values()))
        return [dict(zip(batch, part)) for part in parts]

    unequal = 0
    for step in range(4):
        batch, rows = next_batch(strategy, batches), plan.rows(step)
        sizes, parts = records.sizes_of(rows), parts_of(batch)
        shape = (-(-len(rows) // 2), sizes["choices"].max(), sizes["tokens"].max())
        assert [part["input_word_ids"].shape for part in parts] == [shape, shape]
        assert [part["order"].shape for part in parts] == [shape[:2], shape[:2]]
        unequal += len({int((part["order"].numpy() >= 0).sum(1).max()) for part in parts}) == 2
        labels = np.concatenate([part["label_ids"].numpy()[part["example_weight"].numpy() > 0] for part in parts])
        assert labels.tolist() == rows.tolist()
    assert unequal, "in some batch one replica's own rows must have fewer choices than the other's"
    static = distributed_batches(strategy, records, plan, 0, Padding(MOST, MOST, full_batches=True))
    assert tuple(static.element_spec["input_mask"].shape) == (4, 5, 12)
    first, second = parts_of(next_batch(strategy, iter(static)))
    assert {first["input_mask"].shape, second["input_mask"].shape} == {(4, 5, 12)}


def test_two_replicas_get_the_same_sizes(path):
    code = f"import test_shaped_batches as here; here.check_two_replicas({path!r})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_sizes_as_a_tpu_needs_them(records, path):
    padding = Padding(MOST, MOST, full_batches=True)
    dataset = distributed_batches(tf.distribute.get_strategy(), records, plan_of(path), 0, padding)
    shapes = {name: tuple(spec.shape) for name, spec in dataset.element_spec.items()}
    of_tokens = dict.fromkeys(("input_word_ids", "input_mask", "input_type_ids"), (8, 5, 12))
    assert shapes == of_tokens | {"order": (8, 5), "targets": (8, 3), "label_ids": (8,), "example_weight": (8,)}
    batch = next(iter(dataset))
    assert {name: tuple(value.shape) for name, value in batch.items()} == shapes
    assert (batch["input_mask"].numpy()[:, :, 9:] == 0).all()


def test_lengths_are_few_and_numbers_of_choices_as_they_come(records, path):
    dataset = distributed_batches(tf.distribute.get_strategy(), records, plan_of(path), 0, Padding(lengths=(8, 12)))
    shapes = {tuple(batch["input_word_ids"].shape[1:]) for batch in dataset.take(3)}
    assert {length for _, length in shapes} <= {8, 12}
    assert {number for number, _ in shapes} <= {4, 5}


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ({"tokens": 4}, "longer than 4 tokens"),
        ({"choices": 2}, "longer than 2 choices"),
        ({"labels": 28}, "the number of labels must be 28"),
    ],
)
def test_the_record_that_is_too_large_is_named(records, path, sizes, told):
    found = bad_record(records, plan_of(path), 0, Padding(most=sizes))
    assert found.startswith(f"{path}, record ")
    assert told in found
