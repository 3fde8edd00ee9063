"""The same training on one device, two logical devices and two processes: one loss curve."""

import json
import re
import signal
import subprocess
import time

import job_processes
import numpy as np
import pytest
import tensorflow as tf
from job_processes import finish, kill_when, worker_flags

pytestmark = pytest.mark.slow


def start(workplace, model_dir, *flags) -> subprocess.Popen:
    flags = ["--mode=train_and_eval", "--num_train_epochs=3", "--log_steps=1", f"--model_dir={model_dir}", *flags]
    return job_processes.start("run_classifier.py", *workplace.arguments(*flags))


def history(model_dir, kind: str, name: str) -> list[float]:
    return [entry[name] for entry in job_processes.history(model_dir, kind)]


def weights(model_dir) -> dict[str, np.ndarray]:
    prefix = tf.train.latest_checkpoint(str(model_dir))
    return {
        name: tf.train.load_variable(prefix, name)
        for name, _ in tf.train.list_variables(prefix)
        if name.startswith("model/") and "OPTIMIZER" not in name
    }


def test_two_devices_and_two_processes_train_as_one(workplace):
    # Dropout differs by replica, as it must; without it the sums are the same.
    config = json.loads(workplace.config_file.read_text()) | {"attention_probs_dropout_prob": 0.0, "num_hidden_layers": 3}
    workplace.config_file.write_text(json.dumps(config))
    one, two, workers, compiled, apart = (workplace.directory / name for name in ("one", "two", "workers", "compiled", "apart"))
    finish(start(workplace, one))
    finish(start(workplace, two, "--num_logical_cpus=2"))
    finish(start(workplace, compiled, "--num_logical_cpus=2", "--enable_xla"))
    finish(*(start(workplace, workers, *cluster) for cluster in worker_flags(2)))
    finish(*(start(workplace, apart, *cluster, "--enable_xla") for cluster in worker_flags(2)))
    expected = history(one, "train", "loss")
    assert len(expected) == 30
    for model_dir in (two, workers, compiled, apart):
        np.testing.assert_allclose(history(model_dir, "train", "loss"), expected, rtol=1e-3)
        assert history(model_dir, "eval", "accuracy") == history(one, "eval", "accuracy")
        np.testing.assert_allclose(history(model_dir, "eval", "loss"), history(one, "eval", "loss"), rtol=1e-3)


# One device in the plain way is killed in tests/training/test_resumption.py.
@pytest.mark.parametrize("circumstances", [["--num_logical_cpus=2"], ["--enable_xla"]], ids="".join)
def test_killed_at_any_moment_and_run_again_ends_with_the_same_bits(workplace, circumstances):
    flags = ["--deterministic", "--save_checkpoints_steps=3", "--num_train_epochs=12", *circumstances]
    whole, killed = workplace.directory / "whole", workplace.directory / "killed"
    finish(start(workplace, whole, *flags))
    for wanted in (1, 20, 60):
        assert kill_when(
            start(workplace, killed, *flags),
            lambda wanted=wanted: len(history(killed, "train", "loss")) >= wanted,
        )
    assert "continuing from step" in finish(start(workplace, killed, *flags))[0]
    left, right = weights(whole), weights(killed)
    assert left.keys() == right.keys()
    assert all(left[name].tobytes() == right[name].tobytes() for name in left)
    assert history(whole, "train", "loss") == history(killed, "train", "loss")
    assert "already finished" in finish(start(workplace, killed, *flags))[0]


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_worker_ends_the_other_in_one_line(workplace, victim):
    model_dir = workplace.directory / "workers"
    flags = ["--num_train_epochs=2000", "--save_checkpoints_steps=5"]
    workers = [start(workplace, model_dir, *flags, *cluster) for cluster in worker_flags(2)]
    deadline = time.monotonic() + 200
    while not list(model_dir.glob("ckpt-*.index")) and time.monotonic() < deadline:
        time.sleep(0.1)
    workers[victim].kill()
    message = workers[1 - victim].communicate(timeout=200)[1]
    workers[victim].communicate()
    assert workers[1 - victim].returncode == 1, message
    assert "Traceback" not in message
    last = next(line for line in reversed(message.splitlines()) if line.startswith("ERROR: "))
    assert re.match(rf"ERROR: lost worker {victim} \(localhost:\d+\): .*; step \d+ is saved in {model_dir}; start all", last)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_worker_that_waits_can_be_stopped(workplace, number, code):
    process = start(workplace, workplace.directory / "alone", *worker_flags(2)[0])
    for line in process.stderr:
        if "waits for worker 1" in line:
            break
    process.send_signal(number)
    message = process.communicate(timeout=60)[1]
    assert process.returncode == code, message
    assert "Traceback" not in message


def test_sigterm_saves_and_a_second_trainer_is_refused(workplace):
    model_dir = workplace.directory / "stopped"
    flags = ["--num_train_epochs=2000"]
    process = start(workplace, model_dir, *flags)
    while not (model_dir / "training_history.jsonl").exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    second = start(workplace, model_dir, *flags)
    message = second.communicate(timeout=200)[1]
    assert second.returncode == 11, message
    assert f"is in use by process {process.pid}" in message
    process.send_signal(signal.SIGTERM)
    message = process.communicate(timeout=100)[1]
    assert process.returncode == 143
    assert "run the same command again to go on" in message.splitlines()[-1]
