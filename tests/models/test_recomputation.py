"""Blocks that the gradient makes again: the same gradients, and nothing of them is kept."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import dropout_seed
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.own_weights import Substitutes, substituted

CONFIG = BertConfig(
    vocab_size=50, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32, max_position_embeddings=16
)
ROWS, LENGTH, PLACES = 3, 9, 4
KINDS = {"all": {}, "first": {"output_range": 1}, "chosen": {"for_pretraining": True}}


def inputs(for_pretraining=False, **_):
    random = np.random.default_rng(2)
    given = {
        "input_word_ids": tf.constant(random.integers(1, 50, (ROWS, LENGTH)), tf.int32),
        "input_mask": tf.constant(np.arange(LENGTH) < random.integers(4, LENGTH + 1, (ROWS, 1)), tf.int32),
        "input_type_ids": tf.zeros([ROWS, LENGTH], tf.int32),
    }
    if for_pretraining:
        places = random.integers(1, LENGTH, (ROWS, PLACES))
        given["output_positions"] = tf.constant(np.pad(places, [(0, 0), (1, 0)]), tf.int32)
    return given


def gradients(recompute, policy="float32", compiles=False, eager=False, frozen=None, config=CONFIG, **kind):
    tf_keras.utils.set_random_seed(1)
    encoder = build_encoder(config, policy, recompute=recompute, **kind)
    if frozen:
        encoder.get_layer(frozen).trainable = False
    given = inputs(**kind)

    def step(seed):
        with substituted(Substitutes(for_compiler=compiles)), dropout_seed(seed), tf.GradientTape() as tape:
            outputs = encoder(given, training=True)
            loss = tf.reduce_sum(tf.square(outputs["sequence_output"] - 0.3)) + tf.reduce_sum(outputs["pooled_output"])
        with substituted(Substitutes(for_compiler=compiles)):
            found = tape.gradient(loss, encoder.trainable_variables)
        return loss, [None if one is None else tf.convert_to_tensor(one) for one in found]

    function = step if eager else tf.function(step, jit_compile=compiles, autograph=False)
    loss, found = function(tf.constant([3, 4]))
    names = [variable.name for variable in encoder.trainable_variables]
    return float(loss), {name: None if one is None else one.numpy() for name, one in zip(names, found, strict=True)}


def require_equal(one, other, tolerance=0.0):
    assert one[1].keys() == other[1].keys()
    assert [name for name, value in one[1].items() if value is None] == [
        name for name, value in other[1].items() if value is None
    ]
    # Some gradients are 0 but for rounding.
    largest = max(np.abs(value).max() for value in other[1].values() if value is not None)
    for name, value in other[1].items():
        if value is not None:
            np.testing.assert_allclose(one[1][name], value, rtol=0, atol=tolerance * largest, err_msg=name)
    np.testing.assert_allclose(one[0], other[0], rtol=1e-6)


@pytest.mark.parametrize(("kind", "policy"), [("all", "mixed_bfloat16"), ("first", "float32"), ("chosen", "float32")])
def test_the_same_bits(kind, policy):
    expected = gradients(False, policy, **KINDS[kind])
    assert any(np.abs(value).max() > 0 for value in expected[1].values() if value is not None)
    require_equal(gradients(True, policy, **KINDS[kind]), expected)


def test_frozen_blocks_and_single_operations():
    require_equal(gradients(True, frozen="transformer/layer_1"), gradients(False, frozen="transformer/layer_1"))
    require_equal(gradients(True, eager=True), gradients(False, eager=True))


@pytest.mark.parametrize("kind", ["all", "chosen"])
def test_compiled(kind):
    config = dataclasses.replace(CONFIG, num_hidden_layers=1)
    plain = gradients(False, config=config, **KINDS[kind])
    require_equal(gradients(True, config=config, compiles=True, **KINDS[kind]), plain, tolerance=1e-5)


def products(recompute):
    """How many matrix products the compiled gradient of one block has; outside a loop its forward pass is in the same code."""
    encoder, given = build_encoder(dataclasses.replace(CONFIG, num_hidden_layers=1), recompute=recompute), inputs()

    def step(seed):
        with substituted(Substitutes(for_compiler=True)), dropout_seed(seed):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(encoder(given, training=True)["sequence_output"]))
            return tape.gradient(loss, encoder.trainable_variables)

    function = tf.function(step, jit_compile=True, autograph=False)
    return function.experimental_get_compiler_ir(tf.constant([3, 4]))(stage="optimized_hlo").count(" dot(")


def test_a_compiler_does_not_find_that_it_is_done():
    # Queries, keys and values as one, their scores, what is attended to, its projection, and two of the feed-forward network.
    assert products(True) == products(False) + 6


def test_without_a_seed_the_gradient_is_of_what_was_drawn():
    """The gradient of a sum over a block in whose dropout nearly everything falls out is that of what was kept."""
    config = BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, hidden_dropout_prob=0.5
    )
    encoder = build_encoder(config, recompute=True)
    block = encoder._transformer_layers[0]
    hidden, adder = tf.random.normal([2, 5, 16]), tf.zeros([2, 1, 1, 5])

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            tape.watch(hidden)
            result = block(hidden, adder, training=True)
        bias = block._output_layer_norm.beta
        gamma = block._output_layer_norm.gamma
        found = tape.gradient(result, [bias, gamma], output_gradients=result)
        return result, found

    result, (of_beta, of_gamma) = step()
    np.testing.assert_allclose(of_beta, tf.reduce_sum(result, [0, 1]), rtol=1e-5)
    # gamma is 1 and beta 0, so the result is what gamma is multiplied with.
    np.testing.assert_allclose(of_gamma, tf.reduce_sum(tf.square(result), [0, 1]), rtol=1e-5)


def test_without_training_nothing_is_made_again():
    encoder = build_encoder(CONFIG, recompute=True)
    other = build_encoder(CONFIG)
    other.set_weights(encoder.get_weights())
    np.testing.assert_array_equal(encoder(inputs())["sequence_output"], other(inputs())["sequence_output"])
