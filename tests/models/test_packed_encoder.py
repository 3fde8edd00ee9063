"""Examples in packs give what they give alone, in outputs and in gradients."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.packing import PackShape, packing_of
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.packing import Packing, current, is_only_read_at_its_end, packed

SLOTS = 16
LENGTHS = np.array([16, 3, 7, 1, 9, 0, 5])


@pytest.fixture
def config(tiny_config_dict) -> BertConfig:
    return BertConfig.from_dict(tiny_config_dict)


def batch(config):
    random = np.random.default_rng(1)
    mask = (np.arange(SLOTS) < LENGTHS[:, np.newaxis]).astype(np.int32)
    ids = random.integers(0, config.vocab_size, mask.shape, np.int32)
    types = random.integers(0, config.type_vocab_size, mask.shape, np.int32)
    return {"input_word_ids": tf.constant(ids), "input_mask": tf.constant(mask), "input_type_ids": tf.constant(types)}


def packing(packs=4, most=3):
    return Packing(*map(tf.constant, packing_of(LENGTHS, PackShape(packs, SLOTS, most), 1)))


def randomized(config, **options):
    tf_keras.utils.set_random_seed(0)
    encoder = build_encoder(config, **options)
    random = np.random.default_rng(0)
    encoder.set_weights([value + random.normal(scale=0.2, size=value.shape) for value in encoder.get_weights()])
    return encoder


def losses(encoder, inputs, upstream, how):
    """A loss of all that examples have, the pooled output and the gradients."""
    is_token = (np.arange(SLOTS) < LENGTHS[:, np.newaxis]).astype(np.float32)[:, : upstream.shape[1], np.newaxis]
    with packed(how), tf.GradientTape() as tape:
        outputs = encoder(inputs, training=False)
        loss = tf.reduce_sum(tf.sin(outputs["sequence_output"]) * is_token * upstream)
        loss += tf.reduce_sum(tf.sin(outputs["pooled_output"]) * is_token[:, 0] * upstream[:, 0])
    gradients = tape.gradient(loss, encoder.trainable_variables, unconnected_gradients="zero")
    return loss, outputs, [tf.convert_to_tensor(gradient) for gradient in gradients]


@pytest.mark.parametrize("output_range", [None, 1])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("compiles", [False, True])
def test_packed_equals_alone(config, output_range, layers, compiles):
    config = BertConfig.from_dict({**config.to_dict(), "num_hidden_layers": layers})
    encoder, inputs = randomized(config, output_range=output_range), batch(config)
    upstream = np.random.default_rng(2).normal(size=[len(LENGTHS), output_range or SLOTS, config.hidden_size]).astype(np.float32)
    one, alone, expected = losses(encoder, inputs, upstream, None)

    def run():
        return losses(encoder, inputs, upstream, packing())

    other, together, found = tf.function(run, jit_compile=True, autograph=False)() if compiles else run()
    np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-3)
    for example, length in enumerate(LENGTHS):
        for name, places in (("sequence_output", slice(0, length)), ("pooled_output", slice(None))):
            if length:
                np.testing.assert_allclose(together[name][example][places], alone[name][example][places], atol=1e-4)
    # Where there is no token there is nothing of another example.
    rest = np.arange(SLOTS)[:output_range] >= LENGTHS[:, np.newaxis]
    assert not np.asarray(together["sequence_output"])[rest].any()
    for variable, gradient, wanted in zip(encoder.trainable_variables, found, expected, strict=True):
        np.testing.assert_allclose(gradient, wanted, atol=2e-4 * max(1, np.abs(wanted).max()), err_msg=variable.name)


def test_no_token_sees_another_example(config):
    encoder, inputs = randomized(config), batch(config)
    changed = inputs["input_word_ids"].numpy()
    changed[2] = (changed[2] + 1) % config.vocab_size
    with packed(packing()):
        one, other = (
            encoder({**inputs, "input_word_ids": tf.constant(ids)})["sequence_output"].numpy()
            for ids in (inputs["input_word_ids"].numpy(), changed)
        )
    assert [example for example in range(len(LENGTHS)) if not np.array_equal(one[example], other[example])] == [2]


def test_only_within_the_context(config):
    encoder, inputs = randomized(config), batch(config)
    with packed(packing()):
        assert current() is not None
        with packed(None):
            assert current() is None
    assert current() is None
    assert encoder(inputs)["encoder_outputs"][0].shape == (len(LENGTHS), SLOTS, config.hidden_size)


def test_other_outputs_than_packs_give_are_refused(config):
    encoder = build_encoder(config, output_range=2)
    with packed(packing()), pytest.raises(ValueError, match="all tokens are computed or the first"):
        encoder(batch(config))


def test_who_reads_inner_blocks(config):
    encoder = build_encoder(config)
    inputs = {name: tf_keras.Input((None,), dtype=tf.int32, name=name) for name in encoder.input}
    outputs = encoder(inputs)
    assert is_only_read_at_its_end(encoder, tf_keras.Model(inputs, [outputs["pooled_output"], outputs["sequence_output"]]))
    assert is_only_read_at_its_end(encoder, tf_keras.Model(inputs, outputs["encoder_outputs"][-1]))
    assert not is_only_read_at_its_end(encoder, tf_keras.Model(inputs, outputs["encoder_outputs"][0]))
