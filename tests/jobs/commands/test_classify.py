"""From raw text to named predictions, by the command and from Python."""

import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2 import cli
from bert_tf2.errors import JobError, UserError
from bert_tf2.inference.text_classifier import Prediction, TextClassifier
from bert_tf2.jobs.commands.classify import ClassifyOptions, classify, shown


def run(*arguments) -> int:
    return cli.run(classify, ClassifyOptions, "Classifies.", ["classify", *map(str, arguments)])


def read_tsv(path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("model", ["model", "export_text"])
def test_a_file_gets_the_predictions_of_run_classifier(trained_workplace, model, tmp_path, capsys):
    target = tmp_path / "out" / "new.tsv"
    flags = [f"--model_dir={trained_workplace.directory / model}", f"--input_file={trained_workplace.directory / 'test.tsv'}"]
    assert run(*flags, f"--output_file={target}", "--batch_size=5") == 0
    assert f"wrote {target}: 23 predictions in" in capsys.readouterr().out
    rows, expected = read_tsv(target), read_tsv(trained_workplace.model_dir / "predictions.tsv")
    # The input's columns, its label among them, are kept.
    assert rows[0] == ["text", "label", "prediction", "probability_negative", "probability_positive"]
    assert [row[:2] for row in rows[1:]] == read_tsv(trained_workplace.directory / "test.tsv")[1:]
    assert [row[2] for row in rows[1:]] == [row[2] for row in expected[1:]]
    ours, theirs = (np.array([row[3:] for row in table[1:]], np.float64) for table in (rows, expected))
    np.testing.assert_allclose(ours, theirs, atol=2e-6)
    assert [path.name for path in target.parent.iterdir()] == ["new.tsv"]
    # What is there stays, unless it is said.
    before = target.read_bytes()
    assert run(*flags, f"--output_file={target}") == 2
    assert "is there already; name another file, or give --overwrite" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert run(*flags, f"--output_file={target}", "--overwrite") == 0


def test_forms_of_files(trained_workplace, tmp_path):
    flags = [f"--model_dir={trained_workplace.model_dir}"]
    plain = tmp_path / "new.txt"
    plain.write_text('the movie was\tgood\n"very bad\n', encoding="utf-8")
    assert run(*flags, f"--input_file={plain}", f"--output_file={tmp_path / 'a.jsonl'}") == 0
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [row["text"] for row in rows] == ["the movie was\tgood", '"very bad']
    assert list(rows[0]) == ["text", "prediction", "probability_negative", "probability_positive"]
    assert rows[0]["probability_negative"] + rows[0]["probability_positive"] == pytest.approx(1)
    objects = tmp_path / "new.jsonl"
    objects.write_text('{"id": 1.25, "review": "the movie\\nwas good"}\n{"review": "bad", "id": null}\n')
    assert run(*flags, f"--input_file={objects}", f"--output_file={tmp_path / 'b.csv'}") == 0
    with open(tmp_path / "b.csv", newline="") as file:
        table = list(csv.reader(file))
    assert [row[:2] for row in table] == [["id", "review"], ["1.25", "the movie\nwas good"], ["", "bad"]]
    assert run(*flags, f"--input_file={tmp_path / 'b.csv'}", f"--output_file={tmp_path / 'c.tsv'}", "--text_column=review") == 2
    no_header = tmp_path / "new.csv"
    no_header.write_text('7,"the movie, was good"\n8,bad\n')
    assert run(*flags, f"--input_file={no_header}", f"--output_file={tmp_path / 'd.tsv'}", "--text_column=1") == 0
    assert [row[:2] for row in read_tsv(tmp_path / "d.tsv")] == [["column_0", "text"], ["7", "the movie, was good"], ["8", "bad"]]


def test_order_is_kept_and_memory_bounded(trained_workplace):
    classifier = TextClassifier.load(str(trained_workplace.model_dir))
    texts = ["the movie was " + "very " * (number * 7 % 13) + ["bad", "good"][number % 2] for number in range(200)]
    expected = [classifier.predict(text) for text in texts]
    taken = 0

    def given():
        nonlocal taken
        for text in texts:
            taken += 1
            yield text

    predictions = classifier.predictions(given(), batch_size=2)
    found = [next(predictions)]
    assert taken == 64
    found += predictions
    assert [one.label for one in found] == [one.label for one in expected]
    for one, other in zip(found, expected):
        assert list(one.probabilities.values()) == pytest.approx(list(other.probabilities.values()), abs=1e-6)
    assert classifier.predict_all([]) == []
    assert classifier.predict("half a pair \ud83d").label in classifier.labels == ("negative", "positive")


def test_terminal(trained_workplace, monkeypatch, capsys):
    assert run(f"--model_dir={trained_workplace.model_dir}", "--text=the movie was good") == 0
    single = capsys.readouterr().out
    assert single.startswith("positive  [positive ")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"the movie was good\nvery bad\n"), encoding="utf-8"))
    assert run(f"--model_dir={trained_workplace.model_dir}") == 0
    lines = capsys.readouterr().out.splitlines(keepends=True)
    assert lines[0] == single
    second = TextClassifier.load(str(trained_workplace.model_dir)).predict("very bad")
    assert lines[1] == shown(second) + "\n"
    many = Prediction("a", {name: (6 - place) / 21 for place, name in enumerate("abcdef")})
    assert shown(many) == "a  [a 0.2857, b 0.2381, c 0.1905, d 0.1429, e 0.0952, 1 more]"
    assert shown(Prediction(score=2.5)) == "2.5"


@pytest.mark.slow
def test_pairs_and_regression(workplace, capsys):
    rows = [f"the movie\t{'very ' * (number % 5)}good\t{number % 5}" for number in range(40)]
    for split in ("train", "eval", "test"):
        (workplace.directory / f"{split}.tsv").write_text("\n".join(["text_a\ttext_b\tscore", *rows]) + "\n")
    assert workplace.prepare("--fine_tuning_task_type=regression") == 0
    export = workplace.directory / "export"
    assert workplace.run("--mode=train", "--num_train_epochs=1", f"--model_export_path={export}") == 0
    assert workplace.run("--mode=predict") == 0
    expected = [float(row[2]) for row in read_tsv(workplace.model_dir / "predictions.tsv")[1:]]
    for model in (workplace.model_dir, f"{export}_text"):
        target = workplace.directory / "out.tsv"
        flags = [f"--model_dir={model}", f"--input_file={workplace.directory / 'test.tsv'}", f"--output_file={target}"]
        assert run(*flags, "--overwrite") == 0
        table = read_tsv(target)
        assert table[0] == ["text_a", "text_b", "score", "prediction"]
        assert [float(row[3]) for row in table[1:]] == pytest.approx(expected, abs=1e-4)
    (workplace.directory / "single.tsv").write_text("text\nthe movie\n")
    for model in (workplace.model_dir, f"{export}_text"):
        for flags in (
            ["--text=a"],
            [f"--input_file={workplace.directory / 'single.tsv'}", f"--output_file={workplace.directory}/n.tsv"],
        ):
            capsys.readouterr()
            assert run(f"--model_dir={model}", *flags) == 2
            assert "holds single texts, but the model was trained on pairs of texts; give the second with --text_b" in (
                capsys.readouterr().err
            )
    meta = json.loads((workplace.model_dir / "meta_data.json").read_text())
    assert meta["has_pairs"] is True
    # Records of single texts for a model of pairs are told of.
    (workplace.directory / "test.tsv").write_text("text_a\tscore\nthe movie\t1\n")
    (workplace.directory / "train.tsv").write_text("text_a\tscore\nthe movie\t1\n")
    assert workplace.prepare("--fine_tuning_task_type=regression") == 0
    assert "eval: pairs of texts, but train holds single texts; give both alike" in capsys.readouterr().err
    assert workplace.run("--mode=predict") == 0
    assert "the records hold single texts, but" in capsys.readouterr().err
    capsys.readouterr()
    assert run(f"--model_dir={workplace.model_dir}", "--text=the movie", "--text_b=good") == 0
    assert float(capsys.readouterr().out) == pytest.approx(expected[0], abs=1e-4)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"the movie w\xe4s", "standard input:2: byte 12 (0xE4) is not UTF-8 (latin-1 or GBK?); give the text as UTF-8"),
        (b"", "standard input:2: a blank line; give a text on each line"),
        (
            b"bad\tvery",
            "standard input:2: the line holds pairs of texts, but the model was trained on single texts; leave out a tab between "
            "the two",
        ),
        (b"\t \t", "standard input:2: a blank line; give a text on each line"),
        ("\u200b".encode(), "standard input:2: empty text"),
    ],
)
def test_no_line_of_standard_input_is_dropped_or_guessed(trained_workplace, monkeypatch, capsys, line, message):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"very good\n" + line + b"\nbad\n"), encoding="utf-8"))
    assert run(f"--model_dir={trained_workplace.model_dir}") == 2
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    assert printed.err.splitlines()[-1] == f"ERROR: {message}"


def test_what_predict_takes(trained_workplace):
    classifier = TextClassifier.load(str(trained_workplace.model_dir))
    texts = ["the movie was good", "very bad"]
    assert [one.label for one in classifier.predict(texts)] == [classifier.predict(text).label for text in texts]
    for given, message in (
        (("a", "b"), r"a pair as predict\(first, second\), or a list of texts or of pairs; got tuple"),
        (7, "got int"),
        ("", r"texts\[0\]: empty text"),
        (["bad", " \n"], r"texts\[1\]: empty text"),
        (["bad", None], r"texts\[1\] must be a string, or a pair of strings; got NoneType"),
    ):
        with pytest.raises(UserError, match=message):
            classifier.predict(given)
    with pytest.raises(UserError, match="got one text"):
        classifier.predict_all("bad")


@pytest.mark.slow
def test_a_damaged_or_mixed_directory_is_one_line(trained_workplace, tmp_path):
    """In a process of its own, as TensorFlow warns where objects are let go."""

    def errors(name: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "bert_tf2.classify", f"--model_dir={tmp_path / name}", "--text=bad"],
            capture_output=True,
            text=True,
            check=False,
            env={name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"},
        )
        assert done.returncode in (1, 2), done.stdout
        lines = [line for line in done.stderr.splitlines() if not line.startswith("found: ")]
        assert len(lines) == 1, done.stderr
        for flag in ("--predict_checkpoint_path", "--on_corrupt_checkpoint", "--vocab_file", "--max_seq_length"):
            assert flag not in lines[0]
        return lines[0]

    def copy(name: str):
        return pathlib.Path(shutil.copytree(trained_workplace.model_dir, tmp_path / name))

    config = copy("config") / "bert_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"hidden_size": 32, "num_hidden_layers": 3}))
    assert "cannot restore" in errors("config")
    for path in copy("data").glob("ckpt-*.data*"):
        path.write_bytes(path.read_bytes()[:100])
    assert "cannot restore" in errors("data")
    vocabulary = copy("vocabulary") / "vocab.txt"
    vocabulary.write_text(vocabulary.read_text().replace("movie", "film"))
    assert "its files are not of one training" in errors("vocabulary")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_dir": None}, "--model_dir is required"),
        ({"text": " "}, "--text: empty text"),
        ({"input_file": "empty.tsv", "output_file": "b.tsv"}, "empty.tsv:3: empty text"),
        ({"text_b": "a"}, "--text_b is the second text of a pair"),
        ({"output_file": "b.tsv"}, "--output_file is for --input_file"),
        ({"text_column": "b"}, "--text_column is for --input_file"),
        ({"input_file": "in.tsv"}, "--output_file is required"),
        ({"input_file": "in.tsv", "output_file": "./in.tsv"}, "is --input_file; name another file"),
        ({"input_file": "in.tsv", "output_file": "b.tsv", "text": "c"}, "leave out --text"),
        ({"input_file": "nowhere.tsv", "output_file": "b.tsv"}, "--input_file: no such file"),
        ({"input_file": "in.tsv", "output_file": "b"}, r"the name must say what to write: .tsv, .csv or .jsonl"),
        ({"input_file": "in.tsv", "output_file": "b.tsv", "text_column": "txt"}, r"in.tsv:1: no column 'txt' \(--text_column\)"),
        ({"input_file": "short.tsv", "output_file": "b.tsv"}, "short.tsv:3: 1 columns, expected 2 columns"),
        ({"input_file": "none.tsv", "output_file": "b.tsv"}, "none.tsv holds no texts"),
        ({"input_file": "blank.txt", "output_file": "b.tsv"}, "blank.txt:2: a blank line"),
        ({"input_file": "number.jsonl", "output_file": "b.tsv"}, "number.jsonl:2: 'text' must be a text; got 7"),
        ({"input_file": "predicted.tsv", "output_file": "b.tsv"}, "has a column 'prediction' already"),
        (
            {"model_dir": "nowhere"},
            "no such directory: nowhere; give a directory in which run_classifier.py trained",
        ),
        ({"model_dir": "."}, r"--model_dir=. lacks bert_config.json, meta_data.json, vocab.txt"),
    ],
)
def test_wrong_commands(tmp_path, monkeypatch, changes, message):
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "in.tsv": "text\tid\na\t1\n",
        "short.tsv": "text\tid\na\t1\nb\n",
        "none.tsv": "text\tid\n",
        "empty.tsv": "text\tid\na\t1\n \t2\n",
        "blank.txt": "a\n\nb\n",
        "number.jsonl": '{"text": "a"}\n{"text": 7}\n',
        "predicted.tsv": "text\tprediction\na\t1\n",
    }.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        classify(ClassifyOptions(**{"model_dir": "not looked at"} | changes))
    assert not (tmp_path / "b.tsv").exists()


def test_models_of_other_kinds(trained_workplace, tmp_path):
    with pytest.raises(UserError, match=r"takes token ids .*, not text; give the one"):
        TextClassifier.load(str(trained_workplace.directory / "export"))
    module = tf.Module()
    module.f = tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([None], tf.string, name="x")])
    tf.saved_model.save(module, str(tmp_path / "other"), {"serving_default": module.f})
    with pytest.raises(UserError, match=r"is not a model that classifies text \(it takes x and returns y\)"):
        TextClassifier.load(str(tmp_path / "other"))
    classifier = TextClassifier.load(str(trained_workplace.model_dir))
    classifier._backend._model.weights[0].assign(classifier._backend._model.weights[0] * float("nan"))
    with pytest.raises(JobError, match="not finite; its weights are not usable"):
        classifier.predict("the movie")


def test_in_a_fresh_process(trained_workplace):
    done = subprocess.run(
        [sys.executable, "-m", "bert_tf2.classify", f"--model_dir={trained_workplace.directory / 'export_text'}"],
        input="the movie was good\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("positive  [positive ")
