"""Vectors of trainings and of families with other tokenizers."""

import json

import document_material
import numpy as np
import pytest
from vector_material import Model

from bert_tf2.api import TextEncoder
from bert_tf2.models.checkpoints import convert, open_source
from bert_tf2.models.families.base import read_config

TEXTS = ["the movie was very good", "a bad film", "good"]


@pytest.mark.slow
def test_a_training(workplace, tmp_path):
    assert workplace.prepare() == 0
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    encoder = TextEncoder.from_run(str(workplace.model_dir))
    config = read_config(str(workplace.model_dir / "bert_config.json"))
    convert.convert(
        open_source(str(workplace.model_dir)), config, str(tmp_path / "folder"), "huggingface", tokenizer=encoder.tokenizer
    )
    oracle = Model(tmp_path / "folder", str(tmp_path / "folder" / "vocab.txt"), config.to_dict())
    expected = [oracle.hidden_states(text)[1][-1].mean(0) for text in TEXTS]
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, rtol=0, atol=1e-5)


def test_roberta_with_its_byte_level_bpe(tmp_path):
    from safetensors.numpy import load_file
    from transformers import RobertaConfig, RobertaTokenizer, TFRobertaModel
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    document_material.write_roberta(tmp_path / "roberta")
    folder = tmp_path / "roberta"
    model = TFRobertaModel(RobertaConfig.from_dict(json.loads((folder / "config.json").read_text())))
    model = load_pytorch_state_dict_in_tf2_model(model, load_file(folder / "model.safetensors"), allow_missing_keys=True)
    tokenizer = RobertaTokenizer.from_pretrained(folder)
    encoder = TextEncoder.from_checkpoint(str(folder), pooling="first_last_avg")
    for text in (*TEXTS, ("the movie", "was good")):
        inputs = tokenizer(*([text] if isinstance(text, str) else text), return_tensors="tf")
        states = model(inputs, output_hidden_states=True).hidden_states
        expected = ((states[1] + states[-1])[0] / 2).numpy().mean(0)
        np.testing.assert_allclose(encoder.encode([text])[0], expected, rtol=0, atol=1e-5)
    # <s> a </s></s> b </s> without its special tokens.
    plain = TextEncoder.from_checkpoint(str(folder), special_tokens=False)
    states = model(inputs).last_hidden_state[0].numpy()
    is_special = np.isin(inputs["input_ids"][0], tokenizer.all_special_ids)
    assert is_special.sum() == 4
    np.testing.assert_allclose(plain.encode([text])[0], states[~is_special].mean(0), rtol=0, atol=1e-5)


def test_albert_with_its_sentencepiece_model(tmp_path):
    (tmp_path / "albert").mkdir()
    document_material.write_albert(tmp_path / "albert")
    files = {"bert_config_file": f"{tmp_path}/albert/albert_config.json"}
    path, model = f"{tmp_path}/albert/model.ckpt-best", tmp_path / "albert" / "30k-clean.model"
    named = TextEncoder.from_checkpoint(path, sp_model_file=str(model), **files)
    # Under its usual name it is found.
    model.rename(model.with_name("spiece.model"))
    found = TextEncoder.from_checkpoint(path, **files)
    np.testing.assert_array_equal(named.encode(TEXTS), found.encode(TEXTS))
    ids = [found.tokenizer.template.packed(found.tokenizer.encode(TEXTS[0]))]
    inputs = {"input_word_ids": ids, "input_mask": np.ones_like(ids), "input_type_ids": np.zeros_like(ids)}
    expected = (
        found.encoder({name: np.array(value, np.int32) for name, value in inputs.items()})["sequence_output"].numpy().mean(1)
    )
    np.testing.assert_allclose(found.encode(TEXTS[:1]), expected, rtol=0, atol=1e-5)
