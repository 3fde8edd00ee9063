"""Operations that a format lacks are told with their layers; the forms for converters compute the same."""

import json
import os

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx
import tokenizers

from bert_tf2.errors import JobError, UserError
from bert_tf2.exporting.converting import converting, traced
from bert_tf2.exporting.target import TARGETS, Conversion, target_of
from bert_tf2.exporting.tokenizer_files import tokenizer_files
from bert_tf2.models.activations import gelu, gelu_exact
from bert_tf2.models.converted import for_converter
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.wordpiece import WordPieceTokenizer


def lacking(inputs: dict) -> dict:
    """Something that neither format knows, in a layer called `odd`."""
    with tf.name_scope("odd"):
        return {"outputs": tf.math.digamma(tf.cast(inputs["input_word_ids"], tf.float32) + 1.0)}


@pytest.mark.parametrize("name", ["onnx", "tflite"])
def test_operations_that_a_format_lacks_are_named_with_their_layer(name, tmp_path, capfd):
    with pytest.raises(UserError) as caught:
        target_of(name).write(Conversion(lacking, 4), str(tmp_path / "model"))
    message = str(caught.value)
    assert message.startswith(f"--to={name}: the format has no operation for Digamma (in odd/Digamma")
    assert "\n" not in message
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "Digamma" not in printed.err


def test_other_failures_of_a_converter_are_one_line():
    function = traced(Conversion(lacking, 4), None)
    with pytest.raises(JobError, match=r"^--to=onnx: the converter failed: what it says$"), converting("onnx", function):
        raise RuntimeError("what it says\nin many lines")


def test_targets_are_the_files_of_their_folder():
    assert TARGETS == ("onnx", "saved_model", "tflite")
    assert {target_of(name).file for name in TARGETS} == {"model.onnx", "model.tflite", "saved_model"}


def test_the_converter_to_onnx_gets_no_weights(tmp_path, monkeypatch):
    """It copies all constants again and again, 18 GB for BERT-Base."""
    table, seen = tf.Variable(np.random.default_rng(1).normal(size=(1000, 64)), dtype=tf.float32), []

    def looked_up(inputs: dict) -> dict:
        return {"outputs": tf.gather(table, inputs["input_word_ids"]), "unused": tf.shape(inputs["input_mask"])}

    convert = tf2onnx.convert.from_graph_def
    monkeypatch.setattr(
        tf2onnx.convert,
        "from_graph_def",
        lambda graph, **more: (seen.append(graph.ByteSize()), convert(graph, **more))[1],
    )
    path = str(tmp_path / "model.onnx")
    target_of("onnx").write(Conversion(looked_up, None), path)
    assert 0 < seen[0] < 10_000 < 1000 * 64 * 4 < os.path.getsize(path)
    session = onnxruntime.InferenceSession(path)
    rows = np.array([[3, 999]], np.int32)
    fed = {value.name: rows for value in session.get_inputs()}
    assert set(fed) <= {"input_word_ids", "input_mask", "input_type_ids"}
    (found,) = session.run(["outputs"], fed)
    np.testing.assert_array_equal(found, table.numpy()[rows])


@pytest.mark.parametrize("activation", [gelu, gelu_exact])
def test_forms_for_converters_compute_the_same(activation):
    x = tf.constant(np.linspace(-6, 6, 1001), tf.float32)
    ours = activation(x)
    with for_converter():
        theirs = activation(x)
    np.testing.assert_allclose(ours, theirs, atol=2e-6)
    # What a training computes is what it ever was: the other form is for converters alone.
    assert np.array_equal(ours, activation(x))
    assert not np.array_equal(ours, theirs)


HARD = [
    "The movie was good, wasn't it?",
    "Café NAÏVE Ωραία ΤΕΛΟΣ ß",
    "这部电影很好看 [DATE] 2,000.50",
    "tabs\tand\nlines  and\u00a0spaces",
    "",
    "x" * 500,
    "a–b — “quoted” … 😀",
]


@pytest.mark.parametrize(
    "way",
    [
        Normalization(True),
        Normalization(False),
        Normalization(True, strip_accents=False),
        Normalization(True, tokenize_chinese_chars=False),
        Normalization(True, never_split=("[MASK]",)),
    ],
)
def test_wordpiece_of_the_library_is_ours(tiny_vocab_file, tmp_path, way):
    tokenizer = WordPieceTokenizer(tiny_vocab_file, way)
    files, settings = tokenizer_files(tokenizer)
    (tmp_path / "tokenizer.json").write_bytes(files[settings["file"]])
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in [*HARD, "the [MASK] was [CLS] good"]:
        assert library.encode(text, add_special_tokens=False).ids == tokenizer.encode(text), text


def test_byte_level_bpe_of_the_library_is_ours(byte_level_folder, tmp_path):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    files, settings = tokenizer_files(tokenizer)
    (tmp_path / "tokenizer.json").write_bytes(files[settings["file"]])
    assert json.loads(files["tokenizer.json"])["added_tokens"] == []
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in [*HARD, "a </s> that is text"]:
        assert library.encode(text, add_special_tokens=False).ids == tokenizer.encode(text), text
