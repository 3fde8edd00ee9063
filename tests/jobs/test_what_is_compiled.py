"""Whether steps are compiled, where nobody says."""

import dataclasses
import types

import pytest
import tensorflow as tf

from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.training_options import TrainingOptions

CPU = tf.distribute.get_strategy()
GPU = types.SimpleNamespace(extended=types.SimpleNamespace(worker_devices=("/device:GPU:0",)))


@pytest.mark.parametrize(
    ("said", "before", "strategy", "expected"),
    [
        (None, None, CPU, False),
        (None, None, GPU, True),
        (None, False, GPU, False),
        (None, True, CPU, True),
        (True, False, CPU, True),
        (False, True, GPU, False),
    ],
)
def test_said_else_as_it_began_else_by_the_device(said, before, strategy, expected):
    options = TrainingOptions(enable_xla=said)
    assert training_setup.compiles(options, strategy, before) is expected
    assert training_setup.compiles(dataclasses.replace(options, run_eagerly=True), strategy, before) is False


def test_a_training_goes_on_as_it_began_and_an_evaluation_asks_the_device(workplace, capsys, monkeypatch):
    decided = []

    def compiles(*arguments):
        decided.append(training_compiles(*arguments))
        return decided[-1]

    training_compiles = training_setup.compiles
    monkeypatch.setattr(training_setup, "compiles", compiles)
    flags = ["--num_train_epochs=2", "--save_checkpoints_steps=3"]
    assert workplace.run("--mode=train", "--enable_xla", *flags) == 0
    assert "replica(s), compiled" in capsys.readouterr().err
    assert workplace.run("--mode=train", *flags) == 0
    assert "already finished" in capsys.readouterr().err
    assert workplace.run("--mode=eval") == 0
    assert decided == [True, True, False]
    assert '"enable_xla": true' in (workplace.model_dir / "run_config.json").read_text()
