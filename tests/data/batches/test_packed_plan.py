"""Which rows a step packs, and where their tokens go."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.data.batches.packed_plan import PackedPlan
from bert_tf2.data.batches.packing import PACKING, first_fit, packing_of
from bert_tf2.data.batches.pipeline import Padding, distributed_batches
from bert_tf2.data.records.feature_spec import FeatureSpec
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.record_writer import RecordWriter

SLOTS = 128


def lengths(number, seed=0):
    return np.clip(np.random.default_rng(seed).normal(53, 17, number), 4, SLOTS).astype(np.int32)


def new_plan(rows, batch_size, parts=1, seed=3):
    return PackedPlan(lengths(rows), batch_size, seed, SLOTS, parts)


@pytest.mark.parametrize("parts", [1, 4])
@pytest.mark.parametrize(("rows", "batch_size"), [(1, 8), (7, 8), (8, 8), (1000, 8), (1003, 8), (5000, 32)])
def test_every_row_exactly_once_in_every_epoch(rows, batch_size, parts):
    plan = new_plan(rows, batch_size, parts)
    for epoch in range(3):
        steps = range(epoch * plan.steps_per_epoch, (epoch + 1) * plan.steps_per_epoch)
        batches = [plan.rows(step) for step in steps]
        assert sorted(np.concatenate(batches).tolist()) == list(range(rows))
        assert all(len(batch) == batch_size for batch in batches[:-1])
    assert plan.order(1).tolist() == new_plan(rows, batch_size, parts).order(1).tolist()


def test_batches_depend_on_the_seed_and_not_on_the_parts():
    one, four, other = new_plan(1003, 32), new_plan(1003, 32, 4), new_plan(1003, 32, seed=4)
    for step in range(one.steps_per_epoch):
        assert sorted(one.rows(step).tolist()) == sorted(four.rows(step).tolist())
    assert sorted(one.rows(0).tolist()) != sorted(other.rows(0).tolist())
    assert sorted(one.rows(0).tolist()) != sorted(one.rows(one.steps_per_epoch).tolist())


@pytest.mark.parametrize("parts", [1, 4])
def test_batches_and_parts_are_of_nearly_equal_numbers_of_tokens(parts):
    plan = new_plan(5000, 32, parts)
    full = plan.order(0)[: 5000 - 5000 % 32]
    totals = plan._lengths[full].reshape(-1, 32 // parts).sum(axis=1)
    drawn = plan._lengths[np.random.default_rng(0).permutation(full)].reshape(-1, 32 // parts).sum(axis=1)
    assert totals.std() < drawn.std() / 3
    # As many packs as there would be without any gap.
    assert plan.pack_shape(3 * plan.steps_per_epoch).packs == -(-totals.max() // SLOTS)


def test_which_rows_meet_is_random():
    # Of rows of all different lengths, the neighbours of the longest in 30 epochs.
    plan = PackedPlan(np.arange(1, 65), 8, 0, 64)
    met = [set(batch) for epoch in range(30) for batch in plan.order(epoch).reshape(-1, 8).tolist() if 63 in batch]
    counts = np.bincount([row for batch in met for row in batch if row != 63], minlength=64)
    assert np.count_nonzero(counts[:56]) > 45
    assert counts.max() <= 15


def test_first_fit_puts_the_longest_first_where_there_is_room():
    rows = np.array([[3, 8, 5, 2, 0, 7], [1, 1, 1, 1, 1, 1]])
    assert first_fit(rows, 10, 6).tolist() == [[1, 0, 2, 0, -1, 1], [0, 0, 0, 0, 0, 0]]
    assert first_fit(rows, 10, 2).tolist()[1] == [0, 0, 1, 1, 2, 2]
    assert first_fit(rows, 10, 2)[0].tolist() == first_fit(rows[:1], 10, 2)[0].tolist()


def test_every_step_of_the_training_fits():
    plan = new_plan(1003, 32, 2)
    shape = plan.pack_shape(4 * plan.steps_per_epoch)
    needed = []
    for step in range(4 * plan.steps_per_epoch):
        rows = plan.rows(step)
        of_batch = np.append(plan._lengths[rows], np.zeros(32 - len(rows), np.int32))
        slots, places, firsts, seats = packing_of(of_batch, shape, 2)
        for part in range(2):
            of_part = of_batch[part * 16 : part * 16 + 16]
            check(of_part, shape, *(array.reshape(2, -1, *array.shape[1:])[part] for array in (slots, places, firsts, seats)))
            needed.append(1 + first_fit(of_part[np.newaxis], SLOTS, shape.most).max())
    assert max(needed) == shape.packs


def check(of_part, shape, slots, places, firsts, seats):
    """Every token is in one slot, those of an example stand together, and its first is where it is said to be."""
    assert (slots >= 0).sum() == of_part.sum()
    for example, length in enumerate(of_part):
        assert (places[example] >= 0).tolist() == [True] * length + [False] * (shape.slots - length)
        assert (seats[example] >= 0) == (length > 0)
        if length:
            begin = places[example, 0]
            assert places[example, :length].tolist() == list(range(begin, begin + length))
            assert begin // shape.slots == (begin + length - 1) // shape.slots
            assert slots.reshape(-1)[places[example, :length]].tolist() == [
                example * shape.slots + token for token in range(length)
            ]
            pack, seat = divmod(seats[example], shape.most)
            assert pack * shape.slots + firsts[pack, seat] == begin


def test_batches_say_how_they_are_packed(tmp_path):
    features = [
        FeatureSpec("input_ids", shape=("tokens",), batch_name="input_word_ids"),
        FeatureSpec("input_mask", shape=("tokens",)),
        FeatureSpec("example_id"),
    ]
    path = str(tmp_path / "a.tfrecord")
    with RecordWriter(path, features) as writer:
        for row in range(21):
            ids = [row + 1] * (row % 7 + 1)
            writer.write({"input_ids": ids, "input_mask": [1] * len(ids), "example_id": row})
    records = RecordSet.open(path, features)
    plan = PackedPlan(records.lengths, 8, 1, 8, 2)
    shape = plan.pack_shape(3)
    padding = Padding({"tokens": 8}, full_batches=True, packs=shape)
    dataset = distributed_batches(tf.distribute.get_strategy(), records, plan, 0, padding, accumulation_steps=2)
    assert {name: dataset.element_spec[name].shape.as_list() for name in PACKING} == {
        "pack_slots": [2 * shape.packs, 8],
        "pack_places": [8, 8],
        "pack_firsts": [2 * shape.packs, shape.most],
        "pack_seats": [8],
    }
    iterator = iter(dataset)
    for step in range(3):
        batch = {name: value.numpy() for name, value in next(iterator).items()}
        rows = plan.rows(step)
        assert batch["example_id"][: len(rows)].tolist() == rows.tolist()
        assert (
            (batch["example_weight"] > 0).tolist()
            == (batch["pack_seats"] >= 0).tolist()
            == [True] * len(rows) + [False] * (8 - len(rows))
        )
        for part in range(2):
            ids = batch["input_word_ids"].reshape(2, -1)[part]
            slots = batch["pack_slots"].reshape(2, -1, 8)[part]
            for pack in slots:
                held = ids[pack[pack >= 0]]
                assert (held > 0).all()
                # Rows are whole.
                assert all((held == one).sum() == (one - 1) % 7 + 1 for one in held)
