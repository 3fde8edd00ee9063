"""The model of texts in windows against NumPy, and windows that are not there."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.models.families.base import config_of, family_of
from bert_tf2.tasks.classification.long_texts.model import LOGITS, SCORE, PooledWindows, Windowed, build_row_model, pooled
from bert_tf2.tasks.classification.long_texts.options import POOLINGS
from bert_tf2.tasks.classification.long_texts.rule import LongText
from bert_tf2.tasks.classification.task import ClassificationTask

COUNTS, WINDOWS, LENGTH = (3, 1, 2), 3, 9
RULE = LongText("windows", None, 2, 8)


def model_of(config, pooling, seed=3):
    task = ClassificationTask(["a", "b", "c"], windowed=Windowed(RULE, pooling, WINDOWS))
    model = task.build_model(family_of(config).build(config, output_range=1))
    rng = np.random.default_rng(seed)
    model.set_weights([value + rng.normal(scale=0.2, size=value.shape) for value in model.get_weights()])
    return task, model


def batch(vocab_size, windows=WINDOWS):
    rng = np.random.default_rng(1)
    lengths = rng.integers(2, LENGTH + 1, [len(COUNTS), windows]) * (np.arange(windows) < np.array(COUNTS)[:, np.newaxis])
    mask = (np.arange(LENGTH) < lengths[..., np.newaxis]).astype(np.int32)
    ids = rng.integers(1, vocab_size, mask.shape, np.int32) * mask
    return {name: tf.constant(values) for name, values in zip(INPUT_NAMES, (ids, mask, np.zeros_like(ids)))}


def with_free_rows(model):
    """The model in a graph in which the number of texts is not known, as in a training that XLA does not compile."""
    signature = [{name: tf.TensorSpec([None, None, None], tf.int32) for name in INPUT_NAMES}]
    return tf.function(lambda values: model(values, training=False), input_signature=signature)


def by_numpy(logits, scores, pooling):
    """The pooled logits of one text, from those of its windows [W, C] and their scores [W]."""
    if pooling == "attention":
        weights = np.exp(scores) / np.exp(scores).sum()
        return (weights[:, np.newaxis] * logits).sum(axis=0)
    return {"mean": logits.mean(axis=0), "max": logits.max(axis=0), "first": logits[0]}[pooling]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_is_numpys(pooling):
    rng = np.random.default_rng(2)
    there = np.arange(WINDOWS) < np.array(COUNTS)[:, np.newaxis]
    logits, scores = rng.normal(size=[3, WINDOWS, 4]).astype(np.float32), rng.normal(size=[3, WINDOWS, 1]).astype(np.float32)
    expected = [by_numpy(logits[text, :count], scores[text, :count, 0], pooling) for text, count in enumerate(COUNTS)]
    np.testing.assert_allclose(pooled({LOGITS: logits[there], SCORE: scores[there]}, there, pooling), expected, rtol=1e-5)
    if pooling != "first":
        mask = tf.constant(there[..., np.newaxis].astype(np.int32))
        found = PooledWindows(pooling)(logits, mask, scores if pooling == "attention" else None)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["attention", pytest.param("max", marks=pytest.mark.slow)])
def test_logits_are_pooled_of_single_windows_and_missing_windows_change_nothing(tiny_config_dict, pooling):
    config = BertConfig(**tiny_config_dict)
    _, model = model_of(config, pooling)
    inputs = batch(config.vocab_size)
    there = np.asarray(inputs["input_mask"])[:, :, 0] > 0
    rows = build_row_model(model, pooling)({name: value[there] for name, value in inputs.items()}, training=False)
    expected = pooled({name: value.numpy() for name, value in rows.items()}, there, pooling)

    run = with_free_rows(model)
    np.testing.assert_allclose(model(inputs, training=False), expected, atol=1e-5)
    np.testing.assert_allclose(run(inputs), expected, atol=1e-5)
    # More places without a window, and what stands in them.
    wider = {name: tf.pad(value, [[0, 0], [0, 2], [0, 0]]) for name, value in inputs.items()}
    wider["input_word_ids"] += 7 * (1 - wider["input_mask"])
    np.testing.assert_allclose(run(wider), expected, atol=1e-5)
    # Each text by itself is what it is beside the others.
    alone = [run({name: value[text : text + 1] for name, value in inputs.items()})[0] for text in range(3)]
    np.testing.assert_allclose(alone, expected, atol=1e-5)


def one_window_is_a_text(config, pooling):
    _, model = model_of(config, pooling)
    plain = ClassificationTask(["a", "b", "c"]).build_model(family_of(config).build(config, output_range=1))
    own = {"window_attention"}
    kept = [value for layer in model.layers if layer.name not in own for value in layer.get_weights()]
    plain.set_weights(kept)
    inputs = {name: value[:, :1] for name, value in batch(config.vocab_size).items()}
    expected = plain({name: value[:, 0] for name, value in inputs.items()}, training=False)
    np.testing.assert_allclose(model(inputs, training=False), expected, atol=1e-5)


@pytest.mark.parametrize(
    "pooling", ["attention", "first", *(pytest.param(one, marks=pytest.mark.slow) for one in ("mean", "max"))]
)
def test_one_window_gives_the_logits_of_a_text_that_is_not_in_windows(tiny_config_dict, pooling):
    one_window_is_a_text(BertConfig(**tiny_config_dict), pooling)


FAMILIES = {
    "xlnet": {"model_type": "xlnet", "d_model": 16, "d_inner": 32, "n_head": 2, "n_layer": 2, "vocab_size": 50},
    "albert": {"model_type": "albert", "embedding_size": 8, "num_hidden_groups": 1, "inner_group_num": 1},
    "electra": {"model_type": "electra", "embedding_size": 8},
    "roberta": {"model_type": "roberta", "type_vocab_size": 1},
    "distilbert": {"model_type": "distilbert", "dim": 16, "hidden_dim": 32, "n_heads": 2, "n_layers": 2, "vocab_size": 50},
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_takes_windows(tiny_config_dict, family):
    given = FAMILIES[family]
    sizes = {} if "vocab_size" in given else {key: tiny_config_dict[key] for key in (
        "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings"
    )}  # fmt: skip
    one_window_is_a_text(config_of(sizes | given), "attention")


def test_attention_is_trained_with_the_model(tiny_config_dict):
    config = BertConfig(**tiny_config_dict)
    task, model = model_of(config, "attention")
    inputs = batch(config.vocab_size)
    labels = {"label_ids": tf.constant([0, 1, 2]), "example_weight": tf.ones([3])}
    with tf.GradientTape() as tape:
        loss = task.loss(model(inputs, training=True), labels, task.loss_denominators(labels))
    gradients = dict(
        zip([variable.name for variable in model.trainable_variables], tape.gradient(loss, model.trainable_variables))
    )
    of_attention = {name: value for name, value in gradients.items() if "window_attention" in name}
    assert len(of_attention) == 3
    assert all(np.abs(value).max() > 0 for value in of_attention.values())


def test_packing_of_examples_is_refused_for_windows():
    task = ClassificationTask(["a", "b"], windowed=Windowed(RULE))
    assert "more than one input" in task.why_not_packed()
    assert ClassificationTask(["a", "b"]).why_not_packed() is None
