"""The order of pre-training's records."""

import warnings

import numpy as np
import pytest

from bert_tf2.data.batches.striped_plan import StripedPlan, permuted


def rows_of(files, records):
    return files * 1000 + records


def plan_of(sizes, batch_size=4, seed=3, lengths_of=None):
    return StripedPlan(np.array(sizes), rows_of, batch_size, seed, lengths_of)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 255, 1000])
def test_a_permutation_takes_every_number_once(size):
    orders = []
    for key in range(4):
        places = permuted(np.arange(size), np.full(size, size), np.full(size, key, np.uint64))
        assert sorted(places.tolist()) == list(range(size))
        orders.append(places.tolist())
    if size > 16:
        assert len({tuple(order) for order in orders}) == 4


def test_permutations_are_uniform():
    size, keys = 12, 6000
    places = permuted(np.zeros(keys, np.int64), np.full(keys, size), np.arange(keys, dtype=np.uint64) * np.uint64(77))
    counts = np.bincount(places, minlength=size)
    assert np.abs(counts - keys / size).max() < 5 * np.sqrt(keys / size)
    order = permuted(np.arange(1000), np.full(1000, 1000), np.full(1000, 5, np.uint64))
    assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.1


def test_a_large_corpus_needs_no_memory():
    plan = plan_of([10**12] * 3, batch_size=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(set(plan.rows(10**9).tolist())) == 8


@pytest.mark.parametrize("sizes", [[10], [5, 5], [7, 3, 5]])
@pytest.mark.parametrize("batch_size", [1, 4, 5])
def test_every_file_gives_every_record_once_in_its_epoch(sizes, batch_size):
    plan = plan_of(sizes, batch_size)
    samples = np.concatenate([plan.rows(step) for step in range(300)])
    for file, size in enumerate(sizes):
        of_file = [row % 1000 for row in samples[file :: len(sizes)].tolist()]
        assert all(row // 1000 == file for row in samples[file :: len(sizes)].tolist())
        for first in range(0, len(of_file) - size, size):
            assert sorted(of_file[first : first + size]) == list(range(size))
        assert of_file[:size] != of_file[size : 2 * size] or size < 4
    ids = np.concatenate([plan.sample_ids(step) for step in range(300)])
    assert ids.tolist() == list(range(300 * batch_size))


def test_the_order_is_a_function_of_seed_and_step():
    one, other = plan_of([9, 6]), plan_of([9, 6])
    expected = [one.rows(step).tolist() for step in range(40)]
    assert [other.rows(step).tolist() for step in reversed(range(40))] == expected[::-1]
    assert [plan_of([9, 6], seed=4).rows(step).tolist() for step in range(40)] != expected
    assert one.steps_per_epoch == 4


def test_sorting_by_length_keeps_the_samples_and_is_exact():
    def lengths_of(rows):
        return rows % 7

    sorted_plan, plan = plan_of([50, 30], lengths_of=lengths_of), plan_of([50, 30])
    for window in (0, 2):
        steps = range(window * 64, window * 64 + 64)
        known = {id_: row for step in steps for id_, row in zip(plan.sample_ids(step).tolist(), plan.rows(step).tolist())}
        batches = [sorted_plan.rows(step) for step in steps]
        ids = [sorted_plan.sample_ids(step) for step in steps]
        found = {id_: row for of_ids, rows in zip(ids, batches) for id_, row in zip(of_ids.tolist(), rows.tolist())}
        assert found == known
        assert np.mean([np.ptp(lengths_of(rows)) for rows in batches]) < 1
    fresh = plan_of([50, 30], lengths_of=lengths_of)
    assert fresh.rows(150).tolist() == sorted_plan.rows(150).tolist()


@pytest.mark.parametrize("workers", [2, 3, 6])
def test_a_workers_places_are_of_its_own_files(workers):
    plan = plan_of([5, 8, 3, 9, 4, 6], batch_size=12)
    for step in range(30):
        for worker in range(workers):
            files = plan.rows(step)[worker::workers] // 1000
            assert set((files % workers).tolist()) == {worker}
    # A worker that does not know the sizes of the others' files has the same rows in its own.
    sizes = np.array([5, 8, 3, 9, 4, 6])
    for worker in range(workers):
        known = np.where(np.arange(6) % workers == worker, sizes, 0)
        for step in range(30):
            assert plan_of(known, 12).rows(step)[worker::workers].tolist() == plan.rows(step)[worker::workers].tolist()
