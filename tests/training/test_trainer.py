"""The loop: training, evaluation, checkpoints, resumption in one process."""

import itertools
import json
import logging
import re

import numpy as np
import pytest
import tensorflow as tf
from toy_task import ToyTask, evaluator, make_plan, make_trainer, open_records, weights_of, write_records

from bert_tf2.data.batches.pipeline import Padding
from bert_tf2.errors import JobError, NonFiniteLossError, UserError
from bert_tf2.progress import Progress
from bert_tf2.training.evaluation import predict_all
from bert_tf2.training.reporting.measurements import Measurements


@pytest.fixture
def records(tmp_path):
    return open_records(write_records(tmp_path / "train.tfrecord"))


def train(model_dir, records, batch_size=8, evaluate=None, padding=None, **options):
    trainer, model = make_trainer(model_dir, **options)
    result = trainer.train(records, make_plan(records, batch_size), evaluate, padding)
    return result, weights_of(model)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_learns_saves_and_evaluates(tmp_path, records):
    result, _ = train(
        tmp_path / "run",
        records,
        evaluate=evaluator(records),
        train_steps=60,
        save_checkpoints_steps=20,
        eval_every_steps=15,
        keep_checkpoint_max=2,
        best_metric="accuracy",
        learning_rate=0.05,
    )
    losses = [entry["loss"] for entry in result.history if entry["kind"] == "train"]
    assert len(losses) == 12
    assert losses[-1] < 0.7 * losses[0]
    assert [entry["step"] for entry in result.history if entry["kind"] == "eval"] == [15, 30, 45, 60]
    assert result.best_value > 0.8
    assert result.final_step == 60
    assert tf.train.latest_checkpoint(str(tmp_path / "run")).endswith("ckpt-60")
    kept = {path.name for path in (tmp_path / "run").glob("ckpt-*.index")}
    assert {"ckpt-60.index", f"ckpt-{result.best_step}.index"} <= kept
    assert len(kept) <= 3
    best = json.loads((tmp_path / "run" / "best_checkpoint.json").read_text())
    assert best["checkpoint"] == f"ckpt-{result.best_step}"
    assert (tmp_path / "run" / "summaries" / "train").is_dir()


def test_resumes_bit_for_bit_and_knows_when_finished(tmp_path, records):
    options = {"save_checkpoints_steps": 4, "evaluate": evaluator(records), "eval_every_steps": 7}
    whole, expected = train(tmp_path / "whole", records, train_steps=20, **options)

    class Died(Exception):
        pass

    def dies(model):
        raise Died

    with pytest.raises(Died):
        train(tmp_path / "run", records, train_steps=20, **{**options, "evaluate": dies})
    result, weights = train(tmp_path / "run", records, train_steps=20, **options)
    assert same(weights, expected)
    assert [entry["step"] for entry in result.history if entry["kind"] == "eval"] == [7, 14, 20]
    evaluations = [[entry for entry in run.history if entry["kind"] == "eval"] for run in (whole, result)]
    assert evaluations[0] == evaluations[1]

    again, weights = train(tmp_path / "run", records, train_steps=20, **options)
    assert again.already_finished
    assert same(weights, expected)


def test_paused_it_goes_on_bit_for_bit(tmp_path, records):
    options = {"train_steps": 20, "save_checkpoints_steps": 8, "evaluate": evaluator(records), "eval_every_steps": 4}
    whole, expected = train(tmp_path / "whole", records, **options)
    for until, is_there in ((8, False), (8, True), (12, False)):
        result, _ = train(tmp_path / "run", records, pause_step=until, **options)
        assert (result.final_step, result.already_finished) == (until, is_there)
    result, weights = train(tmp_path / "run", records, **options)
    assert same(weights, expected)
    evaluations = [[entry for entry in run.history if entry["kind"] == "eval"] for run in (whole, result)]
    assert evaluations[0] == evaluations[1]


def test_steps_per_loop_changes_nothing(tmp_path, records):
    _, expected = train(tmp_path / "one", records, save_checkpoints_steps=8)
    result, weights = train(tmp_path / "many", records, save_checkpoints_steps=8, steps_per_loop=3)
    assert same(weights, expected)
    assert result.history[-1]["step"] == 20


def test_accumulation_equals_the_large_batch(tmp_path, records):
    _, expected = train(tmp_path / "one", records, dropout=0.0)
    _, weights = train(tmp_path / "parts", records, dropout=0.0, gradient_accumulation_steps=4)
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


def test_xla_equals_no_xla(tmp_path, records):
    _, expected = train(tmp_path / "plain", records)
    padding = Padding(most={"tokens": 12}, full_batches=True)
    _, weights = train(tmp_path / "xla", records, enable_xla=True, padding=padding)
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("policy", "loss_scale"), [("mixed_bfloat16", None), ("mixed_float16", "dynamic"), ("mixed_float16", 128)]
)
def test_sixteen_bits(tmp_path, records, policy, loss_scale):
    import tf_keras

    tf_keras.mixed_precision.set_global_policy(policy)
    try:
        whole, expected = train(tmp_path / "whole", records, train_steps=12, loss_scale=loss_scale, save_checkpoints_steps=4)
        assert np.isfinite(whole.history[-1]["loss"])
        # A dynamic scale of 32768 may skip steps: the data position and the schedule are restored each on its own.
        for name in ("ckpt-12.index", "ckpt-8.index"):
            (tmp_path / "whole" / name).unlink()
        _, weights = train(tmp_path / "whole", records, train_steps=12, loss_scale=loss_scale, save_checkpoints_steps=4)
        assert same(weights, expected)
    finally:
        tf_keras.mixed_precision.set_global_policy("float32")


def test_fewer_rows_than_a_batch(tmp_path):
    records = open_records(write_records(tmp_path / "few.tfrecord", number=3))
    plan = make_plan(records, 8)
    assert plan.steps_per_epoch == 1
    result, _ = train(tmp_path / "run", records, train_steps=4)
    assert result.final_step == 4


def test_batch_that_cannot_be_divided(tmp_path, records):
    with pytest.raises(UserError, match=r"train_batch_size=8 is not divisible by 1 replicas x 3 accumulation steps; use 6 or 9"):
        train(tmp_path / "run", records, gradient_accumulation_steps=3)


def test_early_stopping_and_its_resumption(tmp_path, records):
    values = iter([0.5, 0.9, 0.8, 0.7, 0.6, 0.5])
    options = {"eval_every_steps": 3, "best_metric": "accuracy", "early_stopping_patience": 2}
    result, _ = train(tmp_path / "run", records, evaluate=lambda _: {"accuracy": next(values)}, **options)
    assert (result.final_step, result.best_step, result.best_value, result.stopped_early) == (12, 6, 0.9, True)
    assert {path.name for path in (tmp_path / "run").glob("*.index")} == {"ckpt-3.index", "ckpt-6.index", "ckpt-12.index"}
    result, _ = train(tmp_path / "run", records, evaluate=lambda _: {"accuracy": 1.0}, **options)
    assert result.already_finished
    assert result.stopped_early


class NanTask(ToyTask):
    """Its loss becomes nan for one example."""

    def loss(self, outputs, batch, denominators):
        bad = tf.reduce_any((batch["example_id"] == 30) & (batch["example_weight"] > 0))
        return super().loss(outputs, batch, denominators) * tf.where(bad, float("nan"), 1.0)


def test_nan_stops_before_saving(tmp_path, records):
    with pytest.raises(
        NonFiniteLossError, match=r"not finite at step \d+ \(learning rate .*examples .*\b30\b.*last good checkpoint"
    ):
        train(tmp_path / "run", records, task=NanTask(), save_checkpoints_steps=1, train_steps=7)
    trainer, model = make_trainer(tmp_path / "run", task=ToyTask(), train_steps=7)
    trainer.train(records, make_plan(records))
    assert all(np.isfinite(weight).all() for weight in weights_of(model))


def test_nan_without_any_checkpoint(tmp_path, records):
    with pytest.raises(NonFiniteLossError, match="no checkpoint was written yet"):
        train(tmp_path / "run", records, task=NanTask(), steps_per_loop=10)


def test_out_of_memory_gives_advice(tmp_path, records):
    class Greedy(ToyTask):
        def loss(self, outputs, batch, denominators):
            size = tf.cast(1e15 * denominators["examples"], tf.int64)
            return super().loss(outputs, batch, denominators) + tf.reduce_sum(tf.random.uniform([size]))

    with pytest.raises(JobError, match=r"out of memory.*--gradient_accumulation_steps.*--train_batch_size.*--dtype=bf16"):
        train(tmp_path / "run", records, task=Greedy())


def test_predictions_are_in_file_order_whatever_the_batch_size(tmp_path, records):
    _, model = make_trainer(tmp_path / "run")
    results = [predict_all(ToyTask(), model, tf.distribute.get_strategy(), records, size) for size in (1, 7, 50, 64)]
    for result in results:
        assert result["example_id"].tolist() == list(range(50))
        np.testing.assert_allclose(result["logits"], results[0]["logits"], atol=1e-6)


def test_evaluating_again_does_not_trace_again(tmp_path, records):
    traces = []

    class Traced(ToyTask):
        def predictions(self, outputs, batch):
            traces.append(outputs)
            return super().predictions(outputs, batch)

    task = Traced()
    _, model = make_trainer(tmp_path / "run", task=task)
    for _ in range(3):
        predict_all(task, model, tf.distribute.get_strategy(), records, 8)
    assert len(traces) == 1


def test_values_per_token_are_filled_up(tmp_path, records):
    class Tagging(ToyTask):
        def predictions(self, outputs, batch):
            return {"ids": batch["input_word_ids"]}

    _, model = make_trainer(tmp_path / "run")
    ids = predict_all(Tagging(), model, tf.distribute.get_strategy(), records, 8)["ids"]
    assert ids.shape == (50, records.lengths.max())
    assert ((ids != 0).sum(axis=1) == records.lengths).all()


def test_a_signal_during_evaluation_saves_at_once_and_the_evaluation_is_made_up_for(tmp_path, records):
    import os
    import signal

    from bert_tf2.errors import Interrupted

    def interrupted(model):
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("not reached")

    options = {"train_steps": 8, "eval_every_steps": 4}
    with pytest.raises(Interrupted, match="after step 4 of 8") as error:
        train(tmp_path / "run", records, evaluate=interrupted, **options)
    assert error.value.exit_code == 143
    result, _ = train(tmp_path / "run", records, evaluate=evaluator(records), **options)
    assert [entry["step"] for entry in result.history if entry["kind"] == "eval"] == [4, 8]


def test_a_line_comes_in_time_and_log_steps_keeps_its_meaning(tmp_path, records, monkeypatch, caplog):
    now = itertools.count()
    monkeypatch.setattr(Progress, "clock", staticmethod(lambda: float(next(now))))
    trainer, _ = make_trainer(tmp_path, train_steps=30, log_steps=100)
    with caplog.at_level(logging.INFO):
        result = trainer.train(records, make_plan(records))
    lines = [message for message in caplog.messages if re.match(r"step \d+/30  loss \d\.\d+  lr ", message)]
    assert 4 <= len(lines) < 30
    # Scalars and summary come where --log_steps says; the loss curve has points enough all the same.
    assert [entry["step"] for entry in result.history if entry["kind"] == "train"] == [30]
    assert [entry["step"] for entry in result.history if entry["kind"] == "loss"] == list(range(1, 31))
    assert result.history[-1]["loss"] == pytest.approx(np.mean([e["loss"] for e in result.history if e["kind"] == "loss"]))


def test_the_device_is_waited_for_only_when_a_line_is_due(tmp_path, records, monkeypatch):
    fetched = []
    monkeypatch.setattr(Progress, "clock", staticmethod(lambda: 0.0))
    monkeypatch.setattr(Measurements, "_fetch", lambda self, fetch=Measurements._fetch: (fetched.append(1), fetch(self)))
    trainer, _ = make_trainer(tmp_path, train_steps=60, log_steps=100)
    trainer.train(records, make_plan(records))
    # After the first step, which compiles, and at the end: the check, the report, the values told and the checkpoint.
    assert len(fetched) <= 5


@pytest.mark.parametrize("steps_per_loop", [1, 7])
def test_the_loss_curve_has_the_first_and_the_last_step(tmp_path, records, steps_per_loop):
    trainer, _ = make_trainer(tmp_path, train_steps=250, log_steps=100, steps_per_loop=steps_per_loop)
    points = [entry for entry in trainer.train(records, make_plan(records)).history if entry["kind"] == "loss"]
    assert (points[0]["step"], points[-1]["step"]) == (steps_per_loop, 250)
    assert 30 <= len(points) <= 130
