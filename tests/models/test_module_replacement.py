"""Blocks of two encoders in one pass, beside the model garden's encoder with the same blocks one after the other."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.modeling import tf_utils
from official.nlp.modeling import networks

from bert_tf2.models.block_loop import unlooped
from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import dropout_seed
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.encoder_layers import blocks_of
from bert_tf2.models.families.base import config_of, family_of
from bert_tf2.models.module_replacement import Modules
from bert_tf2.models.own_weights import Substitutes, substituted

CONFIG = BertConfig(
    vocab_size=50,
    hidden_size=16,
    num_hidden_layers=4,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=16,
    initializer_range=0.3,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
MASK = np.array([[1] * 8, [1] * 5 + [0] * 3, [1] + [0] * 7], np.int32)
INPUTS = {
    "input_word_ids": tf.constant(np.random.default_rng(1).integers(1, 50, MASK.shape) * MASK, tf.int32),
    "input_mask": tf.constant(MASK),
    "input_type_ids": tf.zeros(MASK.shape, tf.int32),
}


def pair(successors=2, predecessors=4, build=build_encoder, config=CONFIG, **kind):
    """A smaller encoder and a larger one with the same embeddings and pooler, and other blocks."""
    tf_keras.utils.set_random_seed(3)
    small, large = (build(dataclasses.replace(config, num_hidden_layers=one), **kind) for one in (successors, predecessors))
    unlooped(small)
    blocks = {id(variable) for encoder in (small, large) for block in blocks_of(encoder) for variable in block.variables}
    mine, its = ([one for one in encoder.variables if id(one) not in blocks] for encoder in (small, large))
    for variable, value in zip(mine, its, strict=True):
        variable.assign(value)
    return small, large, Modules(blocks_of(small), blocks_of(large))


def passed(encoder, modules, replaced, compiles=False, seed=(1, 2), training=True):
    """The outputs of a training step and the gradients of a loss of them, by the names of all variables of the encoder."""

    def step(inputs, replaced):
        with substituted(Substitutes(for_compiler=compiles)), dropout_seed(tf.constant(seed)), tf.GradientTape() as tape:
            if modules is None:
                outputs = encoder(inputs, training=training)
            else:
                with modules.mixed(replaced):
                    outputs = encoder(inputs, training=training)
            loss = tf.reduce_sum(tf.sin(outputs["sequence_output"])) + tf.reduce_sum(outputs["pooled_output"])
        with substituted(Substitutes(for_compiler=compiles)):
            found = tape.gradient(loss, encoder.trainable_variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return outputs["sequence_output"], outputs["pooled_output"], [tf.convert_to_tensor(one) for one in found]

    # As batches come: neither their rows nor their length is known beforehand.
    specs = {name: tf.TensorSpec([None, None], tf.int32) for name in INPUTS}
    function = tf.function(step, jit_compile=compiles, autograph=False, input_signature=[specs, tf.TensorSpec([None], tf.bool)])
    sequence, pooled, gradients = function(INPUTS, tf.constant(replaced, tf.bool))
    named = {variable.name: one.numpy() for variable, one in zip(encoder.trainable_variables, gradients, strict=True)}
    return sequence.numpy(), pooled.numpy(), named


def garden_of(encoder, blocks):
    """The model garden's encoder with the embeddings and the pooler of one encoder and blocks of any."""
    garden = networks.BertEncoder(
        vocab_size=CONFIG.vocab_size,
        hidden_size=CONFIG.hidden_size,
        num_layers=len(blocks),
        num_attention_heads=CONFIG.num_attention_heads,
        max_sequence_length=CONFIG.max_position_embeddings,
        type_vocab_size=CONFIG.type_vocab_size,
        inner_dim=CONFIG.intermediate_size,
        inner_activation=tf_utils.get_activation("gelu"),
        dropout_rate=0.0,
        attention_dropout_rate=0.0,
        dict_outputs=True,
    )
    inside = {id(variable) for block in blocks_of(encoder) for variable in block.variables}
    around = [variable.numpy() for variable in encoder.variables if id(variable) not in inside]
    chosen = [variable.numpy() for block in blocks for variable in block.variables]
    garden.set_weights([*around[:-2], *chosen, *around[-2:]])
    return garden


@pytest.mark.parametrize("replaced", list(itertools.product([True, False], repeat=2)))
def test_a_mixed_pass_is_that_of_its_blocks_one_after_the_other(replaced):
    small, large, modules = pair()
    mine, its = blocks_of(small), blocks_of(large)
    path = [block for number, one in enumerate(replaced) for block in ([mine[number]] if one else its[2 * number :][:2])]
    expected = garden_of(small, path)(INPUTS)
    sequence, pooled, gradients = passed(small, modules, replaced)
    np.testing.assert_allclose(sequence, expected["sequence_output"], atol=2e-5)
    np.testing.assert_allclose(pooled, expected["pooled_output"], atol=2e-5)
    for number, one in enumerate(replaced):
        of_block = [value for name, value in gradients.items() if f"layer_{number}/" in name]
        assert any(np.abs(value).max() > 0 for value in of_block) is one
    # The gradient goes through whatever is computed.
    assert np.abs(gradients["word_embeddings/embeddings:0"]).max() > 0


def test_with_all_replaced_it_is_the_smaller_one_alone_and_with_none_the_larger_one():
    small, large, modules = pair()
    sequence, pooled, gradients = passed(small, modules, [True, True])
    alone = passed(small, None, [True, True])
    np.testing.assert_allclose(sequence, alone[0], atol=1e-6)
    np.testing.assert_allclose(pooled, alone[1], atol=1e-6)
    for name, value in alone[2].items():
        np.testing.assert_allclose(gradients[name], value, atol=1e-4, rtol=1e-4, err_msg=name)
    sequence, pooled, gradients = passed(small, modules, [False, False])
    whole = passed(large, None, [])
    np.testing.assert_allclose(sequence, whole[0], atol=1e-6)
    np.testing.assert_allclose(pooled, whole[1], atol=1e-6)
    shared = [name for name in gradients if "transformer/" not in name]
    assert len(shared) > 5
    for name in shared:
        np.testing.assert_allclose(gradients[name], whole[2][name], atol=1e-4, rtol=1e-4, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [{}, {"output_range": 1}], ids=["all_tokens", "first_token"])
def test_compiled_with_dropout_it_is_the_same(kind):
    config = dataclasses.replace(CONFIG, hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2)
    small, _, modules = pair(config=config, **kind)
    for replaced in ([True, False], [False, True]):
        plain, compiled = (passed(small, modules, replaced, compiles=compiles) for compiles in (False, True))
        np.testing.assert_allclose(compiled[0], plain[0], atol=1e-5)
        for name, value in plain[2].items():
            np.testing.assert_allclose(compiled[2][name], value, atol=2e-4, rtol=1e-3, err_msg=name)


def test_no_two_layers_of_a_pass_drop_the_same():
    """Layer 1 of both are one behind the other and alike: with the same dropout they would do the same."""
    config = dataclasses.replace(CONFIG, hidden_dropout_prob=0.5)
    small, large, modules = pair(successors=2, predecessors=2, config=config)
    for mine, its in zip(blocks_of(small), blocks_of(large)):
        for variable, value in zip(mine.variables, its.variables, strict=True):
            variable.assign(value)
    one, other = (passed(small, modules, replaced)[0] for replaced in ([True, True], [True, False]))
    assert np.abs(one - other).max() > 0.1
    one, other = (passed(small, modules, replaced, training=False)[0] for replaced in ([True, True], [True, False]))
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("successors", "predecessors", "sizes"),
    [(6, 12, [2] * 6), (4, 6, [1, 2, 1, 2]), (5, 12, [2, 2, 3, 2, 3]), (3, 3, [1, 1, 1]), (1, 4, [4])],
)
def test_modules(successors, predecessors, sizes):
    small, large = ([tf_keras.layers.Dense(1) for _ in range(number)] for number in (successors, predecessors))
    modules = Modules(small, large)
    assert modules.sizes == sizes
    assert sum(sizes) == predecessors


@pytest.mark.parametrize("model_type", ["electra", "distilbert", "roberta", "xlnet"])
def test_every_family_with_layers_of_their_own(model_type):
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    theirs = {
        "distilbert": {"dim": 8, "n_heads": 2, "hidden_dim": 8, "dropout": 0.0, "attention_dropout": 0.0},
        "xlnet": {"d_model": 8, "n_head": 2, "d_inner": 8, "dropout": 0.0},
    }
    without = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    values = theirs.get(model_type, sizes | without) | ({} if model_type == "xlnet" else {"max_position_embeddings": 16})
    config = config_of({"model_type": model_type, "vocab_size": 50, **values})
    small, large, modules = pair(build=family_of(config).build, config=config, output_range=1)
    with modules.mixed(tf.constant([False, False])):
        mixed = small(INPUTS, training=True)["sequence_output"]
    np.testing.assert_allclose(mixed, large(INPUTS)["sequence_output"], atol=1e-5)
    with modules.mixed(tf.constant([True, False])):
        mixed = small(INPUTS, training=True)["sequence_output"]
    assert np.abs(mixed - large(INPUTS)["sequence_output"]).max() > 1e-4
    np.testing.assert_allclose(small(INPUTS, training=True)["sequence_output"], small(INPUTS)["sequence_output"], atol=1e-6)
