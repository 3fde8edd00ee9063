"""A training told to a tracker gives it what TensorBoard, the configuration and the results have."""

import json
import types

import pytest

from bert_tf2.training.tracking.tracker import Tracker, register_tracker, trackers


@pytest.fixture
def told(monkeypatch):
    """The runs that the tracker `toy` was told of."""
    monkeypatch.setattr(trackers, "_plugins", dict(trackers._plugins))
    runs = []

    @register_tracker("toy")
    class Toy(Tracker):
        def start(self, run):
            self._told = types.SimpleNamespace(run=run, scalars={}, results=None, failed=None)
            runs.append(self._told)
            return run.id or "run-1"

        def log(self, step, values):
            self._told.scalars.update({(name, step): value for name, value in values.items()})

        def finish(self, step, results, files):
            self._told.results = step, dict(results), [path.rpartition("/")[2] for path in files]

        def end(self, failed):
            self._told.failed = failed

    return runs


def _in_tensorboard(directory):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    found = {}
    for kind in ("train", "eval"):
        events = EventAccumulator(str(directory / "summaries" / kind), size_guidance={"tensors": 0})
        events.Reload()
        for name in events.Tags()["tensors"]:
            found |= {(f"{kind}/{name}", one.step): float(make_ndarray(one.tensor_proto)) for one in events.Tensors(name)}
    return found


def test_a_tracker_gets_what_tensorboard_gets(workplace, told):
    flags = ("--mode=train_and_eval", "--num_train_epochs=1", "--log_steps=3", "--track_with=toy")
    assert workplace.run(*flags) == 0
    (run,) = told
    assert run.scalars == pytest.approx(_in_tensorboard(workplace.model_dir), nan_ok=True)
    assert {step for name, step in run.scalars if name == "train/loss"} == {3, 6, 9, 10}
    assert run.run.config["seed"] == 1
    assert run.run.config["learning_rate"] == 0.01
    assert "squad_data_file" not in run.run.config
    scores = json.loads((workplace.model_dir / "eval_results.json").read_text())
    step = scores.pop("global_step")
    assert run.results == (step, {f"results/eval/{name}": value for name, value in scores.items()}, ["report.md", "report.html"])
    assert run.failed is False
    # The command again, and another: both are of the same run there.
    assert workplace.run(*flags) == 0
    assert workplace.run("--mode=eval", "--track_with=toy") == 0
    assert [one.run.id for one in told] == [None, "run-1", "run-1"]
    assert told[-1].results[1] == run.results[1]
    assert told[-1].scalars == {}
