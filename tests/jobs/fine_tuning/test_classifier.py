"""run_classifier from records to scores, predictions and exports."""

import base64
import csv
import json

import numpy as np
import pytest
import tensorflow as tf


def read_tsv(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_train_evaluate_predict_and_export(workplace, capsys):
    assert workplace.run("--mode=train_and_eval", "--num_train_epochs=4", "--sub_model_export_name=encoder") == 0
    model_dir = workplace.model_dir
    scores = json.loads((model_dir / "eval_results.json").read_text())
    assert scores["global_step"] == 40  # 150 rows in batches of 16: 10 steps an epoch, the last of 6 rows
    assert scores["accuracy"] == 1.0
    lines = dict(line.split(" = ") for line in (model_dir / "eval_results.txt").read_text().splitlines())
    assert list(lines) == sorted(lines)
    assert float(lines["eval_accuracy"]) == 1.0
    assert lines["loss"] == lines["eval_loss"]
    summary = json.loads((model_dir / "summaries" / "training_summary.txt").read_text())
    assert summary["total_training_steps"] == 40
    assert tf.train.latest_checkpoint(str(model_dir)).endswith("ckpt-40")
    assert tf.train.list_variables(str(model_dir / "encoder.ckpt-40"))
    report, page = ((model_dir / name).read_text() for name in ("report.md", "report.html"))
    for picture in ("loss_curve.png", "confusion_matrix.png", "calibration.png"):
        content = (model_dir / picture).read_bytes()
        assert len(content) > 5000
        assert picture in report
        assert base64.b64encode(content).decode() in page
    for heading in ("Calibration", "By length", "Labels"):
        assert f"## {heading}\n" in report
        assert f"<h2>{heading}</h2>" in page

    assert workplace.run("--mode=predict", "--predict_batch_size=5") == 0
    rows = read_tsv(model_dir / "predictions.tsv")
    assert rows[0] == ["id", "label", "prediction", "probability_negative", "probability_positive"]
    assert [row[0] for row in rows[1:]] == [str(i) for i in range(23)]
    gold = [line.split("\t")[1] for line in (workplace.directory / "test.tsv").read_text().splitlines()[1:]]
    assert [row[1] for row in rows[1:]] == gold
    assert [row[2] for row in rows[1:]] == gold
    results = np.array(read_tsv(model_dir / "test_results.tsv"), np.float64)
    np.testing.assert_allclose(results, np.array([row[3:] for row in rows[1:]], np.float64), atol=1e-6)

    export = workplace.directory / "export"
    assert workplace.run("--mode=export_only", f"--model_export_path={export}", f"--vocab_file={workplace.vocab_file}") == 0
    check_exports(workplace, export, results)
    assert workplace.run("--mode=export_only", f"--model_export_path={export}") == 2
    assert "is not empty" in capsys.readouterr().err


def check_exports(workplace, export, results):
    import tensorflow_text  # noqa: F401 (registers the operations of the tokenizer)

    texts = [line.split("\t")[0] for line in (workplace.directory / "test.tsv").read_text().splitlines()[1:]]
    answer = tf.saved_model.load(f"{export}_text").signatures["serving_default"](text=tf.constant(texts))
    np.testing.assert_allclose(answer["probabilities"], results, atol=1e-5)
    assert answer["label"].numpy().tolist() == [[b"negative", b"positive"][row.argmax()] for row in results]
    signature = tf.saved_model.load(str(export)).signatures["serving_default"]
    inputs = signature.structured_input_signature[1]
    assert sorted(inputs) == ["input_mask", "input_type_ids", "input_word_ids"]
    assert {(spec.dtype, spec.shape.rank) for spec in inputs.values()} == {(tf.int32, 2)}
    assert list(signature.structured_outputs) == ["sentence_prediction"]


def test_an_evaluation_later_keeps_what_the_report_says_of_the_training(workplace):
    assert workplace.run("--mode=train", "--num_train_epochs=1", "--best_metric=loss") == 0
    trained = (workplace.model_dir / "report.md").read_text().splitlines()
    assert workplace.run("--mode=eval", "--learning_rate=1") == 0
    evaluated = (workplace.model_dir / "report.md").read_text().splitlines()
    facts = [line for line in trained if line.startswith(("| training steps", "| initial", "| learning", "| batch", "| best"))]
    assert len(facts) == 5
    for line in [*facts, "![Loss](loss_curve.png)", "![Predictions](confusion_matrix.png)", "## eval"]:
        assert line in evaluated


@pytest.mark.parametrize("batch_size", [7])
def test_evaluation_covers_every_row_whatever_the_batch_size(workplace, batch_size):
    if not workplace.model_dir.exists():
        assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    assert workplace.run("--mode=eval", f"--eval_batch_size={batch_size}") == 0
    scores = json.loads((workplace.model_dir / "eval_results.json").read_text())
    assert workplace.run("--mode=predict", f"--test_data_path={workplace.directory / 'eval.tf_record'}") == 0
    rows = read_tsv(workplace.model_dir / "predictions.tsv")[1:]
    assert len(rows) == 41
    assert scores["accuracy"] == pytest.approx(np.mean([row[1] == row[2] for row in rows]))


def test_predictions_come_from_the_checkpoint_that_is_named(workplace, capsys):
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    assert workplace.run("--mode=predict") == 0
    expected = (workplace.model_dir / "test_results.tsv").read_text()
    elsewhere = workplace.directory / "elsewhere"
    flags = ["--mode=predict", f"--model_dir={elsewhere}"]
    named = [*flags, f"--predict_checkpoint_path={workplace.model_dir / 'ckpt-10'}", "--sub_model_export_name=encoder"]
    assert workplace.run(*named) == 0
    assert tf.train.list_variables(str(elsewhere / "encoder.ckpt-10"))
    assert (elsewhere / "test_results.tsv").read_text() == expected
    assert "ckpt-10 (step 10)" in capsys.readouterr().err
    assert workplace.run(*flags, f"--predict_checkpoint_path={workplace.model_dir / 'ckpt-11'}") == 2
    nothing = tf.train.Checkpoint(step=tf.Variable(1)).write(str(workplace.directory / "nothing"))
    assert workplace.run(*flags, f"--predict_checkpoint_path={nothing}") == 2
    assert "holds no encoder of" in capsys.readouterr().err


@pytest.mark.slow
def test_results_of_another_input_stay(workplace, capsys):
    model_dir = workplace.model_dir
    assert workplace.run("--mode=train_and_eval", "--num_train_epochs=1") == 0
    scored = {name: (model_dir / name).read_bytes() for name in ("eval_results.json", "eval_results.txt", "eval_predictions.tsv")}
    assert workplace.run("--mode=predict") == 0
    predicted = {name: (model_dir / name).read_bytes() for name in ("predictions.tsv", "test_results.tsv")}
    assert workplace.run("--mode=predict") == 0
    assert workplace.run("--mode=eval") == 0
    assert not list(model_dir.glob("*.test.*"))
    assert not list(model_dir.glob("*.eval.*"))
    # The same rows under another name are the same input.
    renamed = workplace.directory / "again.tf_record"
    renamed.write_bytes((workplace.directory / "test.tf_record").read_bytes())
    assert workplace.run("--mode=predict", f"--test_data_path={renamed}") == 0
    assert not list(model_dir.glob("predictions.*.tsv"))
    capsys.readouterr()

    assert workplace.run("--mode=predict", f"--test_data_path={workplace.directory / 'eval.tf_record'}") == 0
    said = "kept the results of again as test_results.again.tsv, predictions.again.tsv: those of eval take their place"
    assert said in capsys.readouterr().err
    for name, content in predicted.items():
        assert (model_dir / name.replace(".", ".again.")).read_bytes() == content != (model_dir / name).read_bytes()
    assert workplace.run("--mode=eval", f"--eval_data_path={workplace.directory / 'train.tf_record'}") == 0
    for name, content in scored.items():
        assert (model_dir / name.replace(".", ".eval.")).read_bytes() == content != (model_dir / name).read_bytes()


def test_raw_data_of_another_directory_leave_the_results_of_the_first(workplace):
    first, second = workplace.write_raw("first"), workplace.write_raw("second", test=9)
    output_dir = workplace.directory / "tf1"
    assert workplace.run_tf1(first, output_dir, "--do_train", "--do_predict") == 0
    predicted = (output_dir / "test_results.tsv").read_text()
    assert workplace.run_tf1(second, output_dir, "--do_predict") == 0
    assert (output_dir / "test_results.first.tsv").read_text() == predicted
    assert len((output_dir / "test_results.tsv").read_text().splitlines()) == 9


def test_tf1_dialect_makes_records_and_reuses_them(workplace, capsys):
    processor = workplace.directory / "mine.py"
    processor.write_text(
        "from bert_tf2.data.processors import DataProcessor, register_processor\n"
        "from bert_tf2.data.examples import InputExample\n"
        "@register_processor('mood')\n"
        "class Mood(DataProcessor):\n"
        "    def get_labels(self): return ['negative', 'positive']\n"
        "    def get_train_examples(self, data_dir): return self._rows(data_dir, 'train')\n"
        "    def get_dev_examples(self, data_dir): return self._rows(data_dir, 'eval')\n"
        "    def get_test_examples(self, data_dir): return self._rows(data_dir, 'test')\n"
        "    def _rows(self, data_dir, split):\n"
        "        for i, row in enumerate(self._read_tsv(f'{data_dir}/{split}.tsv')[1:]):\n"
        "            yield InputExample(f'{split}-{i}', row[0], None, row[1])\n"
    )
    data_dir = workplace.directory / "raw"
    data_dir.mkdir()
    for split in ("train", "eval", "test"):
        (data_dir / f"{split}.tsv").write_text((workplace.directory / f"{split}.tsv").read_text())
    output_dir = workplace.directory / "tf1"
    arguments = [
        "run_classifier.py",
        "--task_name=mood",
        f"--module_import={processor}",
        f"--data_dir={data_dir}",
        f"--vocab_file={workplace.vocab_file}",
        f"--bert_config_file={workplace.config_file}",
        f"--output_dir={output_dir}",
        "--max_seq_length=32",
        "--learning_rate=0.01",
        "--num_train_epochs=10.0",
        "--do_train=true",
        "--do_eval=true",
        "--num_gpus=0",
        "--seed=2",
    ]

    def run(*flags):
        from bert_tf2 import cli
        from bert_tf2.jobs.fine_tuning.classifier import run_classifier
        from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions

        return cli.run(run_classifier, ClassifierOptions, "", [*arguments, *flags])

    assert run() == 0
    assert json.loads((output_dir / "eval_results.json").read_text())["accuracy"] > 0.9
    assert (output_dir / "train.tf_record").exists()
    assert "the records are" not in capsys.readouterr().err
    # Predicting later adds the test records and does not train again.
    assert run("--do_predict=true") == 0
    captured = capsys.readouterr().err
    assert "already finished" in captured
    rows = read_tsv(output_dir / "predictions.tsv")
    assert rows[0][:2] == ["id", "text"]
    assert rows[1][1] == (workplace.directory / "test.tsv").read_text().splitlines()[1].split("\t")[0]
    assert run("--do_predict=true") == 0
    assert "using the records in" in capsys.readouterr().err
    # Other data: the records are made again, and the finished run is not continued with them.
    (data_dir / "train.tsv").write_text((workplace.directory / "eval.tsv").read_text())
    assert run() == 2
    assert "belongs to another run" in capsys.readouterr().err


def test_raw_data_in_the_output_directory_are_watched_too(workplace, capsys):
    both = workplace.write_raw()
    assert workplace.run_tf1(both, both, "--do_train", "--do_eval", "--do_predict") == 0
    assert workplace.run_tf1(both, both, "--do_predict") == 0
    assert "using the records in" in capsys.readouterr().err
    with (both / "test.tsv").open("a") as file:
        file.write("7\tvery bad\n")
    assert workplace.run_tf1(both, both, "--do_predict") == 0
    rows = read_tsv(both / "predictions.tsv")
    assert len(rows) == 9
    assert rows[-1][1] == "very bad"


def test_records_of_equal_names_in_different_folders(workplace):
    folders = {split: workplace.directory / split / "data.tf_record" for split in ("train", "eval", "test")}
    assert workplace.prepare(*(f"--{split}_data_output_path={path}" for split, path in folders.items())) == 0
    paths = [f"--{split}_data_path={path}" for split, path in folders.items()]
    assert workplace.run("--mode=train_and_eval", "--num_train_epochs=1", *paths) == 0
    assert workplace.run("--mode=predict", *paths) == 0
    assert len(read_tsv(workplace.model_dir / "predictions.tsv")) == 24


@pytest.mark.slow
def test_exports_in_numbered_versions(workplace, capsys):
    base = workplace.directory / "served"
    flags = [f"--model_export_path={base}", f"--vocab_file={workplace.vocab_file}"]
    assert workplace.run("--mode=train", "--num_train_epochs=1", *flags, "--export_version=auto") == 0
    assert workplace.run("--mode=export_only", *flags, "--export_version=7") == 0
    assert workplace.run("--mode=export_only", *flags, "--export_version=auto") == 0
    for name in ("served", "served_text"):
        assert sorted(path.name for path in (workplace.directory / name).iterdir()) == ["1", "7", "8"]
        assert (workplace.directory / name / "8" / "saved_model.pb").exists()
    capsys.readouterr()
    assert workplace.run("--mode=export_only", *flags, "--export_version=7") == 2
    assert f"--export_version=7: {base}/7 is there; give another number, or auto" in capsys.readouterr().err
    assert workplace.run("--mode=export_only", f"--model_export_path={base}/8", "--export_version=1") == 2
    assert "is a SavedModel itself" in capsys.readouterr().err
    assert workplace.run("--mode=predict", "--export_version=1") == 2
    assert "--export_version=1 needs --model_export_path" in capsys.readouterr().err
    for wrong in ("0", "-1", "new"):
        assert workplace.run("--mode=export_only", *flags, f"--export_version={wrong}") == 2
        assert "must be auto or 1, 2, 3, …" in capsys.readouterr().err
    # The newest is what is used.
    from bert_tf2.inference.text_classifier import TextClassifier

    assert TextClassifier.load(f"{base}_text").labels == ("negative", "positive")
