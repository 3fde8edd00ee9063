"""run_pretraining from records to an encoder that fine-tunes."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from pretraining_workplace import PretrainingWorkplace

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.models.checkpoints.formats import open_source
from bert_tf2.models.checkpoints.loading import read_heads


@pytest.fixture
def place(tmp_path, tiny_vocab_file, tiny_config_dict) -> PretrainingWorkplace:
    """Records in three files, held-out records, and a configuration; nothing is trained yet."""
    workplace = PretrainingWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    workplace.write("records", 3, 40)
    workplace.write("held_out", 1, 30, seed=9)
    return workplace


def held_out(place) -> str:
    return f"--eval_input_files={place.directory}/held_out/part-*"


def text_results(path: pathlib.Path) -> dict[str, float]:
    return {key: float(value) for key, value in (line.split(" = ") for line in path.read_text().splitlines())}


def classify(place, init_checkpoint: str) -> int:
    """Fine-tunes on a handful of rows from a checkpoint."""
    if not (place.directory / "train.tf_record").exists():
        rows = "\n".join(f"the movie was {word}\t{word}" for word in ["good", "bad"] * 12)
        (place.directory / "rows.tsv").write_text(f"text\tlabel\n{rows}\n")
        prepared = [f"--train_file={place.directory}/rows.tsv", f"--train_data_output_path={place.directory}/train.tf_record"]
        prepared += [f"--meta_data_file_path={place.directory}/meta.json", f"--vocab_file={place.vocab_file}"]
        assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *prepared, "--max_seq_length=16"]) == 0
    flags = [f"--init_checkpoint={init_checkpoint}", f"--bert_config_file={place.config_file}", "--num_gpus=0", "--mode=train"]
    flags += [f"--input_meta_data_path={place.directory}/meta.json", f"--train_data_path={place.directory}/train.tf_record"]
    flags += [f"--model_dir={place.directory}/classifier-{abs(hash(init_checkpoint))}", "--num_train_epochs=1"]
    return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *flags])


def test_from_records_to_a_fine_tuned_model(place, capsys):
    assert (
        place.run(held_out(place), "--eval_every_steps=20", "--also_export=tf1,huggingface", f"--vocab_file={place.vocab_file}")
        == 0
    )
    said = capsys.readouterr().err
    assert "training: 123 examples in 3 file(s), 60 steps of 16 examples" in said
    assert "tokens/s" in said
    # Nothing was wrong.
    assert "no --init_checkpoint: training starts from random weights" in said
    assert "WARNING" not in said
    assert "masked_lm_accuracy" in said
    evaluations, trained = place.history("eval"), place.history("train")
    assert [entry["step"] for entry in evaluations] == [20, 40, 60]
    assert evaluations[-1]["masked_lm_loss"] < 0.7 * evaluations[0]["masked_lm_loss"]
    assert trained[-1]["masked_lm_accuracy"] > trained[0]["masked_lm_accuracy"]
    assert trained[-1]["loss"] == pytest.approx(trained[-1]["masked_lm_loss"] + trained[-1]["next_sentence_loss"], rel=0.05)
    results = text_results(place.model_dir / "eval_results.txt")
    assert list(results) == sorted(
        ["global_step", "loss", "masked_lm_accuracy", "masked_lm_loss", "next_sentence_accuracy", "next_sentence_loss"]
    )
    assert place.read("eval_results.json") == results
    assert results["loss"] == evaluations[-1]["loss"]
    summary = place.read("summaries/training_summary.txt")
    garden = {"total_training_steps", "train_loss", "masked_lm_accuracy", "lm_example_loss"}
    assert {*garden, "next_sentence_accuracy", "next_sentence_loss"} <= set(summary)
    assert summary["total_training_steps"] == 60
    assert "loss_curve.png" in (place.model_dir / "report.md").read_text()

    pretrained = place.model_dir / "pretrained"
    encoder, whole = open_source(str(pretrained / "bert_model.ckpt-60")), open_source(str(place.model_dir / "ckpt-60"))
    assert not encoder.others
    for path in (pretrained / "tf1" / "bert_model.ckpt-60", pretrained / "huggingface-60", place.model_dir / "ckpt-60"):
        assert set(read_heads(str(path))) == {"masked_lm", "next_sentence"}
        assert open_source(str(path)).shapes == whole.shapes
    for name, tensor in encoder.tensors.items():
        np.testing.assert_array_equal(tensor.read(), whole.tensors[name].read())
    assert json.loads((pretrained / "bert_config.json").read_text())["hidden_size"] == 16
    assert classify(place, str(pretrained)) == 0
    said = capsys.readouterr().err
    assert "missing 2 (output_weights, output_bias)" in said, said

    # The finished job says so, and leaves what is there.
    before = {path.name: path.stat().st_mtime_ns for path in place.model_dir.glob("ckpt-*")}
    again = [held_out(place), "--eval_every_steps=20", "--also_export=tf1,huggingface", f"--vocab_file={place.vocab_file}"]
    assert place.run(*again) == 0
    assert "already finished" in capsys.readouterr().err
    assert {path.name: path.stat().st_mtime_ns for path in place.model_dir.glob("ckpt-*")} == before
    assert place.read("summaries/training_summary.txt") == summary


@pytest.mark.slow
def test_every_form_of_the_encoder_fine_tunes(place, capsys):
    assert place.run("--num_train_steps=5", "--also_export=tf1,huggingface", f"--vocab_file={place.vocab_file}") == 0
    pretrained = place.model_dir / "pretrained"
    for path in ("bert_model.ckpt-5", "bert_model.ckpt-5.index", "tf1/bert_model.ckpt-5", "huggingface-5"):
        assert classify(place, str(pretrained / path)) == 0
        # The classifier's head alone starts from random values.
        assert "missing 2 (output_weights, output_bias)" in capsys.readouterr().err


def test_googles_dialect_on_records_without_metadata(place, tmp_path, capsys):
    place.write("google", 2, 20, meta=False, pad_to={"tokens": 24, "predictions": 4}, gzip=True)
    out = tmp_path / "out"
    flags = [f"--input_file={tmp_path}/google/*", f"--output_dir={out}", f"--bert_config_file={place.config_file}"]
    flags += ["--max_seq_length=24", "--max_predictions_per_seq=4", "--num_gpus=0"]
    train = ["--num_train_steps=12", "--num_warmup_steps=4", "--train_batch_size=8", "--iterations_per_loop=4", "--seed=3"]
    train += ["--save_checkpoints_steps=6"]
    assert place.run_as_given(*flags, *train, "--do_train") == 0
    assert "no meta_data.json beside the records" in capsys.readouterr().err
    assert not (out / "eval_results.txt").exists()
    assert sorted(path.name for path in out.glob("*.index")) == ["ckpt-12.index", "ckpt-6.index"]
    assert place.run_as_given(*flags, "--do_eval", "--max_eval_steps=3", "--eval_batch_size=5") == 0
    assert "15 given examples, checkpoint of step 12" in capsys.readouterr().err
    first = text_results(out / "eval_results.txt")
    # The batch size changes no result; 41 records are fewer than 100 steps of 8.
    assert place.run_as_given(*flags, "--do_eval", "--max_eval_steps=15", "--eval_batch_size=1") == 0
    assert text_results(out / "eval_results.txt") == pytest.approx(first, abs=1e-5)
    assert place.run_as_given(*flags, "--do_eval") == 0
    assert "41 given examples" in capsys.readouterr().err


def test_records_of_the_training_are_not_called_held_out(place, tmp_path, capsys):
    def said(*flags):
        capsys.readouterr()
        assert (
            place.run("--do_train", "--do_eval", "--num_train_steps=2", f"--model_dir={tmp_path / str(len(flags))}", *flags) == 0
        )
        return capsys.readouterr().err, (tmp_path / str(len(flags)) / "report.md").read_text()

    errors, report = said(f"--eval_input_files={place.directory}/records/part-00001*")
    assert "training examples, checkpoint of step 2" in errors
    assert "these are examples of the training" in errors
    assert "training records" in report
    assert "held-out records" not in errors.replace("give held-out records", "") + report
    errors, report = said("--seed=1", "--log_steps=1", held_out(place))
    assert "30 held-out examples, checkpoint of step 2" in errors
    assert "examples of the training" not in errors
    assert "held-out records" in report


def test_one_segment_without_pairs(place, capsys):
    place.write("single", 2, 30, pairs=False)
    assert (
        place.run(
            f"--input_files={place.directory}/single/*.tfrecord",
            "--num_train_steps=6",
            "--also_export=huggingface",
            f"--vocab_file={place.vocab_file}",
        )
        == 0
    )
    checkpoint = str(place.model_dir / "ckpt-6")
    assert set(read_heads(checkpoint)) == {"masked_lm"}
    folder = place.model_dir / "pretrained" / "huggingface-6"
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["BertForMaskedLM"]
    assert set(place.read("summaries/training_summary.txt")) >= {"masked_lm_accuracy", "lm_example_loss"}
    # The flag does what the metadata does elsewhere: pairs are there and not judged.
    place.model_dir = place.directory / "other"
    assert place.run("--nouse_next_sentence_label", "--num_train_steps=6") == 0
    assert set(read_heads(str(place.model_dir / "ckpt-6"))) == {"masked_lm"}


def test_summaries_and_schedule(place, capsys):
    flags = ["--num_train_epochs=2", "--num_steps_per_epoch=5", "--warmup_proportion=0.4", "--train_summary_interval=2"]
    flags = [flag for flag in place.arguments(*flags) if flag != "--num_train_steps=60"]
    assert place.run_as_given(*flags) == 0
    assert [entry["step"] for entry in place.history("train")] == [2, 4, 6, 8, 10]
    rates = [entry["learning_rate"] for entry in place.history("train")]
    # The rate of the step just done: 1, 3 of 4 in the warm-up, then 5, 7, 9 of 10.
    assert rates == pytest.approx([0.0025, 0.0075, 0.005, 0.003, 0.001])
    assert (place.model_dir / "ckpt-5.index").exists()
    tags = set()
    for path in (place.model_dir / "summaries" / "train").glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    assert {"loss", "masked_lm_accuracy", "next_sentence_loss", "tokens_per_second", "learning_rate"} <= tags
    place.model_dir = place.directory / "silent"
    assert place.run("--num_train_steps=2", "--train_summary_interval=-1", held_out(place)) == 0
    assert not (place.model_dir / "summaries" / "train").exists()
    assert (place.model_dir / "summaries" / "eval").exists()


def test_continuing_restores_the_heads_that_are_there(place, capsys):
    assert place.run("--num_train_steps=30", "--also_export=tf1,huggingface", f"--vocab_file={place.vocab_file}") == 0
    pretrained = place.model_dir / "pretrained"
    learned = place.history("train")[-1]["loss"]
    forms = {
        "ckpt": place.model_dir / "ckpt-30",
        "tf1": pretrained / "tf1" / "bert_model.ckpt-30",
        "huggingface": pretrained / "huggingface-30",
        "encoder": pretrained / "bert_model.ckpt-30",
    }
    for form, path in forms.items():
        capsys.readouterr()
        place.model_dir = place.directory / f"continued-{form}"
        flags = [f"--init_checkpoint={path}", "--num_train_steps=1", "--log_steps=1", "--learning_rate=1e-9"]
        assert place.run(*flags) == 0, form
        said = capsys.readouterr().err
        loss = place.history("train")[0]["loss"]
        if form == "encoder":
            assert "has no masked-LM head; the masked-LM head starts from random values" in said
            assert "has no next-sentence head; the next-sentence head starts from random values" in said
            assert loss > learned + 0.3
        else:
            assert "the masked-LM head was restored" in said
            assert "the next-sentence head was restored" in said
            assert loss < learned + 0.3, form


def test_a_vocabulary_beside_the_encoder_may_be_the_one_that_is_given(place):
    assert place.run("--num_train_steps=2", f"--vocab_file={place.vocab_file}") == 0
    copy = place.model_dir / "pretrained" / "vocab.txt"
    assert place.run("--num_train_steps=2", f"--vocab_file={copy}", "--also_export=huggingface") == 0
    expected = pathlib.Path(place.vocab_file).read_bytes()
    assert copy.read_bytes() == expected
    assert (copy.parent / "huggingface-2" / "vocab.txt").read_bytes() == expected


def test_the_casing_of_the_records_goes_with_what_is_exported(place):
    path = place.directory / "records" / "meta_data.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"do_lower_case": False}))
    assert place.run("--num_train_steps=1", f"--vocab_file={place.vocab_file}", "--also_export=huggingface") == 0
    settings = json.loads((place.model_dir / "pretrained" / "huggingface-1" / "tokenizer_config.json").read_text())
    assert settings["do_lower_case"] is False


def test_the_best_step_is_what_is_saved_in_every_form(place):
    # A rate this high unlearns: the best evaluation is not the last.
    flags = ["--num_train_steps=60", "--eval_every_steps=15", "--also_export=tf1"]
    rising = ["--learning_rate_schedule=constant", "--learning_rate=3", "--warmup_steps=60"]
    assert place.run(held_out(place), *flags, *rising, "--load_checkpoint=best") == 0
    best = place.read("best_checkpoint.json")["step"]
    assert best < 60
    pretrained, whole = place.model_dir / "pretrained", open_source(str(place.model_dir / f"ckpt-{best}"))
    for path in (pretrained / f"bert_model.ckpt-{best}", pretrained / "tf1" / f"bert_model.ckpt-{best}"):
        for name, tensor in open_source(str(path)).tensors.items():
            np.testing.assert_array_equal(tensor.read(), whole.tensors[name].read())
    assert not list(pretrained.rglob("*60*"))


def test_metadata_that_is_named_counts_for_the_files(place):
    place.write("more", 1, 20, seed=3)
    target = place.directory / "records"
    (place.directory / "more" / "part-00000-of-00001.tfrecord").rename(target / "part-00000-of-00001.tfrecord")
    (place.directory / "more" / "meta_data.json").rename(target / "more.json")
    flags = [f"--input_files={target}/part-00000-of-00001.tfrecord", f"--input_meta_data_path={target}/more.json"]
    assert place.run(*flags, "--num_train_steps=1") == 0


def test_a_checkpoint_from_elsewhere_is_evaluated(place, capsys):
    assert place.run("--num_train_steps=20", held_out(place)) == 0
    expected = place.read("eval_results.json")["loss"]
    checkpoint = place.model_dir / "ckpt-20"
    place.model_dir = place.directory / "evaluated"
    assert place.run("--do_eval", held_out(place), f"--init_checkpoint={checkpoint}") == 0
    assert place.read("eval_results.json")["loss"] == pytest.approx(expected, abs=1e-6)
    # The results of other records do not take the place of these.
    place.write("other", 1, 30, seed=23)
    others = f"--eval_input_files={place.directory}/other/part-*"
    assert place.run("--do_eval", others, f"--init_checkpoint={checkpoint}") == 0
    (kept,) = place.model_dir.glob("eval_results.*.json")
    assert place.read(kept.name)["loss"] == pytest.approx(expected, abs=1e-6)
    assert place.read("eval_results.json")["loss"] != pytest.approx(expected, abs=1e-6)


def test_files_of_very_different_sizes_are_told(place, capsys):
    place.write("large", 1, 200)
    files = f"{place.directory}/large/part-*,{place.directory}/small/part-*"
    place.write("small", 1, 10)
    (place.directory / "large" / "meta_data.json").unlink()
    assert place.run(f"--input_files={files}", "--num_train_steps=1", "--max_seq_length=24", "--max_predictions_per_seq=4") == 0
    assert "from 10 to 200 records and take equal turns" in capsys.readouterr().err


def test_dynamic_masking_learns(place):
    place.write("dynamic", 2, 40, masked=False)
    place.write("dynamic_held_out", 1, 30, seed=5, masked=False)
    flags = [f"--input_files={place.directory}/dynamic/part-*", f"--eval_input_files={place.directory}/dynamic_held_out/part-*"]
    assert place.run(*flags, "--eval_every_steps=10") == 0
    evaluations = place.history("eval")
    assert evaluations[-1]["masked_lm_loss"] < 0.8 * evaluations[0]["masked_lm_loss"]
    final = place.read("eval_results.json")
    # Held-out records are masked alike every time.
    assert place.run_as_given(*place.arguments(*flags, "--do_eval", "--eval_batch_size=3")) == 0
    assert place.read("eval_results.json") == pytest.approx(final, abs=1e-5)


def bits(model_dir) -> dict[str, bytes]:
    prefix = tf.train.latest_checkpoint(str(model_dir))
    return {
        name: tf.train.load_variable(prefix, name).tobytes()
        for name, shape in tf.train.list_variables(prefix)
        if "GRAPH" not in name
    }


@pytest.mark.parametrize("kind", ["records", pytest.param("dynamic", marks=pytest.mark.slow)])
def test_a_resumed_run_ends_with_the_same_bits(place, kind, monkeypatch):
    from bert_tf2.training.checkpointing import CheckpointDirectory

    place.write("dynamic", 3, 11, masked=False)
    flags = [
        f"--input_files={place.directory}/{kind}/part-*",
        "--deterministic",
        "--save_checkpoints_steps=7",
        "--num_train_steps=15",
    ]
    flags += ["--log_steps=1", "--optimizer_type=lamb"]
    whole = place.directory / "whole"
    assert place.run(*flags, f"--model_dir={whole}") == 0
    save, stopped = CheckpointDirectory.save, []

    def failing_save(self, checkpoint, step, best_step=None):
        save(self, checkpoint, step, best_step)
        if step == 7 and step not in stopped:
            stopped.append(step)
            raise KeyboardInterrupt

    monkeypatch.setattr(CheckpointDirectory, "save", failing_save)
    parts = place.directory / "parts"
    for code in (130, 0):
        assert place.run(*flags, f"--model_dir={parts}") == code
    assert stopped == [7]
    assert bits(whole) == bits(parts)
    losses = [entry["loss"] for entry in place.history("train", whole)]
    assert losses == [entry["loss"] for entry in place.history("train", parts)]
    assert len(losses) == 15


def without_dropout(place) -> str:
    """Dropout depends on the shapes of a step and on how it is compiled."""
    config = json.loads(place.config_file.read_text()) | {"attention_probs_dropout_prob": 0.0}
    (place.directory / "plain.json").write_text(json.dumps(config))
    return f"--bert_config_file={place.directory / 'plain.json'}"


@pytest.mark.slow
def test_one_curve_whatever_the_shapes_and_the_compiler(place):
    curves = {}
    for name, flags in {
        "fixed": ["--nobucket_by_length"],
        "xla": ["--nobucket_by_length", "--enable_xla"],
        "buckets": [],
        "buckets, xla": ["--enable_xla"],
        "parts": ["--gradient_accumulation_steps=4"],
        "bf16": ["--dtype=bf16"],
    }.items():
        place.model_dir = place.directory / name
        assert place.run("--num_train_steps=8", "--log_steps=1", without_dropout(place), held_out(place), *flags) == 0
        curves[name] = [entry["loss"] for entry in place.history("train")]
        results = place.read("eval_results.json")
        assert results["masked_lm_loss"] == pytest.approx(place.history("eval")[-1]["masked_lm_loss"], rel=1e-5)
    np.testing.assert_allclose(curves["xla"], curves["fixed"], rtol=1e-3)
    for name, tolerance in (("buckets, xla", 1e-3), ("parts", 1e-3), ("bf16", 0.05)):
        np.testing.assert_allclose(curves[name], curves["buckets"], rtol=tolerance)
    assert curves["fixed"] != pytest.approx(curves["buckets"], rel=1e-3)  # other rows meet in a batch
