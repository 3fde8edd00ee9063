"""A model directory is all that evaluation, prediction and export need."""

import json

import pytest
from pretraining_workplace import PretrainingWorkplace
from squad_workplace import TRAINING, SquadWorkplace

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions


def classify(*arguments: str) -> int:
    return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", "--num_gpus=0", *arguments])


@pytest.mark.slow
def test_a_classifier_is_used_with_its_directory_alone(workplace, capsys):
    # No --vocab_file: the records bring theirs along.
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    model_dir, test = workplace.model_dir, workplace.directory / "test.tf_record"
    assert (model_dir / "vocab.txt").read_bytes() == (workplace.directory / "meta_data.vocab.txt").read_bytes()
    assert json.loads((model_dir / "tokenizer_config.json").read_text())["do_lower_case"] is True
    assert json.loads((model_dir / "meta_data.json").read_text())["label_list"] == ["negative", "positive"]
    assert workplace.run("--mode=predict") == 0
    expected = (model_dir / "predictions.tsv").read_text()
    # What it was trained from is gone, but for the records to predict.
    for name in ("meta_data.json", "meta_data.vocab.txt", "bert_config.json"):
        (workplace.directory / name).unlink()
    (model_dir / "predictions.tsv").unlink()
    alone = f"--model_dir={model_dir}"
    assert classify("--mode=predict", alone, f"--test_data_path={test}") == 0
    assert (model_dir / "predictions.tsv").read_text() == expected
    assert classify("--mode=eval", alone, f"--eval_data_path={workplace.directory / 'eval.tf_record'}") == 0
    export = workplace.directory / "export"
    assert classify("--mode=export_only", alone, f"--model_export_path={export}") == 0
    assert (workplace.directory / "export_text" / "saved_model.pb").exists()
    # The same, from elsewhere.
    named = [f"--predict_checkpoint_path={model_dir / 'ckpt-10'}", f"--model_dir={workplace.directory / 'fresh'}"]
    assert classify("--mode=predict", *named, f"--test_data_path={test}") == 0
    assert (workplace.directory / "fresh" / "predictions.tsv").read_text() == expected
    # Flags may repeat what is there, and are compared.
    (workplace.directory / "other.txt").write_text((model_dir / "vocab.txt").read_text() + "more\n")
    capsys.readouterr()
    assert classify("--mode=predict", alone, f"--test_data_path={test}", f"--vocab_file={workplace.directory}/other.txt") == 2
    assert "is not the vocabulary the records were made with" in capsys.readouterr().err
    config = json.loads((model_dir / "bert_config.json").read_text())
    (workplace.directory / "other.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    named = f"--bert_config_file={workplace.directory}/other.json"
    assert classify("--mode=predict", alone, f"--test_data_path={test}", named) == 2
    assert 'hidden_act: "gelu" there, "relu" now' in capsys.readouterr().err


def test_its_own_copies_may_be_named_and_anothers_stay(workplace, capsys):
    model_dir = workplace.model_dir
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    names = ("vocab.txt", "bert_config.json", "meta_data.json", "tokenizer_config.json")
    before = {name: (model_dir / name).read_bytes() for name in names}
    own = [f"--vocab_file={model_dir}/vocab.txt", f"--bert_config_file={model_dir}/bert_config.json"]
    assert workplace.run("--mode=train", "--num_train_epochs=1", *own) == 0
    assert {name: (model_dir / name).read_bytes() for name in names} == before
    other = workplace.directory / "other"
    other.mkdir()
    (other / "vocab.txt").write_text("somebody\nelse's\n")
    capsys.readouterr()
    for _ in range(2):
        assert workplace.run("--mode=train", f"--model_dir={other}") == 2
        assert "other/vocab.txt is not this training's, which keeps its own there" in capsys.readouterr().err
    assert (other / "vocab.txt").read_text() == "somebody\nelse's\n"
    assert not [path for path in other.iterdir() if path.name not in ("vocab.txt", ".trainer.lock")]


def test_googles_prediction_needs_the_data_and_the_directory(workplace):
    data_dir = workplace.write_raw()
    output_dir = workplace.directory / "tf1"
    assert workplace.run_tf1(data_dir, output_dir, "--do_train", "--max_seq_length=9") == 0
    assert workplace.run_tf1(data_dir, output_dir, "--do_predict", "--max_seq_length=9") == 0
    expected = (output_dir / "test_results.tsv").read_text()
    (output_dir / "test_results.tsv").unlink()
    workplace.config_file.unlink()
    assert classify("--task_name=SST-2", f"--data_dir={data_dir}", f"--output_dir={output_dir}", "--do_predict") == 0
    assert (output_dir / "test_results.tsv").read_text() == expected
    assert json.loads((output_dir / "meta_data.json").read_text())["max_seq_length"] == 9


def test_what_is_missing_is_said(workplace, capsys):
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    (workplace.model_dir / "meta_data.json").unlink()
    assert classify("--mode=predict", f"--model_dir={workplace.model_dir}", f"--test_data_path={workplace.directory}/x") == 2
    assert "--input_meta_data_path is required: the meta_data.json" in capsys.readouterr().err


@pytest.mark.parametrize("dialect", ["garden", "tf1"])
def test_questions_are_answered_with_the_directory_alone(tmp_path, tiny_vocab_file, tiny_config_dict, dialect):
    place = SquadWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    questions = f"--predict_file={tmp_path / 'dev.json'}"
    if dialect == "garden":
        assert place.prepare() == 0
        arguments = [argument for argument in place.arguments("--mode=train") if "vocab_file" not in argument]
        used = ["--mode=predict", f"--model_dir={place.model_dir}"]
    else:
        arguments = ["--do_train", f"--train_file={tmp_path / 'train.json'}", f"--output_dir={place.model_dir}", *TRAINING]
        arguments += [f"--vocab_file={tiny_vocab_file}", f"--bert_config_file={place.config_file}", "--max_query_length=8"]
        arguments += ["--max_seq_length=48"]
        used = ["--do_predict", f"--output_dir={place.model_dir}"]
    assert place.run_as_given(*arguments, "--num_train_epochs=1") == 0
    assert place.run_as_given(*used, questions, "--num_gpus=0") == 0
    assert place.read("predictions.json").keys() == place.gold.keys()


def test_held_out_records_are_evaluated_with_the_directory_alone(tmp_path, tiny_vocab_file, tiny_config_dict):
    place = PretrainingWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    place.write("records", 1, 40)
    place.write("held_out", 1, 30, seed=9)
    assert place.run(f"--vocab_file={tiny_vocab_file}", "--num_train_steps=3") == 0
    assert (place.model_dir / "vocab.txt").read_text() == (place.model_dir / "pretrained" / "vocab.txt").read_text()
    flags = ["--do_eval", f"--model_dir={place.model_dir}", f"--eval_input_files={tmp_path}/held_out/part-*", "--num_gpus=0"]
    assert place.run_as_given(*flags) == 0
    assert place.read("eval_results.json")["global_step"] == 3
