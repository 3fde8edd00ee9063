"""Which rows a step takes."""

import numpy as np
import pytest

from bert_tf2.data.batches.plans import BatchPlan, LengthSortedPlan


def lengths(number, seed=0):
    return np.random.default_rng(seed).integers(1, 100, number).astype(np.int32)


@pytest.mark.parametrize("sort_by_length", [True, False])
@pytest.mark.parametrize(("rows", "batch_size"), [(1, 8), (7, 8), (8, 8), (1000, 8), (1003, 8), (5000, 32)])
def test_every_row_exactly_once_in_every_epoch(rows, batch_size, sort_by_length):
    plan = BatchPlan(lengths(rows), batch_size, seed=3, sort_by_length=sort_by_length)
    assert plan.steps_per_epoch == -(-rows // batch_size)
    for epoch in range(3):
        steps = range(epoch * plan.steps_per_epoch, (epoch + 1) * plan.steps_per_epoch)
        batches = [plan.rows(step) for step in steps]
        assert sorted(np.concatenate(batches).tolist()) == list(range(rows))
        assert all(len(batch) == batch_size for batch in batches[:-1])


def test_the_rest_from_any_step_is_the_rest_of_the_whole():
    def new_plan():
        return BatchPlan(lengths(50), 8, seed=3)

    plan = new_plan()
    whole = [plan.rows(step).tolist() for step in range(20)]
    for first in range(20):
        restored = new_plan()
        assert [restored.rows(step).tolist() for step in range(first, 20)] == whole[first:]


def test_order_is_a_function_of_seed_and_epoch():
    plan = BatchPlan(lengths(500), 8, seed=3)
    assert plan.order(1).tolist() == BatchPlan(lengths(500), 8, seed=3).order(1).tolist()
    assert plan.order(1).tolist() != plan.order(2).tolist()
    assert plan.order(1).tolist() != BatchPlan(lengths(500), 8, seed=4).order(1).tolist()


def test_buckets_save_padding_and_stay_random():
    plan = BatchPlan(lengths(5000), 32, seed=0)
    batches = [plan.rows(step) for step in range(plan.steps_per_epoch)]
    slots = sum(plan._lengths[batch].max() * len(batch) for batch in batches)
    assert plan._lengths.sum() / slots > 0.95
    # Lengths of successive batches are in no order.
    means = np.array([plan._lengths[batch].mean() for batch in batches])
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3


def test_length_sorted_plan_takes_every_row_once():
    plan = LengthSortedPlan(lengths(21), 8)
    rows = np.concatenate([plan.rows(step) for step in range(plan.steps)])
    assert sorted(rows.tolist()) == list(range(21))
    assert plan.steps == 3
