"""What the command says of models of each kind, and what it refuses."""

import json
import os
import shutil

import pytest
import tensorflow as tf
from trained_place import TrainedPlace

from bert_tf2 import cli
from bert_tf2.jobs.comparing.job import compare
from bert_tf2.jobs.comparing.options import CompareOptions
from bert_tf2.jobs.trained import running
from bert_tf2.jobs.trained.options import TrainedModelOptions
from bert_tf2.jobs.trained.source import open_trained
from bert_tf2.training.evaluation import predict_all

KINDS = {
    "classification": "accuracy",
    "multi_label": "micro_f1",
    "regression": "pearson",
    "tagging": "entity_f1",
    "multiple_choice": "accuracy",
    "prompt_classification": "accuracy",
    "squad": "f1",
}


@pytest.fixture(autouse=True)
def measured_once(monkeypatch):
    monkeypatch.setattr(running, "_SECONDS", 0.0)
    monkeypatch.setattr(running, "_FEWEST", 1)


@pytest.fixture(scope="module")
def places(tmp_path_factory, tiny_vocabulary):
    """A run of a kind of task, made once, and beside it `other`, the same with other weights."""
    made = {}

    def place(kind: str) -> TrainedPlace:
        if kind not in made:
            directory = tmp_path_factory.mktemp(kind)
            (directory / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n")
            options = ("--multi_label",) if kind == "multi_label" else ()
            flag = "classification" if kind == "multi_label" else kind
            made[kind] = TrainedPlace(directory, flag, "bert", ("vocab_file", str(directory / "vocab.txt")), *options)
            shutil.copytree(directory / "model", directory / "other")
            model = open_trained(TrainedModelOptions(model_dir=str(directory / "model"))).model
            model.set_weights([value[::-1] if value.ndim == 2 else value for value in model.get_weights()])
            tf.train.Checkpoint(model=model).write(str(directory / "other" / "ckpt-1"))
        return made[kind]

    return place


def run(place: TrainedPlace, name: str, *flags: str) -> int:
    return cli.run(compare, CompareOptions, "", ["compare", f"--output_dir={place.directory / name}", *flags])


def scored(place: TrainedPlace, model: str):
    """The official scores of a run on the records, and what examples add to one of them."""
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in place.check_flags)
    trained = open_trained(TrainedModelOptions(model_dir=str(place.directory / model), **flags))
    collected = predict_all(trained.task, trained.model, tf.distribute.get_strategy(), trained.examples.records, 4)
    outcome = trained.task.outcome(collected, trained.examples)
    return trained.task.scores(outcome, trained.examples), trained.task.tally(outcome, trained.examples)


@pytest.mark.parametrize("kind", KINDS)
def test_what_examples_add_up_to_is_the_score(places, kind):
    scores, tally = scored(places(kind), "other")
    assert tally.metric == KINDS[kind]
    assert tally.value == pytest.approx(scores[tally.metric])


@pytest.mark.parametrize("kind", ["classification", pytest.param("squad", marks=pytest.mark.slow)])
def test_two_runs_and_an_export_on_the_same_records(places, kind):
    place = places(kind)
    expected, tally = scored(place, "other")
    assert place.run("exported", "--to=onnx", *place.check_flags) == 0
    models = [f"--model={place.directory}/{name}" for name in ("model", "other")] + [f"--model=onnx={place.directory}/exported"]
    assert run(place, "compared", *models, *place.check_flags) == 0
    folder = place.directory / "compared"
    first, other, onnx = json.loads((folder / "comparison.json").read_text())
    assert [first["name"], other["name"], onnx["form"]] == ["model", "other", "onnx"]
    assert "difference" not in first
    for name, value in expected.items():
        if isinstance(value, float) and value == value:
            assert other["scores"][name] == pytest.approx(value, abs=1e-5), name
    metric = tally.metric
    assert onnx["scores"][metric] == pytest.approx(first["scores"][metric], abs=1e-5)
    assert other["difference"]["value"] == pytest.approx(other["scores"][metric] - first["scores"][metric], abs=1e-5)
    assert onnx["difference"]["value"] == pytest.approx(0, abs=1e-5)
    assert (onnx["difference"]["p_mcnemar"] is None) == (metric != "accuracy")
    assert (folder / "comparison.png").stat().st_size > 5000
    assert "| onnx | onnx |" in (folder / "comparison.md").read_text()


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["{model}"], "--model is given once ({model}); give it for each of two models or more"),
        (["{model}", "{model}"], "--model: two models are called 'model'; give each a name of its own"),
        (["{model}", "="], "--model== needs a name and a path"),
        (["{model}", "absent"], "--model_dir: no such directory: absent"),
        (["{model}", "x={regression}"], "--model: x and model differ in task: bert_regression and bert_classification"),
        (["x={exported}", "y={exported}"], "--model: all are exports; give the directory of the training"),
        (["x={exported}", "y={regression}"], "was made of none of the given trainings"),
    ],
)
def test_refused_with_a_line(places, capsys, models, message):
    place = places("classification")
    exported = place.directory / "of_all"
    if not exported.exists():
        assert place.run("of_all", "--to=onnx", *place.check_flags) == 0
    known = {"model": place.model_dir, "exported": exported, "regression": places("regression").model_dir}
    before = sorted(os.listdir(place.directory))
    capsys.readouterr()
    data = places("regression").check_flags if models == ["x={exported}", "y={regression}"] else place.check_flags
    assert run(place, "refused", *(f"--model={model.format(**known)}" for model in models), *data) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("ERROR: ")
    assert message.format(**known) in error
    assert sorted(os.listdir(place.directory)) == before


def test_data_are_needed(places, capsys):
    place = places("classification")
    assert run(place, "refused", f"--model={place.model_dir}", f"--model={place.directory / 'other'}") == 2
    assert "--eval_data_path (or --predict_file) is required" in capsys.readouterr().err
