"""R-Drop and adversarial training in the commands: trained, told, resumed to the same bits, refused where they can do nothing."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from job_processes import finish, start

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.regularisation import adversary_of, check_task
from bert_tf2.jobs.fine_tuning.regularisation_options import check_regularisation, regularisation_asked
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.models.config import BertConfig
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.tasks.similarity.facts import SCORES, SimilarityFacts
from bert_tf2.tasks.similarity.task import SimilarityTask
from bert_tf2.training.regularisation.adversarial import Adversary

CONFIG = BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
BOTH = ["--rdrop_alpha=1", "--adversarial=fgm", "--adversarial_epsilon=0.5"]


def weights_of(directory):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(directory)))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("model/")]
    return {name: reader.get_tensor(name) for name in names}


def test_a_training_with_both(workplace, capsys):
    config = json.loads(workplace.config_file.read_text()) | {"hidden_dropout_prob": 0.1}
    workplace.config_file.write_text(json.dumps(config))
    flags = ["--mode=train", "--num_train_epochs=2", "--save_checkpoints_steps=15", *BOTH]
    assert workplace.run(*flags) == 0
    whole = weights_of(workplace.model_dir)
    report = (workplace.model_dir / "report.md").read_text()
    for told in ("| rdrop alpha | 1.0 |", "| adversarial | fgm |", "| adversarial epsilon | 0.5 |"):
        assert told in report
    noted = files.read_json(str(workplace.model_dir / "run_config.json"))["run"]
    assert (noted["rdrop_alpha"], noted["adversarial"], "adversarial_steps" in noted) == (1.0, "fgm", False)

    # As after a kill behind step 15.
    for path in workplace.model_dir.glob("ckpt-20*"):
        path.unlink()
    capsys.readouterr()
    assert workplace.run(*flags) == 0
    assert "continuing from step 15" in capsys.readouterr().err
    again = weights_of(workplace.model_dir)
    assert all(np.array_equal(whole[name], again[name]) for name in whole)

    assert workplace.run(*flags, "--rdrop_alpha=2") == 2
    assert "rdrop_alpha: 1.0 there, 2.0 now" in capsys.readouterr().err
    assert workplace.run("--mode=eval", "--adversarial=fgm") == 2
    assert "--adversarial is for training; leave it out to evaluate" in capsys.readouterr().err
    other = f"--model_dir={workplace.directory / 'packed'}"
    assert workplace.run(*flags, other, "--pack_sequences") == 2
    assert "--pack_sequences: --adversarial=fgm moves every input by the norm" in capsys.readouterr().err


@pytest.mark.slow
def test_two_replicas_and_compiled_code_train_the_same(workplace):
    """In a process of its own, which divides its processor."""
    flags = [
        "--mode=train",
        "--num_train_steps=6",
        "--log_steps=2",
        "--adversarial=pgd",
        "--adversarial_steps=2",
        "--clip_norm=0",
    ]
    config = json.loads(workplace.config_file.read_text()) | {"attention_probs_dropout_prob": 0.0}
    workplace.config_file.write_text(json.dumps(config))
    losses = []
    for name, more in (("one", []), ("two", ["--num_logical_cpus=2", "--enable_xla"])):
        directory = workplace.directory / name
        finish(start("run_classifier.py", *workplace.arguments(*flags, *more, f"--model_dir={directory}")))
        entries = map(json.loads, (directory / "training_history.jsonl").read_text().splitlines())
        losses.append([entry["loss"] for entry in entries if entry["kind"] == "train"])
    assert len(losses[0]) == 3
    np.testing.assert_allclose(*losses, rtol=1e-3)


@pytest.mark.parametrize("command", [ClassifierOptions, SquadOptions])
def test_what_is_asked_for(command):
    assert regularisation_asked(command()) == {}
    assert adversary_of(command()) is None
    assert adversary_of(command(adversarial="FGM", adversarial_epsilon=0.3)) == Adversary(0.3)
    assert adversary_of(command(adversarial="pgd")) == Adversary(1.0, 3, pytest.approx(2.5 / 3))
    chosen = command(adversarial="pgd", adversarial_steps=4, adversarial_step_size=0.1)
    assert adversary_of(chosen) == Adversary(1.0, 4, 0.1)
    check_regularisation(command(rdrop_alpha=1.0, adversarial="pgd", adversarial_steps=4), CONFIG, trains=True)


@pytest.mark.parametrize(
    "flags",
    [
        {"rdrop_alpha": -1.0},
        {"adversarial_epsilon": 0.0},
        {"adversarial_steps": 1},
        {"adversarial_step_size": -0.1},
        {"adversarial": "fgsm"},
    ],
)
def test_values_outside_their_range(flags):
    with pytest.raises(UserError, match=next(iter(flags))):
        ClassifierOptions(**flags)


@pytest.mark.parametrize(
    ("flags", "config", "message"),
    [
        ({"adversarial_epsilon": 2.0}, {}, "--adversarial_epsilon=2.0 can do nothing without --adversarial"),
        ({"adversarial_steps": 4, "adversarial": "fgm"}, {}, "--adversarial_steps=4 is for --adversarial=pgd"),
        (
            {"rdrop_alpha": 1.0, "teacher": "x"},
            {},
            "--rdrop_alpha=1 asks a model to agree with itself and --teacher with another",
        ),
        ({"rdrop_alpha": 1.0, "hub_module_trainable": False}, {}, "--rdrop_alpha=1 is about dropout in the encoder"),
        (
            {"rdrop_alpha": 1.0},
            {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
            "--rdrop_alpha=1 compares two passes with other dropout, and the configuration has none",
        ),
    ],
)
def test_what_can_do_nothing(flags, config, message):
    settings = dataclasses.replace(CONFIG, **config)
    with pytest.raises(UserError) as raised:
        check_regularisation(ClassifierOptions(**flags), settings, trains=True)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_kinds_that_cannot_say_how_far_outputs_are_apart():
    task = SimilarityTask(SimilarityFacts(SCORES, 2, 0.0, 5.0), ["spearman"])
    with pytest.raises(UserError, match=r"--rdrop_alpha=1: bert_similarity does not say how far two outputs are from each other"):
        check_task(ClassifierOptions(rdrop_alpha=1.0), task, "bert_similarity")
    check_task(ClassifierOptions(adversarial="fgm"), task, "bert_similarity")
    check_task(ClassifierOptions(rdrop_alpha=1.0), ClassificationTask(["a", "b"]), "bert_classification")
