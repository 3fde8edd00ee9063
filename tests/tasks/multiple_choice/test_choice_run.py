"""Multiple choice from files of questions to scores, predictions, report and exports, by the commands."""

import json
import pathlib
import random
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2 import cli
from bert_tf2.inference.choice_selector import ChoiceSelector
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

ROOT = pathlib.Path(__file__).resolve().parents[3]
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")


def questions(count, seed):
    """Questions with 2 to 4 choices, of which the right one is good."""
    chance, rows = random.Random(seed), []
    for number in range(count):
        wrong = [" ".join(["bad", *["very"] * chance.randrange(4)]) + f" {sign}" for sign in ".!,"[: chance.randint(1, 3)]]
        answer = chance.randint(0, len(wrong))
        choices = [*wrong[:answer], "good " + "very " * chance.randrange(4), *wrong[answer:]]
        context = "" if number % 5 == 0 else "the movie " * chance.randint(1, 5)
        rows.append({"id": f"q{number}", "context": context, "question": "the movie was", "choices": choices, "answer": answer})
    return rows


class Place:
    """A directory with records of questions, and the commands."""

    def __init__(self, directory, vocab_file, config):
        self.directory, self.vocab_file, self.model_dir = directory, vocab_file, directory / "model"
        self.config_file = directory / "bert_config.json"
        self.config_file.write_text(json.dumps(config | {"initializer_range": 0.2} | dict.fromkeys(DROPOUTS, 0.0)))
        self.rows = {"train": questions(120, 1), "eval": questions(30, 2), "test": questions(11, 3)}
        arguments = ["prepare", "--fine_tuning_task_type=multiple_choice", f"--vocab_file={vocab_file}", "--max_seq_length=24"]
        for split, rows in self.rows.items():
            shown = [{**row, "answer": None} for row in rows] if split == "test" else rows
            (directory / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shown))
            arguments += [
                f"--{split}_file={directory / split}.jsonl",
                f"--{split}_data_output_path={directory / split}.tf_record",
            ]
        arguments.append(f"--meta_data_file_path={directory / 'meta_data.json'}")
        assert cli.run(create_finetuning_data, FinetuningDataOptions, "", arguments) == 0

    def run(self, *flags):
        """The exit code of run_classifier.py on the records."""
        return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *self.arguments(*flags)])

    def arguments(self, *flags):
        paths = [f"--{split}_data_path={self.directory / split}.tf_record" for split in self.rows]
        fixed = [f"--input_meta_data_path={self.directory / 'meta_data.json'}", f"--bert_config_file={self.config_file}"]
        fixed += [f"--model_dir={self.model_dir}", "--num_gpus=0", "--seed=1", "--train_batch_size=16", "--learning_rate=0.01"]
        return [*paths, *fixed, *flags]

    def table(self, name):
        """The rows of a table in the model's directory, by the names in its first row."""
        header, *rows = [line.split("\t") for line in (self.model_dir / name).read_text().splitlines()]
        return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.fixture
def place(tmp_path, tiny_vocab_file, tiny_config_dict):
    return Place(tmp_path, tiny_vocab_file, tiny_config_dict)


def test_train_evaluate_predict_and_export(place):
    assert place.run("--mode=train_and_eval", "--num_train_epochs=5") == 0
    scores = json.loads((place.model_dir / "eval_results.json").read_text())
    assert scores["accuracy"] == 1.0
    rows = place.table("eval_predictions.tsv")
    assert [row["id"] for row in rows] == [f"q{number}" for number in range(30)]
    for row, question in zip(rows, place.rows["eval"]):
        assert row["question"] == "the movie was"
        assert row["label"] == row["prediction"] == "ABCD"[question["answer"]]
        assert row["choice"].strip() == question["choices"][question["answer"]].strip()
        assert [row[f"probability_{name}"] != "" for name in "ABCD"] == [i < len(question["choices"]) for i in range(4)]
    report = (place.model_dir / "report.md").read_text()
    assert "## By number of choices" in report
    assert "## By length" in report

    assert place.run("--mode=predict", "--predict_batch_size=5") == 0
    predicted = place.table("predictions.tsv")
    assert "label" not in predicted[0]
    assert [row["prediction"] for row in predicted] == ["ABCD"[question["answer"]] for question in place.rows["test"]]
    results = [list(map(float, line.split("\t"))) for line in (place.model_dir / "test_results.tsv").read_text().splitlines()]
    assert [len(row) for row in results] == [len(question["choices"]) for question in place.rows["test"]]

    export = place.directory / "export"
    assert place.run("--mode=export_only", f"--model_export_path={export}", f"--vocab_file={place.vocab_file}") == 0
    selector = ChoiceSelector.from_saved_model(f"{export}_text")
    chosen = selector.choose_all((row["context"], row["question"], row["choices"]) for row in place.rows["test"])
    for choice, row in zip(chosen, results):
        np.testing.assert_allclose(choice.probabilities, row, atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_transformers_answers_the_same_from_the_converted_folder(place):
    transformers = pytest.importorskip("transformers")
    from safetensors.numpy import load_file
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    assert place.run("--mode=train_and_eval", "--num_train_epochs=1") == 0
    folder = str(place.directory / "folder")
    convert = ["convert", f"--checkpoint_to_convert={place.model_dir}", f"--converted_checkpoint_path={folder}"]
    assert cli.run(convert_checkpoint, ConvertCheckpointOptions, "", [*convert, "--to=huggingface"]) == 0
    config = transformers.AutoConfig.from_pretrained(folder)
    assert config.architectures == ["BertForMultipleChoice"]
    model = transformers.TFBertForMultipleChoice(config)
    load_pytorch_state_dict_in_tf2_model(model, load_file(f"{folder}/model.safetensors"), allow_missing_keys=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    for row, question in zip(place.table("eval_predictions.tsv"), place.rows["eval"]):
        choices, asked, context = question["choices"], question["question"], question["context"]
        seconds = [f"{asked} {choice}" if context else choice for choice in choices]
        encoded = tokenizer([context or asked] * len(choices), seconds, padding=True, return_tensors="tf")
        logits = model({name: values[tf.newaxis] for name, values in encoded.items()}).logits
        found = [float(row[f"probability_{name}"]) for name in "ABCD"[: len(choices)]]
        np.testing.assert_allclose(tf.nn.softmax(logits)[0], found, atol=2e-6)

    # And back: the folder is a model that needs no training.
    named = [f"--init_checkpoint={folder}", f"--model_dir={place.directory / 'other'}"]
    assert place.run("--mode=predict", *named) == 0
    ours = [line.split("\t") for line in (place.directory / "other" / "test_results.tsv").read_text().splitlines()]
    assert place.run("--mode=predict") == 0
    expected = [line.split("\t") for line in (place.model_dir / "test_results.tsv").read_text().splitlines()]
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(np.array(one, float), np.array(other, float), atol=1e-6)


@pytest.mark.slow
def test_xla_and_two_replicas_train_the_same(place):
    losses = {}
    for name, flags in (("plain", []), ("xla", ["--enable_xla"]), ("two", ["--num_logical_cpus=2"])):
        arguments = place.arguments(
            "--mode=train_and_eval", "--num_train_epochs=1", f"--model_dir={place.directory / name}", *flags
        )
        subprocess.run([sys.executable, str(ROOT / "run_classifier.py"), *arguments], check=True, capture_output=True)
        losses[name] = json.loads((place.directory / name / "eval_results.json").read_text())["loss"]
    assert losses["xla"] == pytest.approx(losses["plain"], rel=1e-3)
    assert losses["two"] == pytest.approx(losses["plain"], rel=1e-3)


def test_records_of_another_kind_are_refused(place, capsys):
    assert place.run("--mode=train", "--train_data_path=" + str(place.directory / "test.tf_record")) == 2
    assert "these records have no labels" in capsys.readouterr().err
    assert place.run("--mode=train_and_eval", "--best_metric=f1") == 2
    assert "--best_metric=f1 is not computed for this task" in capsys.readouterr().err
    meta = json.loads((place.directory / "meta_data.json").read_text())
    (place.directory / "meta_data.json").write_text(json.dumps(meta | {"most_choices": "4"}))
    assert place.run("--mode=train_and_eval") == 2
    assert "the metadata's 'most_choices' must be of type int; got '4'" in capsys.readouterr().err
