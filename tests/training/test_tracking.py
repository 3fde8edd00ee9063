"""Runs told to a tracking service: a tracker of our own, and the real ones where they are installed."""

import importlib.util
import json
import logging
import time
import types

import pytest

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.training import training_setup
from bert_tf2.training.reporting.tracking import Tracking
from bert_tf2.training.tracking import known
from bert_tf2.training.tracking.tracked import FILE_NAME, Tracked
from bert_tf2.training.tracking.tracker import Tracker, register_tracker, trackers

CONFIG = {"learning_rate": 5e-5, "init_checkpoint": "bert/bert_model.ckpt", "num_train_epochs": 2.0}


@pytest.fixture
def told(monkeypatch):
    """What the tracker `toy` is told; `told.fails_at` names a method that fails."""
    monkeypatch.setattr(trackers, "_plugins", dict(trackers._plugins))
    told = types.SimpleNamespace(calls=[], fails_at=None)

    @register_tracker("toy")
    class Toy(Tracker):
        def start(self, run):
            self._take("start", run)
            return run.id or "run-1"

        def log(self, step, values):
            self._take("log", step, dict(values))

        def finish(self, step, results, files):
            self._take("finish", step, dict(results), files)

        def end(self, failed):
            self._take("end", failed)

        def _take(self, name, *arguments):
            told.calls.append((name, *arguments))
            if name == told.fails_at:
                raise ConnectionError("no network\nat all")

    return told


def run_through(directory, names, config=None, failed=False):
    """A run with two reports and results; as a job does it."""
    (directory / "report.html").write_text("<p>report</p>")
    error = ValueError() if failed else None
    tracking = Tracked(names, str(directory), None)
    tracking.start(config or CONFIG)
    tracking.write("train", 5, {"loss": 0.5})
    tracking.write("eval", 10, {"accuracy": 0.75, "f1/no label?": 0.5})
    tracking.close()
    tracking.results(10, {"eval": {"accuracy": 0.75}}, [str(directory / "report.html"), str(directory / "absent.html")])
    tracking.__exit__(type(error) if error else None, error, None)


def test_a_tracker_is_told_everything_once(tmp_path, told):
    run_through(tmp_path, ["toy"])
    (start, run), *rest = told.calls
    assert (start, run.name, run.project, run.config, run.id) == ("start", tmp_path.name, None, CONFIG, None)
    assert rest == [
        ("log", 5, {"train/loss": 0.5}),
        ("log", 10, {"eval/accuracy": 0.75, "eval/f1/no label?": 0.5}),
        ("finish", 10, {"results/eval/accuracy": 0.75}, [str(tmp_path / "report.html")]),
        ("end", False),
    ]
    assert json.loads((tmp_path / FILE_NAME).read_text()) == {"toy": "run-1"}


def test_a_resumed_run_goes_on_in_its_tracked_run(tmp_path, told):
    run_through(tmp_path, ["toy"], failed=True)
    assert told.calls[-1] == ("end", True)
    (tmp_path / FILE_NAME).write_text('{"toy": "run-7", "other": "x"}')
    run_through(tmp_path, ["toy"])
    assert [call[1].id for call in told.calls if call[0] == "start"] == [None, "run-7"]
    assert json.loads((tmp_path / FILE_NAME).read_text()) == {"toy": "run-7", "other": "x"}


@pytest.mark.parametrize("name", ["start", "log", "finish", "end"])
def test_a_tracker_that_fails_is_left_alone_with_one_warning(tmp_path, told, caplog, name):
    told.fails_at = name
    with caplog.at_level(logging.WARNING, "bert_tf2"):
        run_through(tmp_path, ["toy"])
    (record,) = caplog.records
    assert record.getMessage().startswith("--track_with=toy: it ")
    assert record.getMessage().endswith("the run goes on: no network")
    assert [call[0] for call in told.calls].index(name) == len(told.calls) - 1


def test_what_is_asked_for_must_be_there(monkeypatch):
    with pytest.raises(UserError, match=r"--track_with: no tracker 'wandbb' is known\. Did you mean 'wandb'\?"):
        known.names_of("wandbb")
    with pytest.raises(UserError, match="one comma between two; got 'wandb,,mlflow'"):
        known.names_of("wandb,,mlflow")
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, find=importlib.util.find_spec: None if name == "mlflow" else find(name)
    )
    with pytest.raises(UserError, match=r"needs the package mlflow, which is not installed: pip install -e '.\[mlflow\]'"):
        known.names_of("mlflow")
    with pytest.raises(UserError, match="--tracking_project=mine can do nothing without --track_with"):
        training_setup.check_training_options(ClassifierOptions(tracking_project="mine"))


def test_nobody_is_told_unless_it_is_asked_for_and_by_the_chief_alone(tmp_path, told):
    assert type(training_setup.tracking(ClassifierOptions(), str(tmp_path), True)) is Tracking
    options = ClassifierOptions(track_with="toy,toy", tracking_project="mine")
    assert type(training_setup.tracking(options, str(tmp_path), False)) is Tracking
    tracking = training_setup.tracking(options, str(tmp_path), True)
    tracking.start({})
    assert [(name, run.project) for name, run in told.calls] == [("start", "mine")]


# What their own dependencies warn of is theirs.
@pytest.mark.filterwarnings("ignore")
def test_wandb(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    for name in ("WANDB_PROJECT", "WANDB_NAME", "WANDB_DIR", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    run_through(tmp_path, ["wandb"])
    id = json.loads((tmp_path / FILE_NAME).read_text())["wandb"]
    (written,) = tmp_path.glob(f"wandb/offline-run-*/run-{id}.wandb")
    pieces = (b"train/loss", b"0.75", b"results/eval/accuracy", b"num_train_epochs", b"report.html", b"bert_tf2")
    # Another process writes it.
    end = time.monotonic() + 60
    while not all(piece in written.read_bytes() for piece in pieces) and time.monotonic() < end:
        time.sleep(0.2)
    assert [piece for piece in pieces if piece not in written.read_bytes()] == []
    run_through(tmp_path, ["wandb"], {**CONFIG, "num_train_epochs": 3.0})
    assert json.loads((tmp_path / FILE_NAME).read_text())["wandb"] == id


@pytest.mark.filterwarnings("ignore")
def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    for name in ("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    run_through(tmp_path, ["mlflow"])
    run_through(tmp_path, ["mlflow"], {**CONFIG, "num_train_epochs": 3.0}, failed=True)
    id = json.loads((tmp_path / FILE_NAME).read_text())["mlflow"]
    client = mlflow.MlflowClient()
    run = client.get_run(id)
    assert (run.info.run_name, run.info.status) == (tmp_path.name, "FAILED")
    assert client.get_experiment(run.info.experiment_id).name == "bert_tf2"
    assert run.data.params == {name: str(value) for name, value in CONFIG.items()}
    assert run.data.tags["resumed.num_train_epochs"] == "3.0"
    assert [(one.step, one.value) for one in client.get_metric_history(id, "train/loss")] == [(5, 0.5)] * 2
    assert run.data.metrics["eval/f1/no label_"] == 0.5
    assert [one.path for one in client.list_artifacts(id)] == ["report.html"]
