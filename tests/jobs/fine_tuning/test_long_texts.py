"""Long texts through the commands: prepared, trained, evaluated, predicted and exported in windows, and what is refused."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from classifier_workplace import Workplace, write_rows

from bert_tf2 import cli, files
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

WINDOWS = ("--max_seq_length=8", "--long_text=windows", "--window_overlap=2")


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary) -> Workplace:
    """A classifier of texts in windows of six words, with attention, and what it predicts of its test rows."""
    directory = tmp_path_factory.mktemp("long")
    for seed, (split, rows) in enumerate((("train", 150), ("eval", 41), ("test", 23))):
        write_rows(directory / f"{split}.tsv", rows, seed)
    vocab_file = directory / "vocab.txt"
    vocab_file.write_text("\n".join(tiny_vocabulary) + "\n", encoding="utf-8")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    place = Workplace(directory, str(vocab_file), {"vocab_size": len(tiny_vocabulary), "max_position_embeddings": 64, **sizes})
    assert place.prepare(*WINDOWS) == 0
    exported = f"--model_export_path={directory / 'export'}"
    assert place.run(*train_flags(place), exported) == 0
    place.loss = loss_of(place)
    assert place.run("--mode=predict") == 0
    return place


def train_flags(place: Workplace) -> tuple[str, ...]:
    return "--mode=train_and_eval", "--num_train_epochs=6", "--window_pooling=attention", f"--vocab_file={place.vocab_file}"


def test_a_word_behind_the_first_window_is_found(place):
    rows = (place.directory / "eval.tsv").read_text().splitlines()[1:]
    behind = [row for row in rows if not {"good", "bad"} & set(row.split("\t")[0].split()[:6])]
    assert len(behind) > 5
    assert json.loads((place.model_dir / "eval_results.json").read_text())["accuracy"] == 1


def test_the_same_command_again_finds_its_run_finished(place, caplog):
    caplog.set_level("INFO")
    noted = files.read_json(str(place.model_dir / "run_config.json"))["run"]
    assert noted["micro_batch_size"] is not None
    assert noted["data"]["window_pooling"] == "attention"
    assert place.run(*train_flags(place)) == 0
    assert "no more than" in caplog.text
    assert "training: 0/" not in caplog.text


def loss_of(place: Workplace) -> float:
    return json.loads((place.model_dir / "eval_results.json").read_text())["loss"]


@pytest.mark.parametrize("flag", ["--eval_batch_size=1", pytest.param("--windows_at_once=3", marks=pytest.mark.slow)])
def test_evaluation_does_not_depend_on_what_goes_through_at_once(place, flag):
    assert place.run("--mode=eval", flag) == 0
    assert loss_of(place) == pytest.approx(place.loss, rel=1e-5)


def predicted(place: Workplace) -> np.ndarray:
    return np.loadtxt(place.model_dir / "test_results.tsv", delimiter="\t")


def test_python_and_exports_predict_as_the_command(place):
    texts = [row.split("\t")[0] for row in (place.directory / "test.tsv").read_text().splitlines()[1:]]
    for path in place.model_dir, place.directory / "export_text":
        classifier = TextClassifier.load(str(path))
        found = classifier.predict_all(texts, batch_size=5)
        np.testing.assert_allclose([list(one.probabilities.values()) for one in found], predicted(place), atol=1e-5)
        long = classifier.predict("very " * 100 + "good").probabilities
        assert sum(long.values()) == pytest.approx(1)
    serve = tf.saved_model.load(str(place.directory / "export")).signatures["serving_default"]
    assert {tuple(spec.shape) for spec in serve.structured_input_signature[1].values()} == {(None, None, None)}


def test_the_model_says_how_texts_are_cut(place):
    meta = read_meta_data(str(place.model_dir / "meta_data.json"))
    assert {name: meta.extra[name] for name in ("long_text", "window_overlap", "max_windows", "window_pooling")} == {
        "long_text": "windows", "window_overlap": 2, "max_windows": 32, "window_pooling": "attention",
    }  # fmt: skip
    # Records for it are made likewise.
    out = place.directory / "again"
    arguments = [
        f"--input_meta_data_path={place.model_dir / 'meta_data.json'}", f"--test_file={place.directory / 'test.tsv'}",
        f"--test_data_output_path={out / 'test.tf_record'}", f"--meta_data_file_path={out / 'meta_data.json'}",
    ]  # fmt: skip
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments]) == 0
    assert (out / "test.tf_record").read_bytes() == (place.directory / "test.tf_record").read_bytes()


def refused(place: Workplace, capsys, run) -> str:
    capsys.readouterr()
    assert run() == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("ERROR: ")
    return error


def test_records_that_were_cut_otherwise_are_refused(place, capsys):
    other = Workplace(place.directory, place.vocab_file, json.loads(place.config_file.read_text()))
    other.directory = place.directory / "truncated"
    other.directory.mkdir()
    for split in ("train", "eval", "test"):
        (other.directory / f"{split}.tsv").write_bytes((place.directory / f"{split}.tsv").read_bytes())
    assert other.prepare("--max_seq_length=8") == 0
    told = capsys.readouterr()
    assert "are lost; --long_text=windows keeps them" in told.err + told.out
    error = refused(place, capsys, lambda: other.run("--mode=eval", f"--model_dir={place.model_dir}"))
    assert "--long_text=windows, but the records were made with --long_text=truncate" in error
    error = refused(
        place, capsys, lambda: other.run("--mode=train", "--window_pooling=max", f"--model_dir={other.directory / 'm'}")
    )
    assert "--window_pooling is for texts in windows, and the records were made with --long_text=truncate" in error


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--long_text=windows", "--window_overlap=30"), "--window_overlap=30 must be less than the 30 tokens"),
        (("--long_text=windows", "--max_windows=0"), "--max_windows must be at least 1"),
        (("--window_overlap=8",), "--window_overlap belongs to --long_text=windows"),
        (("--long_text=windos",), "--long_text"),
        (("--long_text=head_tail", "--head_share=2"), "--head_share must be from 0 to 1"),
        (("--fine_tuning_task_type=tagging", "--long_text=windows"), "--long_text belongs to --fine_tuning_task_type="),
    ],
)
def test_what_cannot_be_prepared(place, capsys, tmp_path, flags, told):
    other = Workplace(tmp_path, place.vocab_file, {})
    for split in ("train", "eval", "test"):
        (tmp_path / f"{split}.tsv").write_bytes((place.directory / f"{split}.tsv").read_bytes())
    assert told in refused(place, capsys, lambda: other.prepare(*flags))
    assert not (tmp_path / "meta_data.json").exists()


def test_a_pair_whose_texts_are_both_too_long_is_named(place, capsys, tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("a\tb\tlabel\n" + "good\tbad bad\tx\n" + f"{'good ' * 12}\t{'bad ' * 12}\ty\n")
    out = [f"--train_data_output_path={tmp_path / 'train.tf_record'}", f"--meta_data_file_path={tmp_path / 'meta.json'}"]
    columns = ["--text_column=a", "--text_b_column=b", "--label_column=label", f"--train_file={path}", *out]
    command = ["prepare", *columns, f"--vocab_file={place.vocab_file}", "--max_seq_length=16", "--long_text=windows"]
    error = refused(place, capsys, lambda: cli.run(create_finetuning_data, FinetuningDataOptions, "", command))
    assert "pairs.tsv:3: the shorter text of the pair has 12 tokens" in error
    assert "leaves room for 8; raise --max_seq_length" in error


def test_what_a_bound_on_windows_cuts_is_told(place, capsys, tmp_path):
    path = tmp_path / "long.tsv"
    path.write_text("text\tlabel\n" + f"good\tx\n{'very ' * 30}bad\ty\n")
    out = [f"--train_data_output_path={tmp_path / 'train.tf_record'}", f"--meta_data_file_path={tmp_path / 'meta.json'}"]
    command = ["prepare", f"--train_file={path}", *out, f"--vocab_file={place.vocab_file}", *WINDOWS, "--max_windows=3"]
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", command) == 0
    told = capsys.readouterr()
    # Of 31 tokens the first 14: windows of 6 begin at 0, 4 and 8.
    assert "train: 1 of 2 texts were cut to --max_windows=3: 17 tokens" in told.err + told.out
    assert "raise it to keep them" in told.err + told.out
    assert read_meta_data(str(tmp_path / "meta.json")).extra["most_windows"] == 3


@pytest.mark.slow
def test_an_export_without_tensorflow_answers_as_the_command(place):
    pytest.importorskip("onnxruntime")
    from bert_tf2.exporting.exported_model import ExportedModel
    from bert_tf2.jobs.export.job import export
    from bert_tf2.jobs.export.options import ExportOptions

    folder = place.directory / "onnx"
    flags = [f"--model_dir={place.model_dir}", "--to=onnx", f"--output_dir={folder}"]
    assert cli.run(export, ExportOptions, "", ["export", *flags, f"--eval_data_path={place.directory / 'eval.tf_record'}"]) == 0
    rows = (place.directory / "test.tsv").read_text().splitlines()[1:]
    model = ExportedModel(str(folder))
    found = [list(model.classify(row.split("\t")[0])["probabilities"].values()) for row in rows]
    np.testing.assert_allclose(found, predicted(place), atol=1e-4)


@pytest.mark.slow
def test_further_training_begins_with_the_attention(place, capsys):
    flags = f"--init_checkpoint={place.model_dir}", f"--model_dir={place.directory / 'further'}", "--num_train_epochs=1"
    assert place.run("--mode=train", "--window_pooling=attention", *flags) == 0
    assert "the attention over windows was restored from" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("flags", [("--long_text=windows", "--window_pooling=max"), ("--long_text=head_tail",)])
def test_raw_files_and_then_the_directory_alone(workplace: Workplace, flags):
    data_dir, output_dir = workplace.write_raw(), workplace.directory / "out"
    assert workplace.run_tf1(data_dir, output_dir, "--do_train", "--max_seq_length=8", *flags) == 0
    meta = read_meta_data(str(output_dir / "meta_data.json"))
    assert meta.extra["long_text"] == flags[0].split("=")[1]
    # Neither the way nor the pooling is said again, and the metadata still hold both.
    argument = [f"--{flag}" for flag in ("do_eval", "do_predict")]
    from bert_tf2.jobs.fine_tuning.classifier import run_classifier
    from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions

    command = ["run_classifier.py", "--task_name=SST-2", f"--data_dir={data_dir}", f"--output_dir={output_dir}", "--num_gpus=0"]
    assert cli.run(run_classifier, ClassifierOptions, "", [*command, *argument]) == 0
    again = read_meta_data(str(output_dir / "meta_data.json"))
    assert {name: again.extra.get(name) for name in meta.extra if "window" in name} == {
        name: value for name, value in meta.extra.items() if "window" in name
    }
    text = (data_dir / "test.tsv").read_text().splitlines()[-1].split("\t")[1]
    last = np.loadtxt(output_dir / "test_results.tsv", delimiter="\t")[-1]
    found = TextClassifier.load(str(output_dir)).predict(text)
    np.testing.assert_allclose(list(found.probabilities.values()), last, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["regression", "multi_label"])
def test_numbers_and_sets_of_labels(place, tmp_path: pathlib.Path, kind):
    from bert_tf2.api import Classifier

    texts = ["good " * count + "very bad" for count in range(1, 21)]
    labels = (
        [float(count) for count in range(20)]
        if kind == "regression"
        else [["a"] if count % 2 else ["a", "b"] for count in range(20)]
    )
    options = {"bert_config_file": str(place.config_file), "vocab_file": place.vocab_file, "num_gpus": 0, "max_seq_length": 8}
    given = {"fine_tuning_task_type": kind, "long_text": "windows", "window_pooling": "mean", "num_train_epochs": 1}
    classifier = Classifier.train((texts, labels), (texts, labels), model_dir=tmp_path / "model", **options, **given)
    assert classifier.scores == pytest.approx(Classifier.from_run(tmp_path / "model").evaluate((texts, labels)), rel=1e-4)
    assert len(classifier.predict(texts)) == 20
