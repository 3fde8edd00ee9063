"""Killed at any moment and run again, a training ends as if nothing had happened."""

import json
import os
import pathlib
import random
import subprocess
import sys

import pytest
from toy_task import write_records

OPTIONS = {
    "train_steps": 60,
    "save_checkpoints_steps": 3,
    "eval_every_steps": 10,
    "best_metric": "accuracy",
    "keep_checkpoint_max": 2,
    "dropout": 0.3,
}
TWO_DEVICES = {"strategy": "mirrored", "logical_cpus": 2}


class Server:
    """Runs toy trainings, each in its own process."""

    def __init__(self):
        script = pathlib.Path(__file__).with_name("toy_server.py")
        root = str(script.parent.parent.parent)
        self._process = subprocess.Popen(
            [sys.executable, "-u", str(script)],
            env={**os.environ, "PYTHONPATH": root},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, model_dir, records, options=OPTIONS, **job):
        job = {"model_dir": str(model_dir), "records": str(records), "options": options, **job}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("ANSWER "):
                return json.loads(line[7:])
        raise AssertionError("the server died")

    def close(self):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def records(tmp_path):
    return write_records(tmp_path / "train.tfrecord")


@pytest.mark.slow
@pytest.mark.parametrize("devices", [{}, TWO_DEVICES], ids=["one_device", "two_devices"])
@pytest.mark.parametrize("steps_per_loop", [1, 4])
def test_killed_at_random_moments_ends_bit_for_bit_the_same(tmp_path, server, records, devices, steps_per_loop):
    # A wide model, so that many of the kills fall into the writing of a checkpoint.
    options = {**OPTIONS, "steps_per_loop": steps_per_loop}
    job = {"records": records, "options": options, "width": 256, **devices}
    expected = server.run(tmp_path / "whole", **job)
    assert expected["code"] == 0, expected
    moments = random.Random(5)
    for _ in range(5):
        answer = server.run(tmp_path / "killed", **job, kill_after=moments.uniform(0.2, 1.2) * expected["seconds"] * 0.7)
        assert answer["code"] in (0, -9), answer
    answer = server.run(tmp_path / "killed", **job)
    assert answer["code"] == 0, answer
    assert answer["hash"] == expected["hash"]
    assert [{**entry} for entry in answer["evaluations"]] == expected["evaluations"]
    left = {path.name for path in (tmp_path / "killed").iterdir() if "incomplete" in path.name or path.is_dir()}
    assert left <= {"summaries"}
    again = server.run(tmp_path / "killed", **job)
    assert again["already_finished"]
    assert again["hash"] == expected["hash"]


def test_sigterm_saves_and_says_how_to_go_on(tmp_path, server, records):
    options = {**OPTIONS, "save_checkpoints_steps": 0, "eval_every_steps": 0, "train_steps": 1_000_000}
    job = {"records": records, "options": options, "kill_after": 0.2, "kill_after_first_report": True}
    answer = server.run(tmp_path / "run", **job, signal=15)
    assert answer["code"] == 143, answer
    assert "SIGTERM" in answer["message"]
    assert "run the same command again" in answer["message"]
    assert answer["seconds"] < 10, "one step and a checkpoint"
    answer = server.run(tmp_path / "run", **job, signal=2)
    assert answer["code"] == 130, answer
    steps = [int(path.stem.split("-")[1]) for path in (tmp_path / "run").glob("ckpt-*.index")]
    assert len(steps) == 2, "the second run went on from where the first stopped"


def test_full_disk_leaves_the_older_checkpoint(tmp_path, server, records):
    options = {**OPTIONS, "train_steps": 6, "eval_every_steps": 0}
    answer = server.run(tmp_path / "run", records, {**options, "train_steps": 3}, width=64)
    assert answer["code"] == 0, answer["message"]
    answer = server.run(tmp_path / "run", records, options, width=64, file_size_limit=20_000)
    assert answer["code"] == 1, answer
    assert "cannot write the checkpoint" in answer["message"]
    assert "ckpt-6" in answer["message"]
    assert "last good one is" in answer["message"]
    assert {path.name for path in (tmp_path / "run").iterdir() if "ckpt" in path.name} == {
        "ckpt-3.index",
        "ckpt-3.data-00000-of-00001",
    }
    answer = server.run(tmp_path / "run", records, options, width=64)
    assert (answer["code"], answer["final_step"]) == (0, 6)


@pytest.mark.slow
def test_mirrored_on_two_devices_gives_the_loss_curve_of_one(tmp_path, server, records):
    options = {"train_steps": 20, "dropout": 0.0}
    one = server.run(tmp_path / "one", records, options)
    two = server.run(tmp_path / "two", records, options, **TWO_DEVICES)
    parts = server.run(tmp_path / "parts", records, {**options, "gradient_accumulation_steps": 2}, **TWO_DEVICES)
    compiled = server.run(tmp_path / "xla", records, {**options, "enable_xla": True}, **TWO_DEVICES)
    assert compiled["code"] == 0, compiled
    assert [loss for _, loss in compiled["losses"]] == pytest.approx([loss for _, loss in one["losses"]], abs=1e-4)
    assert len(one["losses"]) == 4
    for (_, expected), (_, loss), (_, in_parts) in zip(one["losses"], two["losses"], parts["losses"], strict=True):
        assert loss == pytest.approx(expected, abs=1e-5)
        assert in_parts == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_two_devices_without_memory_go_on_in_another_process(tmp_path, server, records):
    options = {"train_steps": 8}
    job = {"records": records, **TWO_DEVICES}
    greedy = {**options, "most_tokens": 24, "halves_micro_batches": True}
    failed = server.run(tmp_path / "run", options=greedy, **job)
    assert failed["code"] == 1, failed
    assert "with 4 of a replica's rows at once (" in failed["message"]
    assert "run the same command again" in failed["message"]
    assert "with 2 rows at once" in failed["message"]
    found = server.run(tmp_path / "run", options=greedy, **job)
    assert found["code"] == 0, found
    noted = json.loads((tmp_path / "run" / "run_config.json").read_text())["found"]
    assert noted == {"micro_batch_size": [[0, 2]]}
    told = server.run(tmp_path / "told", options={**options, "gradient_accumulation_steps": 2}, **job)
    assert found["hash"] == told["hash"]
