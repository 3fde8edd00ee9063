"""The tensors of the rows that a step takes."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.data.batches.pipeline import Padding, check_divisible, distributed_batches, next_batch
from bert_tf2.data.batches.plans import BatchPlan
from bert_tf2.data.records.feature_spec import FeatureSpec
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.errors import UserError

FEATURES = [
    FeatureSpec("input_ids", shape=("tokens",), batch_name="input_word_ids"),
    FeatureSpec("input_mask", shape=("tokens",)),
    FeatureSpec("label_ids"),
    FeatureSpec("weight", "float32"),
]


@pytest.fixture
def records(tmp_path):
    path = str(tmp_path / "a.tfrecord")
    with RecordWriter(path, FEATURES) as writer:
        for row in range(21):
            ids = [row + 1] * (row % 7 + 1)
            writer.write({"input_ids": ids, "input_mask": [1] * len(ids), "label_ids": row, "weight": 0.5 + row})
    return RecordSet.open(path, FEATURES)


def take(dataset, number):
    iterator = iter(dataset)
    return [{name: value.numpy() for name, value in next(iterator).items()} for _ in range(number)]


def test_batches_hold_the_rows_of_the_plan(records):
    plan = BatchPlan(records.lengths, 8, seed=1)
    strategy = tf.distribute.get_strategy()
    batches = take(distributed_batches(strategy, records, plan, 0, Padding()), 7)
    for step, batch in enumerate(batches):
        rows = plan.rows(step)
        assert batch["label_ids"].tolist() == rows.tolist()
        assert batch["input_word_ids"].shape == (len(rows), records.lengths[rows].max())
        np.testing.assert_allclose(batch["example_weight"], 0.5 + rows)
    tail = take(distributed_batches(strategy, records, plan, 4, Padding()), 3)
    for expected, batch in zip(batches[4:], tail, strict=True):
        assert all(np.array_equal(expected[name], batch[name]) for name in expected)


@pytest.mark.parametrize("replicas", [1, 2])
def test_batches_are_not_tuned(records, replicas):
    # A tuned dataset's iterator ends when its tuner wakes: evaluations took up to twice their time.
    dataset = distributed_batches(FakeWorker(1, replicas), records, BatchPlan(records.lengths, 8, seed=1), 0, Padding())
    assert isinstance(dataset, tf.data.Dataset)
    assert not dataset.options().autotune.enabled


def test_fixed_shapes_and_filler_rows(records):
    plan = BatchPlan(records.lengths, 8, seed=1)
    dataset = distributed_batches(tf.distribute.get_strategy(), records, plan, 2, Padding({"tokens": 16}, full_batches=True))
    assert dataset.element_spec["input_word_ids"].shape == (8, 16)
    (batch,) = take(dataset, 1)
    assert batch["input_word_ids"].shape == (8, 16)
    assert (batch["example_weight"] > 0).tolist() == [True] * 5 + [False] * 3


def test_few_lengths(records):
    few = Padding(lengths=(8, 12))
    assert [few.size("tokens", np.array([3, longest])) for longest in (4, 8, 9, 12, 13)] == [8, 8, 12, 12, 13]
    assert Padding().size("tokens", np.array([3, 9])) == few.size("choices", np.array([3, 9])) == 9
    fitted = Padding(most={"tokens": 16}, full_batches=True).fitted(records)
    assert set(fitted.lengths) <= {8, int(records.lengths.max())}
    assert Padding(most={"tokens": 16}).fitted(records).lengths == ()
    assert Padding({"tokens": 16}, full_batches=True).fitted(records).lengths == ()
    plan = BatchPlan(records.lengths, 8, seed=1)
    batches = take(distributed_batches(tf.distribute.get_strategy(), records, plan, 0, fitted), 3)
    assert {batch["input_word_ids"].shape[1] for batch in batches} <= set(fitted.lengths)


class FakeWorker:
    """Stands for the strategy of one of several workers."""

    def __init__(self, workers, replicas_of_worker, number=0):
        self.num_replicas_in_sync = workers * replicas_of_worker
        self._replicas = range(number * replicas_of_worker, (number + 1) * replicas_of_worker)

    def experimental_distribute_values_from_function(self, value_fn):
        return [
            value_fn(tf.distribute.experimental.ValueContext(replica, self.num_replicas_in_sync)) for replica in self._replicas
        ]


def _per_replica(worker, batches):
    batch = next_batch(worker, batches)
    return [{name: value.numpy() for name, value in part.items()} for part in (batch if isinstance(batch, list) else [batch])]


@pytest.mark.parametrize(("workers", "replicas"), [(1, 2), (2, 1), (2, 2), (4, 1)])
def test_any_number_of_workers_sees_the_same_global_batches(records, workers, replicas):
    plan = BatchPlan(records.lengths, 8, seed=1)
    shares = []
    for number in range(workers):
        worker = FakeWorker(workers, replicas, number)
        batches = iter(distributed_batches(worker, records, plan, 1, Padding()))
        shares.append([part for _ in range(5) for part in _per_replica(worker, batches)])
    for step in range(5):
        parts = [part for share in shares for part in share[step * replicas : (step + 1) * replicas]]
        rows = plan.rows(step + 1)
        labels = np.concatenate([part["label_ids"][part["example_weight"] > 0] for part in parts])
        assert labels.tolist() == rows.tolist()
        assert {part["input_word_ids"].shape for part in parts} == {(-(-len(rows) // len(parts)), records.lengths[rows].max())}


def test_batch_sizes_that_cannot_be_divided():
    check_divisible(16, 2, 4)
    with pytest.raises(UserError, match=r"--train_batch_size=15 is not divisible by 2 replicas; use 14 or 16"):
        check_divisible(15, 2)
    with pytest.raises(UserError, match=r"--eval_batch_size=1 is not divisible by 2 replicas; use 2"):
        check_divisible(1, 2, flag="eval_batch_size")
