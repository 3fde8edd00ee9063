"""A finished training that is made longer in its own directory."""

import json

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.jobs.training import extension
from bert_tf2.jobs.training.extension import Length, identify
from bert_tf2.training.run_directory import RunDirectory
from bert_tf2.training.schedules import OneAfterAnother, WarmUpThenDecay

BEGUN = {"num_train_epochs": 3.0, "learning_rate": 1e-4, "early_stopping_patience": 0, "data": {"train": "a"}}


def test_each_part_has_a_warm_up_and_a_decay_of_its_own():
    first, second, third = WarmUpThenDecay(0.5, 10, 2), WarmUpThenDecay(0.5, 5, 1), WarmUpThenDecay(0.5, 4)
    whole = OneAfterAnother([first, second, third], [10, 15])
    expected = [float(one(step)) for one, steps in ((first, 10), (second, 5), (third, 6)) for step in range(steps)]
    assert [float(whole(tf.constant(step, tf.int64))) for step in range(21)] == expected


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A directory of 300 steps, three epochs; and what was asked of it."""
    directory = RunDirectory(str(tmp_path / "run"))
    directory.identify(BEGUN, {})
    (tmp_path / "run" / "ckpt-300.index").touch()
    monkeypatch.setattr(extension.checkpointing, "latest_step", lambda path: 300)
    directory.note("micro_batches", 4)
    return directory


def asked(directory, **changes):
    identity = BEGUN | changes
    length = Length(int(100 * identity["num_train_epochs"]), lambda run: int(100 * run["num_train_epochs"]))
    return identify(directory, identity, {}, length)


def test_it_may_be_made_longer_again_and_again(finished, monkeypatch):
    assert asked(finished) == []
    assert asked(finished, num_train_epochs=5.0) == [300]
    assert asked(finished, num_train_epochs=5.0) == [300]
    monkeypatch.setattr(extension.checkpointing, "latest_step", lambda path: 500)
    assert asked(finished, num_train_epochs=5.5) == [300, 500]
    assert asked(RunDirectory(finished.path), num_train_epochs=5.5) == [300, 500]
    assert finished.found("micro_batches") == 4


@pytest.mark.parametrize(
    ("changes", "latest", "message"),
    [
        ({"num_train_epochs": 2.0}, 300, "belongs to another run (num_train_epochs: 3.0 there, 2.0 now)"),
        ({"num_train_epochs": 4.0, "learning_rate": 1e-3}, 300, "(learning_rate: 0.0001 there, 0.001 now; num"),
        ({"num_train_epochs": 4.0, "data": {"train": "b"}}, 300, 'belongs to another run (train: "a" there, "b" now; num'),
        ({"num_train_epochs": 4.0}, 120, "is at step 120 of 300; let it end with the --num_train_epochs that it"),
    ],
)  # fmt: skip
def test_what_is_refused(finished, monkeypatch, changes, latest, message):
    monkeypatch.setattr(extension.checkpointing, "latest_step", lambda path: latest)
    with pytest.raises(UserError) as raised:
        asked(finished, **changes)
    assert message in str(raised.value)
    assert finished.run() == BEGUN


def test_one_that_ends_by_itself_is_not_made_longer(tmp_path, monkeypatch):
    directory = RunDirectory(str(tmp_path / "run"))
    directory.identify(BEGUN | {"early_stopping_patience": 2}, {})
    monkeypatch.setattr(extension.checkpointing, "latest_step", lambda path: 300)
    with pytest.raises(UserError, match="with --early_stopping_patience=2 a training ends by itself"):
        asked(directory, early_stopping_patience=2, num_train_epochs=4.0)


@pytest.mark.slow
def test_more_epochs_of_a_real_one(workplace, capsys):
    flags = ["--mode=train_and_eval", "--log_steps=1", "--warmup_proportion=0.2", "--deterministic"]
    assert workplace.run(*flags, "--num_train_epochs=1") == 0

    def rates():
        lines = (workplace.model_dir / "training_history.jsonl").read_text().splitlines()
        return {entry["step"]: entry["learning_rate"] for entry in map(json.loads, lines) if entry["kind"] == "train"}

    steps = max(rates())
    assert workplace.run(*flags, "--num_train_epochs=3") == 0
    told = capsys.readouterr().err
    assert f"a finished training of {steps} steps goes on for {2 * steps} more, with a warm-up and a decay of their own" in told
    assert f"| made longer after step | {steps} |" in (workplace.model_dir / "report.md").read_text()
    assert f"made longer after step {steps}" in (workplace.model_dir / "run.yaml").read_text()
    first, second = WarmUpThenDecay(0.01, steps, int(steps * 0.2)), WarmUpThenDecay(0.01, 2 * steps, int(2 * steps * 0.2))
    expected = [float(first(step)) for step in range(steps)] + [float(second(step)) for step in range(2 * steps)]
    found = rates()
    assert [found[step] for step in sorted(found)] == pytest.approx(expected)
    assert sorted(found) == list(range(1, 3 * steps + 1))
    assert workplace.run(*flags, "--num_train_epochs=3") == 0
    assert "already finished" in capsys.readouterr().err
    assert np.isfinite(json.loads((workplace.model_dir / "eval_results.json").read_text())["loss"])
