"""`--fit_temperature` from a training to every way of predicting with its model."""

import csv
import json

import numpy as np
import pytest

from bert_tf2.inference.text_classifier import TextClassifier


def probabilities(path) -> np.ndarray:
    return np.loadtxt(path, delimiter="\t")


def test_it_is_fitted_kept_and_used_everywhere(workplace, capsys):
    directory, model_dir = workplace.directory, workplace.model_dir
    export = directory / "export"
    flags = ["--num_train_epochs=1", "--learning_rate=3e-3", f"--vocab_file={workplace.vocab_file}"]
    assert workplace.run("--mode=predict", "--fit_temperature") == 2
    assert workplace.run("--mode=train", "--fit_temperature", f"--model_export_path={export}", *flags) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "--fit_temperature: this run exports a model without an evaluation that finds the temperature" in error
    assert error.endswith("use --mode=train_and_eval, or leave it out")
    assert workplace.run("--mode=train_and_eval", "--fit_temperature", f"--model_export_path={export}", *flags) == 0
    kept = json.loads((model_dir / "temperature.json").read_text())
    assert kept["value"] != 1.0
    assert kept["loss_with"] < kept["loss_without"]
    assert kept["global_step"] == 10
    assert f"|  | temperature {kept['value']:.4g} | without |" in (model_dir / "report.md").read_text()

    assert workplace.run("--mode=predict") == 0
    plain = probabilities(model_dir / "test_results.tsv")
    assert workplace.run("--mode=predict", "--fit_temperature") == 0
    found = probabilities(model_dir / "test_results.tsv")
    expected = plain ** (1 / kept["value"])
    np.testing.assert_allclose(found, expected / expected.sum(axis=1, keepdims=True), atol=1e-4)
    assert not np.allclose(found, plain, atol=1e-3)
    with open(directory / "test.tsv", encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file, delimiter="\t")]
    for place in (model_dir, directory / "export_text"):
        answers = TextClassifier.load(str(place)).predict_all(texts)
        np.testing.assert_allclose([list(one.probabilities.values()) for one in answers], found, atol=1e-5)

    (model_dir / "temperature.json").write_text(json.dumps(kept | {"value": -1}))
    assert workplace.run("--mode=predict", "--fit_temperature") == 2
    assert "temperature.json holds no temperature; evaluate first (--mode=eval --fit_temperature" in capsys.readouterr().err
    (model_dir / "temperature.json").write_text(json.dumps(kept | {"global_step": 9}))
    assert workplace.run("--mode=predict", "--fit_temperature") == 2
    assert "was found for the checkpoint of step 9, not of 10" in capsys.readouterr().err


@pytest.mark.slow
def test_an_export_without_tensorflow_has_it(workplace):
    pytest.importorskip("onnxruntime")
    from bert_tf2 import cli
    from bert_tf2.exporting.exported_model import ExportedModel
    from bert_tf2.jobs.export.job import export
    from bert_tf2.jobs.export.options import ExportOptions

    flags = ["--num_train_epochs=1", "--learning_rate=3e-3", f"--vocab_file={workplace.vocab_file}"]
    assert workplace.run("--mode=train_and_eval", "--fit_temperature", *flags) == 0
    folder = workplace.directory / "onnx"
    asked = [f"--model_dir={workplace.model_dir}", "--to=onnx", f"--output_dir={folder}"]
    assert cli.run(export, ExportOptions, "", ["export", *asked]) == 0
    ours, theirs = TextClassifier.load(str(workplace.model_dir)), ExportedModel(str(folder))
    for text in ("the movie was good", "very bad !"):
        expected = list(ours.predict(text).probabilities.values())
        np.testing.assert_allclose(list(theirs.classify(text)["probabilities"].values()), expected, atol=1e-4)
