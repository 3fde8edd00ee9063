import json

import pytest

from bert_tf2.training.reporting.result_files import RESULT_INPUTS, ResultInput, called, make_room

NAMES = ("predictions.tsv", "test_results.tsv")
A, B, OTHER_A = (ResultInput.of(name, [content]) for name, content in (("a", b"1"), ("b", b"2"), ("a", b"3")))


def write(directory, source, content, names=NAMES):
    make_room(str(directory), names, source)
    for name in names:
        (directory / name).write_text(content)


def contents(directory):
    return {path.name: path.read_text() for path in directory.iterdir() if path.name != RESULT_INPUTS}


def test_the_same_input_replaces_and_another_moves_aside(tmp_path, caplog):
    write(tmp_path, A, "a1")
    write(tmp_path, ResultInput("renamed", A.fingerprint), "a2")
    assert contents(tmp_path) == dict.fromkeys(NAMES, "a2")
    write(tmp_path, A, "a3")
    write(tmp_path, B, "b1")
    kept = {"predictions.a.tsv": "a3", "test_results.a.tsv": "a3"}
    assert contents(tmp_path) == kept | dict.fromkeys(NAMES, "b1")
    # What is kept of an input is the last of it.
    write(tmp_path, A, "a4")
    write(tmp_path, B, "b2")
    assert contents(tmp_path) == dict.fromkeys(kept, "a4") | {
        "predictions.b.tsv": "b1",
        "test_results.b.tsv": "b1",
    } | dict.fromkeys(NAMES, "b2")
    noted = json.loads((tmp_path / RESULT_INPUTS).read_text())
    assert noted["predictions.tsv"] == {"name": "b", "fingerprint": B.fingerprint}
    assert noted["predictions.a.tsv"]["name"] == "a"


def test_inputs_of_the_same_name_and_files_that_nobody_noted(tmp_path):
    for name in NAMES:
        (tmp_path / name).write_text("before")
    (tmp_path / "test_results.a.tsv").write_text("mine")
    write(tmp_path, A, "a1")
    write(tmp_path, OTHER_A, "other")
    write(tmp_path, B, "b1")
    assert contents(tmp_path) == {
        "predictions.earlier.tsv": "before",
        "test_results.earlier.tsv": "before",
        "test_results.a.tsv": "mine",
        "predictions.a-2.tsv": "a1",
        "test_results.a-2.tsv": "a1",
        # All files of a run get the same name.
        "predictions.a-3.tsv": "other",
        "test_results.a-3.tsv": "other",
    } | dict.fromkeys(NAMES, "b1")


@pytest.mark.parametrize("notes", ["{", "[]", '{"predictions.tsv": 1}'])
def test_notes_that_cannot_be_read_lose_nothing(tmp_path, notes, caplog):
    write(tmp_path, A, "a1")
    (tmp_path / RESULT_INPUTS).write_text(notes)
    write(tmp_path, A, "a2")
    assert contents(tmp_path) == dict.fromkeys(NAMES, "a2") | {
        "predictions.earlier.tsv": "a1",
        "test_results.earlier.tsv": "a1",
    }


def test_the_content_in_its_order_is_the_input():
    assert ResultInput.of("x", [b"ab", b"c"]).fingerprint != ResultInput.of("x", [b"a", b"bc"]).fingerprint
    assert ResultInput.of("x", [b"a", b"b"]).fingerprint != ResultInput.of("x", [b"b", b"a"]).fingerprint
    assert called(["data/dev-v1.1.json"]) == "dev-v1.1"
    assert called(["a-0.tf_record", "a-1.tf_record", "a-2.tf_record"]) == "a-0-and-2-more"
