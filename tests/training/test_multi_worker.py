"""Two processes on the loopback train as one does."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest
from toy_task import evaluator, make_plan, make_trainer, open_records, write_records

HERE = pathlib.Path(__file__).resolve().parent


def free_ports(number):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(index, hosts, model_dir, records, options):
    job = {"index": index, "hosts": hosts, "model_dir": str(model_dir), "records": records, "options": options}
    return subprocess.Popen(
        [sys.executable, str(HERE / "toy_worker.py"), json.dumps(job)],
        env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def run_two(model_dir, records, options, signal_after=None):
    hosts = ",".join(f"127.0.0.1:{port}" for port in free_ports(2))
    workers = [start(index, hosts, model_dir, records, options) for index in range(2)]
    if signal_after is not None:
        deadline = time.monotonic() + 120
        while not (model_dir / "training_history.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(signal_after)
        workers[1].send_signal(signal.SIGTERM)
    outputs = [worker.communicate(timeout=200)[0] for worker in workers]
    answers = [
        json.loads(line.removeprefix("ANSWER ")) for text in outputs for line in text.splitlines() if line.startswith("ANSWER ")
    ]
    return [worker.returncode for worker in workers], answers, outputs


@pytest.mark.slow
def test_two_workers_give_the_loss_curve_of_one(tmp_path):
    records = write_records(tmp_path / "train.tfrecord")
    options = {"train_steps": 20, "dropout": 0.0, "eval_every_steps": 10, "save_checkpoints_steps": 5, "best_metric": "accuracy"}
    codes, answers, outputs = run_two(tmp_path / "two", records, options)
    assert codes == [0, 0], outputs
    assert answers[0]["hash"] == answers[1]["hash"]

    opened = open_records(records)
    trainer, _ = make_trainer(tmp_path / "one", **options)
    result = trainer.train(opened, make_plan(opened), evaluator(opened))
    expected = [entry["loss"] for entry in result.history if entry["kind"] == "train"]
    evaluations = [entry["accuracy"] for entry in result.history if entry["kind"] == "eval"]
    for answer in answers:
        assert answer["losses"] == pytest.approx(expected, abs=1e-5)
        assert answer["evaluations"] == pytest.approx(evaluations)

    # Only the chief left files, and a second start finds the finished run.
    assert not list((tmp_path / "two").glob("*incomplete*"))
    codes, again, outputs = run_two(tmp_path / "two", records, options)
    assert codes == [0, 0], outputs
    assert again[0]["hash"] == answers[0]["hash"]


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_both_and_both_resume(tmp_path):
    records = write_records(tmp_path / "train.tfrecord")
    options = {"train_steps": 1_000_000, "log_steps": 2}
    codes, _, outputs = run_two(tmp_path / "run", records, options, signal_after=1)
    assert codes == [143, 143], outputs
    assert "run the same command again" in outputs[0]
    steps = [int(path.stem.split("-")[1]) for path in (tmp_path / "run").glob("ckpt-*.index")]
    assert len(steps) == 1
