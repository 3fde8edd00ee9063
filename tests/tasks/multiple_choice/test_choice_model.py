"""The model of multiple choice against the class of transformers, and choices that are not there."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.models.checkpoints import open_source
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.models.families import names
from bert_tf2.models.families.bert.family import WEIGHTS
from bert_tf2.tasks.multiple_choice.model import NO_CHOICE, build_choice_model

QUESTIONS, CHOICES, LENGTH = 4, 3, 11


@pytest.fixture
def config(tiny_config_dict):
    return BertConfig(**tiny_config_dict | {"hidden_act": "gelu_exact"})


@pytest.fixture
def model(config):
    model = build_choice_model(build_encoder(config, output_range=1), 0.1, 0.02)
    rng = np.random.default_rng(3)
    model.set_weights([value + rng.normal(scale=0.2, size=value.shape) for value in model.get_weights()])
    return model


def batch(config, counts=(CHOICES,) * QUESTIONS):
    """Inputs of questions with these numbers of choices, of different lengths."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(2, LENGTH + 1, [QUESTIONS, CHOICES]) * (np.arange(CHOICES) < np.array(counts)[:, np.newaxis])
    mask = (np.arange(LENGTH) < lengths[..., np.newaxis]).astype(np.int32)
    ids = rng.integers(1, config.vocab_size, mask.shape, np.int32) * mask
    types = rng.integers(0, 2, mask.shape, np.int32) * mask
    return {name: tf.constant(values) for name, values in zip(INPUT_NAMES, (ids, mask, types))}


def with_free_rows(model, inputs):
    """The outputs in a graph in which the number of questions is not known, as in a training that XLA does not compile."""
    signature = [{name: tf.TensorSpec([None, None, None], tf.int32) for name in INPUT_NAMES}]
    return tf.function(lambda values: model(values, training=False), input_signature=signature)(inputs)


@pytest.mark.filterwarnings("ignore")
def test_logits_loss_and_gradients_are_those_of_transformers(config, tmp_path):
    from bert_tf2.models.checkpoints import safetensors_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers = pytest.importorskip("transformers")
        from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model
    rng = np.random.default_rng(2)
    state = {}
    for weights, prefix in ((WEIGHTS.encoder(config.num_hidden_layers), "bert."), (names.CLASSIFIER, "")):
        for weight in weights:
            shape = [1 if field is None else getattr(config, field) for field in weight.shape]
            shape = shape[::-1] if weight.transposed else shape
            state[prefix + weight.hugging_face] = rng.normal(scale=0.3, size=shape).astype(np.float32)
    content = {name: (value.shape, lambda value=value: value) for name, value in state.items()}
    safetensors_file.write(str(tmp_path / "model.safetensors"), content)
    theirs = transformers.TFBertForMultipleChoice(transformers.BertConfig(**config.to_hugging_face_dict()))
    load_pytorch_state_dict_in_tf2_model(theirs, state, allow_missing_keys=True)

    encoder = build_encoder(config, output_range=1)
    ours = build_choice_model(encoder, 0.1, 0.02)
    report = load_encoder_weights(encoder, open_source(str(tmp_path / "model.safetensors")), config, head_model=ours)
    assert not report.missing
    assert not report.unused

    inputs, labels = batch(config), tf.constant([0, 2, 1, 2])
    with tf.GradientTape(persistent=True) as tape:
        renamed = dict(zip(("input_ids", "attention_mask", "token_type_ids"), inputs.values()))
        answered = theirs(renamed, labels=labels, training=False)
        logits = ours(inputs, training=False)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    np.testing.assert_allclose(logits, answered.logits, atol=1e-5)
    np.testing.assert_allclose(loss, answered.loss, atol=1e-5)
    np.testing.assert_allclose(with_free_rows(ours, inputs), answered.logits, atol=1e-5)

    def gradients(of, variables):
        return {name: tf.convert_to_tensor(tape.gradient(of, variable)).numpy() for name, variable in variables.items()}

    their_head, our_head = theirs.classifier, ours.get_layer("sentence_prediction").out_proj
    found = gradients(loss, {"kernel": our_head.kernel, "words": encoder._embedding_layer.embeddings})
    expected = gradients(answered.loss, {"kernel": their_head.kernel, "words": theirs.bert.embeddings.weight})
    for name, gradient in expected.items():
        assert np.abs(gradient).max() > 1e-3
        np.testing.assert_allclose(found[name], gradient, atol=2e-6)


def test_choices_that_are_not_there_are_not_computed(config, model):
    inputs = batch(config, counts=(3, 1, 2, 3))
    whole = model(inputs, training=False).numpy()
    # In eager mode all shapes are known, and all rows computed.
    np.testing.assert_allclose(with_free_rows(model, inputs), whole, atol=1e-5)
    np.testing.assert_array_equal(whole <= NO_CHOICE, np.arange(CHOICES) >= np.array([[3], [1], [2], [3]]))
    # A question's logits do not depend on what else is in its batch.
    alone = {name: values[2:3, :2] for name, values in inputs.items()}
    np.testing.assert_allclose(model(alone, training=False), whole[2:3, :2], atol=1e-5)

    rows = model.get_layer("choice_rows")
    signature = [{name: tf.TensorSpec([None, None, None], tf.int32) for name in INPUT_NAMES}]
    assert tf.function(rows.call, input_signature=signature)(inputs)["input_mask"].shape == (9, LENGTH)
    assert rows.call(inputs)["input_mask"].shape == (QUESTIONS * CHOICES, LENGTH)


def test_xla_compiles_a_fixed_number_of_questions(config, model):
    inputs = batch(config, counts=(3, 1, 2, 3))

    @tf.function(jit_compile=True, autograph=False)
    def loss_and_gradient(values):
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits([0, 0, 1, 2], model(values, training=False))
        return losses, tape.gradient(losses, model.get_layer("sentence_prediction").out_proj.kernel)

    compiled = loss_and_gradient(inputs)
    plain = loss_and_gradient.python_function(inputs)
    for one, other in zip(compiled, plain):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_gradient_passes_by_what_is_not_there(config, model):
    inputs = batch(config, counts=(3, 1, 2, 3))
    noise = {name: values + (1 - inputs["input_mask"]) for name, values in inputs.items() if name != "input_mask"}
    kernel = model.get_layer("sentence_prediction").out_proj.kernel

    @tf.function(input_signature=[{name: tf.TensorSpec([None, None, None], tf.int32) for name in INPUT_NAMES}], autograph=False)
    def gradient(values):
        with tf.GradientTape() as tape:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits([0, 0, 1, 2], model(values, training=False))
        return losses, tape.gradient(losses, kernel)

    losses, found = gradient(inputs)
    assert losses[1].numpy() == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(found, gradient(inputs | noise)[1], atol=1e-6)
    assert np.abs(found).max() > 1e-3
