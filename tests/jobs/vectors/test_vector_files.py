"""Files of vectors: their forms, what they are made of, and how an interrupted command goes on."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from vector_material import TEXTS

from bert_tf2.api import TextEncoder
from bert_tf2.jobs.vectors.journal import Journal


@pytest.fixture(scope="module")
def expected(model):
    return TextEncoder.from_checkpoint(str(model.folder), normalize=True).encode(TEXTS)


def read(path) -> np.ndarray:
    if path.suffix == ".npz":
        with np.load(path) as stored:
            assert stored.files == ["embeddings"]
            return stored["embeddings"]
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert [(row["linex_index"], row["text"]) for row in rows] == list(enumerate(TEXTS))
        return np.array([row["embedding"] for row in rows], np.float32)
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(path)
    assert table.column_names == ["text", "embedding"]
    assert table["text"].to_pylist() == TEXTS
    return np.array(table["embedding"].to_pylist(), np.float32)


@pytest.mark.parametrize("suffix", ["npz", "npy", "jsonl", "parquet"])
def test_every_form_holds_the_vectors(model, texts_file, tmp_path, expected, suffix, capsys):
    path = tmp_path / f"vectors.{suffix}"
    flags = [f"--input_file={texts_file}", f"--output_file={path}", "--normalize", "--pooling=mean", "--batch_size=2"]
    assert model.extract(*flags) == 0
    vectors = read(path)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-6)
    assert sorted(os.listdir(tmp_path)) == ["texts.txt", path.name]
    captured = capsys.readouterr()
    assert f"wrote {path}: 6 texts in" in captured.out
    assert f"1 row holds no text, the first at {texts_file}:4; their vector is that of [CLS] [SEP]" in captured.err


@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl", "parquet"])
def test_texts_of_a_column(model, tmp_path, expected, suffix):
    path = tmp_path / f"rows.{suffix}"
    if suffix == "tsv":
        path.write_text("id\tbody\n" + "".join(f"{row}\t{text}\n" for row, text in enumerate(TEXTS)))
    elif suffix == "csv":
        path.write_text("id,body\n" + "".join(f'{row},"{text}"\n' for row, text in enumerate(TEXTS)))
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps({"body": text}) + "\n" for text in TEXTS))
    else:
        pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.table({"id": list(range(len(TEXTS))), "body": TEXTS}), path)
    flags = [f"--input_file={path}", "--text_column=body", f"--output_file={tmp_path}/vectors.npy", "--normalize"]
    assert model.extract(*flags) == 0
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), expected, rtol=0, atol=1e-6)


def test_pairs_of_columns_and_of_lines_are_one(model, tmp_path):
    (tmp_path / "rows.tsv").write_text("one\tother\nthe movie\tvery good\n")
    (tmp_path / "lines.txt").write_text("the movie ||| very good\n")
    columns = ["--text_column=one", "--text_b_column=other"]
    assert model.extract(f"--input_file={tmp_path}/rows.tsv", *columns, f"--output_file={tmp_path}/a.npy") == 0
    assert model.extract(f"--input_file={tmp_path}/lines.txt", f"--output_file={tmp_path}/b.npy") == 0
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    expected = model.hidden_states("the movie", "very good")[1][-1].mean(0)
    np.testing.assert_allclose(np.load(tmp_path / "a.npy")[0], expected, rtol=0, atol=1e-5)


@pytest.fixture
def many(tmp_path):
    """More texts than are in memory at a time with a batch of one."""
    path = tmp_path / "many.txt"
    path.write_text("".join(f"the movie was {'very ' * (row % 7)}good {row}\n" for row in range(100)))
    return path


@pytest.mark.parametrize("name", ["out.npz", "tokens.jsonl"])
def test_an_interrupted_command_goes_on(model, many, tmp_path, monkeypatch, capsys, name):
    """The file is that of a command that was not interrupted, byte for byte."""
    whole, path = tmp_path / "whole" / name, tmp_path / name
    flags = [f"--input_file={many}", "--batch_size=1", "--layers=-1", "--max_seq_length=8"]
    assert model.extract(*flags, f"--output_file={whole}") == 0
    cut = [line for line in capsys.readouterr().err.splitlines() if "were cut" in line]
    assert len(cut) == 1
    note, noted = Journal.note, []

    def interrupted(journal, *arguments):
        if len(noted) == 2:
            raise KeyboardInterrupt
        noted.append(arguments)
        note(journal, *arguments)

    monkeypatch.setattr(Journal, "note", interrupted)
    assert model.extract(*flags, f"--output_file={path}") == 130
    assert not path.exists()
    monkeypatch.setattr(Journal, "note", note)
    capsys.readouterr()
    assert model.extract(*flags, f"--output_file={path}") == 0
    told = capsys.readouterr().err
    assert f"going on behind {sum(rows for rows, _ in noted)} of 100 texts" in told
    assert cut[0] in told
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == sorted(["many.txt", name, "whole"])


def test_what_another_command_began_is_not_gone_on_with(model, many, tmp_path, monkeypatch, capsys):
    original, calls = Journal.note, []

    def once(journal, *arguments):
        if calls:
            raise KeyboardInterrupt
        calls.append(arguments)
        original(journal, *arguments)

    flags = [f"--input_file={many}", "--batch_size=1", f"--output_file={tmp_path}/out.npy"]
    monkeypatch.setattr(Journal, "note", once)
    assert model.extract(*flags) == 130
    monkeypatch.setattr(Journal, "note", original)
    assert model.extract(*flags, "--pooling=max") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "holds what another command did of this file (it differs in pooling)" in error
    assert model.extract(*flags, "--pooling=max", "--overwrite") == 0
    expected = TextEncoder.from_checkpoint(str(model.folder), pooling="max").encode(many.read_text().splitlines(), batch_size=1)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_a_killed_process_goes_on(model, tmp_path):
    path, texts = tmp_path / "out.npy", tmp_path / "texts.txt"
    texts.write_text("".join(f"the movie was {'very ' * (row % 40)}good {row}\n" for row in range(20_000)))
    flags = [f"--init_checkpoint={model.folder}", f"--input_file={texts}", "--batch_size=2"]
    command = [sys.executable, "-m", "bert_tf2.extract_features", *flags]
    state = tmp_path / "out.npy.incomplete-vectors" / "state.json"
    process = subprocess.Popen([*command, f"--output_file={path}"], stderr=subprocess.DEVNULL)
    while not state.is_file() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not path.exists()
    assert 0 < json.loads(state.read_text())["rows"] < 20_000
    subprocess.run([*command, f"--output_file={path}"], check=True)
    subprocess.run([*command, f"--output_file={tmp_path}/whole.npy"], check=True)
    assert path.read_bytes() == (tmp_path / "whole.npy").read_bytes()


@pytest.mark.parametrize(
    ("content", "flags", "message"),
    [
        ("a\n", ["--output_file={}/v.npz", "--layers=4"], "there is no layer 4; the model has 4"),
        ("a\n", ["--output_file={}/v.jsonl", "--layers=-5"], "there is no layer -5; the model has 4"),
        ("a\n", ["--output_file={}/v.npz", "--layers=one"], "--layers must be whole numbers"),
        ("a\n", ["--output_file={}/v.npz", "--layers=,"], "--layers names no layer"),
        ("", ["--output_file={}/v.npz"], "input.txt holds no texts"),
        ("a\tb\nc\td\n", ["--output_file={}/v.npz", "--text_column=body"], "no column 'body' (--text_column)"),
        ("a\n", ["--output_file={}/v.bin", "--pooling=mean"], "the name must say what to write"),
        ("a\n", ["--output_file={}/v.npz", "--pooling=none"], "makes Google's JSON lines; name an --output_file"),
        ("a\n", ["--output_file={}/v.jsonl", "--normalize"], "--normalize is for one vector of each text; give --pooling=mean"),
        ("a\n", ["--output_file={}/there.npz"], "is there already; name another file, or give --overwrite"),
        ("a\n", ["--output_file={}"], "is a directory; name a file in it"),
        ("a\n", ["--output_file={}/input.txt"], "would overwrite --input_file"),
        ("a\n", [], "--output_file is required"),
        ("a\n", ["--output_file={}/v.npz", "--dimension=3"], "give --whitening_file too"),
        ("a\n", ["--output_file={}/v.npz", "--whitening_file={}/there.npz"], "is no whitening; --fit_whitening makes one"),
        ("a\n", ["--output_file={}/v.npz", "--whitening_file={}/none.npz"], "no such file"),
        ("a\n", ["--output_file={}/v.npz", "--model_dir={}"], "are two models"),
        ("a\n", ["--output_file={}/v.npz", "--pooling=REDUCE_MEAN"], "--pooling must be one of"),
        (b"a\nb\xff\n", ["--output_file={}/v.npz"], "input.txt:2: byte 2 (0xFF) is not UTF-8"),
    ],
    ids=str,
)
def test_wrong_commands(model, tmp_path, capsys, content, flags, message):
    (tmp_path / "input.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "there.npz").write_text("somebody's")
    before = sorted(os.listdir(tmp_path))
    assert model.extract(f"--input_file={tmp_path}/input.txt", *(flag.format(tmp_path) for flag in flags)) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert sorted(os.listdir(tmp_path)) == before
