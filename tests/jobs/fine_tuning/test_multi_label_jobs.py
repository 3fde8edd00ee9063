"""Any number of labels for a text, from files to predictions: both commands, classify, export, Hugging Face and Python."""

import csv
import json
import pathlib
import random

import numpy as np
import pytest
import sklearn.metrics

from bert_tf2 import cli
from bert_tf2.api import Classifier
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.jobs.commands.classify import ClassifyOptions, classify
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

WORDS = {"good": "glad", "bad": "sad", "very": "loud"}
LABELS = ["glad", "loud", "sad"]


def rows(number, seed):
    """Texts with the labels of the words that they hold."""
    chosen = random.Random(seed)
    for _ in range(number):
        held = [word for word in WORDS if chosen.random() < 0.4]
        words = ["the", "movie", "was", *held]
        chosen.shuffle(words)
        yield " ".join(words), sorted(WORDS[word] for word in held)


class Place:
    """A directory with rows, records and a configuration, and the commands run there."""

    def __init__(self, directory: pathlib.Path, vocabulary):
        self.directory = directory
        (directory / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        config = {"vocab_size": len(vocabulary), "max_position_embeddings": 64, "initializer_range": 0.2, **sizes}
        config |= {"hidden_dropout_prob": 0.0}
        (directory / "bert_config.json").write_text(json.dumps(config))
        for seed, (split, number) in enumerate((("train", 240), ("eval", 61), ("test", 17))):
            lines = [f"{text}\t{','.join(labels)}" for text, labels in rows(number, seed)]
            (directory / f"{split}.tsv").write_text("\n".join(["text\tlabels", *lines]) + "\n")

    def path(self, name) -> str:
        return str(self.directory / name)

    def prepare(self, *flags, splits=("train", "eval", "test"), out="", rows=".tsv") -> int:
        arguments = [f"--{split}_file={self.path(split)}{rows}" for split in splits]
        arguments += [f"--{split}_data_output_path={self.path(out + split)}.tf_record" for split in splits]
        arguments += [f"--meta_data_file_path={self.path(out + 'meta_data.json')}", f"--vocab_file={self.path('vocab.txt')}"]
        arguments += ["--max_seq_length=16", *flags]
        return cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments])

    def run(self, *flags) -> int:
        arguments = [
            f"--model_dir={self.path('model')}",
            f"--bert_config_file={self.path('bert_config.json')}",
            f"--vocab_file={self.path('vocab.txt')}",
            "--num_gpus=0",
            *flags,
        ]
        return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *arguments])

    def records(self, *splits):
        paths = [f"--{split}_data_path={self.path(split)}.tf_record" for split in splits]
        return [f"--input_meta_data_path={self.path('meta_data.json')}", *paths]

    def read(self, name):
        with open(self.path(name), encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_vocabulary) -> Place:
    """A trained model in `model`, with thresholds for each label, and exported as `export` and `export_text`."""
    place = Place(tmp_path_factory.mktemp("multi_label"), tiny_vocabulary)
    assert place.prepare() == 0
    flags = ["--train_batch_size=16", "--learning_rate=0.01", "--num_train_epochs=10", "--seed=1"]
    flags += ["--label_threshold=per_label", "--best_metric=f1/sad", f"--model_export_path={place.path('export')}"]
    assert place.run("--mode=train_and_eval", *place.records("train", "eval"), *flags) == 0
    assert place.run("--mode=predict", *place.records("test"), "--label_threshold=per_label") == 0
    return place


def test_the_records_say_what_they_are(trained, capsys):
    meta = read_meta_data(trained.path("meta_data.json"))
    assert (meta.task_type, meta.label_list, meta.num_labels) == ("bert_multi_label", tuple(LABELS), 3)
    assert meta.metrics == ("micro_f1", "macro_f1")
    assert meta.extra["test_has_labels"]
    assert trained.prepare(out="again-") == 0
    printed = capsys.readouterr()
    assert "rows have any number of labels, with a comma between two (--nomulti_label says that each has one)" in printed.err
    assert " in a row, " in printed.out
    assert " rows without any" in printed.out


def test_scores_are_those_of_the_predictions(trained):
    found = trained.read("model/eval_predictions.tsv")
    gold, predicted = ([set(row[name].split(",")) for row in found] for name in ("label", "prediction"))
    assert gold == [set(labels) or {""} for _, labels in rows(61, 1)]
    hot = [np.array([[label in labels for label in LABELS] for labels in sets]) for sets in (gold, predicted)]
    scores = json.loads(pathlib.Path(trained.path("model/eval_results.json")).read_text())
    assert scores["macro_f1"] == pytest.approx(sklearn.metrics.f1_score(*hot, average="macro"))
    assert scores["macro_f1"] > 0.9
    assert scores["exact_match"] == pytest.approx(sklearn.metrics.accuracy_score(*hot))
    for label, name in enumerate(LABELS):
        assert scores[f"f1/{name}"] == pytest.approx(sklearn.metrics.f1_score(hot[0][:, label], hot[1][:, label]))
        assert scores[f"support/{name}"] == hot[0][:, label].sum()
    lines = pathlib.Path(trained.path("model/eval_results.txt")).read_text().splitlines()
    assert f"eval_f1/sad = {scores['f1/sad']}" in lines
    report = pathlib.Path(trained.path("model/report.md")).read_text()
    assert "| macro_f1 |" in report
    assert "| f1/sad |" not in report
    assert "label_scores.png" in report


def test_thresholds_are_kept_and_used(trained):
    kept = json.loads(pathlib.Path(trained.path("model/label_thresholds.json")).read_text())
    assert list(kept["value"]) == LABELS
    for row in trained.read("model/predictions.tsv"):
        chosen = [label for label in LABELS if float(row[f"probability_{label}"]) >= kept["value"][label]]
        assert row["prediction"] == ",".join(chosen)
    values = np.loadtxt(trained.path("model/test_results.tsv"), delimiter="\t")
    assert values.shape == (17, 3)


def test_predictions_with_a_number_and_without_what_was_found(trained, tmp_path, capsys):
    output = ["--model_dir", str(tmp_path / "other"), f"--predict_checkpoint_path={trained.path('model')}"]
    assert trained.run("--mode=predict", *trained.records("test"), *output, "--label_threshold=0.9999") == 0
    capsys.readouterr()
    for rule in ("auto", "per_label"):
        assert trained.run("--mode=predict", *trained.records("test"), *output, f"--label_threshold={rule}") == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert f"--label_threshold={rule}: there is no " in error
        assert "evaluate first (--mode=eval --label_threshold" in error
    for wrong in ("1", "0", "-0.5", "much", "nan"):
        assert trained.run("--mode=predict", *trained.records("test"), f"--label_threshold={wrong}") == 2
        assert "--label_threshold" in capsys.readouterr().err.splitlines()[-1]


def test_every_way_to_predict_says_the_same(trained, tmp_path):
    expected = [row["prediction"] for row in trained.read("model/predictions.tsv")]
    texts = [text for text, _ in rows(17, 2)]
    for place in ("model", "export_text"):
        classifier = TextClassifier.load(trained.path(place))
        assert classifier.is_multi_label
        found = classifier.predict_all(texts)
        assert [",".join(one.labels) for one in found] == expected
        assert all(one.label is None and list(one.probabilities) == LABELS for one in found)
    output = tmp_path / "predictions.tsv"
    flags = [f"--model_dir={trained.path('model')}", f"--input_file={trained.path('test.tsv')}", "--text_column=text"]
    for name in ("predictions.tsv", "predictions.jsonl"):
        assert cli.run(classify, ClassifyOptions, "", ["classify", *flags, f"--output_file={tmp_path / name}"]) == 0
    with open(output, encoding="utf-8", newline="") as file:
        assert [row["prediction"] for row in csv.DictReader(file, delimiter="\t")] == expected
    objects = map(json.loads, (tmp_path / "predictions.jsonl").read_text().splitlines())
    assert [",".join(row["prediction"]) for row in objects] == expected


def test_one_text_in_a_line(trained, capsys):
    arguments = ["classify", f"--model_dir={trained.path('model')}", "--text=the movie was very good"]
    assert cli.run(classify, ClassifyOptions, "", arguments) == 0
    assert capsys.readouterr().out.startswith("glad, loud  [")
    arguments[-1] = "--text=the movie"
    assert cli.run(classify, ClassifyOptions, "", arguments) == 0
    assert capsys.readouterr().out.startswith("no label  [")


def test_hugging_faces_folder_names_the_problem_and_comes_back(trained, tmp_path):
    pytest.importorskip("safetensors")
    arguments = [f"--checkpoint_to_convert={trained.path('model')}", f"--converted_checkpoint_path={tmp_path / 'hf'}"]
    assert cli.run(convert_checkpoint, ConvertCheckpointOptions, "", ["convert", *arguments, "--to=huggingface"]) == 0
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"
    assert config["id2label"] == dict(zip("012", LABELS))
    output = ["--model_dir", str(tmp_path / "other"), f"--init_checkpoint={tmp_path / 'hf'}"]
    assert trained.run("--mode=eval", *trained.records("eval"), *output, "--label_threshold=per_label") == 0
    there, here = (json.loads(pathlib.Path(path, "eval_results.json").read_text()) for path in (trained.path("model"), output[1]))
    assert here["loss"] == pytest.approx(there["loss"], rel=1e-5)


def test_rows_for_a_model_that_is_there(trained, tmp_path, capsys):
    new = tmp_path / "new.jsonl"
    new.write_text('{"text": "the movie was good", "labels": ["glad"]}\n{"text": "the movie", "labels": []}\n')
    arguments = [f"--vocab_file={trained.path('vocab.txt')}", f"--meta_data_file_path={tmp_path / 'meta.json'}"]
    arguments += [f"--input_meta_data_path={trained.path('model/meta_data.json')}", f"--eval_file={new}"]
    arguments += [f"--eval_data_output_path={tmp_path / 'eval.tf_record'}"]
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments]) == 0
    meta = read_meta_data(str(tmp_path / "meta.json"))
    assert (meta.task_type, meta.label_list) == ("bert_multi_label", tuple(LABELS))
    new.write_text('{"text": "the movie was good", "labels": ["gladd"]}\n')
    capsys.readouterr()
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments]) == 2
    assert f"{new}:1: unknown label 'gladd'. Did you mean 'glad'?" in capsys.readouterr().err.splitlines()[-1]


def test_columns_of_0_and_1_and_hidden_labels(trained, tmp_path):
    place = Place(tmp_path, pathlib.Path(trained.path("vocab.txt")).read_text().split())
    for seed, split in enumerate(("train", "test")):
        lines = []
        for text, labels in rows(30, seed):
            cells = ["-1"] * 3 if split == "test" else [str(int(label in labels)) for label in LABELS]
            lines.append(",".join([text, *cells]))
        (tmp_path / f"{split}.csv").write_text("\n".join([",".join(["text", *LABELS]), *lines]) + "\n")
    assert place.prepare("--label_columns=loud,glad,sad", splits=("train", "test"), rows=".csv") == 0
    meta = read_meta_data(place.path("meta_data.json"))
    assert (meta.task_type, meta.label_list) == ("bert_multi_label", ("loud", "glad", "sad"))
    assert meta.extra["test_has_labels"] is False


@pytest.mark.parametrize(
    ("content", "flags", "message"),
    [
        ("text\tlabels\nthe movie\tglad,,sad\nbad\tglad,sad\n", [], ":2: a label between separators is empty"),
        (
            "text\tlabels\nthe movie\tglad,sad\nbad\tsadd\n",
            ["--labels=glad,sad"],
            ":3: unknown label 'sadd'. Did you mean 'sad'?",
        ),
        ("text\tlabels\n\tglad,sad\n", ["--labels=glad,sad"], ":2: empty text"),
        ("text\tlabels\nthe movie\tglad\n", [], "only the label 'glad' occurs"),
        ("text\tlabels\n", [], "0 data rows with a label"),
        ("", [], "the file is empty"),
        ("text\tglad\tsad\na\t1\t2\n", ["--label_columns=glad,sad"], ":2: the label column 'sad' must be 0 or 1; got '2'"),
        ("text\tglad\tsad\na\t1\t\n", ["--label_columns=glad,sad"], ":2: the label column 'sad' is empty; it must be 0 or 1"),
        ("text\tglad\tsad\na\t1\t0\n", ["--label_columns=glad,,sad"], "--label_columns must be names with one comma between two"),
        (
            "text\tglad\tsad\na\t0\t0\n",
            ["--label_columns=glad,sad"],
            "train: none of the 1 rows has a label; there is nothing to",
        ),
        ("text\tglad\tsad\na\t1\t0\n", ["--label_columns=glad,sad", "--label_separator=,"], "--label_separator=, can do nothing"),
        ("text\tlabels\na\tglad\n", ["--label_separator=::"], "--label_separator must be one character"),
        ("text\tlabels\na\tglad,sad\n", ["--nomulti_label", "--label_separator=,"], "--nomulti_label says that each has one"),
        (b"text\tlabels\na\tgl\xe4d,sad\n", [], "not UTF-8"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, tiny_vocab_file, capsys, content, flags, message):
    path, out = tmp_path / "train.tsv", tmp_path / "out"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    arguments = [f"--train_file={path}", f"--train_data_output_path={out}/train.tf_record", f"--vocab_file={tiny_vocab_file}"]
    arguments += [f"--meta_data_file_path={out}/meta.json"]
    if "--nomulti_label" not in flags:
        arguments.append("--multi_label")
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments, *flags]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert message in errors[-1]
    assert "Traceback" not in "\n".join(errors)
    assert not out.exists() or not list(out.iterdir())


def test_a_byte_order_mark_and_carriage_returns_are_no_labels(tmp_path, tiny_vocabulary):
    place = Place(tmp_path, tiny_vocabulary)
    content = (tmp_path / "train.tsv").read_text().replace("\n", "\r\n")
    (tmp_path / "train.tsv").write_bytes(b"\xef\xbb\xbf" + content.encode())
    assert place.prepare(splits=("train",)) == 0
    assert read_meta_data(place.path("meta_data.json")).label_list == tuple(LABELS)


def test_flags_of_other_kinds_are_refused(trained, capsys):
    assert trained.prepare("--fine_tuning_task_type=regression", "--multi_label", out="no-") == 2
    assert "--multi_label belongs to" in capsys.readouterr().err.splitlines()[-1]
    assert trained.prepare("--fine_tuning_task_type=multi_label", "--nomulti_label", out="no-") == 2
    assert "contradict each other" in capsys.readouterr().err.splitlines()[-1]
    assert trained.run("--mode=eval", *trained.records("eval"), "--best_metric=f1/sadd") == 2
    assert "Did you mean 'f1/sad'?" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_from_python(trained, tmp_path):
    data = [tuple(map(list, zip(*rows(number, seed)))) for number, seed in ((240, 0), (61, 1))]
    settings = {
        name: trained.path(file) for name, file in (("bert_config_file", "bert_config.json"), ("vocab_file", "vocab.txt"))
    }
    settings |= {"num_gpus": 0, "max_seq_length": 16, "seed": 1}
    training = {"train_batch_size": 16, "learning_rate": 0.01, "num_train_epochs": 10, "label_threshold": "auto"}
    classifier = Classifier.train(data[0], data[1], model_dir=tmp_path / "model", **settings, **training)
    assert classifier.labels == LABELS
    assert classifier.scores["micro_f1"] > 0.9
    assert classifier.predict(["the movie was very good"])[0].labels == ("glad", "loud")
    again = Classifier.from_run(tmp_path / "model", label_threshold=0.5, num_gpus=0)
    # The threshold that was found is the best one on these very data.
    assert 0.7 < again.evaluate(data[1])["micro_f1"] <= classifier.scores["micro_f1"]
    with pytest.raises(UserError, match=r"labels\[0\] must be a list of labels"):
        again.evaluate((["good"], ["glad"]))
