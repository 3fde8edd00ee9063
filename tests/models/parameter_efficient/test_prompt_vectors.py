"""Vectors that stand for rows of the table of words: what is computed with them, and what their training costs."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.models.families.base import config_of, family_of
from bert_tf2.models.parameter_efficient.prompt_vectors import PromptVectors, begin_prompt, end_prompt

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 50}
FAMILIES = {
    "bert": {"max_position_embeddings": 64, "type_vocab_size": 2, **SIZES},
    "albert": {"model_type": "albert", "embedding_size": 8, "max_position_embeddings": 64, **SIZES},
    "chinese_albert": {"ln_type": "postln", "embedding_size": 8, "max_position_embeddings": 64, "type_vocab_size": 2, **SIZES},
}
IDS = np.array([[5, 3, 8, 1, 6], [1, 1, 11, 3, 0]], np.int32)
INPUTS = {"input_word_ids": IDS, "input_mask": (IDS > 0).astype(np.int32), "input_type_ids": np.zeros_like(IDS)}


def encoder_of(name: str) -> tf_keras.Model:
    tf_keras.utils.set_random_seed(1)
    config = config_of(FAMILIES[name])
    return family_of(config).build(config)


@pytest.mark.parametrize("name", FAMILIES)
def test_vectors_are_used_as_rows_of_the_table(name):
    """As if the table held them; at first as before, bit for bit."""
    encoder, other = encoder_of(name), encoder_of(name)
    before = encoder(INPUTS)["sequence_output"].numpy()
    prompt = begin_prompt(encoder, [[3], [1, 2]])
    np.testing.assert_array_equal(encoder(INPUTS)["sequence_output"], before)
    vectors = np.random.default_rng(0).normal(size=prompt.vectors.shape).astype(np.float32)
    prompt.vectors.assign(vectors)
    table = other._embedding_layer.embeddings.numpy()
    table[[3, 1, 2]] = vectors
    other._embedding_layer.embeddings.assign(table)
    wanted = other(INPUTS)["sequence_output"].numpy()
    assert abs(wanted - before).max() > 0.1
    np.testing.assert_array_equal(encoder(INPUTS)["sequence_output"], wanted)
    np.testing.assert_array_equal(encoder._embedding_layer.table(), other._embedding_layer.table())
    end_prompt(encoder)
    np.testing.assert_array_equal(encoder._embedding_layer.embeddings, table)
    np.testing.assert_array_equal(encoder(INPUTS)["sequence_output"], wanted)
    assert len(encoder.get_weights()) == len(other.get_weights())


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_are_those_of_the_rows(name):
    """Of the table's other rows they are what they were, and its own rows that vectors stand for have none."""
    encoder = encoder_of(name)
    words = encoder._embedding_layer
    weights = np.random.default_rng(0).normal(size=(2, 5, 16))

    def gradients(variables):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(encoder(INPUTS)["sequence_output"] * weights)
        return [tf.convert_to_tensor(one).numpy() for one in tape.gradient(loss, variables)]

    (whole,) = gradients([words.embeddings])
    prompt = begin_prompt(encoder, [[3], [1]])
    of_table, of_vectors = gradients([words.embeddings, prompt.vectors])
    np.testing.assert_allclose(of_vectors, whole[[3, 1]], atol=1e-5)
    assert abs(of_vectors).max() > 0.1
    whole[[3, 1]] = 0
    np.testing.assert_allclose(of_table, whole, atol=1e-6)


@pytest.mark.parametrize("width", [6, 7])
def test_what_is_added_is_an_lstm_and_two_layers_of_keras(width):
    rng, units = np.random.default_rng(0), (width + 1) // 2
    base = rng.normal(size=(5, width)).astype(np.float32)
    for encoder in ("mlp", "lstm"):
        prompt = PromptVectors(base, [2, 3], encoder)
        # f begins at 0.
        np.testing.assert_array_equal(prompt.current(), base)
        values = {one.name: rng.normal(0, 0.5, one.shape).astype(np.float32) for one in prompt.variables[1:]}
        for variable in prompt.variables[1:]:
            variable.assign(values[variable.name])
        seen = base
        if encoder == "lstm":
            lstm = tf_keras.layers.Bidirectional(tf_keras.layers.LSTM(units, return_sequences=True))
            lstm(np.zeros([1, 1, width], np.float32))
            parts = ("kernel", "recurrent_kernel", "bias")
            lstm.set_weights([values[f"{direction}/{part}:0"] for direction in ("forward", "backward") for part in parts])
            seen = np.concatenate([lstm(part[np.newaxis])[0] for part in (base[:2], base[2:])])
        hidden = np.maximum(seen @ values["hidden/kernel:0"] + values["hidden/bias:0"], 0)
        wanted = base + hidden @ values["output/kernel:0"] + values["output/bias:0"]
        np.testing.assert_allclose(prompt.current(), wanted, atol=1e-5)
