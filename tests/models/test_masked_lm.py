"""The parts of the encoder that only pre-training uses."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.layers import TiedEmbedding
from bert_tf2.models.masked_lm import MaskedLM


@pytest.fixture
def config(tiny_config_dict) -> BertConfig:
    return BertConfig.from_dict(tiny_config_dict | {"initializer_range": 0.3})


def make_inputs(config, rows=3, length=11):
    random = np.random.default_rng(1)
    mask = (np.arange(length) < random.integers(6, length + 1, rows)[:, None]).astype(np.int32)
    ids = random.integers(5, config.vocab_size, (rows, length)).astype(np.int32) * mask
    return {"input_word_ids": ids, "input_mask": mask, "input_type_ids": np.zeros_like(ids)}


def test_chosen_tokens_are_those_of_the_whole_encoder(config):
    whole, part = build_encoder(config), build_encoder(config, for_pretraining=True)
    part.set_weights(whole.get_weights())
    inputs = make_inputs(config)
    positions = np.array([[0, 3, 5, 3], [0, 1, 2, 4], [0, 0, 0, 5]], np.int32)
    expected = whole(inputs)
    found = part({**inputs, "output_positions": positions})
    rows = np.arange(3)[:, None]
    np.testing.assert_allclose(found["sequence_output"], expected["sequence_output"].numpy()[rows, positions], atol=1e-5)
    np.testing.assert_allclose(found["pooled_output"], expected["pooled_output"], atol=1e-5)
    np.testing.assert_array_equal(found["word_table"], whole.weights[0])


def test_its_checkpoint_is_that_of_the_plain_encoder(config, tmp_path):
    whole, part = build_encoder(config), build_encoder(config, for_pretraining=True)
    tf.train.Checkpoint(model=part).write(str(tmp_path / "part"))
    tf.train.Checkpoint(model=whole).read(str(tmp_path / "part")).assert_existing_objects_matched()
    for one, other in zip(whole.weights, part.weights):
        np.testing.assert_array_equal(one, other)


def test_both_uses_of_the_table_have_one_gradient():
    layer = TiedEmbedding(7, 3, tf_keras.initializers.RandomNormal(seed=1))
    ids, upstream = tf.constant([[1, 4, 1], [0, 4, 6]]), tf.random.stateless_normal([2, 3, 3], [1, 2])
    other = tf.random.stateless_normal([7, 3], [3, 4])
    with tf.GradientTape() as tape:
        vectors, table = layer(ids)
        loss = tf.reduce_sum(vectors * upstream) + tf.reduce_sum(tf.square(table) * other)
    gradient = tape.gradient(loss, layer.embeddings)
    assert isinstance(gradient, tf.Tensor)
    expected = 2 * other * layer.embeddings
    expected = tf.tensor_scatter_nd_add(expected, tf.reshape(ids, [-1, 1]), tf.reshape(upstream, [-1, 3]))
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)
    np.testing.assert_array_equal(vectors, tf.gather(layer.embeddings, ids))


def test_logits_are_those_of_the_loss(config):
    encoder = build_encoder(config, for_pretraining=True)
    head = MaskedLM(config, encoder._embedding_layer, name="cls/predictions")
    inputs = {**make_inputs(config), "output_positions": np.array([[0, 2], [0, 3], [0, 1]], np.int32)}
    encoded = encoder(inputs)
    places, labels = tf.constant([1, 3, 5]), tf.constant([7, 80, 9])
    losses, right = head(encoded["sequence_output"], places, labels, encoded["word_table"])
    logits = head.logits(encoded["sequence_output"], places)
    assert logits.shape == (3, config.vocab_size)
    expected = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    np.testing.assert_array_equal(right, tf.cast(tf.argmax(logits, -1, tf.int32) == labels, tf.float32))
