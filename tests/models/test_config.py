"""The configuration: both forms, and one clear line for everything wrong."""

import json

import pytest

from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig

HUGGING_FACE = {
    "_name_or_path": "somewhere",
    "architectures": ["BertModel"],
    "attention_probs_dropout_prob": 0.1,
    "gradient_checkpointing": False,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 384,
    "initializer_range": 0.02,
    "intermediate_size": 1536,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "model_type": "bert",
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
    "transformers_version": "4.8.2",
    "type_vocab_size": 2,
    "use_cache": True,
    "vocab_size": 30522,
}


def test_google_form(tiny_config_dict, tmp_path):
    path = tmp_path / "bert_config.json"
    path.write_text(json.dumps(tiny_config_dict | {"directionality": "bidi", "pooler_type": "first_token_transform"}))
    config = BertConfig.from_json_file(str(path))
    assert (config.hidden_size, config.head_size, config.hidden_act, config.layer_norm_eps) == (16, 8, "gelu", 1e-12)
    assert config.to_dict() == tiny_config_dict | {"layer_norm_eps": 1e-12}
    assert BertConfig.from_dict(config.to_dict()) == config


def test_gelu_means_different_functions_in_the_two_forms():
    assert BertConfig.from_dict({"vocab_size": 5, "hidden_act": "gelu"}).hidden_act == "gelu"
    assert BertConfig.from_dict(HUGGING_FACE).hidden_act == "gelu_exact"
    assert BertConfig.from_dict(HUGGING_FACE | {"hidden_act": "gelu_new"}).hidden_act == "gelu"
    assert BertConfig.from_dict(HUGGING_FACE | {"hidden_act": "gelu_pytorch_tanh"}).hidden_act == "gelu"


@pytest.mark.parametrize("hidden_act", ["gelu", "gelu_exact", "relu", "silu"])
def test_hugging_face_form_comes_back(hidden_act):
    config = BertConfig(vocab_size=99, hidden_act=hidden_act)
    assert BertConfig.from_dict(config.to_hugging_face_dict()) == config


# What transformers 1.x and 2.x wrote besides the encoder's keys, and what published files hold.
OLDER_KEYS = {
    "transformers 1": {"finetuning_task": None, "num_labels": 2, "output_attentions": False, "output_hidden_states": False}
    | {"pruned_heads": {}, "torchscript": False, "use_bfloat16": False},
    "transformers 2": {"architectures": ["BertForSequenceClassification"], "do_sample": False, "eos_token_ids": 0}
    | {"is_decoder": False, "length_penalty": 1.0, "max_length": 20, "num_beams": 1, "output_past": True, "pad_token_id": 0}
    | {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "repetition_penalty": 1.0, "temperature": 1.0, "top_k": 50, "top_p": 1.0},
    "a language and a name": {"model_type": "bert", "language": "english", "name": "Bert"},
    "a device": {"model_type": "bert", "xla_device": None, "bad_words_ids": None, "prefix": None, "task_specific_params": None},
    "Chinese": {"model_type": "bert", "directionality": "bidi", "pooler_fc_size": 768, "pooler_type": "first_token_transform"},
}


@pytest.mark.parametrize("keys", OLDER_KEYS.values(), ids=OLDER_KEYS)
def test_every_version_of_transformers_is_known_by_its_keys(tiny_config_dict, keys, caplog):
    config = BertConfig.from_dict(tiny_config_dict | {"layer_norm_eps": 1e-12} | keys)
    # Their gelu is the exact one, also where no `model_type` says that the file is theirs.
    assert config == BertConfig.from_dict(tiny_config_dict | {"hidden_act": "gelu_exact"})
    assert not caplog.records


def test_notes_of_ones_own_are_named_and_left_aside(caplog):
    assert BertConfig.from_dict(HUGGING_FACE | {"our_dataset": "v7"}) == BertConfig.from_dict(HUGGING_FACE)
    assert "keys 'our_dataset' are not a BERT encoder's and are not read" in caplog.text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"embedding_size": 128, "num_hidden_groups": 1, "inner_group_num": 1}, "another model, ALBERT (it holds num_hidden_gro"),
        ({"dim": 768, "sinusoidal_pos_embds": False}, "another model, DistilBERT"),
        ({"d_model": 768, "untie_r": True, "n_layer": 12}, "another model, XLNet"),
        ({"architectures": ["RobertaForMaskedLM"], "vocab_size": 50265}, "another model, RoBERTa (architectures: RobertaFor"),
        ({"architectures": ["TFAlbertModel"]}, "another model, ALBERT"),
        ({"model_type": "bert", "auto_map": {"AutoModel": "x--modeling_bert.JinaBertModel"}}, "auto_map says"),
        ({"model_type": "bert", "quantization_config": {"bits": 8}}, "quantization_config must be None"),
        ({"model_type": "bert", "use_task_id": True}, "use_task_id must be False"),
    ],
)
def test_other_models_are_named(values, message):
    with pytest.raises(UserError) as error:
        BertConfig.from_dict(values)
    assert message in str(error.value)
    assert "Did you mean" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pad_token_id": 0, "hidden_dropout": 0.1}, r"unknown key 'hidden_dropout'\. Did you mean 'hidden_dropout_prob'\?"),
        ({"hidden_dropout": 0.1}, r"unknown key 'hidden_dropout'\. Did you mean 'hidden_dropout_prob'\?"),
        ({"num_layers": 2}, r"unknown key 'num_layers'\. Did you mean 'num_hidden_layers'\?"),
        ({"hidden_size": 18, "num_attention_heads": 4}, r"hidden_size must be divisible by num_attention_heads; 18 % 4 = 2"),
        ({"num_attention_heads": 0}, r"num_attention_heads must be a whole number from 1; got 0"),
        ({"num_hidden_layers": 0}, r"num_hidden_layers must be a whole number from 1; got 0"),
        ({"vocab_size": "many"}, r"vocab_size must be a whole number from 1; got 'many'"),
        ({"vocab_size": True}, r"vocab_size must be a whole number from 1; got True"),
        ({"hidden_dropout_prob": 1.0}, r"hidden_dropout_prob must be from 0 to below 1; got 1\.0"),
        ({"initializer_range": float("nan")}, r"initializer_range must be a number above 0; got nan"),
        ({"hidden_act": "gleu"}, r"hidden_act must be one of .*; got 'gleu'\. Did you mean 'gelu'\?"),
        ({"embedding_size": 8}, r"embedding_size must be absent or equal hidden_size .*; got 8"),
        ({"model_type": "distilbert"}, r"model_type must be 'bert' .*; got 'distilbert'"),
        ({"model_type": "bert", "position_embedding_type": "relative_key"}, r"position_embedding_type must be 'absolute'"),
        ({"model_type": "bert", "is_decoder": True}, r"is_decoder must be False"),
    ],
)
def test_what_is_wrong_is_said(tiny_config_dict, change, message):
    with pytest.raises(UserError, match=message) as error:
        BertConfig.from_dict(tiny_config_dict | change)
    assert "\n" not in str(error.value)


def test_missing_vocabulary_size():
    with pytest.raises(UserError, match="vocab_size is missing"):
        BertConfig.from_dict({"hidden_size": 16})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"vocab_size": 5,\n oops}', r":2:2: not valid JSON"),
        ("text\tlabel\n", "is a text file, not the configuration of an encoder; give the"),
        ("\n", "is empty, not the configuration of an encoder; give the"),
        ("[1]", r"a JSON object of names and values"),
    ],
)
def test_broken_file(tmp_path, text, message):
    path = tmp_path / "bert_config.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        BertConfig.from_json_file(str(path))
    assert str(path) in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*bert_config\.json: No such file"):
        BertConfig.from_json_file(str(tmp_path / "bert_config.json"))
