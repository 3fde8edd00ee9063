"""The head of a checkpoint: restored, in whatever order its labels are, or said to be random; never random predictions."""

import importlib
import json
import pathlib

import numpy as np
import pytest

from bert_tf2 import cli
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
from bert_tf2.model_directory.checkpoint_origin import fit_classes
from bert_tf2.models.checkpoints.source import Source, StoredTensor


@pytest.fixture
def trained(workplace):
    """A place with a trained classifier in `model`."""
    assert workplace.run("--mode=train_and_eval", "--num_train_epochs=4") == 0
    assert scores(workplace.model_dir)["accuracy"] > 0.8
    return workplace


def convert(place, form: str) -> pathlib.Path:
    """The trained classifier in another format; in TF1's as Google's scripts leave it, with nothing beside it."""
    path = place.directory / form / "classifier"
    arguments = [f"--checkpoint_to_convert={place.model_dir}", f"--converted_checkpoint_path={path}", f"--to={form}"]
    arguments.append(f"--bert_config_file={place.config_file}")
    assert cli.run(convert_checkpoint, ConvertCheckpointOptions, "", ["convert", *arguments]) == 0
    if form == "tf1":
        (path.parent / "meta_data.json").unlink()
    return path


def scores(directory: pathlib.Path) -> dict:
    """The scores of an evaluation, without its step."""
    values = json.loads((directory / "eval_results.json").read_text())
    return {name: value for name, value in values.items() if name != "global_step"}


def relabel(place, labels: list[str], number: int) -> None:
    """Makes records again with ids in the order of `labels`, to which negative and positive are renamed in the rows."""
    for split in ("train", "eval", "test"):
        path = place.directory / f"{split}.tsv"
        lines = path.read_text().replace("negative", labels[0]).replace("positive", labels[number])
        path.write_text(lines)
    assert place.prepare(f"--labels={','.join(labels)}") == 0


@pytest.mark.parametrize(
    "form", ["run", *(pytest.param(form, marks=pytest.mark.slow) for form in ("prefix", "tf1", "huggingface"))]
)
def test_a_classifier_of_any_form_evaluates_predicts_and_exports(trained, capsys, form):
    expected, path = scores(trained.model_dir), trained.model_dir
    assert trained.run("--mode=predict") == 0
    predicted = np.loadtxt(trained.model_dir / "test_results.tsv")
    if form == "prefix":
        path = next(path.glob("ckpt-*.index")).with_suffix("")
    elif form != "run":
        path = convert(trained, form)
    for flag in ("init_checkpoint", "predict_checkpoint_path"):
        fresh = trained.directory / flag
        flags = [f"--model_dir={fresh}", f"--{flag}={path}"]
        capsys.readouterr()
        assert trained.run("--mode=eval", *flags) == 0
        said = capsys.readouterr().err
        assert "loaded 41 weights" in said
        assert "missing 0" in said
        assert "checkpoint of step 0" not in said
        assert ("nothing names its labels" in said) == (form == "tf1")
        assert scores(fresh) == pytest.approx(expected, abs=1e-6)
        assert str(path) in (fresh / "report.md").read_text()
        assert trained.run("--mode=predict", *flags) == 0
        np.testing.assert_allclose(np.loadtxt(fresh / "test_results.tsv"), predicted, atol=1e-6)
    assert trained.run("--mode=export_only", *flags, f"--model_export_path={trained.directory / 'export'}") == 0


def test_labels_in_another_order_are_mapped_by_their_names(trained):
    expected = scores(trained.model_dir)
    folder = convert(trained, "huggingface")
    config = json.loads((folder / "config.json").read_text())
    # As many published models: in capitals.
    config |= {"id2label": {"0": "NEGATIVE", "1": "POSITIVE"}, "label2id": {"NEGATIVE": 0, "POSITIVE": 1}}
    (folder / "config.json").write_text(json.dumps(config))
    assert trained.prepare("--labels=positive,negative") == 0
    assert json.loads((trained.directory / "meta_data.json").read_text())["label_list"] == ["positive", "negative"]
    for path in (trained.model_dir, folder):
        fresh = trained.directory / f"evaluated-{path.name}"
        assert trained.run("--mode=eval", f"--init_checkpoint={path}", f"--model_dir={fresh}") == 0
        assert scores(fresh) == pytest.approx(expected, abs=1e-6)


def test_going_on_with_training_keeps_the_head(trained, capsys):
    expected = scores(trained.model_dir)
    flags = [f"--init_checkpoint={trained.model_dir}", "--learning_rate=1e-12", "--num_train_epochs=1"]
    assert trained.run("--mode=train_and_eval", *flags, f"--model_dir={trained.directory / 'more'}") == 0
    assert "the classification head was restored" in capsys.readouterr().err
    assert scores(trained.directory / "more") == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("labels", "place", "why", "trained_on"),
    [
        (
            ["bad", "good"],
            1,
            "has a classification head of the labels negative, positive, where the data have bad, good",
            ("missing 2 (output_weights, output_bias)", "the classification head starts from random values"),
        ),
        (
            ["negative", "neutral", "positive"],
            2,
            "has a classification head of 2 classes (negative, positive), where the data",
            ("goes on with the labels that the data have too; neutral (new) from zero", "the classification head was restored"),
        ),
    ],
)
def test_a_head_of_other_labels_gives_no_predictions_and_is_trained_as_far_as_it_is_there(
    trained, capsys, labels, place, why, trained_on
):
    relabel(trained, labels, place)
    capsys.readouterr()
    flags = [f"--init_checkpoint={trained.model_dir}", f"--model_dir={trained.directory / 'other'}"]
    assert trained.run("--mode=predict", *flags) == 2
    said = capsys.readouterr().err
    assert why in said
    assert "would be random" in said
    assert not (trained.directory / "other" / "test_results.tsv").exists()
    assert trained.run("--mode=train", "--num_train_epochs=1", *flags) == 0
    said = capsys.readouterr().err
    for told in trained_on:
        assert told in said


@pytest.mark.parametrize(
    ("labels", "rows", "told"),
    [
        (["c", "new", "a", "b"], [2, None, 0, 1], "new (new) from zero"),
        (["b", "a"], [1, 0], "without c, which the data have not"),
        (["a", "new", "other"], None, "has a classification head of the labels a, b, c"),
        (["A", "B", "C"], [0, 1, 2], ""),
        (["a", "new"], None, "has a classification head of 3 classes (a, b, c)"),
    ],
)
def test_rows_of_labels_on_both_sides_are_kept_for_training(tmp_path, labels, rows, told):
    (tmp_path / "meta_data.json").write_text(json.dumps({"label_list": ["a", "b", "c"]}))
    # The table of transitions is a head's that the kind of task registers.
    importlib.import_module("bert_tf2.tasks.tagging.task")
    weights = np.arange(12, dtype=np.float32).reshape(3, 4)
    bias, table = np.arange(3, dtype=np.float32) + 1, np.arange(25, dtype=np.float32).reshape(5, 5)
    tensors = {
        name: StoredTensor(name, value.shape, value.copy)
        for name, value in (("output_weights", weights), ("output_bias", bias), ("crf/transitions", table))
    }
    source = Source("tf2", str(tmp_path / "ckpt-1"), tensors)
    fitted, why = fit_classes(source, labels, len(labels), may_change=True)
    if rows is None:
        assert why.startswith(told)
        assert not fitted.head("classifier")
        return
    assert why is None
    assert told in " ".join(fitted.notes)
    for name, value in (("output_weights", weights), ("output_bias", bias)):
        expected = np.array([np.zeros_like(value[0]) if row is None else value[row] for row in rows])
        assert fitted.tensors[name].shape == expected.shape
        np.testing.assert_array_equal(fitted.tensors[name].read(), expected)
    found, order = fitted.tensors["crf/transitions"].read(), [*rows, 3, 4]
    assert found.shape == fitted.tensors["crf/transitions"].shape
    for (one, other), value in np.ndenumerate(found):
        assert value == (0 if None in (order[one], order[other]) else table[order[one], order[other]])
    # What is only used must be of the very labels.
    assert (fit_classes(source, labels, len(labels))[1] is None) == (len(labels) == 3)


def test_a_model_without_a_head_or_of_other_text_gives_no_predictions(trained, capsys):
    assert trained.run("--mode=eval", "--sub_model_export_name=encoder") == 0
    encoder = next(trained.model_dir.glob("encoder.ckpt-*.index")).with_suffix("")
    flags = ["--mode=predict", f"--model_dir={trained.directory / 'fresh'}"]
    assert trained.run(*flags, f"--predict_checkpoint_path={encoder}") == 2
    assert "has no classification head: the classification head would be random" in capsys.readouterr().err
    assert trained.prepare("--nodo_lower_case") == 0
    assert trained.run(*flags, f"--init_checkpoint={trained.model_dir}") == 2
    assert "do_lower_case: true there, false here" in capsys.readouterr().err.lower()


def test_googles_command_for_prediction(workplace, capsys):
    data_dir, output_dir = workplace.write_raw(), workplace.directory / "mrpc_output"
    trained = workplace.directory / "trained"
    assert workplace.run_tf1(data_dir, trained, "--do_train=true", "--do_predict=true") == 0
    expected = (trained / "test_results.tsv").read_text()
    assert workplace.run_tf1(data_dir, output_dir, "--do_predict=true", f"--init_checkpoint={trained}") == 0
    assert (output_dir / "test_results.tsv").read_text() == expected
    assert f"{trained / 'ckpt-1'} (step 1)" in capsys.readouterr().err


def test_a_trained_model_with_fewer_layers_is_refused_for_predictions(trained, capsys):
    config = json.loads(trained.config_file.read_text())
    trained.config_file.write_text(json.dumps(config | {"num_hidden_layers": 1}))
    flags = [f"--init_checkpoint={trained.model_dir}", f"--model_dir={trained.directory / 'small'}"]
    assert trained.run("--mode=predict", *flags) == 2
    assert "has 2 layers and its head stands on the last" in capsys.readouterr().err
    assert trained.run("--mode=train", "--num_train_epochs=1", *flags) == 0
    assert "the first 1 are taken" in capsys.readouterr().err
