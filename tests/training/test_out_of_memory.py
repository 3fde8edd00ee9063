"""A step that does not fit into memory: the same update in smaller parts, from a state that is whole."""

import itertools
import json
import types

import numpy as np
import pytest
import tensorflow as tf
from toy_task import GreedyTask, ToyTask, evaluator, make_plan, make_trainer, open_records, weights_of, write_records

from bert_tf2.data.batches.pipeline import Padding
from bert_tf2.errors import JobError
from bert_tf2.training.memory.errors import is_out_of_memory, what_did_not_fit
from bert_tf2.training.memory.micro_batches import NOTE, MicroBatches
from bert_tf2.training.run_directory import RunDirectory
from bert_tf2.training.train_step import TrainStep

LENGTH = 12
FIXED = Padding(fixed={"tokens": LENGTH}, most={"tokens": LENGTH}, full_batches=True)
OUT_OF_MEMORY = "OOM when allocating tensor with shape[4,5] and type float on /job:localhost"


@pytest.fixture
def records(tmp_path):
    return open_records(write_records(tmp_path / "train.tfrecord", longest=LENGTH))


def train(model_dir, records, padding=None, evaluate=None, **options):
    trainer, model = make_trainer(model_dir, **{"train_steps": 12, **options})
    result = trainer.train(records, make_plan(records), evaluate, padding)
    trainer._checkpoint.read(tf.train.latest_checkpoint(str(model_dir))).expect_partial()
    return result, [*weights_of(model), *(variable.numpy() for variable in trainer._optimizer.variables())]


def require_same(one, other):
    assert len(one) == len(other)
    for found, expected in zip(one, other, strict=True):
        np.testing.assert_array_equal(found, expected)


def noted(model_dir):
    return json.loads((model_dir / "run_config.json").read_text())["found"][NOTE]


def fail_at(monkeypatch, step):
    """Lets the call that begins with a step fail after all it has done, once."""
    run, failed = TrainStep.run, []

    def fails(self, iterator, first, steps):
        result = run(self, iterator, first, steps)
        if first == step and not failed:
            failed.append(first)
            float(result.loss_sum)
            raise tf.errors.ResourceExhaustedError(None, None, OUT_OF_MEMORY)
        return result

    monkeypatch.setattr(TrainStep, "run", fails)
    return failed


def test_what_never_fits_is_divided_from_the_start(tmp_path, records, caplog):
    result, weights = train(tmp_path / "run", records, FIXED, most_tokens=2 * LENGTH, halves_micro_batches=True)
    expected, exact = train(tmp_path / "four", records, FIXED, gradient_accumulation_steps=4)
    require_same(weights, exact)
    losses = [[entry["loss"] for entry in run.history if entry["kind"] == "train"] for run in (result, expected)]
    assert losses[0] == losses[1]
    told = [message for message in caplog.messages if "out of memory" in message]
    assert len(told) == 2
    assert told[0].startswith("out of memory in step 1 with 8 of a replica's rows at once (a tensor of shape [1000000000000000]")
    assert told[0].endswith("and type float32, 3,814,697,266 MiB); going on with 4 rows at once, for the same update")
    assert "with 4 of a replica's rows at once" in told[1]
    assert noted(tmp_path / "run") == [[0, 2]]


def test_a_longer_batch_is_divided_when_it_comes(tmp_path, records):
    """Steps before it are as they were, and nothing of the failed one is left."""
    options = {"train_steps": 20, "save_checkpoints_steps": 50}
    _, weights = train(tmp_path / "run", records, most_tokens=80, halves_micro_batches=True, **options)
    assert noted(tmp_path / "run") == [[2, 4]]
    RunDirectory(str(tmp_path / "told")).note(NOTE, [[2, 4]])
    _, expected = train(tmp_path / "told", records, **options)
    require_same(weights, expected)
    _, other = train(tmp_path / "other", records, gradient_accumulation_steps=2, **options)
    assert not all(np.array_equal(one, another) for one, another in zip(weights, other, strict=True))


@pytest.mark.parametrize(
    ("saved", "options"),
    [
        (0, {}),
        (5, {}),
        (5, {"enable_xla": True}),
        (0, {"steps_per_loop": 3}),
        (5, {"loss_scale": "dynamic"}),
        (0, {"average_decay": 0.9}),
        (5, {"average_decay": 0.9}),
    ],
    ids=str,
)
def test_whatever_a_failed_step_wrote_is_undone(tmp_path, records, monkeypatch, options, saved):
    """It fails after its update, at a step before which nothing was copied; steps since the last state are run again."""
    options = {**options, "save_checkpoints_steps": saved, "evaluate": evaluator(records), "eval_every_steps": 4}
    step = 8
    RunDirectory(str(tmp_path / "told")).note(NOTE, [[step, 4]])
    result, expected = train(tmp_path / "told", records, FIXED, **options)
    failed = fail_at(monkeypatch, step)
    again, weights = train(tmp_path / "run", records, FIXED, halves_micro_batches=True, **options)
    assert failed == [step]
    assert noted(tmp_path / "run") == [[step, 4]]
    require_same(weights, expected)
    evaluations = [[entry for entry in run.history if entry["kind"] == "eval"] for run in (result, again)]
    assert evaluations[0] == evaluations[1]


@pytest.mark.parametrize("saved", [0, 3])
def test_a_killed_run_goes_on_with_as_many_rows_from_the_same_step_on(tmp_path, records, saved):
    options = {"train_steps": 10, "save_checkpoints_steps": saved, "eval_every_steps": 8}
    halves = {"most_tokens": 88, "halves_micro_batches": True}
    _, expected = train(tmp_path / "whole", records, evaluate=evaluator(records), **options, **halves)

    class Died(Exception):
        pass

    def dies(model):
        raise Died

    with pytest.raises(Died):
        train(tmp_path / "run", records, evaluate=dies, **options, **halves)
    assert noted(tmp_path / "run") == [[5, 4]]
    # Nothing is tried that did not fit before, so the new run needs no leave to halve.
    _, weights = train(tmp_path / "run", records, evaluate=evaluator(records), **options)
    require_same(weights, expected)


def test_one_row_that_does_not_fit(tmp_path, records, caplog):
    with pytest.raises(
        JobError, match=r"out of memory in step 1 with 1 of .* at once \(a tensor .*MiB\); use --recompute, a smaller"
    ):
        train(tmp_path / "run", records, FIXED, most_tokens=3, halves_micro_batches=True)
    assert len([message for message in caplog.messages if "going on with" in message]) == 3


def test_without_leave_nothing_is_divided(tmp_path, records):
    with pytest.raises(JobError, match=r"with 8 of .*--micro_batch_size=auto or --gradient_accumulation_steps=2.*--recompute"):
        train(tmp_path / "run", records, FIXED, most_tokens=3)


def test_other_errors_stay_what_they_are(tmp_path, records):
    class Wrong(ToyTask):
        def loss(self, outputs, batch, denominators):
            with tf.control_dependencies([tf.debugging.assert_equal(tf.shape(outputs)[0], 77)]):
                return super().loss(outputs, batch, denominators)

    with pytest.raises(tf.errors.InvalidArgumentError):
        train(tmp_path / "run", records, FIXED, task=Wrong(), halves_micro_batches=True)


def error(message, kind=tf.errors.ResourceExhaustedError):
    return kind(None, None, message)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "Graph execution error:\n\nOOM when allocating tensor with shape[32,12,512,512] and type float on "
            "/job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc",
            "a tensor of shape [32, 12, 512, 512] and type float32, 384 MiB",
        ),
        (
            "OOM when allocating tensor with shape[8,128] and type bfloat16 on",
            "a tensor of shape [8, 128] and type bfloat16, 0.0 MiB",
        ),
        ("OOM when allocating tensor with shape[] and type half on", "a tensor of shape [] and type float16, 0.0 MiB"),
        ("OOM when allocating tensor with shape[3] and type strange on", "a tensor of shape [3] and type strange"),
        ("Out of memory while trying to allocate 7516192768 bytes.", "7,168 MiB"),
        ("something\nelse", "something"),
        ("", "ResourceExhaustedError"),
    ],
)
def test_what_did_not_fit(message, expected):
    assert what_did_not_fit(error(message)) == expected
    assert is_out_of_memory(error(message))


def test_other_names_of_the_same():
    assert is_out_of_memory(error("RESOURCE_EXHAUSTED: Out of memory while …", tf.errors.InternalError))
    assert not is_out_of_memory(error("the graph is wrong", tf.errors.InternalError))
    assert not is_out_of_memory(error("Out of memory", tf.errors.InvalidArgumentError))


def divided(rows, parts=1, noted=()):
    notes = {NOTE: list(noted)}
    directory = types.SimpleNamespace(found=notes.get, note=notes.__setitem__)
    return MicroBatches(directory, rows, parts, may_halve=True), notes


def test_every_number_of_rows_ends_at_one():
    for rows in range(1, 40):
        batches, _ = divided(rows)
        seen = [rows]
        while batches.can_be_halved(3):
            seen.append(batches.halve(3))
        assert seen[-1] == 1
        assert all(rows % one == 0 and after <= one // 2 for one, after in itertools.pairwise(seen))
        assert (batches.at_once(2), batches.parts(3), batches.next_change(0)) == (rows, rows, 3 if rows > 1 else float("inf"))


def test_what_is_noted_holds_on_other_devices_and_beside_parts_that_were_asked_for():
    assert [divided(16, noted=[(5, 8)])[0].parts(step) for step in (4, 5)] == [1, 2]
    assert divided(6, noted=[(0, 4)])[0].at_once(0) == 3
    assert divided(4, noted=[(0, 8)])[0].at_once(0) == 4
    assert divided(16, parts=4, noted=[(0, 8)])[0].at_once(0) == 4
    batches, notes = divided(16, noted=[(9, 2)])
    assert batches.halve(5) == 8
    assert notes[NOTE] == [(5, 8), (9, 2)]
    assert [batches.at_once(step) for step in (4, 5, 9)] == [16, 8, 2]


def test_another_run_in_a_directory_without_checkpoints_forgets(tmp_path):
    directory = RunDirectory(str(tmp_path))
    directory.identify({"seed": 1})
    directory.note(NOTE, [[0, 2]])
    directory.identify({"seed": 1}, {"version": 2})
    assert directory.found(NOTE) == [[0, 2]]
    directory.identify({"seed": 2})
    assert directory.found(NOTE) is None
    assert "found" not in json.loads((tmp_path / "run_config.json").read_text())


def test_the_greedy_task_is_the_toy(tmp_path, records):
    _, weights = train(tmp_path / "one", records, train_steps=3)
    _, greedy = train(tmp_path / "other", records, train_steps=3, task=GreedyTask(10**6))
    require_same(weights, greedy)
