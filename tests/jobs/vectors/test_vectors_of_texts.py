"""One vector for each text, against transformers' hidden states."""

import json

import numpy as np
import pytest
from vector_material import TEXTS

from bert_tf2.api import TextEncoder
from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import convert, open_source
from bert_tf2.models.families.base import read_config


@pytest.fixture(scope="module")
def states(model):
    return [model.hidden_states(text)[1] for text in TEXTS]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, lambda s: s[-1].mean(0)),
        ({"pooling": "cls"}, lambda s: s[-1][0]),
        ({"pooling": "max", "layers": (-2,)}, lambda s: s[-2].max(0)),
        ({"pooling": "mean_max"}, lambda s: np.append(s[-1].mean(0), s[-1].max(0))),
        ({"pooling": "first_last_avg"}, lambda s: ((s[0] + s[-1]) / 2).mean(0)),
        ({"layers": (-1, 0)}, lambda s: np.append(s[-1].mean(0), s[0].mean(0))),
        ({"layers": (1, 2, 3), "layer_combination": "mean"}, lambda s: s[1:4].mean(0).mean(0)),
        ({"normalize": True}, lambda s: s[-1].mean(0) / np.linalg.norm(s[-1].mean(0))),
        ({"special_tokens": False}, lambda s: s[-1][1:-1].mean(0) if s.shape[1] > 2 else np.zeros(16)),
        (
            {"special_tokens": False, "pooling": "max"},
            lambda s: s[-1][1:-1].max(0) if s.shape[1] > 2 else np.zeros(16),
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_poolings(model, states, settings, expected):
    encoder = TextEncoder.from_checkpoint(str(model.folder), **settings)
    vectors = encoder.encode(TEXTS, batch_size=2)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), encoder.dimension)
    np.testing.assert_allclose(vectors, [expected(state) for state in states], rtol=0, atol=1e-5)
    # Alone, without padding, it is the same.
    np.testing.assert_allclose(encoder.encode(TEXTS[0]), vectors[0], rtol=0, atol=1e-5)


def test_a_pair_is_one_input(model):
    encoder = TextEncoder.from_checkpoint(str(model.folder), special_tokens=False)
    tokens, states = model.hidden_states("the movie", "very good")
    assert tokens == ["[CLS]", "the", "movie", "[SEP]", "very", "good", "[SEP]"]
    expected = states[-1][[1, 2, 4, 5]].mean(0)
    np.testing.assert_allclose(encoder.encode([("the movie", "very good")])[0], expected, rtol=0, atol=1e-5)


def test_every_form_has_the_same_vectors(model, tmp_path):
    config = read_config(str(model.folder / "config.json"))
    (tmp_path / "bert_config.json").write_text(json.dumps(model.config))
    expected = TextEncoder.from_checkpoint(str(model.folder))
    for to in ("tf1", "tf2"):
        path = str(tmp_path / to / "bert_model.ckpt")
        convert.convert(open_source(str(model.folder)), config, path, to)
        encoder = TextEncoder.from_checkpoint(
            path, vocab_file=model.vocab_file, bert_config_file=str(tmp_path / "bert_config.json")
        )
        np.testing.assert_allclose(encoder.encode(TEXTS), expected.encode(TEXTS), rtol=0, atol=1e-6)
        assert encoder.fingerprint == expected.fingerprint


def test_windows_pool_every_token_once(model, tiny_vocabulary):
    text = " ".join(tiny_vocabulary[5:]).replace("##", "") + " the movie was good"
    for special in (True, False):
        encoder = TextEncoder.from_checkpoint(str(model.folder), max_seq_length=24, long_text="windows", special_tokens=special)
        windows = encoder.inputs.inputs(text, None)
        assert len(windows) > 3
        assert encoder.inputs.cut == 0
        pooled = [id for window in windows for id, kept in zip(window.ids, window.pooled) if kept]
        whole = encoder.tokenizer.encode(text)
        assert pooled == ([encoder.tokenizer.cls_id, *whole, encoder.tokenizer.sep_id] if special else whole)
        # The vector is what transformers gives for each window, over all tokens.
        tokens = []
        for window in windows:
            names = [encoder.tokenizer.id_to_token(id) for id in window.ids[1:-1]]
            found, states = model.hidden_states(" ".join(names))
            assert found[1:-1] == names
            tokens.append(states[-1][window.pooled])
        np.testing.assert_allclose(encoder.encode(text), np.concatenate(tokens).mean(0), rtol=0, atol=1e-5)
    # A text that fits has the vector it has without windows.
    plain = TextEncoder.from_checkpoint(str(model.folder), max_seq_length=24, special_tokens=False)
    np.testing.assert_allclose(encoder.encode(TEXTS), plain.encode(TEXTS), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": (4,)}, "there is no layer 4; the model has 4: 0 to 3, or -1 to -4"),
        ({"pooling": "means"}, "Did you mean 'mean'"),
        ({"pooling": "first_last_avg", "layers": (0,)}, "leave out --layers"),
        ({"pooling": "cls", "special_tokens": False}, "a special token"),
        ({"pooling": "cls", "long_text": "windows"}, "for mean and max"),
        ({"max_seq_length": 65}, "more than the model's 64 positions"),
        ({"dimension": 4}, "give --whitening_file too"),
    ],
    ids=str,
)
def test_wrong_settings(model, settings, message):
    with pytest.raises(UserError, match=message):
        TextEncoder.from_checkpoint(str(model.folder), **settings)


def test_what_is_no_text(model):
    encoder = TextEncoder.from_checkpoint(str(model.folder))
    with pytest.raises(UserError, match=r"texts\[1\] must be a string, or a pair of strings; got int"):
        encoder.encode(["a", 3])
    assert encoder.encode([]).shape == (0, 16)
    # Half a surrogate pair is U+FFFD, which BERT leaves out.
    np.testing.assert_array_equal(encoder.encode(["good \ud800"]), encoder.encode(["good"]))


def test_weights_of_8_bits_change_little_and_are_told_apart(model, monkeypatch):
    pytest.importorskip("tf2onnx", reason="needs tf2onnx: pip install 'bert_tf2[onnx]'")
    pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'bert_tf2[onnx]'")
    settings = {"pooling": "mean_max", "layers": (-1, 0), "special_tokens": False}
    plain = TextEncoder.from_checkpoint(str(model.folder), **settings)
    small = TextEncoder.from_checkpoint(str(model.folder), quantize="int8", **settings)
    wanted, found = plain.encode(TEXTS, batch_size=2), small.encode(TEXTS, batch_size=2)
    assert found.shape == wanted.shape
    # So narrow an encoder loses more than a real one.
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
    assert ((found * wanted).sum(1) >= 0.99 * lengths).all()
    assert np.abs(found - wanted).max() > 0
    # An index or a whitening of the one is none of the other.
    assert {key: value for key, value in small.identity.items() if plain.identity.get(key) != value} == {"quantize": "int8"}
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"--quantize=int8 needs the package \w+: pip install 'bert_tf2\[onnx\]'"):
        TextEncoder.from_checkpoint(str(model.folder), quantize="int8")
