"""Patterns with every family whose pre-training guesses masked words: the scores are the logits of its masked-LM head."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.encoder_layers import freeze
from bert_tf2.models.families import names
from bert_tf2.models.families.base import config_of, family_of
from bert_tf2.tasks.classification.prompting.prompts import Prompts
from bert_tf2.tasks.classification.prompting.rule import PromptRule
from bert_tf2.tasks.classification.prompting.task import PromptTask
from bert_tf2.tasks.pretraining.task import PretrainingTask

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 50}
FAMILIES = {
    "bert": {"max_position_embeddings": 64, "type_vocab_size": 2, **SIZES},
    "albert": {"model_type": "albert", "embedding_size": 8, "max_position_embeddings": 64, **SIZES},
    "roberta": {"model_type": "roberta", "type_vocab_size": 1, "max_position_embeddings": 66, **SIZES},
    "distilbert": {"model_type": "distilbert", "dim": 16, "hidden_dim": 32, "n_heads": 2, "n_layers": 2, "vocab_size": 50},
}
MASK_ID, WORDS = 4, (7, 9)


def source_of(config) -> Source:
    """Random weights of an encoder and its masked-LM head."""
    rng, family = np.random.default_rng(2), family_of(config)
    wanted = {weight.name for weight in names.HEADS["masked_lm"].weights}
    tensors = {}
    for weight in (*family.weights.of(config), *(one for one in family.weights.heads() if one.name in wanted)):
        array = rng.normal(0, 0.3, [getattr(config, field) for field in weight.shape]).astype(np.float32)
        tensors[weight.name] = StoredTensor(weight.name, array.shape, lambda array=array: array)
    return Source("tf1", "memory", tensors, family=family)


@pytest.mark.parametrize("name", FAMILIES)
def test_scores_are_the_logits_of_the_pretrained_head(name):
    config = config_of(FAMILIES[name])
    family, source = family_of(config), source_of(config)
    rule = PromptRule(Prompts(("{text} [MASK]",), {"a": ("x",), "b": ("y",)}), MASK_ID, 1, (((WORDS[0],),), ((WORDS[1],),)))
    encoder = family.build(config)
    model = PromptTask(["a", "b"], [], config, rule).build_model(encoder)
    loaded = load_encoder_weights(encoder, source, config, head_model=model)
    assert [weight for weight in loaded.missing if not names.is_pooler(weight)] == loaded.mismatched == []
    ids = np.array([[5, 8, MASK_ID, 6, 3], [5, MASK_ID, 11, 3, 0]], np.int32)
    inputs = {"input_word_ids": ids, "input_mask": (ids > 0).astype(np.int32), "input_type_ids": np.zeros_like(ids)}
    found = model({key: value[:, np.newaxis] for key, value in inputs.items()})[:, 0]

    pretrained = family.build(config, for_pretraining=True)
    whole = PretrainingTask(config, next_sentence=False).build_model(pretrained)
    load_encoder_weights(pretrained, source, config, head_model=whole)
    sequence = pretrained({**inputs, "output_positions": np.array([[2], [1]], np.int32)})["sequence_output"]
    np.testing.assert_allclose(found, whole.masked_lm.logits(sequence, tf.constant([0, 1])).numpy()[:, WORDS], atol=1e-6)


def test_the_head_leaves_frozen_words_as_they_are():
    """The table that it shares with the encoder is trained where the encoder's is."""
    config = config_of(FAMILIES["bert"])
    rule = PromptRule(Prompts(("{text} [MASK]",), {"a": ("x",), "b": ("y",)}), MASK_ID, 1, (((WORDS[0],),), ((WORDS[1],),)))
    encoder = family_of(config).build(config)
    model = PromptTask(["a", "b"], [], config, rule).build_model(encoder)
    table, before = encoder._embedding_layer.embeddings, [variable.name for variable in model.weights]
    assert any(one is table for one in model.trainable_variables)
    freeze(encoder, 1)
    assert not any(one is table for one in model.trainable_variables)
    assert any(one is table for one in model.non_trainable_variables)
    assert sorted(before) == sorted(variable.name for variable in model.weights)
    assert any("predictions" in one.name for one in model.trainable_variables)
