"""Losses between the layers of two encoders, beside NumPy's of what the encoders' weights make."""

import numpy as np
import pytest
import scipy.spatial
import scipy.special
import scipy.stats
import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.families.base import config_of, family_of
from bert_tf2.models.observation import observed
from bert_tf2.training.distillation.layer_losses import WidthProjections, attention_loss, cosine_loss, hidden_loss, minilm_loss

HEADS, LENGTHS = 2, (5, 3)
WEIGHTS = np.array([[1.0] * 5, [0.5] * 3 + [0.0] * 2], np.float32)
INPUTS = {
    "input_word_ids": tf.constant([[3, 7, 9, 2, 1], [4, 4, 8, 0, 0]]),
    "input_mask": tf.constant([[1] * 5, [1, 1, 1, 0, 0]]),
    "input_type_ids": tf.zeros([2, 5], tf.int32),
}


def encoder_of(width: int, layers: int):
    config = BertConfig(
        vocab_size=20,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        intermediate_size=8,
        initializer_range=0.5,
        max_position_embeddings=8,
        attention_probs_dropout_prob=0.3,
        hidden_dropout_prob=0.0,
    )
    return build_encoder(config), config


def went_through(encoder, training=False):
    with observed() as states:
        outputs = encoder(INPUTS, training=training)
    return states, outputs


@pytest.fixture(scope="module")
def pair():
    """Student and teacher, of 1 layer of 8 and 2 layers of 12, and what they go through."""
    tf_keras.utils.set_random_seed(1)
    (student, config), (teacher, _) = encoder_of(8, 1), encoder_of(12, 2)
    return student, teacher, config


def projected(encoder, layer, states, name):
    """Query, key or value of all heads by NumPy, from the layer's input and its kernel: [B, N, L, D]."""
    dense = getattr(encoder._transformer_layers[layer]._attention_layer, f"_{name}_dense")
    kernel, bias = (variable.numpy() for variable in dense.weights)
    return np.einsum("blh,hnd->bnld", states.hidden[layer].numpy(), kernel) + bias[:, np.newaxis, :]


def test_what_is_noted_is_what_the_encoder_computes(pair):
    _, teacher, _ = pair
    states, outputs = went_through(teacher)
    assert len(states.hidden) == 3
    assert len(states.heads) == 2
    for noted, given in zip(states.hidden[1:], outputs["encoder_outputs"], strict=True):
        np.testing.assert_array_equal(noted, given)
    for layer, heads in enumerate(states.heads):
        query, key, value = (projected(teacher, layer, states, name) for name in ("query", "key", "value"))
        np.testing.assert_allclose(heads.scores(), query @ key.swapaxes(2, 3) / np.sqrt(6), atol=1e-4)
        np.testing.assert_allclose(heads.value_relations(), value @ value.swapaxes(2, 3) / np.sqrt(6), atol=1e-4)


def test_the_dropout_of_attention_does_not_scale_the_relations_of_the_values(pair):
    student, _, _ = pair
    with_dropout, _ = went_through(student, training=True)
    without, _ = went_through(student)
    np.testing.assert_allclose(with_dropout.heads[0].value_relations(), without.heads[0].value_relations(), rtol=1e-4, atol=1e-5)


def test_nothing_is_noted_outside(pair):
    states, _ = went_through(pair[0])
    pair[0](INPUTS)
    assert len(states.hidden) == 2


def test_hidden_states(pair):
    student, teacher, config = pair
    mine, other = went_through(student)[0], went_through(teacher)[0]
    projections = WidthProjections(config, 12)
    projections.build(tf.TensorShape([None, None, 8]))
    for variable in projections.weights:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    of_embeddings, of_hidden = projections.of_embeddings.weights, projections.of_hidden.weights
    expected = 0.0
    for (kernel, bias), at, there in ((of_embeddings, 0, 0), (of_hidden, 1, 2)):
        vectors = mine.hidden[at].numpy() @ kernel.numpy() + bias.numpy()
        expected += (((vectors - other.hidden[there].numpy()) ** 2).mean(axis=-1) * WEIGHTS).sum()
    assert float(hidden_loss(mine, other, [(0, 1)], WEIGHTS, projections)) == pytest.approx(expected, rel=1e-5)
    assert float(hidden_loss(other, other, [(0, 0), (1, 1)], WEIGHTS, None)) == 0


def test_cosines():
    random = np.random.default_rng(2)
    mine, other = (random.normal(size=(2, 5, 6)).astype(np.float32) for _ in range(2))
    expected = sum(
        WEIGHTS[row, token] * scipy.spatial.distance.cosine(mine[row, token], other[row, token])
        for row in range(2)
        for token in range(5)
    )
    assert float(cosine_loss(mine, other, WEIGHTS)) == pytest.approx(expected, rel=1e-5)
    assert float(cosine_loss(mine, 3 * mine, WEIGHTS)) == pytest.approx(0, abs=1e-5)


def test_attention_scores(pair):
    student, teacher, _ = pair
    mine, other = went_through(student)[0], went_through(teacher)[0]
    given, wanted = mine.heads[0].scores().numpy(), other.heads[1].scores().numpy()
    expected = 0.0
    for row, length in enumerate(LENGTHS):
        square = (slice(None), slice(length), slice(length))
        expected += WEIGHTS[row, 0] * ((given[row][square] - wanted[row][square]) ** 2).mean(axis=0).sum()
    assert float(attention_loss(mine, other, [(0, 1)], WEIGHTS)) == pytest.approx(expected, rel=1e-5)


def test_distributions_and_relations_of_the_last_layer(pair):
    student, teacher, _ = pair
    mine, other = went_through(student)[0].heads[-1], went_through(teacher)[0].heads[-1]
    expected = 0.0
    for given, wanted in ((mine.scores(), other.scores()), (mine.value_relations(), other.value_relations())):
        for row, length in enumerate(LENGTHS):
            for head in range(HEADS):
                for token in range(length):
                    rows = (one.numpy()[row, head, token, :length] for one in (wanted, given))
                    expected += WEIGHTS[row, 0] * scipy.stats.entropy(*map(scipy.special.softmax, rows)) / HEADS
    assert float(minilm_loss(mine, other, WEIGHTS)) == pytest.approx(expected, rel=1e-4)


def config_of_family(model_type):
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    theirs = {
        "distilbert": {"dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 8},
        "xlnet": {"d_model": 8, "n_layer": 2, "n_head": 2, "d_inner": 8},
        "albert": {"embedding_size": 4, "num_hidden_groups": 1, "inner_group_num": 1, **sizes},
    }
    values = theirs.get(model_type, sizes) | ({} if model_type == "xlnet" else {"max_position_embeddings": 8})
    return config_of({"model_type": model_type, "vocab_size": 20, **values})


@pytest.mark.parametrize("model_type", ["albert", "electra", "distilbert", "roberta", "xlnet"])
def test_every_family_notes_its_layers(model_type):
    config = config_of_family(model_type)
    states, outputs = went_through(family_of(config).build(config))
    assert len(states.hidden) == 3
    np.testing.assert_array_equal(states.hidden[-1], outputs["sequence_output"])
    assert len(states.heads) == (0 if model_type == "xlnet" else 2)


@pytest.mark.parametrize("model_type", ["bert", "albert", "distilbert"])
def test_where_few_tokens_are_wanted_all_are_noted(model_type):
    """As pre-training wants the masked ones of the last block; what it gets is what it gets unobserved."""
    config = config_of_family(model_type)
    whole, part = family_of(config).build(config), family_of(config).build(config, for_pretraining=True)
    part.set_weights(whole.get_weights())
    inputs = INPUTS | {"output_positions": tf.constant([[0, 3], [0, 1]])}
    with observed() as states:
        found = part(inputs)
    expected, _ = went_through(whole)
    for mine, other in zip(states.hidden, expected.hidden, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-5)
    for mine, other in zip(states.heads, expected.heads, strict=True):
        np.testing.assert_allclose(mine.scores(), other.scores(), atol=1e-5)
    np.testing.assert_allclose(found["sequence_output"], part(inputs)["sequence_output"], atol=1e-5)
