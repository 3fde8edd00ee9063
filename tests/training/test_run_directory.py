"""One trainer at a time, one run for ever, and a history that forgets what is run again."""

import logging
import math
import os
import signal
import subprocess
import sys

import pytest

from bert_tf2.errors import DirectoryInUseError, UserError
from bert_tf2.training.interruption import StoppedNow, StopRequest
from bert_tf2.training.reporting.history import History
from bert_tf2.training.run_directory import RunDirectory

HOLDER = """
import sys, time
from bert_tf2.training.run_directory import RunDirectory
with RunDirectory(sys.argv[1]).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_trainer_is_refused_until_the_first_is_gone(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        message = f"in use by process {holder.pid} on "
        with pytest.raises(DirectoryInUseError, match=message) as error, RunDirectory(str(tmp_path)).locked():
            pass
        assert error.value.exit_code == 11
        with pytest.raises(DirectoryInUseError, match=message):
            RunDirectory.require_usable(str(tmp_path))
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    RunDirectory.require_usable(str(tmp_path))
    directory = RunDirectory(str(tmp_path))
    with directory.locked(), RunDirectory(str(tmp_path)).locked():
        pass
    with directory.locked():
        pass
    assert os.listdir(tmp_path) == []


def test_another_run_is_refused(tmp_path):
    directory = RunDirectory(str(tmp_path))
    directory.identify({"learning_rate": 5e-5, "epochs": 3}, {"threads": 2})
    directory.identify({"learning_rate": 5e-5, "epochs": 3}, {"threads": 2})
    (tmp_path / "ckpt-1.index").write_bytes(b"")
    before = (tmp_path / "run_config.json").read_bytes()
    for look in (directory.identify, directory.require_this_run):
        with pytest.raises(UserError, match=r"belongs to another run \(epochs: 3 there, 4 now; warmup: null there, 0.1 now\)"):
            look({"learning_rate": 5e-5, "epochs": 4, "warmup": 0.1})
    assert directory.require_this_run({"learning_rate": 5e-5, "epochs": 3})
    assert (tmp_path / "run_config.json").read_bytes() == before


def test_changes_that_do_not_matter_are_said(tmp_path, caplog):
    directory = RunDirectory(str(tmp_path))
    directory.identify({"seed": 1}, {"threads": 2})
    with caplog.at_level(logging.WARNING):
        directory.identify({"seed": 1}, {"threads": 4})
    assert "threads 2 -> 4; results may differ in the last bits" in caplog.text


def test_checkpoints_of_an_unknown_run_are_refused(tmp_path):
    (tmp_path / "ckpt-10.index").write_bytes(b"")
    with pytest.raises(UserError, match=r"holds checkpoints \(ckpt-10.index, …\) of a run that is not known"):
        RunDirectory(str(tmp_path)).identify({"seed": 1})


def test_history_forgets_what_is_run_again(tmp_path):
    history = History(str(tmp_path))
    for step in (5, 10, 15):
        history.add("train", step, {"loss": 1.0 / step})
        history.add("eval", step, {"accuracy": step / 15})
    with open(tmp_path / "training_history.jsonl", "a") as file:
        file.write('{"kind": "train", "st')  # what a killed process leaves
    history = History(str(tmp_path))
    history.continue_from(10)
    assert [entry["step"] for entry in History(str(tmp_path)).of_kind("train")] == [5, 10]
    assert history.has_evaluation(10)
    assert not history.has_evaluation(15)
    history.add("eval", 12, {"accuracy": 0.1})
    assert [entry["step"] for entry in History(str(tmp_path)).of_kind("eval")] == [5, 10, 12]


def test_a_torn_line_does_not_swallow_the_next(tmp_path):
    (tmp_path / "training_history.jsonl").write_text('{"kind": "train", "step": 5, "loss": 1.0}\n{"kind": "tr')
    history = History(str(tmp_path))
    history.continue_from(5)
    history.add("train", 10, {"loss": 0.5})
    assert [entry["step"] for entry in History(str(tmp_path)).entries] == [5, 10]


def test_best_of_the_history(tmp_path):
    history = History(str(tmp_path))
    for step, value in enumerate([0.5, float("nan"), 0.8, 0.8, 0.7], 1):
        history.add("eval", step, {"accuracy": value})
    assert history.best("accuracy", True) == (3, 0.8, 2)
    assert history.best("accuracy", False) == (1, 0.5, 4)
    assert history.best("other", True) == (None, None, 5)

    # What JSON does not know is null in the file, and nan again.
    lines = (tmp_path / "training_history.jsonl").read_text().splitlines()
    assert lines[1] == '{"kind": "eval", "step": 2, "accuracy": null}'
    again = History(str(tmp_path))
    assert math.isnan(again.entries[1]["accuracy"])
    assert again.best("accuracy", True) == (3, 0.8, 2)


def test_signals_wait_unless_nothing_can_be_lost():
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == signal.SIGTERM
        with pytest.raises(StoppedNow), stop.immediate():
            raise AssertionError("not reached")
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    with StopRequest() as stop, pytest.raises(StoppedNow), stop.immediate():
        os.kill(os.getpid(), signal.SIGTERM)
