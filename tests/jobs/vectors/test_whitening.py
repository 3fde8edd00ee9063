"""Whitening: fitted, kept, applied, and refused where it is of other vectors."""

import numpy as np
import pytest
from vector_material import make_model

from bert_tf2.api import TextEncoder, Whitening
from bert_tf2.errors import UserError

OF = {"model": "m", "pooling": "mean"}


def test_what_is_whitened_has_the_unit_covariance():
    rng = np.random.default_rng(1)
    vectors = (rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) + 50).astype(np.float32)
    whitening = Whitening.fit([vectors[:7], vectors[7:300], vectors[300:]], OF)
    white = whitening.applied(vectors)
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(6), atol=1e-3)
    # As BERT-whitening's authors compute it, up to the sign of a direction.
    directions, spread, _ = np.linalg.svd(np.cov(vectors.T.astype(np.float64), bias=True))
    expected = (vectors - vectors.mean(0, keepdims=True)) @ (directions / np.sqrt(spread))[:, :3]
    np.testing.assert_allclose(np.abs(whitening.applied(vectors, 3)), np.abs(expected), atol=1e-2)


def test_few_texts_have_few_directions():
    vectors = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)
    assert Whitening.fit([vectors], OF).dimension == 3
    for equal in ([vectors[:1]], [np.ones((5, 6), np.float32)]):
        with pytest.raises(UserError, match="whitening"):
            Whitening.fit(equal, OF)


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    words = ["the", "movie", "was", "very", "good", "bad", "a", "!"]
    rng = np.random.default_rng(3)
    path.write_text("".join(" ".join(rng.choice(words, rng.integers(2, 9))) + "\n" for _ in range(60)))
    return path


def test_the_command_fits_and_applies(model, corpus, texts_file, tmp_path, capsys):
    white = tmp_path / "white.npz"
    flags = [f"--fit_whitening={corpus}", f"--whitening_file={white}"]
    assert model.extract(*flags) == 0
    assert f"wrote {white}: {Whitening.load(str(white)).dimension} directions, from 60 texts" in capsys.readouterr().out
    flags = [f"--whitening_file={white}", "--dimension=5", "--normalize", f"--input_file={texts_file}"]
    assert model.extract(*flags, f"--output_file={tmp_path}/a.npy") == 0
    vectors = np.load(tmp_path / "a.npy")
    plain, whitening = TextEncoder.from_checkpoint(str(model.folder)), Whitening.load(str(white))
    expected = whitening.applied(plain.encode(texts_file.read_text().splitlines()), 5)
    np.testing.assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=0, atol=1e-5)
    np.testing.assert_allclose(whitening.applied(plain.encode(corpus.read_text().splitlines())).std(0), 1, atol=1e-3)
    # Both at once.
    flags = [f"--fit_whitening={corpus}", f"--whitening_file={tmp_path}/again.npz", *flags[1:], f"--output_file={tmp_path}/b.npy"]
    assert model.extract(*flags) == 0
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "a.npy").read_bytes()
    encoder = TextEncoder.from_checkpoint(str(model.folder), whitening_file=str(white), dimension=5)
    assert encoder.dimension == 5


def test_a_whitening_of_other_vectors_is_refused(model, corpus, texts_file, tmp_path, capsys, tiny_vocabulary):
    white = tmp_path / "white.npz"
    assert model.extract(f"--fit_whitening={corpus}", f"--whitening_file={white}") == 0
    flags = [f"--whitening_file={white}", f"--input_file={texts_file}", f"--output_file={tmp_path}/a.npy"]
    other = make_model(tmp_path / "other", tiny_vocabulary, seed=5)
    wider = make_model(tmp_path / "wider", tiny_vocabulary, hidden_size=24)
    for of, added, message in (
        (other, [], "vectors of another model"),
        (wider, [], "vectors of another model"),
        (model, ["--pooling=max"], "pooling mean, here max"),
        (model, ["--layers=-1,-2"], "layers [3], here [3, 2]"),
        (model, ["--dimension=17"], "--dimension=17 is more than"),
    ):
        capsys.readouterr()
        assert of.extract(*flags, *added) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
        assert not (tmp_path / "a.npy").exists()
