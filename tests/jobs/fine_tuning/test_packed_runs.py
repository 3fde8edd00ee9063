"""`--pack_sequences` from the command line: what is told, noted and refused, and the weights that it leaves."""

import json

import numpy as np
import pytest
import tensorflow as tf
from job_processes import finish, start, worker_flags

from bert_tf2.data.batches.packing import PackShape
from bert_tf2.errors import UserError
from bert_tf2.jobs.training import packed_training
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.training.run_directory import RunDirectory


def weights(directory):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(directory)))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("model/") and "OPTIMIZER" not in name]
    return {name: reader.get_tensor(name) for name in names if reader.get_tensor(name).dtype == np.float32}


def test_a_packed_training_is_told_and_goes_on_as_it_began(workplace, capsys):
    assert workplace.run("--mode=train_and_eval", "--pack_sequences", "--num_train_epochs=1", "--enable_xla") == 0
    # 16 rows of 9.7 tokens in the mean.
    assert "replica(s), compiled, packed into 5 rows of 32 tokens" in capsys.readouterr().err
    assert json.loads((workplace.model_dir / "run_config.json").read_text())["run"]["pack_sequences"] is True
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    assert "already finished" in capsys.readouterr().err
    assert workplace.run("--mode=train", "--num_train_epochs=1", "--nopack_sequences") == 2
    assert "pack_sequences: true there, false now" in capsys.readouterr().err


@pytest.mark.slow
def test_every_way_leaves_the_weights_of_unpacked_batches(workplace):
    config = json.loads(workplace.config_file.read_text())
    workplace.config_file.write_text(json.dumps({**config, "attention_probs_dropout_prob": 0.0}))
    # All rows in one batch: packed or not, they are the same.
    flags = ["--mode=train", "--train_batch_size=152", "--num_train_epochs=3", "--learning_rate=0.001"]
    packed, two = [*flags, "--pack_sequences"], "--num_logical_cpus=2"
    ways = {
        "plain": [flags],
        "packed": [packed],
        "two": [[*packed, two]],
        "parts": [[*packed, two, "--gradient_accumulation_steps=2", "--enable_xla"]],
        "workers": [[*packed, *cluster] for cluster in worker_flags(2)],
    }
    found = {}
    for name, processes in ways.items():
        model_dir = workplace.directory / name
        finish(*(start("run_classifier.py", *workplace.arguments(*more, f"--model_dir={model_dir}")) for more in processes))
        found[name] = weights(model_dir)
    for name in ways:
        for weight, expected in found["plain"].items():
            np.testing.assert_allclose(found[name][weight], expected, atol=2e-4, err_msg=f"{name}: {weight}")


def directory(path, noted):
    """That of a training that left a checkpoint, and noted so; "fresh" for none."""
    found = RunDirectory(str(path))
    if noted != "fresh":
        (path / "ckpt-1.index").write_text("")
        run = {} if noted == "nothing" else {"pack_sequences": noted}
        (path / "run_config.json").write_text(json.dumps({"run": run, "about": {}}))
    return found


@pytest.mark.parametrize(
    ("said", "tpu", "noted", "expected"),
    [
        (None, False, "fresh", False),
        (None, True, "fresh", True),
        (True, False, "fresh", True),
        (False, True, "fresh", False),
        (None, False, True, True),
        (None, True, False, False),
        (False, False, True, False),
        (True, False, False, True),
        # A training of a time before there were packs goes on, on TPU too.
        (None, True, "nothing", None),
        (False, True, "nothing", None),
        (True, True, "nothing", True),
    ],
)
def test_said_else_as_it_began_else_on_tpu(tmp_path, said, tpu, noted, expected):
    options = TrainingOptions(pack_sequences=said, use_tpu=tpu)
    assert packed_training.settled(options, None, directory(tmp_path, noted)).pack_sequences is expected


def test_a_kind_that_cannot_is_refused_where_it_is_asked_for(tmp_path):
    fresh = directory(tmp_path, "fresh")
    assert packed_training.settled(TrainingOptions(use_tpu=True), "no", fresh).pack_sequences is False
    with pytest.raises(UserError, match=r"^--pack_sequences: it is one thing; leave it out$"):
        packed_training.settled(TrainingOptions(pack_sequences=True), "it is one thing", fresh)


def test_it_is_told_where_packing_saves_nothing():
    assert packed_training.told(None, 2, 8) == ""
    assert packed_training.told(PackShape(3, 32, 4), 2, 8) == ", packed into 6 rows of 32 tokens"
    assert "no fewer than without packing" in packed_training.told(PackShape(4, 32, 4), 2, 8)
