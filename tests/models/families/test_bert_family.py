"""BERT, by what holds of every family."""

import json

import numpy as np
import pytest
from family_case import TrainingCase, inputs_of, random_weights, source_of, their_inputs, theirs

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import convert, load_encoder_weights, open_source, safetensors_file
from bert_tf2.models.families.base import config_of, families, read_config

pytestmark = pytest.mark.filterwarnings("ignore")


GOOGLE = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 16,
}


class TestBert(TrainingCase):
    name = "bert"
    google = GOOGLE


# As `nghuyong/ernie-1.0-base-zh` has it, but for the sizes.
ERNIE = GOOGLE | {
    "architectures": ["ErnieForMaskedLM"],
    "hidden_act": "relu",
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 513,
    "model_type": "ernie",
    "pad_token_id": 0,
    "task_type_vocab_size": 3,
    "use_task_id": False,
}


def test_ernie_is_a_bert(tmp_path):
    config = config_of(ERNIE)
    assert (config.hidden_act, config.layer_norm_eps, config.max_position_embeddings) == ("relu", 1e-5, 513)
    bert = families.get("bert")
    folder = tmp_path / "bert"
    convert.convert(source_of(random_weights(config, ("masked_lm",)), bert), config, str(folder), "huggingface")
    expected = theirs(str(folder)).bert(their_inputs(inputs_of(config)))
    ernie = tmp_path / "ernie"
    ernie.mkdir()
    entries = safetensors_file.read_entries(str(folder / "model.safetensors"))
    renamed = {name.replace("bert.", "ernie."): (entry.shape, entry.read_float32) for name, entry in entries.items()}
    safetensors_file.write(str(ernie / "model.safetensors"), renamed)
    (ernie / "config.json").write_text(json.dumps(ERNIE))
    source = open_source(str(ernie))
    assert source.others == []
    assert source.head("masked_lm")
    encoder = bert.build(read_config(str(ernie / "config.json")))
    assert load_encoder_weights(encoder, source, config).missing == []
    inputs = inputs_of(config)
    found, within = encoder(inputs)["sequence_output"].numpy(), inputs["input_mask"].numpy() == 1
    np.testing.assert_allclose(found[within], expected.last_hidden_state.numpy()[within], atol=1e-5)


def test_an_ernie_with_task_ids_is_refused():
    with pytest.raises(UserError, match="use_task_id must be False"):
        config_of(ERNIE | {"use_task_id": True})
