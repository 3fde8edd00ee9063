"""Modules of TF-Hub: the encoder with their weights gives what their own programs give."""

import logging

import numpy as np
import pytest
import tensorflow as tf
from hub_material import POSITIONS, VOCABULARY, garden_albert_module, garden_bert_module, inputs, randomize, tf1_module

from bert_tf2 import saved_models
from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import open_source
from bert_tf2.models.checkpoints.configuration import read_configuration
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.albert.config import AlbertConfig
from bert_tf2.models.families.base import families, family_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:pkg_resources")

BERT = BertConfig(
    vocab_size=len(VOCABULARY), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
    max_position_embeddings=POSITIONS,
)  # fmt: skip
ALBERT = AlbertConfig(
    vocab_size=len(VOCABULARY), embedding_size=8, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
    intermediate_size=32, max_position_embeddings=POSITIONS,
)  # fmt: skip


def loaded(folder):
    """The configuration of a module, the report of the restore, and pooled and sequence output of our encoder."""
    config = read_configuration(folder)
    encoder = family_of(config).build(config)
    report = load_encoder_weights(encoder, folder, config)
    outputs = encoder(inputs())
    return config, report, outputs["pooled_output"].numpy(), outputs["sequence_output"].numpy()


def assert_as_its_program(folder, config, takes_lists=False):
    found, report, pooled, sequence = loaded(folder)
    assert found == config
    assert report.missing == report.mismatched == []
    module = tf.saved_model.load(folder)
    theirs = module(list(inputs().values())) if takes_lists else module(inputs())
    theirs = theirs if takes_lists else (theirs["pooled_output"], theirs["sequence_output"])
    np.testing.assert_allclose(pooled, theirs[0], atol=1e-5)
    np.testing.assert_allclose(sequence, theirs[1], atol=1e-5)


@pytest.mark.slow
def test_bert_with_lists(tmp_path):
    folder = garden_bert_module(tmp_path, form=1, lower_case=False)
    assert_as_its_program(folder, BERT, takes_lists=True)
    assert saved_models.wordpiece_vocabulary_in(folder) == f"{folder}/assets/vocab.txt"
    assert saved_models.casing_of(f"{folder}/assets/vocab.txt") is False
    assert open_source(folder).others == []


def test_bert_with_dictionaries_and_masked_lm(tmp_path, caplog):
    folder = garden_bert_module(tmp_path, form=4, lower_case=True)
    with caplog.at_level(logging.INFO):
        assert_as_its_program(folder, BERT)
    assert "hidden_act gelu, hidden_dropout_prob 0.1 (if that is wrong, give --bert_config_file)" in caplog.text
    assert saved_models.casing_of(f"{folder}/assets/vocab.txt") is True
    assert len(open_source(folder).head("masked_lm")) == 5


@pytest.mark.slow
def test_albert(tmp_path):
    folder = garden_albert_module(tmp_path)
    assert_as_its_program(folder, ALBERT)
    asset = saved_models.sentencepiece_model_in(folder)
    assert asset == f"{folder}/assets/30k-clean.model"
    assert saved_models.casing_of(asset) is None
    assert saved_models.wordpiece_vocabulary_in(folder) is None


@pytest.fixture
def tf1_arrays():
    """An encoder of a width that Google's models have, and its weights by TF1 names."""
    config = BertConfig(
        vocab_size=len(VOCABULARY), hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    encoder = families.get("bert").build(config)
    randomize(encoder)
    return encoder, config


@pytest.mark.parametrize("lower_case", [True, False])
def test_tf1_module(tmp_path, tf1_arrays, caplog, lower_case):
    encoder, config = tf1_arrays
    encoder_path = tf.train.Checkpoint(model=encoder).write(str(tmp_path / "encoder"))
    arrays = {name: tensor.read() for name, tensor in open_source(encoder_path).tensors.items()}
    folder = tf1_module(tmp_path / "module", arrays, lower_case)
    with caplog.at_level(logging.INFO):
        found, report, pooled, sequence = loaded(folder)
    assert found == config
    assert (report.format, report.unused) == ("tf1", [])
    assert "num_attention_heads 2 (if that is wrong" in caplog.text
    outputs = encoder(inputs())
    np.testing.assert_allclose(pooled, outputs["pooled_output"], atol=1e-5)
    np.testing.assert_allclose(sequence, outputs["sequence_output"], atol=1e-5)
    assert saved_models.casing_of(f"{folder}/assets/vocab.txt") is lower_case


def tf1_albert(folder, hidden_size, **more):
    """The variables of a TF1 ALBERT, of whose sizes nothing but the width counts here."""
    from bert_tf2.models.families.albert.family import WEIGHTS

    sizes = {"vocab_size": 9, "embedding_size": 4, "hidden_size": hidden_size, "intermediate_size": 3}
    sizes |= {"max_position_embeddings": 5, "type_vocab_size": 2, "attention_width": hidden_size}
    arrays = {weight.name: np.zeros([sizes[field] for field in weight.shape], np.float32) for weight in WEIGHTS.encoder(1)}
    return tf1_module(folder, arrays | more, True)


def test_published_albert_by_its_width(tmp_path):
    config = read_configuration(tf1_albert(tmp_path / "module", 768))
    assert (config.num_hidden_layers, config.num_attention_heads, config.hidden_dropout_prob) == (12, 12, 0.0)


def test_what_nothing_tells_is_asked_for(tmp_path):
    folder = tf1_albert(tmp_path / "module", 12)
    with pytest.raises(UserError, match=r"do not tell num_hidden_layers and num_attention_heads; give .* --bert_config_file"):
        read_configuration(folder)


def test_module_without_an_encoder(tmp_path):
    folder = tf1_module(tmp_path / "module", {"nnlm/embeddings": np.zeros([3, 2], np.float32)}, True)
    with pytest.raises(UserError, match=r"holds no encoder of BERT or ALBERT.*nnlm/embeddings"):
        read_configuration(folder)


def test_module_without_weights(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(UserError, match=r"but no variables/variables.index"):
        open_source(str(tmp_path))
