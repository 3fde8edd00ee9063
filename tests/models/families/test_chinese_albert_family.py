"""The older Chinese ALBERT, by what holds of every family and by the BERT that it is when its products are multiplied out."""

import dataclasses

import numpy as np
import pytest
from family_case import TrainingCase, random_weights, source_of

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import convert, open_source
from bert_tf2.models.checkpoints.loading import check_fits
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import config_of, families

pytestmark = pytest.mark.filterwarnings("ignore")

# The keys of `albert_config_tiny.json`.
TINY = {
    "attention_probs_dropout_prob": 0.0,
    "directionality": "bidi",
    "embedding_size": 8,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 32,
    "ln_type": "postln",
    "max_position_embeddings": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
    "type_vocab_size": 2,
    "vocab_size": 50,
}
_WORDS = "bert/embeddings/word_embeddings"


def test_the_two_matrices_of_words_begin_with_different_values():
    encoder = families.get("chinese_albert").build(config_of(TINY))
    table, projection = (
        next(weight.numpy() for weight in encoder.weights if weight.name.endswith(f"{name}:0") and "word" in weight.name)
        for name in ("embeddings", "projection")
    )
    count = min(table.size, projection.size)
    assert abs(np.corrcoef(table.ravel()[:count], projection.ravel()[:count])[0, 1]) < 0.5


def multiplied_out(arrays, config):
    """The weights of the BERT that computes the same."""
    found = {}
    for name, array in arrays.items():
        if name == _WORDS:
            found[name] = array @ arrays[f"{_WORDS}_2"]
        elif "/layer_shared/" in name:
            for layer in range(config.num_hidden_layers):
                found[name.replace("/layer_shared/", f"/layer_{layer}/")] = array
        elif name != f"{_WORDS}_2":
            found[name] = array
    return found


class TestChineseAlbert(TrainingCase):
    name = "chinese_albert"
    google = TINY
    formats = ("tf2", "tf1")

    def published(self, arrays, config, directory):
        path, folder = str(directory / "model.ckpt"), str(directory / "folder")
        convert.convert(source_of(arrays, families.get(self.name)), config, path, "tf1")
        fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(BertConfig)}
        bert = source_of(multiplied_out(arrays, config), families.get("bert"))
        convert.convert(bert, BertConfig(**fields), folder, "huggingface")
        return path, folder

    def same_tables(self, encoder, other):
        return encoder._position_embedding_layer.embeddings, other.bert.embeddings.position_embeddings


def test_blocks_that_normalise_first_are_refused():
    with pytest.raises(UserError, match=r"ln_type must be postln \(albert_zh's tiny, base and large\); got 'preln'"):
        config_of(TINY | {"ln_type": "preln"})


def test_weights_and_configurations_of_the_two_alberts_are_told_apart(tmp_path):
    config, family = config_of(TINY), families.get("chinese_albert")
    convert.convert(source_of(random_weights(config), family), config, str(tmp_path / "model.ckpt"), "tf1")
    google = {name: value for name, value in TINY.items() if name != "ln_type"} | {"num_hidden_groups": 1}
    with pytest.raises(UserError, match="is a checkpoint of the older Chinese ALBERT, the configuration is one of ALBERT"):
        check_fits(open_source(str(tmp_path / "model.ckpt")), config_of(google))
