"""A moving average of the weights: as TensorFlow's own, in checkpoints and evaluations instead of the weights, and resumed."""

import numpy as np
import pytest
import tensorflow as tf
from toy_task import evaluator, make_plan, make_trainer, open_records, weights_of, write_records

from bert_tf2.training.checkpointing import restore_model
from bert_tf2.training.optimization import create_optimizer


@pytest.fixture
def records(tmp_path):
    return open_records(write_records(tmp_path / "train.tfrecord"))


def train(model_dir, records, evaluate=None, **options):
    trainer, model = make_trainer(model_dir, **{"average_decay": 0.8, **options})
    result = trainer.train(records, make_plan(records), evaluate)
    return result, weights_of(model)


def require_same(one, other):
    for found, expected in zip(one, other, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("optimizer_type", ["adamw", "lamb"])
@pytest.mark.parametrize("decay", [0.5, 0.15])
def test_it_is_that_of_tensorflow(optimizer_type, decay):
    """With 0.5 its beginning lasts, with 0.15 it is over after one step."""
    variable = tf.Variable([1.0, -2.0, 3.0], name="kernel")
    optimizer = create_optimizer(0.1, optimizer_type, average_decay=decay)
    step = tf.Variable(0, dtype=tf.int64)
    theirs = tf.train.ExponentialMovingAverage(decay, num_updates=step)
    theirs.apply([variable])
    for number in range(6):
        step.assign(number)
        gradient = tf.constant([0.3, 0.2 * number, -0.1])
        optimizer.apply_gradients([(gradient, variable)], experimental_aggregate_gradients=False)
        theirs.apply([variable])
        np.testing.assert_allclose(optimizer.average_of(variable), theirs.average(variable), rtol=1e-6)
    assert not np.allclose(optimizer.average_of(variable), variable)


def test_nothing_is_kept_unless_it_is_asked_for():
    variable = tf.Variable([1.0], name="kernel")
    optimizer = create_optimizer(0.1)
    optimizer.apply_gradients([(tf.constant([0.3]), variable)], experimental_aggregate_gradients=False)
    assert sorted(optimizer.get_slot_names()) == ["m", "v"]


@pytest.mark.parametrize("options", [{}, {"enable_xla": True}, {"loss_scale": "dynamic"}, {"steps_per_loop": 3}], ids=str)
def test_the_model_has_the_average_wherever_it_is_looked_at(tmp_path, records, options):
    """By hand, of the weights that a training without an average has after every step."""
    steps = 12
    _, plain = train(
        tmp_path / "plain",
        records,
        average_decay=None,
        train_steps=steps,
        save_checkpoints_steps=1,
        keep_checkpoint_max=0,
        **options,
    )
    _, model = make_trainer(tmp_path / "by_hand")
    averages, former = weights_of(model), []
    for step in range(steps):
        restore_model(model, str(tmp_path / "plain"), step + 1)
        decay, values = min(0.8, (1 + step) / (10 + step)), weights_of(model)
        averages = [decay * average + (1 - decay) * value for average, value in zip(averages, values, strict=True)]
        former.append(averages)
    require_same(values, plain)

    seen = []
    result, weights = train(
        tmp_path / "run",
        records,
        train_steps=steps,
        evaluate=lambda model: seen.append(weights_of(model)) or {"accuracy": 0.5},
        eval_every_steps=6,
        save_checkpoints_steps=4,
        keep_checkpoint_max=0,
        **options,
    )
    assert result.final_step == steps
    for found, expected in ((seen[0], former[5]), (seen[1], former[-1]), (weights, former[-1])):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    _, empty = make_trainer(tmp_path / "empty")
    for step in (4, 8, 12):
        restore_model(empty, str(tmp_path / "run"), step)
        for one, other in zip(weights_of(empty), former[step - 1], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [{}, pytest.param({"enable_xla": True}, marks=pytest.mark.slow)], ids=str)
def test_resumes_bit_for_bit(tmp_path, records, options):
    options = {"save_checkpoints_steps": 4, "eval_every_steps": 7, **options}
    whole, expected = train(tmp_path / "whole", records, evaluator(records), **options)

    class Died(Exception):
        pass

    def dies(model):
        raise Died

    with pytest.raises(Died):
        train(tmp_path / "run", records, dies, **options)
    result, weights = train(tmp_path / "run", records, evaluator(records), **options)
    require_same(weights, expected)
    evaluations = [[entry for entry in run.history if entry["kind"] == "eval"] for run in (whole, result)]
    assert evaluations[0] == evaluations[1]
    again, weights = train(tmp_path / "run", records, evaluator(records), **options)
    assert again.already_finished
    require_same(weights, expected)
