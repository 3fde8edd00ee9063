"""Checkpoints that the model garden wrote, and the pieces the tests of this folder share."""

import warnings

import numpy as np
import tensorflow as tf
import tf_keras
from official.legacy.bert import bert_models, configs
from official.nlp.modeling import layers, models, networks

from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families import names
from bert_tf2.models.families.bert.family import WEIGHTS

CONFIG = BertConfig(
    vocab_size=97,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=64,
)


def garden_encoder(version=networks.BertEncoder, **kwargs):
    """The garden's encoder of `CONFIG` with random values in every variable."""
    encoder = version(
        vocab_size=CONFIG.vocab_size,
        hidden_size=CONFIG.hidden_size,
        num_layers=CONFIG.num_hidden_layers,
        num_attention_heads=CONFIG.num_attention_heads,
        inner_dim=CONFIG.intermediate_size,
        max_sequence_length=CONFIG.max_position_embeddings,
        type_vocab_size=CONFIG.type_vocab_size,
        **kwargs,
    )
    if version is networks.BertEncoderV2:
        encoder(inputs())
    randomize(encoder)
    return encoder


def randomize(model, seed=0):
    """Gives every variable, biases too, values of its own."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        variable.assign(rng.normal(0.0, 0.3, variable.shape))


def inputs():
    """A padded batch of two pairs."""
    rng = np.random.default_rng(1)
    return {
        "input_word_ids": tf.constant(rng.integers(1, CONFIG.vocab_size, (2, 9)), tf.int32),
        "input_mask": tf.constant([[1] * 9, [1] * 5 + [0] * 4], tf.int32),
        "input_type_ids": tf.constant([[0] * 4 + [1] * 5, [0] * 3 + [1] * 6], tf.int32),
    }


def outputs(encoder):
    """Sequence output and pooled output for `inputs()`, as arrays."""
    result = encoder(inputs())
    if isinstance(result, dict):
        return result["sequence_output"].numpy(), result["pooled_output"].numpy()
    return result[0].numpy(), result[1].numpy()


def legacy_pretrainer():
    """What the garden's run_pretraining trains, and its encoder."""
    config = configs.BertConfig(
        vocab_size=CONFIG.vocab_size,
        hidden_size=CONFIG.hidden_size,
        num_hidden_layers=CONFIG.num_hidden_layers,
        num_attention_heads=CONFIG.num_attention_heads,
        intermediate_size=CONFIG.intermediate_size,
        max_position_embeddings=CONFIG.max_position_embeddings,
        type_vocab_size=CONFIG.type_vocab_size,
    )
    model, encoder = bert_models.pretrain_model(config, seq_length=16, max_predictions_per_seq=4)
    randomize(model)
    return model, encoder


def pretrainer_v2(encoder):
    """The garden's present pre-training model on an encoder."""
    head = layers.ClassificationHead(inner_dim=CONFIG.hidden_size, num_classes=2, name="next_sentence")
    return built(models.BertPretrainerV2(encoder, classification_heads=[head]))


def built(pretrainer):
    """A `BertPretrainerV2` with its variables made, of random values."""
    with warnings.catch_warnings():
        # The garden's own: its functional encoder has no input for the masked positions.
        warnings.simplefilter("ignore", UserWarning)
        pretrainer(pretrainer.inputs)
    randomize(pretrainer)
    return pretrainer


def with_adam(model):
    """A checkpoint of the model with the slots of an optimizer, as trainers write it."""
    optimizer = tf_keras.optimizers.legacy.Adam()
    optimizer.apply_gradients((tf.ones_like(variable), variable) for variable in model.trainable_variables)
    return tf.train.Checkpoint(model=model, optimizer=optimizer)


def random_weights(config=CONFIG, heads=("masked_lm", "next_sentence", "classifier", "span"), classes=3):
    """Arrays for every weight of the table, by plain names."""
    rng = np.random.default_rng(2)
    weights = [*WEIGHTS.encoder(config.num_hidden_layers), *(weight for head in heads for weight in names.HEADS[head].weights)]
    arrays = {}
    for weight in weights:
        count = classes if weight.name in ("output_weights", "output_bias") else 2
        shape = [count if field is None else getattr(config, field) for field in weight.shape]
        arrays[weight.name] = rng.normal(0.0, 0.3, shape).astype(np.float32)
    return arrays


def source_of(arrays, **kwargs):
    """An opened checkpoint that lies in memory."""
    tensors = {name: StoredTensor(name, array.shape, lambda array=array: array) for name, array in arrays.items()}
    return Source("tf1", "memory", tensors, **kwargs)


def read_all(source):
    """All arrays of an opened checkpoint."""
    return {name: tensor.read() for name, tensor in source.tensors.items()}


def assert_same(one, other):
    """Equal names, and equal arrays bit for bit."""
    assert list(one) == list(other)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)
