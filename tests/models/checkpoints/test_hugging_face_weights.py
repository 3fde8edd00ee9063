import json

import garden_checkpoints as garden
import numpy as np
import pytest

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import hugging_face, load_encoder_weights, open_source, safetensors_file
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.families import names
from bert_tf2.models.families.bert.family import WEIGHTS

CONFIG = garden.CONFIG


def stored(arrays, prefix="bert."):
    """Weights as `transformers` names and lays them out, from plain ones."""
    layers = CONFIG.num_hidden_layers
    heads = names.head_weights()
    table = [(weight, prefix) for weight in WEIGHTS.encoder(layers)] + [(weight, "") for weight in heads]
    result = {}
    for weight, start in table:
        if weight.name in arrays:
            array = arrays[weight.name]
            result[start + weight.hugging_face] = np.ascontiguousarray(array.T) if weight.transposed else array
    return result


def write(path, arrays):
    safetensors_file.write(str(path), {name: (array.shape, lambda array=array: array) for name, array in arrays.items()})
    return str(path)


@pytest.mark.parametrize("prefix", ["", "bert.", "0.auto_model."])
def test_the_encoder_is_found_under_every_prefix(tmp_path, prefix):
    arrays = garden.random_weights(heads=())
    write(tmp_path / "model.safetensors", stored(arrays, prefix))
    for path in (tmp_path, tmp_path / "model.safetensors"):
        source = open_source(str(path))
        assert source.format == "huggingface"
        garden.assert_same(garden.read_all(source), arrays)


def test_linear_layers_are_transposed(tmp_path):
    arrays = garden.random_weights()
    content = stored(arrays)
    # Written out, independently of the table.
    for theirs, ours in {
        "bert.encoder.layer.1.intermediate.dense.weight": "bert/encoder/layer_1/intermediate/dense/kernel",
        "bert.pooler.dense.weight": "bert/pooler/dense/kernel",
        "cls.predictions.transform.dense.weight": "cls/predictions/transform/dense/kernel",
    }.items():
        np.testing.assert_array_equal(content[theirs], arrays[ours].T)
    np.testing.assert_array_equal(content["cls.seq_relationship.weight"], arrays["cls/seq_relationship/output_weights"])
    write(tmp_path / "model.safetensors", content)
    garden.assert_same(garden.read_all(open_source(str(tmp_path))), arrays)


def test_layer_norms_may_have_their_names_of_2019(tmp_path):
    arrays = garden.random_weights(heads=())
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): array
        for name, array in stored(arrays).items()
    }
    assert any(name.endswith("gamma") for name in old)
    write(tmp_path / "model.safetensors", old)
    garden.assert_same(garden.read_all(open_source(str(tmp_path))), arrays)


def test_shards_are_put_together(tmp_path):
    arrays = garden.random_weights(heads=())
    content = stored(arrays)
    first = dict(list(content.items())[:20])
    rest = {name: array for name, array in content.items() if name not in first}
    write(tmp_path / "model-00001-of-00002.safetensors", first)
    write(tmp_path / "model-00002-of-00002.safetensors", rest)
    weight_map = {name: f"model-0000{1 if name in first else 2}-of-00002.safetensors" for name in content}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    for path in (tmp_path, index):
        garden.assert_same(garden.read_all(open_source(str(path))), arrays)
    weight_map["bert.pooler.dense.bias"] = "../elsewhere.safetensors"
    index.write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(UserError, match=r"elsewhere.*not beside it"):
        open_source(str(tmp_path))


def test_another_kind_of_model_is_refused(tmp_path):
    write(tmp_path / "model.safetensors", stored(garden.random_weights(heads=()), "deberta."))
    with pytest.raises(UserError, match=r"holds no encoder of BERT or .*\(\d+ tensors, the first: deberta\."):
        open_source(str(tmp_path))


def test_the_number_of_heads_is_taken_from_the_folder(tmp_path):
    write(tmp_path / "model.safetensors", stored(garden.random_weights(heads=())))
    values = CONFIG.to_hugging_face_dict() | {"num_attention_heads": 4}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match="num_attention_heads 4 in the checkpoint, 2 in the configuration"):
        load_encoder_weights(build_encoder(CONFIG), str(tmp_path), CONFIG)


def test_an_untied_decoder_and_buffers_are_not_called_unused(tmp_path):
    content = stored(garden.random_weights(heads=("masked_lm",)))
    content["bert.embeddings.position_ids"] = np.arange(64, dtype=np.float32)[None]
    content["cls.predictions.decoder.weight"] = content["bert.embeddings.word_embeddings.weight"]
    content["something.else"] = np.zeros(3, np.float32)
    write(tmp_path / "model.safetensors", content)
    assert hugging_face.open_hugging_face(str(tmp_path)).others == ["something.else"]
