"""Vectors of tokens, in the lines of Google's extract_features.py."""

import json

import numpy as np
import pytest

TEXTS = ["the movie was good", "the movie was bad ||| very very bad !", "", "  the movie  "]


def lines_of(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def google_file(tmp_path):
    path = tmp_path / "input"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return path


def test_lines_are_googles(model, google_file, tmp_path, capsys):
    """The keys and their order are those of google-research/bert; the numbers transformers'."""
    output = tmp_path / "output.json"
    flags = [f"--input_file={google_file}", f"--output_file={output}", "--layers=-1,-2,-3,-4", f"--vocab_file={model.vocab_file}"]
    flags += [f"--bert_config_file={model.folder}/config.json", "--max_seq_length=12", "--batch_size=2", "--do_lower_case=True"]
    assert model.extract(*flags) == 0
    lines = lines_of(output)
    assert [line["linex_index"] for line in lines] == [0, 1, 2, 3]
    assert output.read_text().startswith(
        '{"linex_index": 0, "features": [{"token": "[CLS]", "layers": [{"index": -1, "values": ['
    )
    for text, line in zip(TEXTS, lines):
        tokens, states = model.hidden_states(*text.strip().split(" ||| "), length=12)
        assert [feature["token"] for feature in line["features"]] == tokens
        for place, feature in enumerate(line["features"]):
            assert [layer["index"] for layer in feature["layers"]] == [-1, -2, -3, -4]
            for layer in feature["layers"]:
                np.testing.assert_allclose(layer["values"], states[layer["index"], place], rtol=0, atol=1e-5)
                assert all(round(value, 6) == value for value in layer["values"])
    assert "1 row holds no text, the first at" in capsys.readouterr().err


def test_a_pair_is_cut_as_googles(model, tmp_path):
    path, output = tmp_path / "input.txt", tmp_path / "output.jsonl"
    path.write_text("the movie was very very good ||| the bad movie\nthe movie was very very very good\n")
    flags = [f"--input_file={path}", f"--output_file={output}", "--max_seq_length=8", "--layers=0"]
    assert model.extract(*flags) == 0
    tokens = [[feature["token"] for feature in line["features"]] for line in lines_of(output)]
    # The longer text loses its end first.
    assert tokens[0] == ["[CLS]", "the", "movie", "was", "[SEP]", "the", "bad", "[SEP]"]
    assert tokens[1] == ["[CLS]", "the", "movie", "was", "very", "very", "very", "[SEP]"]


def test_flags_of_its_machines_do_nothing(model, google_file, tmp_path, capsys):
    flags = [f"--input_file={google_file}", f"--output_file={tmp_path}/o.jsonl", "--use_one_hot_embeddings", "--use_tpu=True"]
    assert model.extract(*flags) == 0
    assert capsys.readouterr().err.count("does nothing here") == 2
