"""Whole checkpoints only; damaged ones are named; older ones stay."""

import logging
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.errors import JobError, UserError
from bert_tf2.training.checkpointing import CheckpointDirectory, latest_step, restore_model


class Weights(tf.Module):
    def __init__(self, value, size=1000):
        self.one = tf.Variable(tf.fill([size], float(value)))
        self.two = tf.Variable(tf.fill([size], float(value)))


def checkpoint_of(value, size=1000):
    weights = Weights(value, size)
    return weights, tf.train.Checkpoint(model=weights)


def save(directory, *steps, keep_max=5, best_step=None):
    checkpoints = CheckpointDirectory(str(directory), keep_max)
    for step in steps:
        checkpoints.save(checkpoint_of(step)[1], step, best_step if best_step in steps[: steps.index(step) + 1] else None)
    return checkpoints


def names(directory):
    return {path.name for path in pathlib.Path(directory).iterdir()}


def test_keeps_the_newest_and_the_best(tmp_path):
    checkpoints = save(tmp_path, 1, 2, 3, 4, 5, keep_max=2, best_step=2)
    assert checkpoints.steps() == [2, 4, 5]
    whole = {f"ckpt-{step}{part}" for step in (2, 4, 5) for part in (".index", ".data-00000-of-00001")}
    assert names(tmp_path) == {*whole, "checkpoint"}
    weights, checkpoint = checkpoint_of(0)
    assert checkpoints.restore_newest(checkpoint) == 5
    assert np.all(weights.two.numpy() == 5)
    assert save(tmp_path / "all", 1, 2, 3, keep_max=0).steps() == [1, 2, 3]


def test_tensorflow_finds_them_even_after_a_move(tmp_path):
    save(tmp_path / "a[1]", 1, 2)
    (tmp_path / "a[1]").rename(tmp_path / "b")
    assert tf.train.latest_checkpoint(str(tmp_path / "b")) == str(tmp_path / "b" / "ckpt-2")
    assert set(tf.train.get_checkpoint_state(str(tmp_path / "b")).all_model_checkpoint_paths) == {
        str(tmp_path / "b" / f"ckpt-{step}") for step in (1, 2)
    }


@pytest.mark.parametrize("state", [b"", b"\x00garbage", b'model_checkpoint_path: "/moved/ckpt-9"\n', None])
def test_the_state_file_is_not_needed(tmp_path, state):
    checkpoints = save(tmp_path, 3)
    (tmp_path / "checkpoint").unlink()
    if state is not None:
        (tmp_path / "checkpoint").write_bytes(state)
    assert checkpoints.restore_newest(checkpoint_of(0)[1]) == 3


def test_what_a_killed_trainer_left_is_swept(tmp_path):
    checkpoints = save(tmp_path, 1)
    (tmp_path / "ckpt-2.data-00000-of-00001").write_bytes(b"half")
    (tmp_path / "ckpt-3.incomplete-0123abcd").mkdir()
    (tmp_path / "ckpt-3.incomplete-0123abcd" / "ckpt-3.data-00000-of-00001").write_bytes(b"half")
    (tmp_path / "ckpt-4.index").write_bytes(b"an index without data")
    (tmp_path / "report.md.incomplete-0123abcd").write_bytes(b"half")
    (tmp_path / "mine.txt").write_bytes(b"stays")
    assert checkpoints.steps() == [1]
    checkpoints.sweep()
    assert names(tmp_path) == {"ckpt-1.index", "ckpt-1.data-00000-of-00001", "checkpoint", "mine.txt"}


def flip(path, where):
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 0xFF
    path.write_bytes(content)


DAMAGES = {
    "data_flipped": lambda d: flip(d / "ckpt-2.data-00000-of-00001", 0.4),
    "data_cut": lambda d: (d / "ckpt-2.data-00000-of-00001").write_bytes((d / "ckpt-2.data-00000-of-00001").read_bytes()[:-100]),
    "data_empty": lambda d: (d / "ckpt-2.data-00000-of-00001").write_bytes(b""),
    "index_flipped": lambda d: flip(d / "ckpt-2.index", 0.3),
    "index_cut": lambda d: (d / "ckpt-2.index").write_bytes((d / "ckpt-2.index").read_bytes()[:-20]),
    "index_empty": lambda d: (d / "ckpt-2.index").write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named_or_passed_over(tmp_path, damage, caplog):
    checkpoints = save(tmp_path, 1, 2)
    DAMAGES[damage](tmp_path)
    weights, checkpoint = checkpoint_of(0)
    with pytest.raises(JobError, match=r"cannot restore .*ckpt-2: .*--on_corrupt_checkpoint=previous"):
        checkpoints.restore_newest(checkpoint)
    with caplog.at_level(logging.WARNING):
        assert checkpoints.restore_newest(checkpoint, "previous") == 1
    assert "ckpt-2" in caplog.text
    assert np.all(weights.one.numpy() == 1)
    assert np.all(weights.two.numpy() == 1)
    # What is damaged is out of the way of what is written next.
    save(tmp_path, 2, keep_max=1)
    assert checkpoints.restore_newest(checkpoint) == 2


def test_deleted_files(tmp_path):
    checkpoints = save(tmp_path, 1, 2, 3)
    (tmp_path / "ckpt-3.data-00000-of-00001").unlink()
    (tmp_path / "ckpt-2.index").unlink()
    assert checkpoints.restore_newest(checkpoint_of(0)[1]) == 1


def test_nothing_left_to_go_back_to(tmp_path):
    checkpoints = save(tmp_path, 1)
    flip(tmp_path / "ckpt-1.data-00000-of-00001", 0.5)
    with pytest.raises(JobError, match=r"ckpt-1.*or remove the files of ckpt-1"):
        checkpoints.restore_newest(checkpoint_of(0)[1], "previous")


def test_another_architecture_is_refused(tmp_path):
    checkpoints = save(tmp_path, 1)
    with pytest.raises(JobError, match="cannot restore"):
        checkpoints.restore_newest(checkpoint_of(0, size=7)[1])
    weights = Weights(0)
    weights.three = tf.Variable(1.0)
    with pytest.raises(JobError, match="cannot restore"):
        checkpoints.restore_newest(tf.train.Checkpoint(model=weights))


def test_the_models_weights_alone(tmp_path):
    save(tmp_path, 1, 2)
    assert latest_step(str(tmp_path)) == 2
    weights = Weights(0)
    assert restore_model(weights, str(tmp_path)) == 2
    assert restore_model(weights, str(tmp_path), 1) == 1
    assert np.all(weights.one.numpy() == 1)
    with pytest.raises(UserError, match="does not hold ckpt-7; it has ckpt-1, ckpt-2"):
        restore_model(weights, str(tmp_path), 7)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty does not hold a checkpoint; train first"):
        restore_model(weights, str(tmp_path / "empty"))
    assert latest_step(str(tmp_path / "empty")) is None


def test_workers_other_than_the_chief_leave_nothing(tmp_path):
    CheckpointDirectory(str(tmp_path), writes=False).save(checkpoint_of(1)[1], 1)
    assert names(tmp_path) == set()
