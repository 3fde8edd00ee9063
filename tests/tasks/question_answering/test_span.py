"""The question-answering task against the model garden's span labeler, and its checkpoints in both directions."""

import numpy as np
import pytest
import tensorflow as tf
from official.legacy.bert import bert_models, configs, run_squad_helper

from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.task import SpanTask

LENGTH = 24


def inputs(rows: int, length: int, vocab_size: int, seed: int = 1) -> dict[str, tf.Tensor]:
    random = np.random.default_rng(seed)
    ids = random.integers(4, vocab_size, (rows, length))
    types = (np.arange(length) >= random.integers(2, length, (rows, 1))).astype(np.int32)
    return {
        "input_word_ids": tf.constant(ids, tf.int32),
        "input_mask": tf.ones((rows, length), tf.int32),
        "input_type_ids": tf.constant(types),
    }


@pytest.fixture
def models(tiny_config_dict):
    """Ours and the garden's, with different random weights, and the task."""
    task = SpanTask(DecodingOptions(), initializer_range=0.2)
    tiny = tiny_config_dict | {"initializer_range": 0.2, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    ours = task.build_model(build_encoder(BertConfig.from_dict(tiny)))
    gardens, _ = bert_models.squad_model(configs.BertConfig.from_dict(tiny), LENGTH)
    return task, ours, gardens


def test_outputs_and_loss_equal_the_gardens_and_checkpoints_interchange(models, tmp_path, tiny_config_dict):
    task, ours, gardens = models
    path = tf.train.Checkpoint(model=gardens).write(str(tmp_path / "garden"))
    tf.train.Checkpoint(model=ours).read(path).assert_existing_objects_matched().expect_partial()
    batch = inputs(3, LENGTH, tiny_config_dict["vocab_size"])
    expected = gardens(batch, training=False)
    found = ours(batch, training=False)
    np.testing.assert_allclose(found["start_positions"], expected[0], atol=1e-5)
    np.testing.assert_allclose(found["end_positions"], expected[1], atol=1e-5)
    batch |= {"start_positions": tf.constant([3, 0, 23]), "end_positions": tf.constant([5, 0, 23])}
    batch["example_weight"] = tf.ones(3)
    loss = task.loss(found, batch, task.loss_denominators(batch))
    gardens_loss = run_squad_helper.squad_loss_fn(batch["start_positions"], batch["end_positions"], *expected)
    assert float(loss) == pytest.approx(float(gardens_loss), abs=1e-5)

    for variable in gardens.variables:
        variable.assign(tf.zeros_like(variable))
    path = tf.train.Checkpoint(model=ours).write(str(tmp_path / "ours"))
    tf.train.Checkpoint(model=gardens).read(path).assert_existing_objects_matched().expect_partial()
    again = gardens({name: batch[name] for name in ("input_word_ids", "input_mask", "input_type_ids")}, training=False)
    np.testing.assert_allclose(again[0], found["start_positions"], atol=1e-5)


def test_the_loss_does_not_see_padding_and_falls_into_shares(models, tiny_config_dict):
    task, ours, _ = models
    batch = inputs(4, LENGTH, tiny_config_dict["vocab_size"])
    batch |= {"start_positions": tf.constant([3, 0, 23, 7]), "end_positions": tf.constant([5, 0, 23, 7])}
    batch["example_weight"] = tf.constant([1.0, 1.0, 0.0, 2.0])
    denominators = task.loss_denominators(batch)

    def loss(part):
        tokens = {name: part[name] for name in ("input_word_ids", "input_mask", "input_type_ids")}
        return float(task.loss(ours(tokens, training=False), part, denominators))

    whole = loss(batch)
    padded = {name: tf.pad(value, [[0, 0], [0, 9]]) if value.shape.rank == 2 else value for name, value in batch.items()}
    assert loss(padded) == pytest.approx(whole, abs=1e-5)
    shares = [loss({name: value[rows] for name, value in batch.items()}) for rows in (slice(0, 2), slice(2, 4))]
    assert sum(shares) == pytest.approx(whole, abs=1e-5)


def test_the_metric_of_the_best_checkpoint():
    assert SpanTask(DecodingOptions()).best_metric == "f1"
    assert SpanTask(DecodingOptions(version_2=True)).best_metric == "best_f1"
    with pytest.raises(UserError, match="--best_metric=exact is not computed for this task"):
        SpanTask(DecodingOptions(), best_metric="exact")
