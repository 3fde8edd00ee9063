"""What the command leaves, what it refuses, and with which words."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from trained_place import TrainedPlace

from bert_tf2.exporting import target
from bert_tf2.exporting.exported_model import open_session


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary) -> TrainedPlace:
    directory = tmp_path_factory.mktemp("export")
    (directory / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n")
    return TrainedPlace(directory, "classification", "bert", ("vocab_file", str(directory / "vocab.txt")))


@pytest.fixture
def refused(place, capsys):
    """Runs a command that must fail with one line and leave nothing, and gives the line."""

    def run(code: int, *flags: str, keeps: tuple[str, ...] = ()) -> str:
        before = sorted(os.listdir(place.directory))
        assert place.run("refused", *flags) == code
        error = capsys.readouterr().err.strip().splitlines()
        assert sorted(os.listdir(place.directory)) == before
        assert error[-1].startswith("ERROR: ")
        assert not any("Traceback" in line for line in error)
        return error[-1].removeprefix("ERROR: ")

    return run


@pytest.mark.slow
@pytest.mark.parametrize("to", ["onnx", "tflite", "saved_model"])
def test_smaller_weights_and_fixed_lengths(place, to, capsys):
    quantizations = [way for way in target.QUANTIZATIONS if way not in target.target_of(to).refused]
    for way in quantizations:
        name = f"{to}_{way}"
        assert place.run(name, f"--to={to}", f"--quantize={way}", "--max_seq_length=24", *place.check_flags) == 0
        # The converter's own messages are nobody's.
        told = [line for line in capsys.readouterr().err.splitlines() if "so far" not in line]
        assert [line.split(" ")[0] for line in told] == ["found:", "converting", "exported"]
        folder = place.directory / name
        settings = json.loads((folder / "export.json").read_text())
        assert settings["length"] == 24
        rows = {key: np.ones((3, 9), np.int32) for key in ("input_word_ids", "input_mask", "input_type_ids")}
        found = open_session(to, str(folder / settings["file"]), 24)(rows)["sentence_prediction"]
        assert found.shape == (3, 2)
    if len(quantizations) == 3:
        reports = [(place.directory / f"{to}_{way}" / "export_report.md").read_text() for way in quantizations]
        largest = [float(re.search(r"difference of an output: (\S+)", report)[1]) for report in reports]
        assert largest[0] < 1e-5 < largest[1] < 0.01
        assert largest[1] < largest[2] < 1


@pytest.mark.slow
def test_ranges_of_real_records(place, capsys):
    calibrated = f"--calibration_data_path={place.records}"
    assert place.run("static", "--to=onnx", "--quantize=int8", calibrated, "--max_metric_drop=100", *place.check_flags) == 0
    import onnx

    operations = {node.op_type for node in onnx.load(str(place.directory / "static" / "model.onnx")).graph.node}
    assert "QuantizeLinear" in operations
    assert not operations & {"DynamicQuantizeLinear", "DynamicQuantizeMatMul"}
    assert "ranges found on" in (place.directory / "static" / "export_report.md").read_text()


def test_without_records_outputs_alone_are_compared(place, capsys):
    assert place.run("alone", "--to=onnx") == 0
    assert "the outputs of made-up token ids are compared, and no metric" in capsys.readouterr().err
    report = (place.directory / "alone" / "export_report.md").read_text()
    assert "accuracy" not in report
    assert "made-up token ids" in report
    assert sorted(os.listdir(place.directory / "alone")) == [
        "example.py", "export.json", "export_report.md", "exported_model.py", "model.onnx", "tokenizer.json", "vocab.txt",
    ]  # fmt: skip


def test_a_worse_export_is_not_kept(place, refused, monkeypatch):
    from bert_tf2.jobs.export import making

    def worse(*arguments):
        run = open_session(*arguments)
        return lambda rows: {name: -value for name, value in run(rows).items()}

    monkeypatch.setattr(making, "open_session", worse)
    monkeypatch.setattr("bert_tf2.jobs.export.acceptance._MOST_DIFFERENCE", 100.0)
    told = refused(1, "--to=onnx", "--max_metric_drop=2.5", *place.check_flags)
    assert re.match(r"accuracy is worse by [\d.]+ points, [\d.]+ after [\d.]+, and --max_metric_drop=2.5; nothing was kept", told)


def test_another_computation_is_not_kept(place, refused, monkeypatch):
    from bert_tf2.jobs.export import making

    def other(*arguments):
        run = open_session(*arguments)
        return lambda rows: {name: value + 0.01 for name, value in run(rows).items()}

    monkeypatch.setattr(making, "open_session", other)
    assert "computes something else: its outputs differ by up to 0.01" in refused(1, "--to=onnx")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--to=onxn"], "--to must be one of onnx, saved_model, tflite; got 'onxn'. Did you mean"),
        (["--to=saved_model", "--quantize=fp16"], "--quantize=fp16 cannot be used with --to=saved_model: "),
        (["--to=onnx", "--calibration_data_path=x"], "--calibration_data_path is for --quantize=int8"),
        (["--to=tflite", "--quantize=int8", "--calibration_data_path=x"], "cannot be used with --to=tflite: with ranges found"),
        (["--to=onnx", "--eval_data_path=x", "--predict_file=y"], "exclude each other"),
        (["--to=onnx", "--input_meta_data_path=x"], "belongs to --eval_data_path"),
        (["--to=onnx", "--predict_file=dev.json"], "--predict_file is for SQuAD, and --model_dir="),
        (["--to=onnx", "--max_seq_length=65"], "--max_seq_length=65 is more than the model's 64 positions"),
        (["--to=onnx", "--eval_data_path=nowhere"], "--eval_data_path: no such file: nowhere"),
        (["--to=onnx", "--model_dir=nowhere"], "--model_dir: no such directory: nowhere; give a directory in which"),
        (["--to=onnx", "--load_checkpoint=best"], "has no best checkpoint"),
    ],
)
def test_refused_with_a_line(refused, flags, message):
    assert message in refused(2, *flags)


def test_a_directory_that_is_no_run(place, refused, tmp_path):
    assert "lacks meta_data.json, bert_config.json, vocab.txt, which a training keeps there" in refused(
        2, "--to=onnx", f"--model_dir={tmp_path}"
    )


def test_a_run_without_a_checkpoint(place, refused, tmp_path):
    shutil.copytree(place.model_dir, tmp_path / "model", ignore=shutil.ignore_patterns("ckpt-*"))
    assert "does not hold a checkpoint" in refused(2, "--to=onnx", f"--model_dir={tmp_path / 'model'}")


def test_records_too_long(place, refused):
    told = refused(2, "--to=tflite", "--max_seq_length=4", *place.check_flags)
    assert re.search(r"record \d+ .* has \d+ tokens, more than --max_seq_length=4", told)


@pytest.mark.parametrize("flag", ["eval_data_path", "calibration_data_path"])
def test_records_of_another_kind_vocabulary_or_labels(place, refused, tmp_path, flag):
    records = tmp_path / "other.tf_record"
    shutil.copy(place.records, records)
    meta = json.loads((place.model_dir / "meta_data.json").read_text())
    meta["files"]["eval"]["name"] = records.name
    for key, value, name in (
        ("task_type", "bert_regression", "task"),
        ("vocab_fingerprint", "0" * 64, "vocabulary"),
        ("label_list", ["b", "a"], "labels"),
    ):
        (tmp_path / "meta_data.json").write_text(json.dumps(meta | {key: value}))
        told = refused(2, "--to=onnx", "--quantize=int8", f"--{flag}={records}")
        assert f"--{flag}={records}: these records are not such as the model was trained on: {name}: " in told


def test_calibration_records_without_rows(refused, tmp_path):
    (tmp_path / "none.tf_record").write_bytes(b"")
    told = refused(2, "--to=onnx", "--quantize=int8", f"--calibration_data_path={tmp_path / 'none.tf_record'}")
    assert "none.tf_record holds no records" in told


def test_outputs_that_cannot_be_written(place, refused, tmp_path, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    assert "is not empty" in refused(2, "--to=onnx", f"--output_dir={tmp_path / 'full'}")
    assert "is a file; name a new directory" in refused(2, "--to=onnx", f"--output_dir={tmp_path / 'full' / 'file'}")
    assert "is a file; choose another directory" in refused(2, "--to=onnx", f"--output_dir={tmp_path / 'full' / 'file' / 'x'}")
    assert "must be a local directory" in refused(2, "--to=onnx", "--output_dir=gs://bucket/x")


@pytest.mark.parametrize(
    ("to", "module", "package"), [("onnx", "tf2onnx", "tf2onnx"), ("tflite", "ai_edge_litert", "ai-edge-litert")]
)
def test_a_runtime_that_is_not_installed(refused, monkeypatch, to, module, package):
    find = target.importlib.util.find_spec
    monkeypatch.setattr(target.importlib.util, "find_spec", lambda name: None if name == module else find(name))
    assert refused(2, f"--to={to}") == f"--to={to} needs the package {package}: pip install 'bert_tf2[{to}]'"


def test_mistakes_are_told_without_tensorflow():
    program = (
        "import sys\n"
        "from bert_tf2 import cli\n"
        "from bert_tf2.jobs.export.job import export, ExportOptions\n"
        "flags = ['--model_dir=m', '--output_dir=o', '--to=saved_model', '--quantize=int8']\n"
        "assert cli.run(export, ExportOptions, '', ['export', *flags]) == 2\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
