"""Epochs that hold rows several times."""

import numpy as np
import pytest

from bert_tf2.data.batches.packed_plan import PackedPlan
from bert_tf2.data.batches.plans import BatchPlan
from bert_tf2.data.batches.repeats import Repeats

# 40 rows of group 0, 7 of group 1, none of group 2, 10 of group 3.
GROUPS = np.random.default_rng(0).permutation(np.repeat([0, 1, 3], [40, 7, 10]))
REPEATS = Repeats(GROUPS, np.array([40, 40, 0, 25]))
LENGTHS = np.random.default_rng(1).integers(1, 20, len(GROUPS)).astype(np.int32)


def plan(packed: bool, seed: int = 3) -> BatchPlan:
    return PackedPlan(LENGTHS, 8, seed, 32, 2, REPEATS) if packed else BatchPlan(LENGTHS, 8, seed, repeats=REPEATS)


@pytest.mark.parametrize("packed", [False, True])
def test_every_group_gives_as_many_rows_as_it_is_to(packed):
    made = plan(packed)
    assert made.steps_per_epoch == 14  # 105 rows
    extra = set()
    for epoch in range(3):
        steps = range(14 * epoch, 14 * (epoch + 1))
        rows = np.concatenate([made.rows(step) for step in steps])
        times = np.bincount(rows, minlength=len(GROUPS))
        assert set(times[GROUPS == 0]) == {1}
        # 40 = 5 * 7 + 5, 25 = 2 * 10 + 5: each row is there so often, or once more.
        assert sorted(times[GROUPS == 1]) == [5] * 2 + [6] * 5
        assert sorted(times[GROUPS == 3]) == [2] * 5 + [3] * 5
        extra.add(tuple(np.flatnonzero(times == 3)))
        samples = np.concatenate([made.sample_ids(step) for step in steps])
        assert samples.tolist() == list(range(105 * epoch, 105 * (epoch + 1)))
    assert len(extra) > 1


@pytest.mark.parametrize("packed", [False, True])
def test_the_rest_from_any_step_is_the_rest_of_the_whole(packed):
    whole = [plan(packed).rows(step).tolist() for step in range(30)]
    assert [plan(packed).rows(step).tolist() for step in range(17, 30)] == whole[17:]
    assert [plan(packed, 4).rows(step).tolist() for step in range(30)] != whole
