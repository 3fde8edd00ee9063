"""run_pretraining of an ELECTRA: generator and discriminator, from records to a discriminator that fine-tunes."""

import json

import numpy as np
import pytest
import tensorflow as tf
from job_processes import finish, start
from pretraining_workplace import PretrainingWorkplace
from test_run_pretraining import bits, classify, held_out, text_results
from test_run_pretraining_errors import refused

from bert_tf2 import cli
from bert_tf2.inference.mask_filler import MaskFiller
from bert_tf2.jobs.commands.fill_mask import FillMaskOptions, fill_mask
from bert_tf2.models.checkpoints.formats import open_source
from bert_tf2.models.checkpoints.loading import read_heads
from bert_tf2.models.families.base import families

TEXT = "the movie was very [MASK] !"
METRICS = [
    "disc_accuracy",
    "disc_auc",
    "disc_loss",
    "disc_precision",
    "disc_recall",
    "masked_lm_accuracy",
    "masked_lm_loss",
    "sampled_masked_lm_accuracy",
]
HALF = "--generator_hidden_size=0.5"


@pytest.fixture
def place(tmp_path, tiny_vocab_file, tiny_config_dict) -> PretrainingWorkplace:
    """Records in three files, held-out records, and the configuration of an ELECTRA; nothing is trained yet."""
    config = tiny_config_dict | {"model_type": "electra", "embedding_size": 8, "hidden_act": "gelu", "num_hidden_layers": 1}
    workplace = PretrainingWorkplace(tmp_path, tiny_vocab_file, config)
    workplace.write("records", 3, 40)
    workplace.write("held_out", 1, 30, seed=9)
    return workplace


@pytest.mark.slow
def test_from_records_to_a_fine_tuned_discriminator(place, capsys):
    exports = ["--also_export=tf1,huggingface", f"--vocab_file={place.vocab_file}"]
    assert place.run(held_out(place), "--num_train_steps=200", "--eval_every_steps=100", HALF, *exports) == 0
    said = capsys.readouterr().err
    assert "WARNING" not in said
    evaluations, trained = place.history("eval"), place.history("train")
    assert evaluations[-1]["masked_lm_loss"] < 0.8 * trained[0]["masked_lm_loss"]
    assert evaluations[-1]["disc_auc"] > 0.6
    assert evaluations[-1]["disc_loss"] < trained[0]["disc_loss"]
    for entry in (*evaluations, *trained):
        assert set(METRICS) <= set(entry)
        assert entry["loss"] == pytest.approx(entry["masked_lm_loss"] + 50 * entry["disc_loss"], rel=0.05)
    results = text_results(place.model_dir / "eval_results.txt")
    assert list(results) == sorted(["global_step", "loss", *METRICS])
    assert place.read("eval_results.json") == results
    assert results["loss"] == pytest.approx(results["masked_lm_loss"] + 50 * results["disc_loss"], rel=1e-6)
    assert {"total_training_steps", *METRICS} <= set(place.read("summaries/training_summary.txt"))

    pretrained, whole = place.model_dir / "pretrained", open_source(str(place.model_dir / "ckpt-200"))
    forms = {
        "ckpt": place.model_dir / "ckpt-200",
        "tf1": pretrained / "tf1" / "bert_model.ckpt-200",
        "huggingface": pretrained / "huggingface-200",
        "generator": pretrained / "huggingface-generator-200",
        "encoder": pretrained / "bert_model.ckpt-200",
    }
    for form in ("ckpt", "tf1", "huggingface"):
        assert set(read_heads(str(forms[form]))) == {"discriminator"}
    assert set(read_heads(str(forms["generator"]))) == {"masked_lm"}
    assert json.loads((forms["huggingface"] / "config.json").read_text())["architectures"] == ["ElectraForPreTraining"]
    written = json.loads((forms["generator"] / "config.json").read_text())
    assert (written["architectures"], written["hidden_size"], written["embedding_size"]) == (["ElectraForMaskedLM"], 8, 8)
    encoder = open_source(str(forms["encoder"])).of_family(families.get("electra"))
    assert not encoder.others
    for name, tensor in encoder.tensors.items():
        np.testing.assert_array_equal(tensor.read(), whole.tensors[name].read())
    assert classify(place, str(pretrained)) == 0
    assert "missing 2 (output_weights, output_bias)" in capsys.readouterr().err
    assert classify(place, str(forms["tf1"])) == 0

    # Words are guessed by the generator, the same one in every form.
    found = []
    for form in ("ckpt", "tf1", "generator"):
        config = None if form == "generator" else str(place.config_file)
        filler = MaskFiller.from_checkpoint(str(forms[form]), vocab_file=place.vocab_file, bert_config_file=config)
        found.append([(one.token, round(one.probability, 5)) for one in filler.fill(TEXT)[0]])
    assert found[0] == found[1] == found[2]
    assert MaskFiller.from_checkpoint(str(place.model_dir)).fill(TEXT)[0][0].token == found[0][0][0]
    capsys.readouterr()
    for form in ("huggingface", "encoder"):
        flags = [f"--init_checkpoint={forms[form]}", f"--text={TEXT}", f"--vocab_file={place.vocab_file}"]
        assert cli.run(fill_mask, FillMaskOptions, "", ["fill_mask", *flags]) == 2
        assert "has no masked-LM head" in capsys.readouterr().err

    # Continuing takes up what is there.
    learned = trained[-1]["loss"]
    for form in ("ckpt", "tf1", "huggingface"):
        place.model_dir = place.directory / form
        flags = [f"--init_checkpoint={forms[form]}", "--num_train_steps=1", "--log_steps=1", "--learning_rate=1e-9", HALF]
        assert place.run(*flags) == 0
        said = capsys.readouterr().err
        assert "the discriminator's head was restored" in said
        assert ("the generator was restored" in said) == ("the masked-LM head was restored" in said) == (form != "huggingface")
        assert ("has no generator; the generator starts from random values" in said) == (form == "huggingface")
        entry = place.history("train")[0]
        assert form == "huggingface" or entry["loss"] < learned + 3


@pytest.mark.parametrize("kind", ["records", pytest.param("dynamic", marks=pytest.mark.slow)])
def test_a_resumed_run_ends_with_the_same_bits(place, kind, monkeypatch):
    from bert_tf2.training.checkpointing import CheckpointDirectory

    place.write("dynamic", 3, 11, masked=False)
    flags = [f"--input_files={place.directory}/{kind}/part-*", "--deterministic", "--save_checkpoints_steps=4", "--log_steps=1"]
    flags += ["--num_train_steps=10", HALF]
    whole, parts, stopped = place.directory / "whole", place.directory / "parts", []
    assert place.run(*flags, f"--model_dir={whole}") == 0
    save = CheckpointDirectory.save

    def failing_save(self, checkpoint, step, best_step=None):
        save(self, checkpoint, step, best_step)
        if step == 4 and not stopped:
            stopped.append(step)
            raise KeyboardInterrupt

    monkeypatch.setattr(CheckpointDirectory, "save", failing_save)
    for code in (130, 0):
        assert place.run(*flags, f"--model_dir={parts}") == code
    assert stopped == [4]
    assert bits(whole) == bits(parts)
    curves = [[entry["loss"] for entry in place.history("train", model_dir)] for model_dir in (whole, parts)]
    assert curves[0] == curves[1]
    assert len(curves[0]) == 10


@pytest.mark.slow
def test_one_curve_whatever_the_devices_and_the_compiler(place):
    """Until draws differ: those of a training follow the replica, as dropout does. The losses of a first step do not move by more
    than what they draw."""
    config = json.loads(place.config_file.read_text()) | {"attention_probs_dropout_prob": 0.0}
    (place.directory / "plain.json").write_text(json.dumps(config))
    curves = {}
    for name, flags in {
        "one": [],
        "xla": ["--enable_xla"],
        "two": ["--num_logical_cpus=2"],
        "parts": ["--gradient_accumulation_steps=4"],
        "bf16": ["--dtype=bf16"],
        "recompute": ["--recompute"],
    }.items():
        place.model_dir = place.directory / name
        flags += [HALF, "--num_train_steps=24", "--log_steps=1", "--train_batch_size=64", "--nobucket_by_length"]
        flags += [f"--bert_config_file={place.directory}/plain.json", held_out(place), "--eval_batch_size=4"]
        # Devices are divided before TensorFlow is used.
        finish(start("run_pretraining.py", *place.arguments(f"--model_dir={place.model_dir}", *flags)))
        curves[name] = [entry["loss"] for entry in place.history("train")], place.read("eval_results.json")
    (one, evaluated), steps = curves.pop("one"), 24
    for name, (curve, results) in curves.items():
        tolerance = {"xla": 2e-3, "recompute": 1e-4}.get(name, 0.12)
        assert len(curve) == steps
        np.testing.assert_allclose(curve, one, rtol=tolerance, err_msg=name)
        assert results["disc_auc"] == pytest.approx(evaluated["disc_auc"], abs=0.1), name


@pytest.mark.slow
def test_dynamic_masking_and_evaluations_that_are_the_same(place):
    place.write("dynamic", 2, 20, masked=False)
    place.write("dynamic_held_out", 1, 30, seed=5, masked=False, pairs=True)
    flags = [f"--input_files={place.directory}/dynamic/part-*", f"--eval_input_files={place.directory}/dynamic_held_out/part-*"]
    assert place.run(*flags, "--num_train_steps=10", HALF) == 0
    final = place.read("eval_results.json")
    # Neither the size of the batches nor the number of devices changes what is drawn.
    for other in (["--eval_batch_size=3"], ["--eval_batch_size=30", "--enable_xla"]):
        assert place.run(*flags, "--do_eval", "--max_eval_steps=0", HALF, *other) == 0
        assert place.read("eval_results.json") == pytest.approx(final, abs=1e-4)


def test_records_without_metadata_need_the_vocabulary(place, capsys):
    place.write("google", 2, 20, meta=False, pad_to={"tokens": 24, "predictions": 4})
    flags = [
        f"--input_files={place.directory}/google/*",
        "--max_seq_length=24",
        "--max_predictions_per_seq=4",
        "--num_train_steps=2",
    ]
    assert "--vocab_file is required: ELECTRA masks the records' tokens anew" in refused(place, capsys, *flags)
    assert place.run(*flags, f"--vocab_file={place.vocab_file}") == 0


def test_what_cannot_be_is_refused(place, capsys):
    for flags, message in (
        (["--temperature=0"], "--temperature must be greater than 0; got 0"),
        (["--disc_weight=-1"], "--disc_weight must be 0 or greater; got -1"),
        (["--gen_weight=0", "--disc_weight=0"], "--gen_weight=0 and --disc_weight=0 leave nothing to learn"),
        (["--generator_hidden_size=0.01"], "--generator_hidden_size=0.01 of hidden_size 16 leaves a generator of no width"),
        (["--generator_hidden_size=1.07"], "makes a generator of width 17, which does not divide into 2 heads"),
        (["--generator_layers=0.2"], "--generator_layers=0.2 of num_hidden_layers 1 leaves a generator without layers"),
        (["--use_next_sentence_label"], "--use_next_sentence_label: ELECTRA does not judge pairs"),
        (["--best_metric=next_sentence_accuracy", held_out(place)], "--best_metric=next_sentence_accuracy is not computed"),
    ):
        assert message in refused(place, capsys, *flags), flags


def test_the_options_of_electra_are_no_others(place, capsys, tiny_config_dict):
    (place.directory / "bert.json").write_text(json.dumps(tiny_config_dict))
    for flag in (
        "--disc_weight=10",
        "--gen_weight=2",
        "--temperature=2",
        "--generator_hidden_size=0.5",
        "--generator_layers=0.5",
    ):
        said = refused(place, capsys, f"--bert_config_file={place.directory}/bert.json", flag)
        assert (
            f"{flag.split('=')[0]} is for pre-training ELECTRA, and {place.directory}/bert.json is the configuration of BERT"
            in said
        )


@pytest.mark.slow
def test_a_training_goes_on_with_the_same_objective_only(place, capsys):
    assert place.run("--num_train_steps=2", HALF) == 0
    for flag in ("--generator_hidden_size=1.0", "--disc_weight=10", "--temperature=2"):
        assert place.run("--num_train_steps=2", HALF, flag) == 2
        assert "belongs to another run" in capsys.readouterr().err
    checkpoint = place.model_dir / "ckpt-2"
    place.model_dir = place.directory / "other"
    said = refused(place, capsys, f"--init_checkpoint={checkpoint}", "--generator_hidden_size=1.0")
    assert (
        "has 1 layer(s) of width 8, the flags ask for 1 of width 16; give --generator_hidden_size=0.5 --generator_layers=1"
        in said
    )
    assert not (place.model_dir / "run_config.json").exists()


def test_a_run_that_only_evaluates_reads_the_whole_checkpoint(place):
    assert place.run("--num_train_steps=20", held_out(place), HALF) == 0
    expected = place.read("eval_results.json")
    checkpoint = place.model_dir / "ckpt-20"
    place.model_dir = place.directory / "evaluated"
    assert place.run("--do_eval", held_out(place), f"--init_checkpoint={checkpoint}", HALF) == 0
    found = place.read("eval_results.json")
    assert {name: found[name] for name in METRICS} == pytest.approx({name: expected[name] for name in METRICS}, abs=1e-6)
    assert tf.io.gfile.exists(f"{checkpoint}.index")
