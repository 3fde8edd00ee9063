"""Two processes on the loopback train as one does."""

import concurrent.futures
import json
import logging
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest
import tensorflow as tf
from toy_task import evaluator, make_plan, make_trainer, open_records, write_records

from bert_tf2.errors import JobError
from bert_tf2.training.workers import Workers, lost_workers_named

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


@pytest.mark.slow
def test_workers_without_memory_end_and_go_on_with_fewer_rows(tmp_path):
    records, options = write_records(tmp_path / "train.tfrecord"), {"train_steps": 6, "dropout": 0.3}
    greedy = {**options, "most_tokens": 24, "halves_micro_batches": True}
    codes, _, outputs = run_two(tmp_path / "run", records, greedy)
    assert all(codes), outputs
    assert any(
        "run the same command again (with several workers on all of them)" in text and "with 2 rows at once" in text
        for text in outputs
    )
    codes, answers, outputs = run_two(tmp_path / "run", records, greedy)
    assert codes == [0, 0], outputs
    assert answers[0]["hash"] == answers[1]["hash"]


def describe(hosts, index=0):
    return json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}})


def test_a_worker_that_is_alone_names_those_that_did_not_come(caplog):
    hosts = [f"127.0.0.1:{port}" for port in free_ports(3)]
    with (
        socket.create_server(("127.0.0.1", int(hosts[2].partition(":")[2]))),
        caplog.at_level(logging.INFO),
        pytest.raises(JobError, match=rf"^worker 1 \({hosts[1]}\) did not come within 0.5 s \(--worker_timeout\)"),
    ):
        Workers(describe(hosts)).meet(0.5)
    assert caplog.messages[0] == f"worker 0 ({hosts[0]}) waits for worker 1 ({hosts[1]}), up to 0.5 s (--worker_timeout)"


def test_workers_that_come_one_after_the_other_meet():
    hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(Workers(describe(hosts, 0)).meet, 20)
        time.sleep(0.7)
        assert not first.done()
        # TensorFlow's server takes the place of the first listener.
        with socket.create_server(("127.0.0.1", int(hosts[1].partition(":")[2]))):
            first.result(10)


def test_two_workers_with_one_index(tmp_path):
    hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
    with (
        socket.create_server(("", int(hosts[0].partition(":")[2]))),
        pytest.raises(JobError, match="does another worker run with the same --task_index"),
    ):
        Workers(describe(hosts)).meet(1)


def test_a_connection_that_hangs_has_an_end():
    hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
    with pytest.raises(JobError, match=r"worker 1 .* did not come within 0.4 s"):
        Workers(describe(hosts)).connect(lambda: time.sleep(3), 0.4)
    with pytest.raises(JobError, match="the workers could not connect: gone"):
        Workers(describe(hosts)).connect(lambda: fail(tf.errors.UnavailableError(None, None, "gone")), 5)
    assert Workers(describe(hosts)).connect(lambda: 3, 5) == 3


def fail(error):
    raise error


def test_a_lost_worker_is_named_with_what_is_saved(monkeypatch):
    hosts = [f"127.0.0.1:{port}" for port in free_ports(3)]
    monkeypatch.setenv("TF_CONFIG", describe(hosts))
    with (
        socket.create_server(("127.0.0.1", int(hosts[1].partition(":")[2]))),
        pytest.raises(JobError, match=rf"^lost worker 2 \({hosts[2]}\): .*; step 3 is saved$"),
        lost_workers_named(lambda: "step 3 is saved"),
    ):
        fail(tf.errors.UnavailableError(None, None, "a peer is gone"))


def test_a_fault_of_our_own_is_no_lost_worker(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", describe(hosts := [f"127.0.0.1:{port}" for port in free_ports(2)]))
    with (
        socket.create_server(("127.0.0.1", int(hosts[1].partition(":")[2]))),
        pytest.raises(tf.errors.InvalidArgumentError),
        lost_workers_named(lambda: ""),
    ):
        fail(tf.errors.InvalidArgumentError(None, None, "shapes differ"))
