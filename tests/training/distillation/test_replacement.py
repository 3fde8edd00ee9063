"""Layers that take the places of a teacher's in training: how often, alike for all parts of a step, and what is trained."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.models.block_loop import unlooped
from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import fold
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.encoder_layers import blocks_of
from bert_tf2.models.module_replacement import Modules
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.tensorflow_internals import create_slots
from bert_tf2.training.distillation.replacement import ReplacingRate, ReplacingTask
from bert_tf2.training.optimization import create_optimizer
from bert_tf2.training.schedules import WarmUpThenDecay
from bert_tf2.training.train_step import TrainStep

ROWS, LENGTH = 4, 8


def test_the_rate_is_that_of_the_paper():
    """min(1, k t + b), with the k that gets there in so many steps."""
    rate = ReplacingRate(0.3, 1167, rises=True)
    steps = np.array([0, 1, 500, 1166, 1167, 5000])
    expected = np.minimum(1, (1 - 0.3) / 1167 * steps + 0.3)
    np.testing.assert_allclose([float(rate(tf.constant(step, tf.int64))) for step in steps], expected, rtol=1e-6)
    constant = ReplacingRate(0.5, 10, rises=False)
    found = [float(constant(tf.constant(step, tf.int64))) for step in (0, 9, 10, 11)]
    assert found == [0.5, 0.5, 1.0, 1.0]
    assert float(ReplacingRate(0.5, 0, rises=True)(tf.constant(0, tf.int64))) == 1


def drawn(rate, steps):
    """What is drawn in each of the first steps of a training."""
    layers = [[tf_keras.layers.Dense(1) for _ in range(number)] for number in (3, 6)]
    task = ReplacingTask(ClassificationTask(["no", "yes"]), Modules(*layers), rate)
    draw = tf.function(lambda step: task.draw(step, fold(tf.constant([5, 0]), step))["replaced_modules"], autograph=False)
    return np.array([draw(tf.constant(step, tf.int64)).numpy() for step in range(steps)])


def test_each_layer_is_drawn_for_itself_as_often_as_the_rate_says():
    found = drawn(ReplacingRate(0.3, 2000, rises=False), 2000)
    # Three standard deviations of 2,000 draws.
    np.testing.assert_allclose(found.mean(axis=0), 0.3, atol=3 * np.sqrt(0.3 * 0.7 / 2000))
    np.testing.assert_allclose(np.corrcoef(found.T), np.eye(3), atol=0.08)
    assert drawn(ReplacingRate(0.3, 5, rises=True), 20)[5:].all()


def batches():
    random = np.random.default_rng(3)
    while True:
        mask = (np.arange(LENGTH) < random.integers(3, LENGTH + 1, (ROWS, 1))).astype(np.int32)
        yield {
            "input_word_ids": tf.constant(random.integers(1, 50, (ROWS, LENGTH)) * mask, tf.int32),
            "input_mask": tf.constant(mask),
            "input_type_ids": tf.zeros([ROWS, LENGTH], tf.int32),
            "label_ids": tf.constant(random.integers(0, 2, ROWS), tf.int32),
            "example_weight": tf.constant([1.0, 1.0, 1.0, 0.0]),
        }


def trained(policy="float32", optimizer=None, dropout=0.0, steps=6, **options):
    """Losses of some steps and the weights of the student's layers after them; nothing else has moved."""
    tf_keras.utils.set_random_seed(1)
    strategy = tf.distribute.get_strategy()
    with strategy.scope():
        task = ClassificationTask(["no", "yes"], dropout_rate=0.0)
        encoders = []
        for layers in (2, 4):
            config = BertConfig(
                vocab_size=50,
                hidden_size=16,
                num_hidden_layers=layers,
                num_attention_heads=2,
                intermediate_size=32,
                max_position_embeddings=16,
                initializer_range=0.2,
                hidden_dropout_prob=dropout,
                attention_probs_dropout_prob=dropout,
            )
            encoders.append(build_encoder(config, policy, output_range=1))
        encoder, large = encoders
        model, large.trainable = task.build_model(encoder), False
        unlooped(encoder)
        for layer in (*model.layers, *encoder.layers):
            if layer is not encoder and layer not in blocks_of(encoder):
                layer.trainable = False
        optimizer = create_optimizer(WarmUpThenDecay(0.01, 20), **(optimizer or {}))
        create_slots(optimizer, model.trainable_variables)
    assert len(model.trainable_variables) == 2 * 16
    known = {id(variable) for variable in model.trainable_variables}
    fixed = [variable for variable in (*model.variables, *large.variables) if id(variable) not in known]
    before = [variable.numpy() for variable in fixed]
    replacing = ReplacingTask(task, Modules(blocks_of(encoder), blocks_of(large)), ReplacingRate(0.5, 4, rises=True))
    step = TrainStep(replacing, model, optimizer, strategy, seed=5, **options)
    specs = {name: tf.TensorSpec([None] * len(value.shape), value.dtype) for name, value in next(batches()).items()}
    data = tf.data.Dataset.from_generator(batches, output_signature=specs)
    iterator = iter(data)
    losses = [float(step.run(iterator, number, 1).loss_sum) for number in range(steps)]
    step.give(moments=True)
    assert all(np.array_equal(variable.numpy(), value) for variable, value in zip(fixed, before))
    return losses, [variable.numpy() for variable in model.trainable_variables]


def require_equal(one, other, tolerance):
    np.testing.assert_allclose(one[0], other[0], rtol=tolerance)
    for mine, its in zip(one[1], other[1], strict=True):
        np.testing.assert_allclose(mine, its, atol=tolerance * 20)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"accumulation_steps": 2}, {"enable_xla": True}, {"enable_xla": True, "accumulation_steps": 4}], ids=str
)
def test_in_parts_and_compiled_the_same_layers_are_replaced(options):
    require_equal(trained(**options), trained(), 2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("compiles", [False, True])
@pytest.mark.parametrize(("policy", "optimizer"), [("mixed_bfloat16", {}), ("mixed_float16", {"loss_scale": "dynamic"})])
def test_sixteen_bits(policy, optimizer, compiles):
    losses, _ = trained(policy=policy, optimizer=optimizer, enable_xla=compiles)
    np.testing.assert_allclose(losses, trained()[0], rtol=0.05)


@pytest.mark.slow
def test_with_dropout_a_step_is_repeated_to_the_bit():
    one, other = (trained(dropout=0.2) for _ in range(2))
    assert one[0] == other[0]
    assert all(np.array_equal(mine, its) for mine, its in zip(one[1], other[1], strict=True))
