"""The same pre-training on one device, two logical devices and two processes: one loss curve; and kills at any moment."""

import subprocess

import job_processes
import numpy as np
import pytest
from job_processes import finish, kill_when, worker_flags
from pretraining_workplace import PretrainingWorkplace
from test_run_pretraining import bits, without_dropout

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path, tiny_vocab_file, tiny_config_dict) -> PretrainingWorkplace:
    """Records in four files, masked by the training in `dynamic`, and held-out records."""
    workplace = PretrainingWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    workplace.write("records", 4, 9)
    workplace.write("dynamic", 4, 9, masked=False)
    workplace.write("held_out", 1, 30, seed=9)
    workplace.write("dynamic_held_out", 1, 30, seed=9, masked=False)
    return workplace


def start(place, model_dir, *flags) -> subprocess.Popen:
    flags = ["--num_train_steps=24", "--log_steps=1", f"--model_dir={model_dir}", *flags]
    return job_processes.start("run_pretraining.py", *place.arguments(*flags))


def two_workers(place, model_dir, *flags) -> list[str]:
    return finish(*(start(place, model_dir, *cluster, *flags) for cluster in worker_flags(2)))


def curve(place, model_dir, kind="train", name="loss") -> list[float]:
    return [entry[name] for entry in place.history(kind, model_dir)]


@pytest.mark.parametrize("kind", ["records", "dynamic"])
def test_two_devices_and_two_processes_give_the_loss_curve_of_one(place, kind):
    prefix = "dynamic_" if kind == "dynamic" else ""
    flags = [f"--input_files={place.directory}/{kind}/part-*", f"--eval_input_files={place.directory}/{prefix}held_out/part-*"]
    flags += ["--nobucket_by_length", "--eval_every_steps=12", without_dropout(place)]
    one, two, workers = (place.directory / name for name in ("one", "two", "workers"))
    finish(start(place, one, *flags))
    finish(start(place, two, "--num_logical_cpus=2", *flags))
    messages = two_workers(place, workers, *flags)
    assert all("2 of them this worker's" in message for message in messages), messages
    for model_dir in (two, workers):
        np.testing.assert_allclose(curve(place, model_dir), curve(place, one), rtol=1e-3)
        for name in ("masked_lm_loss", "next_sentence_accuracy"):
            np.testing.assert_allclose(curve(place, model_dir, "eval", name), curve(place, one, "eval", name), rtol=1e-3)
    assert len(curve(place, one)) == 24
    assert (workers / "pretrained" / "bert_model.ckpt-24.index").exists()
    assert not list(workers.rglob("*incomplete*"))


def test_files_that_cannot_be_divided_are_read_by_every_worker(place):
    place.write("three", 3, 9)
    flags = [
        f"--input_files={place.directory}/three/part-*",
        "--nobucket_by_length",
        without_dropout(place),
        "--num_train_steps=6",
    ]
    one, workers = place.directory / "one", place.directory / "workers"
    finish(start(place, one, *flags))
    messages = two_workers(place, workers, *flags)
    assert all("3 file(s) cannot be divided among 2 workers" in message for message in messages)
    np.testing.assert_allclose(curve(place, workers), curve(place, one), rtol=1e-3)


@pytest.mark.parametrize("kind", ["records", "dynamic"])
def test_killed_at_any_moment_and_run_again_ends_with_the_same_bits(place, kind):
    flags = [f"--input_files={place.directory}/{kind}/part-*", "--deterministic", "--save_checkpoints_steps=5"]
    flags += ["--num_train_steps=90"]
    whole, killed = place.directory / "whole", place.directory / "killed"
    finish(start(place, whole, *flags))
    for wanted in (1, 30, 70):
        assert kill_when(start(place, killed, *flags), lambda wanted=wanted: len(curve(place, killed)) >= wanted)
    assert "continuing from step" in finish(start(place, killed, *flags))[0]
    assert bits(whole) == bits(killed)
    assert curve(place, whole) == curve(place, killed)


def test_a_run_of_one_goes_on_with_two_workers(place):
    flags = ["--nobucket_by_length", "--save_checkpoints_steps=5", "--num_train_steps=60", without_dropout(place)]
    whole, parts = place.directory / "whole", place.directory / "parts"
    finish(start(place, whole, *flags))
    assert kill_when(start(place, parts, *flags), lambda: len(curve(place, parts)) >= 12)
    messages = two_workers(place, parts, *flags)
    assert "continuing from step" in messages[0]
    np.testing.assert_allclose(curve(place, parts), curve(place, whole), rtol=2e-3)
    assert len(curve(place, parts)) == 60
