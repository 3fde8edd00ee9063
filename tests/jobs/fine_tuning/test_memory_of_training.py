"""Flags that make a training need less memory: the results stay, and so does what a run found to fit."""

import json
import types

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.jobs.training.micro_batch import bounded_parts, parts_of_batch, settled_micro_batch
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.training.train_step import TrainStep

CPU = tf.distribute.get_strategy()
GPU = types.SimpleNamespace(extended=types.SimpleNamespace(worker_devices=("/device:GPU:0",)))


def saved(model_dir) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(model_dir))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name}


def require_same(one, other, **tolerance) -> None:
    one, other = saved(one), saved(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_allclose(value, other[name], **{"rtol": 0, **tolerance}, err_msg=name)


@pytest.fixture
def train(workplace):
    def run(name, *flags, code=0):
        directory = workplace.directory / name
        assert workplace.run("--mode=train", "--num_train_epochs=1", "--seed=3", f"--model_dir={directory}", *flags) == code
        return directory

    return run


def fail_at(monkeypatch, step):
    """Lets the call that begins with a step fail after all it has done, once."""
    run, failed = TrainStep.run, []

    def fails(self, iterator, first, steps):
        result = run(self, iterator, first, steps)
        if first == step and not failed:
            failed.append(first)
            raise tf.errors.ResourceExhaustedError(None, None, "Out of memory while trying to allocate 1048576 bytes.")
        return result

    monkeypatch.setattr(TrainStep, "run", fails)


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["--enable_xla"]], ids=str)
def test_a_run_that_halved_ends_as_one_that_was_told_to(train, monkeypatch, capsys, flags):
    told = train("told", "--gradient_accumulation_steps=2", *flags)
    fail_at(monkeypatch, 0)
    found = train("found", "--micro_batch_size=auto", *flags)
    message = "out of memory in step 1 with 16 of a replica's rows at once (1.0 MiB); going on with 8 rows at once"
    assert message in capsys.readouterr().err
    require_same(told, found)
    assert json.loads((found / "run_config.json").read_text())["found"] == {"micro_batch_size": [[0, 8]]}
    require_same(told, train("said", "--micro_batch_size=8", *flags))
    # It stays so, whatever is said of what to do when memory does not suffice.
    assert train("found", *flags) == found
    assert "already finished" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["--enable_xla"]], ids=str)
def test_what_a_compiled_or_plain_step_of_a_bert_wrote_is_undone(train, monkeypatch, flags):
    """It fails after its update; the last checkpoint lies two steps behind."""
    flags = [*flags, "--save_checkpoints_steps=3"]
    with monkeypatch.context() as patched:
        fail_at(patched, 5)
        found = train("found", "--micro_batch_size=auto", *flags)
    # The same steps in the same parts, without a failure.
    again = train("again", *flags, "--num_logical_cpus=1")
    other = saved(again)
    assert any(not np.array_equal(value, other[name]) for name, value in saved(found).items())
    known = json.loads((found / "run_config.json").read_text())
    assert known["found"] == {"micro_batch_size": [[5, 8]]}
    told = again.parent / "told"
    told.mkdir()
    (told / "run_config.json").write_text(json.dumps(known))
    require_same(found, train("told", *flags))


@pytest.mark.slow
def test_recomputation_changes_nothing_but_rounding_and_may_change(train, monkeypatch):
    expected = train("kept")
    require_same(expected, train("made_again", "--recompute"), rtol=1e-4, atol=1e-6)
    flags = ["--save_checkpoints_steps=4"]

    class Died(Exception):
        pass

    def dies(self, iterator, first, steps, run=TrainStep.run):
        if first == 6:
            raise Died
        return run(self, iterator, first, steps)

    with monkeypatch.context() as patched:
        patched.setattr(TrainStep, "run", dies)
        with pytest.raises(Died):
            train("changed", *flags)
    require_same(expected, train("changed", *flags, "--recompute"), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("said", "strategy", "is_tpu", "expected"),
    [
        (None, CPU, False, None),
        (None, GPU, False, "auto"),
        (None, GPU, True, None),
        ("auto", CPU, False, "auto"),
        ("4", GPU, False, "4"),
    ],
)
def test_unset_is_auto_on_gpus(said, strategy, is_tpu, expected):
    assert settled_micro_batch(TrainingOptions(micro_batch_size=said), strategy, is_tpu) == expected


@pytest.mark.parametrize(
    ("given", "replicas", "parts"),
    [
        ({}, 1, 1),
        ({"micro_batch_size": "auto", "gradient_accumulation_steps": 2}, 2, 2),
        ({"micro_batch_size": 8}, 1, 4),
        ({"micro_batch_size": "8"}, 2, 2),
        ({"micro_batch_size": "8"}, 4, 1),
        # Whoever looks at the devices tells of it.
        ({"micro_batch_size": "8"}, 3, 1),
    ],
)
def test_parts(given, replicas, parts):
    assert parts_of_batch(TrainingOptions(train_batch_size=32, **given), replicas) == parts


def test_a_batch_is_divided_so_that_no_part_has_more_inputs_than_a_bound():
    inputs = np.array([1, 1, 1, 1, 5, 1, 1, 1])
    batches = [np.arange(8), np.array([4, 0, 1])]

    def part(at_once=None, replicas=1, **given):
        return bounded_parts(TrainingOptions(train_batch_size=8, **given), replicas, batches, inputs, at_once).micro_batch_size

    # Ten are twice those of the largest example; a batch has 12, its halves 4 and 8.
    assert (part(), part(12), part(8), part(7), part(4)) == ("4", None, "4", "2", "1")
    # Half a batch is a replica's.
    assert (part(8, replicas=2), part(7, replicas=2)) == (None, "2")
    # What is said stays.
    assert (part(1, micro_batch_size=8), part(micro_batch_size="auto"), part(7, micro_batch_size="auto")) == ("8", "auto", "2")
    assert part(1, gradient_accumulation_steps=2) is None
