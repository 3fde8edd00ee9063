"""Rows of one's own for a model that is there, without repeating what its training was told."""

import json

import pytest

from bert_tf2 import cli
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.jobs.commands.classify import ClassifyOptions, classify
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

ROWS = ["the movie was very good", "the movie was bad", "good good movie"]


@pytest.fixture
def place(trained_workplace, tmp_path):
    """A trained model and a new file without labels; its directory is `tmp_path`."""
    (tmp_path / "new.tsv").write_text("\n".join(["text", *ROWS]) + "\n")
    return trained_workplace


def prepare(directory, *flags: str) -> int:
    arguments = [f"--test_file={directory}/new.tsv", f"--test_data_output_path={directory}/new/new.tf_record"]
    arguments += [f"--meta_data_file_path={directory}/new/meta_data.json"]
    return cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments, *flags])


def predict(directory, model_dir) -> int:
    arguments = ["--mode=predict", f"--model_dir={model_dir}", f"--test_data_path={directory}/new/new.tf_record", "--num_gpus=0"]
    return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *arguments])


def test_unlabelled_rows_are_predicted_as_the_model_was_trained(place, tmp_path, capsys):
    # Nothing about the text is repeated: the model's directory says it.
    assert prepare(tmp_path, f"--input_meta_data_path={place.model_dir}/meta_data.json") == 0
    printed = capsys.readouterr().out
    assert "no labels: to predict" in printed
    assert f"--model_dir={place.model_dir}" in printed
    assert "--init_checkpoint" not in printed
    made, trained = read_meta_data(str(tmp_path / "new/meta_data.json")), read_meta_data(str(place.model_dir / "meta_data.json"))
    for fact in ("label_list", "max_seq_length", "task_type", "vocab_fingerprint", "normalization", "metrics"):
        assert getattr(made, fact) == getattr(trained, fact)
    assert predict(tmp_path, place.model_dir) == 0
    lines = (place.model_dir / "predictions.tsv").read_text().splitlines()
    assert lines[0] == "id\tprediction\tprobability_negative\tprobability_positive"
    rows = [line.split("\t") for line in lines[1:]]
    assert len(rows) == len(ROWS)
    for row in rows:
        assert row[1] == ("negative" if float(row[2]) > float(row[3]) else "positive")


def test_the_labels_may_be_named_instead(place, tmp_path):
    flags = [f"--vocab_file={place.vocab_file}", "--max_seq_length=32"]
    assert prepare(tmp_path, *flags) == 2
    assert prepare(tmp_path, *flags, "--labels=negative,positive") == 0
    assert predict(tmp_path, place.model_dir) == 0
    assert len((place.model_dir / "predictions.tsv").read_text().splitlines()) == 1 + len(ROWS)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--labels=positive,negative"], "--labels=positive,negative, but the model of"),
        (["--max_seq_length=64"], "--max_seq_length=64, but the records were made with 32"),
        (["--do_lower_case=false"], "--do_lower_case=False, but the records were made with True"),
        (["--fine_tuning_task_type=regression"], "--fine_tuning_task_type=regression, but --input_meta_data_path="),
        (["--vocab_file={directory}/other.txt"], "is not the vocabulary the records were made with"),
        (["--meta_data_file_path={model_dir}/meta_data.json"], "would overwrite --input_meta_data_path"),
        (["--classification_task_name=MRPC"], "is for rows of your own"),
    ],
)
def test_contradictions_are_errors(place, tmp_path, capsys, flags, message):
    (tmp_path / "other.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nother\n")
    flags = [flag.format(directory=tmp_path, model_dir=place.model_dir) for flag in flags]
    assert prepare(tmp_path, f"--input_meta_data_path={place.model_dir}/meta_data.json", *flags) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists() or not list((tmp_path / "new").iterdir())


def test_metadata_without_label_names_need_them(place, tmp_path, capsys):
    meta = json.loads((place.model_dir / "meta_data.json").read_text())
    del meta["label_list"]
    (tmp_path / "garden.json").write_text(json.dumps(meta))
    flags = [f"--input_meta_data_path={tmp_path}/garden.json", f"--vocab_file={place.vocab_file}"]
    assert prepare(tmp_path, *flags) == 2
    assert "holds no label names; name them with --labels" in capsys.readouterr().err
    assert prepare(tmp_path, *flags, "--labels=negative,neutral,positive") == 2
    assert prepare(tmp_path, *flags, "--labels=negative,positive") == 0


def test_a_hugging_face_folder_is_refused_with_a_cure_that_works(place, tmp_path, capsys):
    folder, model_dir = tmp_path / "hf", tmp_path / "predicted"
    converting = [f"--checkpoint_to_convert={place.model_dir}", f"--converted_checkpoint_path={folder}", "--to=huggingface"]
    assert cli.run(convert_checkpoint, ConvertCheckpointOptions, "", ["convert", *converting]) == 0
    assert cli.run(classify, ClassifyOptions, "", ["classify", f"--model_dir={folder}", "--text=good"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "is a Hugging Face folder" in said
    assert f"--mode=predict --predict_checkpoint_path={folder}" in said
    assert prepare(tmp_path, f"--vocab_file={folder}", "--max_seq_length=32", "--labels=negative,positive") == 0
    arguments = ["--mode=predict", f"--predict_checkpoint_path={folder}", f"--model_dir={model_dir}", "--num_gpus=0"]
    arguments += [f"--test_data_path={tmp_path}/new/new.tf_record"]
    assert cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *arguments]) == 0
    assert len((model_dir / "predictions.tsv").read_text().splitlines()) == 1 + len(ROWS)
