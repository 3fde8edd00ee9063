"""The same training on one device, two logical devices and two processes: one loss curve."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.slow


def start(workplace, model_dir, *flags) -> subprocess.Popen:
    arguments = [
        *workplace.arguments("--mode=train_and_eval", "--num_train_epochs=3", "--log_steps=1", f"--model_dir={model_dir}")
    ]
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_classifier.py"), *arguments, *flags],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def finish(*processes) -> list[str]:
    messages = [process.communicate(timeout=400)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(messages)
    return messages


def history(model_dir, kind: str, name: str) -> list[float]:
    entries = [json.loads(line) for line in (model_dir / "training_history.jsonl").read_text().splitlines()]
    return [entry[name] for entry in entries if entry["kind"] == kind]


def weights(model_dir) -> dict[str, np.ndarray]:
    prefix = tf.train.latest_checkpoint(str(model_dir))
    return {
        name: tf.train.load_variable(prefix, name)
        for name, _ in tf.train.list_variables(prefix)
        if name.startswith("model/") and "OPTIMIZER" not in name
    }


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def test_two_devices_and_two_processes_train_as_one(workplace):
    # Dropout differs by replica, as it must; without it the sums are the same.
    config = json.loads(workplace.config_file.read_text()) | {"attention_probs_dropout_prob": 0.0}
    workplace.config_file.write_text(json.dumps(config))
    one, two, workers = (workplace.directory / name for name in ("one", "two", "workers"))
    finish(start(workplace, one))
    finish(start(workplace, two, "--num_logical_cpus=2"))
    hosts = ",".join(f"localhost:{port}" for port in free_ports(2))
    cluster = ["--distribution_strategy=multi_worker_mirrored", f"--worker_hosts={hosts}"]
    finish(*(start(workplace, workers, *cluster, f"--task_index={index}") for index in (0, 1)))
    expected = history(one, "train", "loss")
    assert len(expected) == 30
    for model_dir in (two, workers):
        np.testing.assert_allclose(history(model_dir, "train", "loss"), expected, rtol=1e-3)
        assert history(model_dir, "eval", "accuracy") == history(one, "eval", "accuracy")
        np.testing.assert_allclose(history(model_dir, "eval", "loss"), history(one, "eval", "loss"), rtol=1e-3)


@pytest.mark.parametrize("devices", [1, 2])
def test_killed_at_any_moment_and_run_again_ends_with_the_same_bits(workplace, devices):
    flags = ["--deterministic", "--save_checkpoints_steps=3", f"--num_logical_cpus={devices}", "--num_train_epochs=12"]
    whole, killed = workplace.directory / "whole", workplace.directory / "killed"
    finish(start(workplace, whole, *flags))
    kills = 0
    for wanted in (1, 20, 60):
        process = start(workplace, killed, *flags)
        deadline = time.monotonic() + 200
        while process.poll() is None and time.monotonic() < deadline:
            steps = history(killed, "train", "loss") if (killed / "training_history.jsonl").exists() else []
            if len(steps) >= wanted:
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.01)
        process.communicate()
    assert kills == 3
    assert "continuing from step" in finish(start(workplace, killed, *flags))[0]
    left, right = weights(whole), weights(killed)
    assert left.keys() == right.keys()
    assert all(left[name].tobytes() == right[name].tobytes() for name in left)
    assert history(whole, "train", "loss") == history(killed, "train", "loss")
    assert "already finished" in finish(start(workplace, killed, *flags))[0]


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
