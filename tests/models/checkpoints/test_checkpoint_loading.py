"""What a wrong checkpoint is answered with, and what is reported of a right one."""

import dataclasses
import logging
import pickle
import shutil
import zipfile

import garden_checkpoints as garden
import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import convert, detect_format, load_encoder_weights, read_heads
from bert_tf2.models.checkpoints.tf1 import write_tf1
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.families.base import families
from bert_tf2.tasks.classification.task import ClassificationTask

CONFIG = garden.CONFIG


@pytest.fixture(scope="module")
def encoder():
    return build_encoder(CONFIG)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same weights in the three formats."""
    path = tmp_path_factory.mktemp("checkpoints")
    source = garden.source_of(garden.random_weights(heads=()))
    for to in ("tf1", "tf2", "huggingface"):
        convert.convert(source, CONFIG, str(path / to / "bert_model.ckpt"), to)
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tf1/bert_model.ckpt", "tf1"),
        ("tf1", "tf1"),
        ("tf2/bert_model.ckpt.index", "tf2"),
        ("tf2/bert_model.ckpt.data-00000-of-00001", "tf2"),
        ("tf2/", "tf2"),
        ("huggingface/bert_model.ckpt", "huggingface"),
        ("huggingface/bert_model.ckpt/model.safetensors", "huggingface"),
    ],
)
def test_formats_are_recognised_by_content(folder, encoder, name, expected):
    assert detect_format(f"{folder}/{name}") == expected
    report = load_encoder_weights(encoder, f"{folder}/{name}", CONFIG)
    assert (report.format, len(report.loaded)) == (expected, 39)
    assert report.summary().startswith("loaded 39 weights from ")


def test_the_name_of_a_file_means_nothing(folder, tmp_path):
    shutil.copyfile(folder / "huggingface" / "bert_model.ckpt" / "model.safetensors", tmp_path / "weights.bin")
    assert detect_format(str(tmp_path / "weights.bin")) == "huggingface"


def test_a_directory_means_its_latest_checkpoint(tmp_path, encoder):
    checkpoint = tf.train.Checkpoint(model=encoder)
    for value in (1.0, 2.0, 3.0):
        encoder.variables[0].assign(tf.fill(encoder.variables[0].shape, value))
        checkpoint.save(str(tmp_path / "run" / "ckpt"))
    # A directory that was moved: its file `checkpoint` holds the old path.
    moved = tmp_path / "moved"
    shutil.move(tmp_path / "run", moved)
    (moved / "checkpoint").write_text('model_checkpoint_path: "/somewhere/else/ckpt-2"\n')
    load_encoder_weights(encoder, str(moved), CONFIG)
    assert encoder.variables[0][0, 0] == 2.0
    (moved / "checkpoint").write_text("garbage")
    load_encoder_weights(encoder, str(moved), CONFIG)
    assert encoder.variables[0][0, 0] == 3.0


def test_a_path_that_tensorflow_would_take_for_a_pattern_is_refused(folder, tmp_path, encoder):
    shutil.copytree(folder / "tf2", tmp_path / "a[1]")
    _refused(tmp_path / "a[1]", "takes .* for a pattern; rename it", encoder)


def _refused(path, message, encoder, config=CONFIG):
    with pytest.raises(UserError, match=message) as caught:
        load_encoder_weights(encoder, path if path is None else str(path), config)
    assert "\n" not in str(caught.value)


def test_no_checkpoint_is_an_error(encoder):
    _refused(None, "no checkpoint given", encoder)
    _refused("", "no checkpoint given", encoder)


def test_a_missing_checkpoint_is_answered_with_the_nearest(folder, encoder, tmp_path):
    _refused(folder / "tf1" / "bert_modle.ckpt", r"no checkpoint at .*bert_modle\.ckpt; in .* there is bert_model\.ckpt", encoder)
    _refused(tmp_path / "nowhere" / "x", r"the directory .*nowhere does not exist", encoder)
    _refused(tmp_path, r"holds none \(it is empty\)", encoder)
    (tmp_path / "readme.txt").write_text("hello")
    _refused(tmp_path, r"holds none \(readme\.txt\)", encoder)


def test_another_architecture_is_explained_in_one_error(folder, encoder):
    other = dataclasses.replace(CONFIG, hidden_size=32, vocab_size=120, num_hidden_layers=1, max_position_embeddings=32)
    for format_name in ("tf1", "tf2", "huggingface"):
        path = folder / format_name / "bert_model.ckpt"
        before = [variable.numpy() for variable in encoder.variables]
        with pytest.raises(UserError) as caught:
            load_encoder_weights(encoder, str(path), other)
        for part in (
            "vocab_size 97 in the checkpoint, 120 in the configuration",
            "hidden_size 16 in the checkpoint, 32 in the configuration",
            "max_position_embeddings 64 in the checkpoint, 32 in the configuration",
            "num_hidden_layers 2 in the checkpoint, 1 in the configuration",
        ):
            assert part in str(caught.value)
        assert "\n" not in str(caught.value)
        for variable, value in zip(encoder.variables, before):
            np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize("format_name", ["tf1", "tf2", "huggingface"])
def test_fewer_layers_are_the_first_ones_and_said(folder, caplog, monkeypatch, format_name):
    monkeypatch.setattr(logging.getLogger("bert_tf2"), "propagate", True)
    one_layer = dataclasses.replace(CONFIG, num_hidden_layers=1)
    small, path = build_encoder(one_layer), str(folder / format_name / "bert_model.ckpt")
    with caplog.at_level(logging.WARNING):
        report = load_encoder_weights(small, path, one_layer)
    assert "has 2 layers and the configuration 1 (num_hidden_layers): the first 1 are taken" in caplog.text
    assert report.missing == []
    assert len(report.loaded) == 23
    whole = build_encoder(CONFIG)
    load_encoder_weights(whole, path, CONFIG)
    values = {variable.name: variable.numpy() for variable in whole.variables}
    assert len(small.variables) == 23
    for variable in small.variables:
        np.testing.assert_array_equal(variable, values[variable.name])
    _refused(path, "num_hidden_layers 2 in the checkpoint, 3", whole, dataclasses.replace(CONFIG, num_hidden_layers=3))


def test_another_number_of_heads_is_found_where_the_file_tells(folder, encoder):
    other = dataclasses.replace(CONFIG, num_attention_heads=4)
    for format_name in ("tf2", "huggingface"):
        path = folder / format_name / "bert_model.ckpt"
        _refused(path, "num_attention_heads 2 in the checkpoint, 4 in the configuration", encoder, other)


def test_a_missing_weight_is_named(tmp_path, encoder):
    arrays = garden.random_weights(heads=())
    del arrays["bert/encoder/layer_1/output/dense/bias"]
    write_tf1(str(tmp_path / "ckpt"), garden.source_of(arrays).tensors, families.get("bert"))
    _refused(tmp_path / "ckpt", "1 of 39 weights of the encoder are missing: bert/encoder/layer_1/output/dense/bias", encoder)


def test_an_odd_shape_is_named(tmp_path, encoder):
    arrays = garden.random_weights(heads=())
    arrays["bert/encoder/layer_1/output/dense/bias"] = np.zeros(7, np.float32)
    write_tf1(str(tmp_path / "ckpt"), garden.source_of(arrays).tensors, families.get("bert"))
    _refused(tmp_path / "ckpt", r"layer_1/output/dense/bias \(7,\) vs\. \(16,\)", encoder)


def test_a_missing_pooler_is_a_warning(tmp_path, encoder, caplog, monkeypatch):
    arrays = {name: array for name, array in garden.random_weights(heads=()).items() if "pooler" not in name}
    write_tf1(str(tmp_path / "ckpt"), garden.source_of(arrays).tensors, families.get("bert"))
    monkeypatch.setattr(logging.getLogger("bert_tf2"), "propagate", True)
    with caplog.at_level(logging.WARNING):
        report = load_encoder_weights(encoder, str(tmp_path / "ckpt"), CONFIG)
    assert "has no pooler" in caplog.text
    assert "missing 2 (bert/pooler/dense/kernel, bert/pooler/dense/bias)" in report.summary()


@pytest.mark.parametrize("format_name", ["tf1", "tf2"])
def test_damaged_tensorflow_files_are_named(folder, tmp_path, encoder, format_name):
    def copy():
        shutil.copytree(folder / format_name, tmp_path / "c", dirs_exist_ok=True)
        return tmp_path / "c" / "bert_model.ckpt", tmp_path / "c" / "bert_model.ckpt.data-00000-of-00001"

    prefix, data = copy()
    size = data.stat().st_size
    data.write_bytes(data.read_bytes()[:-500])
    message = (
        "but its tensors need at least .*: truncated" if format_name == "tf1" else "ends before its entry .* does: truncated"
    )
    _refused(prefix, rf"data-00000-of-00001 has {size - 500} bytes.*{message}", encoder)
    prefix, data = copy()
    content = bytearray(data.read_bytes())
    content[size - 1000] ^= 0xFF
    data.write_bytes(content)
    _refused(prefix, r"bert_model\.ckpt: damaged at the entry .*", encoder)
    data.unlink()
    _refused(prefix, r"no bert_model\.ckpt\.data-… beside it", encoder)
    prefix, data = copy()
    index = tmp_path / "c" / "bert_model.ckpt.index"
    for content in (b"", b"garbage", index.read_bytes()[:-20]):
        index.write_bytes(content)
        _refused(prefix, r"bert_model\.ckpt\.index: damaged or not a checkpoint", encoder)


def test_a_truncated_safetensors_file_is_named(folder, tmp_path, encoder):
    content = (folder / "huggingface" / "bert_model.ckpt" / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(content[:-100])
    message = rf"model\.safetensors: truncated: it has {len(content) - 100} bytes, its tensors end at {len(content)}"
    _refused(tmp_path, message, encoder)


class _Evil:
    def __reduce__(self):
        return (pytest.fail, ("the pickle was opened",))


def test_a_pickle_is_never_opened(tmp_path, encoder):
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(_Evil()))
    with zipfile.ZipFile(tmp_path / "zipped.bin", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(_Evil()))
    for name in ("", "pytorch_model.bin", "zipped.bin"):
        _refused(tmp_path / name, "pickle, which can run programs and is never opened; save the model as", encoder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file of Keras"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer.*git lfs pull"),
        (b'{"hidden_size": 16}', "is a JSON file .*, not weights; give the folder it lies in"),
        (b"not a checkpoint at all", "is no checkpoint this program knows"),
    ],
)
def test_other_files_are_recognised(tmp_path, encoder, content, message):
    (tmp_path / "file").write_bytes(content)
    _refused(tmp_path / "file", message, encoder)


def test_two_kinds_in_one_directory_are_not_guessed_at(folder, tmp_path, encoder):
    shutil.copytree(folder / "tf1", tmp_path / "both")
    shutil.copyfile(folder / "huggingface" / "bert_model.ckpt" / "model.safetensors", tmp_path / "both" / "model.safetensors")
    _refused(tmp_path / "both", "give the path of one of them", encoder)


def test_a_head_of_a_model_is_loaded_on_request(tmp_path):
    arrays = garden.random_weights(heads=("classifier",))
    write_tf1(str(tmp_path / "ckpt"), garden.source_of(arrays).tensors, families.get("bert"))
    for labels, loaded in ((["a", "b", "c"], 41), (["a", "b"], 39)):
        encoder = build_encoder(CONFIG)
        model = ClassificationTask(labels).build_model(encoder)
        report = load_encoder_weights(encoder, str(tmp_path / "ckpt"), CONFIG, head_model=model)
        assert len(report.loaded) == loaded
    assert report.mismatched == ["output_weights (3, 16) vs. (2, 16)", "output_bias (3,) vs. (2,)"]
    np.testing.assert_array_equal(read_heads(str(tmp_path / "ckpt"))["classifier"]["output_weights"], arrays["output_weights"])
    np.testing.assert_array_equal(encoder.get_layer("word_embeddings").embeddings, arrays["bert/embeddings/word_embeddings"])
