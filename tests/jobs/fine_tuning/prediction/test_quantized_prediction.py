"""`--quantize=int8`: predictions and scores near those in float32, the difference told, and refused where it can do nothing."""

import json

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="needs the extra onnx")
INT8 = "--quantize=int8"


def test_predictions_and_scores_with_weights_of_8_bits(workplace, capsys):
    assert workplace.run("--mode=train_and_eval", "--num_train_epochs=1") == 0
    results, scores = (workplace.model_dir / name for name in ("test_results.tsv", "eval_results.json"))
    before = json.loads(scores.read_text())
    assert workplace.run("--mode=predict") == 0
    exact = np.loadtxt(results, delimiter="\t")
    capsys.readouterr()
    assert workplace.run("--mode=predict", INT8) == 0
    assert "inputs outputs differ by at most 0.0" in capsys.readouterr().err
    found = np.loadtxt(results, delimiter="\t")
    assert 0 < np.abs(found - exact).max() < 0.02
    report = workplace.model_dir / "report.md"
    assert "| checkpoint | step 10 |" in report.read_text()
    card = (workplace.model_dir / "README.md").read_text()
    capsys.readouterr()
    assert workplace.run("--mode=eval", INT8) == 0
    # It is told of whatever the scores are shown in.
    assert "checkpoint of step 10 with weights of 8 bits: accuracy" in capsys.readouterr().err
    assert "| checkpoint | step 10 with weights of 8 bits |" in report.read_text()
    assert (workplace.model_dir / "README.md").read_text() == card
    after = json.loads(scores.read_text())
    assert after.keys() == before.keys()
    assert after["loss"] == pytest.approx(before["loss"], abs=0.02)
    assert after["loss"] != before["loss"]


def test_what_was_tuned_is_that_of_the_whole_model(workplace):
    """A temperature that predictions in float32 use too must not be found with 8 bits, and is used with these."""
    assert workplace.run("--mode=train_and_eval", "--num_train_epochs=1", "--fit_temperature") == 0
    kept = workplace.model_dir / "temperature.json"
    before = kept.read_bytes()
    assert workplace.run("--mode=eval", "--fit_temperature", INT8) == 0
    assert kept.read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--mode=train_and_eval"], "--quantize=int8 is for a model that is trained already; train without it"),
        (["--mode=export_only", "--model_export_path=x"], "--quantize=int8 is for evaluating and predicting here; python -m"),
        (["--mode=predict", "--model_export_path=x"], "--quantize=int8 is for evaluating and predicting here; python -m"),
        (["--mode=predict", "--distribution_strategy=tpu"], "--quantize=int8 computes on the CPU of one machine; leave out"),
        (["--mode=predict", "--quantize=int4"], "--quantize"),
    ],
)
def test_what_it_is_not_for(workplace, capsys, flags, message):
    assert workplace.run(INT8, *flags) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert message in told[-1]


def test_without_the_packages(workplace, capsys, monkeypatch):
    from bert_tf2.exporting import quantized_here

    monkeypatch.setattr(quantized_here.importlib.util, "find_spec", lambda name: None)
    assert workplace.run("--mode=predict", INT8) == 2
    assert "--quantize=int8 needs the package tf2onnx: pip install 'bert_tf2[onnx]'" in capsys.readouterr().err
