"""The encoder against the model garden's, which is the reference: numbers, gradients, checkpoints."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.modeling import tf_utils
from official.nlp.modeling import models, networks

from bert_tf2.models.attention import SelfAttention
from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import dropout_seed
from bert_tf2.models.encoder import build_encoder

ROWS, LENGTH = 5, 13


@pytest.fixture
def config(tiny_config_dict) -> BertConfig:
    return BertConfig.from_dict(tiny_config_dict)


def garden_encoder(config: BertConfig, cls=networks.BertEncoder):
    encoder = cls(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        max_sequence_length=config.max_position_embeddings,
        type_vocab_size=config.type_vocab_size,
        inner_dim=config.intermediate_size,
        inner_activation=tf_utils.get_activation("gelu"),
        dict_outputs=True,
    )
    if cls is networks.BertEncoderV2:
        encoder(encoder.inputs)
    return encoder


def batch(config: BertConfig, length: int = LENGTH) -> dict[str, tf.Tensor]:
    """Rows of all kinds of padding: none, some, all but one, and a row of padding only."""
    rng = np.random.default_rng(1)
    lengths = np.array([length, length - 3, length // 2, 1, 0])
    mask = (np.arange(length) < lengths[:, np.newaxis]).astype(np.int32)
    ids = rng.integers(0, config.vocab_size, [ROWS, length], np.int32)
    types = rng.integers(0, config.type_vocab_size, [ROWS, length], np.int32)
    return {"input_word_ids": tf.constant(ids), "input_mask": tf.constant(mask), "input_type_ids": tf.constant(types)}


def randomize(model, seed=0):
    """Gives every weight, biases and normalisation too, values far from their initial ones."""
    rng = np.random.default_rng(seed)
    model.set_weights([value + rng.normal(scale=0.2, size=value.shape) for value in model.get_weights()])


def assert_same_outputs(one, other, atol=1e-5):
    assert set(one) == set(other) == {"sequence_output", "pooled_output", "encoder_outputs"}
    for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


def test_outputs_equal_the_garden(config):
    garden, ours = garden_encoder(config), build_encoder(config)
    randomize(garden)
    ours.set_weights(garden.get_weights())
    inputs = batch(config)
    assert_same_outputs(garden(inputs), ours(inputs))
    assert_same_outputs(garden(inputs), tf.function(ours)(inputs))


def test_gradients_equal_the_garden(config):
    garden, ours = garden_encoder(config), build_encoder(config)
    randomize(garden)
    ours.set_weights(garden.get_weights())
    inputs = batch(config)
    weight = tf.random.stateless_normal([ROWS, LENGTH, config.hidden_size], [1, 2])

    @tf.function
    def gradients(model):
        with tf.GradientTape() as tape:
            outputs = model(inputs)
            loss = tf.reduce_sum(outputs["sequence_output"] * weight) + tf.reduce_sum(outputs["pooled_output"])
        return [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, model.trainable_variables)]

    for variable, expected, ours_gradient in zip(ours.trainable_variables, gradients(garden), gradients(ours), strict=True):
        scale = 1 + np.abs(expected).max()
        np.testing.assert_allclose(ours_gradient, expected, rtol=0, atol=2e-5 * scale, err_msg=variable.name)


def test_exact_gelu_equals_keras(config):
    config = BertConfig.from_dict(config.to_dict() | {"hidden_act": "gelu_exact"})
    garden, ours = garden_encoder(config), build_encoder(config)
    for layer in garden.transformer_layers:
        layer._intermediate_activation_layer.activation = tf_keras.activations.gelu
    randomize(garden)
    ours.set_weights(garden.get_weights())
    assert_same_outputs(garden(batch(config)), ours(batch(config)))


def test_classifier_equals_the_garden(config):
    garden = models.BertClassifier(garden_encoder(config), num_classes=3)
    randomize(garden)
    ours = build_encoder(config)
    ours.set_weights(garden.checkpoint_items["encoder"].get_weights())
    kernel, bias = garden.get_weights()[-2:]
    logits = tf.matmul(ours(batch(config))["pooled_output"], kernel) + bias
    np.testing.assert_allclose(garden(batch(config)), logits, rtol=0, atol=1e-5)


def test_variables_are_named_shaped_and_ordered_as_the_garden(config):
    garden, ours = garden_encoder(config), build_encoder(config)
    assert [(v.name, v.shape) for v in garden.weights] == [(v.name, v.shape) for v in ours.weights]
    assert [v.name for v in garden.trainable_variables] == [v.name for v in ours.trainable_variables]


@pytest.mark.parametrize("key", ["model", "encoder"])
@pytest.mark.parametrize("generation", [networks.BertEncoder, networks.BertEncoderV2])
def test_checkpoints_pass_both_ways(config, tmp_path, key, generation):
    garden, ours = garden_encoder(config, generation), build_encoder(config)
    randomize(garden)
    path = tf.train.Checkpoint(**{key: garden}).write(str(tmp_path / "garden"))
    status = tf.train.Checkpoint(**{key: ours}).read(path)
    if generation is networks.BertEncoder:
        status.assert_consumed()
    assert_same_outputs(garden(batch(config)), ours(batch(config)))

    randomize(ours, seed=7)
    path = tf.train.Checkpoint(**{key: ours}).write(str(tmp_path / "ours"))
    status = tf.train.Checkpoint(**{key: garden}).read(path)
    if generation is networks.BertEncoder:
        status.assert_existing_objects_matched()
        keys = [[name for name, _ in tf.train.list_variables(str(tmp_path / file))] for file in ("garden", "ours")]
        assert keys[0] == keys[1]
    assert_same_outputs(garden(batch(config)), ours(batch(config)))


def test_checkpoints_of_2020_restore(config, tmp_path):
    garden, ours = garden_encoder(config), build_encoder(config)
    randomize(garden)
    for block in garden.transformer_layers:
        block._attention_output_dense = block._attention_layer._output_dense
        block._attention_layer._output_dense = None
        del block._attention_layer._output_dense
    path = tf.train.Checkpoint(model=garden).write(str(tmp_path / "garden"))
    names = [name for name, _ in tf.train.list_variables(path)]
    assert any("layer_with_weights-4/_attention_output_dense/kernel" in name for name in names)
    assert not any("_attention_layer/_output_dense" in name for name in names)
    tf.train.Checkpoint(model=ours).read(path).assert_consumed()
    for expected, restored in zip(garden.transformer_layers, ours._transformer_layers, strict=True):
        np.testing.assert_array_equal(expected._attention_output_dense.kernel, restored._attention_layer._output_dense.kernel)


def test_length_and_batch_are_free_and_padding_changes_nothing(config):
    encoder = build_encoder(config)
    randomize(encoder)
    function = tf.function(encoder, reduce_retracing=True)
    inputs = batch(config)
    whole = function(inputs)["sequence_output"]
    longer = function({key: tf.pad(value, [[0, 0], [0, 9]]) for key, value in inputs.items()})["sequence_output"]
    real = np.array(inputs["input_mask"], bool)
    np.testing.assert_allclose(longer[:, :LENGTH][real], whole[real], rtol=0, atol=1e-5)
    for row, length in enumerate([LENGTH, LENGTH - 3, LENGTH // 2, 1]):
        alone = function({key: value[row : row + 1, :length] for key, value in inputs.items()})["sequence_output"]
        np.testing.assert_allclose(alone[0], whole[row, :length], rtol=0, atol=1e-5)


@pytest.mark.parametrize("number", [1, 3])
def test_output_range_computes_the_first_tokens_only(config, number):
    whole, first = build_encoder(config), build_encoder(config, output_range=number)
    randomize(whole)
    first.set_weights(whole.get_weights())
    upstream = tf.random.stateless_normal([ROWS, number, config.hidden_size], [1, 2])

    def outputs_and_gradients(encoder):
        with tf.GradientTape() as tape:
            outputs = encoder(batch(config))
            loss = tf.reduce_sum(outputs["sequence_output"][:, :number] * upstream) + tf.reduce_sum(outputs["pooled_output"])
        gradients = tape.gradient(loss, encoder.trainable_variables, unconnected_gradients="zero")
        return outputs, [tf.convert_to_tensor(gradient) for gradient in gradients]

    (expected, expected_gradients), (outputs, gradients) = outputs_and_gradients(whole), outputs_and_gradients(first)
    assert outputs["sequence_output"].shape == [ROWS, number, config.hidden_size]
    np.testing.assert_allclose(outputs["sequence_output"], expected["sequence_output"][:, :number], rtol=0, atol=2e-6)
    np.testing.assert_allclose(outputs["pooled_output"], expected["pooled_output"], rtol=0, atol=1e-6)
    for variable, one, other in zip(first.trainable_variables, gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5, err_msg=variable.name)


def test_dropout_of_few_queries_keeps_the_expectation(config):
    attention = SelfAttention(dataclasses.replace(config, attention_probs_dropout_prob=0.4), salt=3)
    hidden, adder = tf.random.stateless_normal([ROWS, LENGTH, config.hidden_size], [1, 2]), tf.zeros([ROWS, 1, 1, LENGTH])
    attention(hidden, adder)
    for variable in attention.trainable_variables:
        variable.assign(tf.random.stateless_normal(variable.shape, [3, 4], stddev=0.3))
    expected = attention(hidden, adder, 2, training=False)

    @tf.function
    def dropped(number):
        with dropout_seed(tf.stack([number, 7])):
            return attention(hidden, adder, 2, training=True)

    samples = np.array([dropped(number) for number in tf.range(600)])
    deviation = (samples.mean(axis=0) - expected) / (samples.std(axis=0) / np.sqrt(len(samples)))
    assert np.abs(deviation).max() < 5
    assert samples.std(axis=0).min() > 0


@pytest.mark.slow
def test_compiled_as_a_whole_gives_the_same_numbers(config):
    encoder = build_encoder(dataclasses.replace(config, num_hidden_layers=1))
    randomize(encoder)
    inputs = batch(config)

    def step(seed):
        with tf.GradientTape() as tape, dropout_seed(seed):
            loss = tf.reduce_sum(encoder(inputs, training=True)["pooled_output"])
        return [loss, *(tf.norm(tf.convert_to_tensor(g)) for g in tape.gradient(loss, encoder.trainable_variables))]

    seed = tf.constant([5, 6])
    for plain, compiled in zip(tf.function(step)(seed), tf.function(step, jit_compile=True)(seed), strict=True):
        np.testing.assert_allclose(plain, compiled, rtol=1e-4, atol=1e-5)


def test_dropout_follows_the_seed(config):
    encoder = build_encoder(config)

    @tf.function
    def pooled(seed):
        with dropout_seed(seed):
            return encoder(batch(config), training=True)["pooled_output"]

    once = pooled(tf.constant([1, 2])).numpy()
    np.testing.assert_array_equal(once, pooled(tf.constant([1, 2])))
    assert np.abs(once - pooled(tf.constant([1, 3]))).max() > 1e-3


def test_dropout_has_the_distribution_of_the_garden(config):
    garden, ours = garden_encoder(config), build_encoder(config)
    ours.set_weights(garden.get_weights())
    inputs = {key: tf.repeat(value[1:2], 4000, axis=0) for key, value in batch(config).items()}
    with dropout_seed(tf.constant([1, 2])):
        outputs = ours(inputs, training=True)["sequence_output"].numpy()
    expected = garden(inputs, training=True)["sequence_output"].numpy()
    assert np.abs(outputs.mean(axis=0) - expected.mean(axis=0)).max() < 0.1
    assert np.abs(outputs.std(axis=0) - expected.std(axis=0)).max() < 0.1


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(config, policy):
    exact, mixed = build_encoder(config), build_encoder(config, policy)
    randomize(exact)
    mixed.set_weights(exact.get_weights())
    inputs = batch(config)
    with tf.GradientTape() as tape, dropout_seed(tf.constant([1, 2])):
        loss = tf.reduce_sum(mixed(inputs, training=True)["pooled_output"])
    gradients = tape.gradient(loss, mixed.trainable_variables)
    for variable, gradient in zip(mixed.trainable_variables, gradients, strict=True):
        assert variable.dtype == gradient.dtype == tf.float32
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()
    outputs = mixed(inputs)
    assert {value.dtype for value in tf.nest.flatten(outputs)} == {tf.float32}
    np.testing.assert_allclose(outputs["pooled_output"][:4], exact(inputs)["pooled_output"][:4], rtol=0, atol=0.1)


TWO_REPLICAS = """
import tensorflow as tf
devices = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import dropout_seed
from bert_tf2.models.encoder import build_encoder

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    encoder = build_encoder(
        BertConfig(50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    )

@tf.function
def run(step):
    def replica():
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        ids = tf.ones([3, 7], tf.int32)
        with tf.GradientTape() as tape, dropout_seed(tf.stack([step, index])):
            inputs = {"input_word_ids": ids, "input_mask": ids, "input_type_ids": 0 * ids}
            pooled = encoder(inputs, training=True)["pooled_output"]
            loss = tf.reduce_sum(pooled)
        gradient = tape.gradient(loss, encoder.trainable_variables[5])
        return tf.concat([tf.reshape(pooled, [-1]), tf.reshape(gradient, [-1])], axis=0)
    return strategy.experimental_local_results(strategy.run(replica))

first, second = run(tf.constant(1))
again, _ = run(tf.constant(1))
later, _ = run(tf.constant(2))
assert (first == again).numpy().all()
assert abs(first - second).numpy().max() > 1e-3 and abs(first - later).numpy().max() > 1e-3
print("replicas differ")
"""


@pytest.mark.slow
def test_replicas_draw_differently():
    result = subprocess.run([sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True, timeout=300)
    assert result.stdout == "replicas differ\n", result.stderr


def test_unknown_policy(config):
    with pytest.raises(ValueError, match="policy must be one of"):
        build_encoder(config, "float8")
