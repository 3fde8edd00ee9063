"""What the ancestors' commands say and count: harmless flags that do nothing here, and steps that are rounded down."""

import dataclasses
import json
import logging

import pytest

from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.jobs.training import training_setup
from bert_tf2.options import info

HARMLESS = {"datasets_num_private_threads": 8, "use_keras_compile_fit": True, "num_tpu_cores": 32, "verbose_logging": True}
# Of XLNet's own scripts.
HARMLESS |= {"overwrite_data": True, "cls_scope": "cls", "is_regression": True, "init_range": 0.2, "shuffle_buffer": 9}
HARMLESS |= {"num_passes": 2, "cached_dir": "cache", "train_feature_file": "train.bin", "predict_feature_file": "dev.bin"}
HARMLESS |= {"predict_feature_left_file": "left.bin"}


@pytest.mark.parametrize("job", [ClassifierOptions, SquadOptions, PretrainingOptions])
def test_a_flag_that_does_nothing_is_taken_and_said_to_do_nothing(job, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("bert_tf2"), "propagate", True)
    ignored = {field.name: info(field).ignored_because for field in dataclasses.fields(job) if info(field).ignored_because}
    assert {"datasets_num_private_threads", "use_keras_compile_fit"} <= set(ignored)
    given = {name: value for name, value in HARMLESS.items() if name in ignored}
    assert set(given) == set(ignored)
    training_setup.check_training_options(job())
    assert "does nothing" not in caplog.text
    training_setup.check_training_options(job(**given))
    for name, value in given.items():
        assert f"--{name}={value} does nothing here: {ignored[name]}" in caplog.messages


@pytest.mark.parametrize(
    ("examples", "batch", "epochs", "google", "garden"),
    [
        # MRPC and RTE as google-research/bert prints them; then where rounding an epoch and the whole differ.
        (3668, 32, 3, 343, 342),
        (2490, 16, 1, 155, 155),
        (2490, 32, 3, 233, 231),
        (87599, 12, 2, 14599, 14598),
        (5, 32, 1, 1, 1),
    ],
)
def test_steps_are_counted_as_the_ancestors_do(examples, batch, epochs, google, garden):
    options = ClassifierOptions(train_batch_size=batch, num_train_epochs=epochs)
    assert training_setup.google_train_steps(examples, options, is_tf1_dialect=True) == google
    assert training_setup.google_train_steps(examples, options, is_tf1_dialect=False) == garden


def test_the_garden_rounds_the_part_of_an_epoch_between_two_evaluations():
    options = ClassifierOptions(train_batch_size=32, num_train_epochs=3, num_eval_per_epoch=4)
    # int((2490 // 4) / 32) = 19 steps, 12 times.
    assert training_setup.google_train_steps(2490, options, is_tf1_dialect=False, parts=4) == 228
    assert training_setup.google_train_steps(2490, options, is_tf1_dialect=False, parts=4, limit=100) == 36


def test_a_training_with_googles_steps_ends_and_goes_on_where_it_was(workplace, capsys):
    flags = ["--mode=train_and_eval", "--steps_rounding=google", "--num_train_epochs=2"]
    assert workplace.run(*flags) == 0
    # 150 rows in batches of 16: 9 steps an epoch instead of 10.
    assert json.loads((workplace.model_dir / "eval_results.json").read_text())["global_step"] == 18
    capsys.readouterr()
    assert workplace.run(*flags) == 0
    assert "the training is already finished (step 18)" in capsys.readouterr().err
    assert workplace.run("--mode=train_and_eval", "--num_train_epochs=2") == 2
    assert "belongs to another run" in capsys.readouterr().err


def test_every_checkpoint_is_kept_on_request(workplace):
    assert workplace.run("--mode=train", "--num_train_epochs=1", "--save_checkpoints_steps=2", "--keep_checkpoint_max=0") == 0
    assert sorted(path.name for path in workplace.model_dir.glob("ckpt-*.index")) == sorted(
        f"ckpt-{step}.index" for step in (2, 4, 6, 8, 10)
    )
