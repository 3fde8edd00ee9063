import json
import os
import subprocess
import sys

import garden_checkpoints as garden
import numpy as np
import pytest
import tensorflow as tf
from official.nlp.modeling import layers, models, networks

from bert_tf2.errors import JobError, UserError
from bert_tf2.models.checkpoints import convert, open_source, safetensors_file, tf2

CONFIG = garden.CONFIG
HEADS = {"encoder": (), "pretrainer": ("masked_lm", "next_sentence"), "classifier": ("classifier",), "span": ("span",)}


def _convert(arrays, path, to, **kwargs):
    return convert.convert(garden.source_of(arrays), CONFIG, str(path), to, **kwargs)


@pytest.mark.parametrize("kind", list(HEADS))
def test_a_journey_through_all_formats_changes_no_bit(tmp_path, kind):
    arrays = garden.random_weights(heads=HEADS[kind])
    arrays["bert/pooler/dense/bias"][:3] = [np.nan, np.inf, -0.0]
    _convert(arrays, tmp_path / "first", "tf1")
    for step in ("first > tf2", "tf2 > huggingface", "huggingface > tf1", "tf1 > huggingface_2", "tf2 > tf2_2"):
        source, to = step.split(" > ")
        opened = open_source(str(tmp_path / source))
        converted = convert.convert(opened, CONFIG, str(tmp_path / to), to.removesuffix("_2"))
        assert (converted.kind, converted.unused, len(converted.weights)) == (kind, [], len(arrays))
        reached = garden.read_all(open_source(str(tmp_path / to)))
        assert {name: array.tobytes() for name, array in reached.items()} == {n: a.tobytes() for n, a in arrays.items()}
    assert not [name for name in os.listdir(tmp_path) if "incomplete" in name]


def test_the_exact_name_is_written(tmp_path):
    _convert(garden.random_weights(heads=()), tmp_path / "bert_model.ckpt", "tf2")
    assert sorted(os.listdir(tmp_path)) == ["bert_model.ckpt.data-00000-of-00001", "bert_model.ckpt.index"]


@pytest.mark.parametrize("root_name", ["encoder", "model"])
def test_the_gardens_encoder_restores_the_whole_of_it(tmp_path, root_name):
    arrays = garden.random_weights(heads=())
    _convert(arrays, tmp_path / "ckpt", "tf2", root_name=root_name)
    encoder = garden.garden_encoder()
    garden.randomize(encoder, seed=5)
    tf.train.Checkpoint(**{root_name: encoder}).read(str(tmp_path / "ckpt")).assert_consumed()
    np.testing.assert_array_equal(encoder.get_embedding_table(), arrays["bert/embeddings/word_embeddings"])
    expected = garden.outputs(encoder)
    # The way of the garden's run_classifier and run_squad.
    for version in (networks.BertEncoder, networks.BertEncoderV2):
        other = garden.garden_encoder(version)
        tf.train.Checkpoint(model=other, encoder=other).read(str(tmp_path / "ckpt")).assert_existing_objects_matched()
        for array, wanted in zip(garden.outputs(other), expected):
            np.testing.assert_allclose(array, wanted, atol=1e-5)


def test_the_gardens_models_restore_their_heads(tmp_path):
    arrays = garden.random_weights(heads=("classifier",))
    _convert(arrays, tmp_path / "classifier", "tf2")
    classifier = models.BertClassifier(garden.garden_encoder(), num_classes=3)
    tf.train.Checkpoint(model=classifier).read(str(tmp_path / "classifier")).assert_existing_objects_matched()
    np.testing.assert_array_equal(classifier.variables[-2], arrays["output_weights"].T)
    _convert(arrays, tmp_path / "tagger", "tf2", kind="tagger")
    tagger = models.BertTokenClassifier(garden.garden_encoder(), num_classes=3)
    tf.train.Checkpoint(model=tagger).read(str(tmp_path / "tagger")).assert_existing_objects_matched()
    np.testing.assert_array_equal(tagger.classifier.kernel, arrays["output_weights"].T)
    assert set(open_source(str(tmp_path / "tagger")).tensors) == set(arrays)
    arrays = garden.random_weights(heads=("span",))
    _convert(arrays, tmp_path / "span", "tf2")
    labeler = models.BertSpanLabeler(garden.garden_encoder())
    tf.train.Checkpoint(model=labeler).read(str(tmp_path / "span")).assert_existing_objects_matched()
    np.testing.assert_array_equal(labeler.variables[-1], arrays["cls/squad/output_bias"])


def test_the_gardens_pretrainer_restores_its_items(tmp_path):
    arrays = garden.random_weights(heads=("masked_lm", "next_sentence"))
    _convert(arrays, tmp_path / "ckpt", "tf2")
    head = layers.ClassificationHead(inner_dim=CONFIG.hidden_size, num_classes=2, name="next_sentence")
    model = garden.built(models.BertPretrainerV2(garden.garden_encoder(networks.BertEncoderV2), classification_heads=[head]))
    items = model.checkpoint_items | {"next_sentence.out_proj": head.out_proj}
    tf.train.Checkpoint(**items).read(str(tmp_path / "ckpt")).assert_existing_objects_matched()
    np.testing.assert_array_equal(head.dense.kernel, arrays["bert/pooler/dense/kernel"])
    np.testing.assert_array_equal(head.out_proj.kernel, arrays["cls/seq_relationship/output_weights"].T)
    np.testing.assert_array_equal(model.masked_lm.bias, arrays["cls/predictions/output_bias"])
    np.testing.assert_array_equal(model.masked_lm.embedding_table, arrays["bert/embeddings/word_embeddings"])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "root_name"), [("encoder", "encoder"), ("pretrainer", "model")])
def test_the_gardens_converter_gives_the_same(tmp_path, kind, root_name):
    arrays = garden.random_weights(heads=("masked_lm", "next_sentence"))
    _convert(arrays, tmp_path / "tf1", "tf1")
    (tmp_path / "bert_config.json").write_text(json.dumps(CONFIG.to_dict()))
    arguments = [
        f"--bert_config_file={tmp_path}/bert_config.json",
        f"--checkpoint_to_convert={tmp_path}/tf1",
        f"--converted_checkpoint_path={tmp_path}/garden",
        f"--converted_model={kind}",
        f"--checkpoint_model_name={root_name}",
    ]
    command = [sys.executable, "-m", "official.nlp.tools.tf2_bert_encoder_checkpoint_converter", *arguments]
    subprocess.run(command, check=True, capture_output=True)
    theirs = garden.read_all(open_source(f"{tmp_path}/garden-1"))
    source = open_source(str(tmp_path / "tf1"))
    convert.convert(source, CONFIG, str(tmp_path / "ours"), "tf2", kind=kind, root_name=root_name)
    ours = garden.read_all(open_source(str(tmp_path / "ours")))
    assert {name: ours[name].tobytes() for name in theirs} == {name: array.tobytes() for name, array in theirs.items()}
    # The garden's converter drops the next-sentence head.
    assert [name for name in ours if name not in theirs] == [name for name in ours if "seq_relationship" in name]
    if kind == "encoder":
        bookkeeping = {"save_counter/.ATTRIBUTES/VARIABLE_VALUE"}
        assert (
            dict(tf.train.list_variables(f"{tmp_path}/garden-1")).keys() - bookkeeping
            == dict(tf.train.list_variables(f"{tmp_path}/ours")).keys()
        )


def test_only_what_was_asked_for_is_kept(tmp_path):
    arrays = garden.random_weights()
    converted = _convert(arrays, tmp_path / "folder", "huggingface", kind="encoder")
    assert len(converted.weights) == 39
    assert sorted(converted.unused) == sorted(name for name in arrays if name not in converted.weights)
    names = set(safetensors_file.read_entries(f"{tmp_path}/folder/model.safetensors"))
    assert "embeddings.word_embeddings.weight" in names
    assert json.loads((tmp_path / "folder" / "config.json").read_text())["architectures"] == ["BertModel"]
    with pytest.raises(UserError, match="needs a classifier head; memory holds these heads: masked_lm"):
        _convert(garden.random_weights(heads=("masked_lm",)), tmp_path / "x", "tf2", kind="classifier")


def test_a_hugging_face_folder_says_what_it_is_for(tmp_path):
    for kind, architecture in (("pretrainer", "BertForPreTraining"), ("classifier", "BertForSequenceClassification")):
        _convert(garden.random_weights(heads=HEADS[kind]), tmp_path / kind, "huggingface")
        values = json.loads((tmp_path / kind / "config.json").read_text())
        assert values["architectures"] == [architecture]
    assert values["id2label"] == {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}
    # Google's gelu is the tanh approximation, which has another name there.
    assert (CONFIG.hidden_act, values["hidden_act"]) == ("gelu", "gelu_new")


def test_a_checkpoint_without_a_pooler_stays_without(tmp_path):
    arrays = {name: array for name, array in garden.random_weights(heads=()).items() if "pooler" not in name}
    for to in ("tf1", "tf2", "huggingface"):
        assert len(_convert(arrays, tmp_path / to, to).weights) == 37


def test_an_existing_target_is_refused(tmp_path):
    arrays = garden.random_weights(heads=())
    for to in ("tf1", "tf2", "huggingface"):
        _convert(arrays, tmp_path / to, to)
        with pytest.raises(UserError, match="exists already"):
            _convert(arrays, tmp_path / to, to)


@pytest.mark.parametrize("to", ["tf1", "tf2", "huggingface"])
def test_nothing_is_left_of_a_conversion_that_fails(tmp_path, to, monkeypatch):
    def fail(*arguments):
        raise JobError("reading back what was written found another value")

    monkeypatch.setattr(convert, "verify", fail)
    with pytest.raises(JobError):
        _convert(garden.random_weights(heads=()), tmp_path / "target", to)
    assert os.listdir(tmp_path) == []


def test_a_wrong_value_is_found_when_reading_back(tmp_path, monkeypatch):
    arrays = garden.random_weights(heads=())
    write = tf2.write_tf2

    def write_wrongly(prefix, tensors, *arguments):
        wrong = {name: array.copy() for name, array in arrays.items()}
        wrong["bert/encoder/layer_1/output/dense/kernel"][3, 4] *= 1.0000001
        write(prefix, garden.source_of(wrong).tensors, *arguments)

    monkeypatch.setattr(convert, "write_tf2", write_wrongly)
    with pytest.raises(JobError, match="another value for bert/encoder/layer_1/output/dense/kernel"):
        _convert(arrays, tmp_path / "target", "tf2")
    assert os.listdir(tmp_path) == []
