"""The pre-training task beside the model garden's, with the same weights."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.masked_lm import tied_cross_entropy
from bert_tf2.tasks.pretraining.task import PretrainingTask

ROWS, LENGTH, PREDICTIONS = 5, 12, 4


@pytest.fixture
def config(tiny_config_dict) -> BertConfig:
    return BertConfig.from_dict(tiny_config_dict | {"initializer_range": 0.3})


def make_batch(config, seed=0) -> dict[str, tf.Tensor]:
    random = np.random.default_rng(seed)
    lengths = random.integers(5, LENGTH + 1, ROWS)
    mask = (np.arange(LENGTH) < lengths[:, None]).astype(np.int32)
    weights = (np.arange(PREDICTIONS) < random.integers(1, PREDICTIONS + 1, ROWS)[:, None]).astype(np.float32)
    positions = np.sort(np.stack([random.choice(5, PREDICTIONS, replace=False) for _ in range(ROWS)]), axis=1)
    batch = {
        "input_word_ids": random.integers(5, config.vocab_size, (ROWS, LENGTH)) * mask,
        "input_mask": mask,
        "input_type_ids": random.integers(0, 2, (ROWS, LENGTH)) * mask,
        "masked_lm_positions": positions * weights.astype(np.int64),
        "masked_lm_ids": random.integers(5, config.vocab_size, (ROWS, PREDICTIONS)) * weights.astype(np.int64),
        "masked_lm_weights": weights,
        "next_sentence_labels": random.integers(0, 2, ROWS),
        "example_weight": np.ones(ROWS, np.float32),
    }
    return {name: tf.constant(value, tf.float32 if value.dtype == np.float32 else tf.int32) for name, value in batch.items()}


def loss_metrics_gradients(task, model, batch):
    with tf.GradientTape() as tape:
        outputs = model({name: batch[name] for name in model.input}, training=False)
        loss = task.loss(outputs, batch, task.loss_denominators(batch))
    sums = {name: float(value) for name, value in task.measures(outputs, batch).items()}
    gradients = tape.gradient(loss, model.trainable_variables)
    return float(loss), task.metrics_of_sums(sums), [None if g is None else tf.convert_to_tensor(g).numpy() for g in gradients]


@pytest.mark.parametrize("next_sentence", [True, False])
def test_losses_metrics_and_gradients_are_the_gardens(config, next_sentence, tmp_path):
    from official.legacy.bert import bert_models, configs

    garden_config = configs.BertConfig.from_dict(
        {name: value for name, value in config.to_dict().items() if name in configs.BertConfig(1).to_dict()}
    )
    garden, _, pretrainer = bert_models.pretrain_model(
        garden_config, LENGTH, PREDICTIONS, use_next_sentence_label=next_sentence, return_core_pretrainer_model=True
    )
    task = PretrainingTask(config, next_sentence=next_sentence)
    model = task.build_model(build_encoder(config, for_pretraining=True))
    # By the object graph, there and back.
    tf.train.Checkpoint(model=pretrainer).write(str(tmp_path / "garden"))
    if not next_sentence:
        # Without pairs there is no head for them here, and so another object graph.
        load_encoder_weights(model, str(tmp_path / "garden"), config, head_model=model)
    else:
        tf.train.Checkpoint(model=model).read(str(tmp_path / "garden")).assert_consumed()
        for variable in model.variables:
            variable.assign(variable + 0.01 * tf.random.stateless_normal(variable.shape, [1, 2]))
        tf.train.Checkpoint(model=model).write(str(tmp_path / "ours"))
        tf.train.Checkpoint(model=pretrainer).read(str(tmp_path / "ours")).assert_consumed()

    batch = make_batch(config)
    loss, metrics, gradients = loss_metrics_gradients(task, model, batch)
    with tf.GradientTape() as tape:
        inputs = {name: batch[name] for name in garden.input}
        if next_sentence:
            inputs["next_sentence_labels"] = inputs["next_sentence_labels"][:, tf.newaxis]
        garden_loss = tf.reduce_mean(garden(inputs, training=False))
    assert loss == pytest.approx(float(garden_loss), abs=1e-5)
    expected = {metric.name: float(metric.result()) for metric in garden.metrics}
    for name, value in metrics.items():
        assert value == pytest.approx(expected["lm_example_loss" if name == "masked_lm_loss" else name], abs=1e-5), name
    by_shape = {}
    for variable, gradient in zip(garden.trainable_variables, tape.gradient(garden_loss, garden.trainable_variables)):
        if gradient is not None:
            by_shape.setdefault(tuple(variable.shape), []).append(tf.convert_to_tensor(gradient).numpy())
    for variable, gradient in zip(model.trainable_variables, gradients):
        if gradient is None:
            assert not next_sentence
            assert "pooler" in variable.name
            continue
        nearest = min(float(np.abs(gradient - other).max()) for other in by_shape[tuple(variable.shape)])
        assert nearest < 2e-5, variable.name


def test_shapes_known_or_not_and_rows_that_fill_up_change_nothing(config):
    batch = make_batch(config)
    task, static = PretrainingTask(config), PretrainingTask(config, static_shapes=True)
    encoder = build_encoder(config, for_pretraining=True)
    model, static_model = task.build_model(encoder), static.build_model(encoder)
    static_model.set_weights(model.get_weights())
    loss, metrics, gradients = loss_metrics_gradients(task, model, batch)
    more = {name: tf.concat([value, value[:2]], 0) for name, value in batch.items()}
    more["example_weight"] = tf.constant([1.0] * ROWS + [0.0] * 2)
    for other, of_task in ((static_model, static), (model, task)):
        for rows in (batch, more):
            other_loss, other_metrics, other_gradients = loss_metrics_gradients(of_task, other, rows)
            assert other_loss == pytest.approx(loss, abs=1e-6)
            assert other_metrics == pytest.approx(metrics, abs=1e-6)
            for one, two in zip(gradients, other_gradients):
                np.testing.assert_allclose(one, two, atol=1e-6)


def test_predictions_are_the_sums_of_each_example(config):
    batch, task = make_batch(config), PretrainingTask(config)
    model = task.build_model(build_encoder(config, for_pretraining=True))
    outputs = model({name: batch[name] for name in model.input}, training=False)
    collected = {name: value.numpy() for name, value in task.predictions(outputs, batch).items()}
    assert {name: value.shape for name, value in collected.items()} == dict.fromkeys(collected, (ROWS,))
    np.testing.assert_array_equal(collected["masked_lm_predictions"], batch["masked_lm_weights"].numpy().sum(1))
    loss, metrics, _ = loss_metrics_gradients(task, model, batch)
    assert task.metrics(collected) == pytest.approx({"loss": loss, **metrics}, abs=1e-6)


def test_an_unknown_metric_is_named(config):
    with pytest.raises(UserError, match="Did you mean 'masked_lm_accuracy'"):
        PretrainingTask(config, best_metric="masked_lm_acuracy")
    with pytest.raises(UserError, match="next_sentence_loss"):
        PretrainingTask(config, next_sentence=False, best_metric="next_sentence_loss")
    assert PretrainingTask(config).higher_is_better("masked_lm_accuracy")
    assert not PretrainingTask(config).higher_is_better("loss")


@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_the_tied_cross_entropy_is_the_plain_one(scale):
    random = np.random.default_rng(3)
    hidden, table = (tf.constant(random.normal(size=size), tf.float32) * scale for size in ((7, 6), (11, 6)))
    bias, labels = tf.constant(random.normal(size=11), tf.float32), tf.constant([3, 3, 10, 0, 5, 5, 5])
    weights = tf.constant([1.0, 2.0, 0.0, 0.5, 1.0, 1.0, 3.0])
    results = []
    for fused in (True, False):
        with tf.GradientTape() as tape:
            tape.watch([hidden, table, bias])
            logits = tf.matmul(hidden, table, transpose_b=True) + bias
            if fused:
                losses, right = tied_cross_entropy(hidden, table, bias, labels)
            else:
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
                right = tf.cast(tf.argmax(logits, -1, tf.int32) == labels, tf.float32)
            total = tf.reduce_sum(losses * weights)
        results.append([losses, right, *tape.gradient(total, [hidden, table, bias])])
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * scale)
