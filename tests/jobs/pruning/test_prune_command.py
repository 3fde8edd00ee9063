"""What the command leaves of a model of each kind, and what it refuses."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
from trained_place import TrainedPlace, xlnet_pieces

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.pruning.job import prune
from bert_tf2.jobs.pruning.options import PruneOptions
from bert_tf2.jobs.trained.source import open_trained
from bert_tf2.models.families.base import read_config
from bert_tf2.pruning.choice import most_important
from bert_tf2.pruning.curve import without
from bert_tf2.pruning.importance import Importance, OutputRows
from bert_tf2.training.evaluation import predict_all


@pytest.fixture(scope="module")
def places(tmp_path_factory, tiny_vocabulary):
    """A run of a kind of task, made once."""
    made = {}

    def place(kind: str, family: str = "bert") -> TrainedPlace:
        if (kind, family) not in made:
            directory = tmp_path_factory.mktemp(kind)
            if family == "xlnet":
                vocabulary = ("sp_model_file", xlnet_pieces(directory))
            else:
                (directory / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n")
                vocabulary = ("vocab_file", str(directory / "vocab.txt"))
            made[kind, family] = TrainedPlace(directory, kind, family, vocabulary)
        return made[kind, family]

    return place


def run(place: TrainedPlace, name: str, *flags: str) -> int:
    arguments = [f"--model_dir={place.model_dir}", f"--output_dir={place.directory / name}", *flags]
    return cli.run(prune, PruneOptions, "", ["prune", *arguments])


SLOW = ("multiple_choice", "squad")


@pytest.mark.parametrize(
    ("kind", "family", "blocks"),
    [
        ("classification", "bert", 2),
        ("classification", "albert", 1),
        ("classification", "xlnet", 2),
        *(pytest.param(kind, "bert", 2, marks=pytest.mark.slow) for kind in SLOW),
    ],
)
def test_the_smaller_model_computes_what_the_whole_does_without_those_parts(places, kind, family, blocks):
    """Scores of what was written, and of the whole model with zeros in place of what went."""
    place = places(kind, family)
    data = f"--importance_data_path={place.records}"
    assert run(place, "small", "--num_heads=1", "--num_neurons=20", data, *place.check_flags) == 0
    folder = place.directory / "small"
    assert read_config(str(folder / "bert_config.json")).attention_head_size == 8
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in place.check_flags)
    trained = open_trained(PruneOptions(model_dir=str(place.model_dir), **flags))
    with np.load(folder / "importance.npz") as arrays:
        importance = Importance(arrays["heads"], arrays["neurons"], 5)
    assert (importance.heads.shape, importance.neurons.shape) == ((blocks, 2), (blocks, 32))
    assert importance.heads.min() > 0
    rows = OutputRows.of(next(layer for layer in trained.model.layers if layer.weights), trained.config)
    with without(rows, most_important(importance, 1, 20, range(blocks))):
        collected = predict_all(trained.task, trained.model, tf.distribute.get_strategy(), trained.examples.records, 4)
    scores = trained.task.scores(trained.task.outcome(collected, trained.examples), trained.examples)
    told = (folder / "pruning_report.md").read_text()
    metric = trained.task.best_metric
    (row,) = [line for line in told.splitlines() if line.startswith(f"| {metric} |") and line.count("|") == 4]
    assert float(row.split("|")[3]) == pytest.approx(scores[metric], abs=6e-5)
    assert (folder / "pruning_curve.png").stat().st_size > 5000


def test_layers_go_without_records_and_training_goes_on(places):
    place = places("classification")
    assert run(place, "one_layer", "--layers=1") == 0
    folder = place.directory / "one_layer"
    assert not (folder / "importance.npz").exists()
    assert json.loads((folder / "bert_config.json").read_text())["num_hidden_layers"] == 1
    flags = [
        f"--input_meta_data_path={place.model_dir / 'meta_data.json'}",
        f"--train_data_path={place.records}",
        f"--bert_config_file={folder / 'bert_config.json'}",
        f"--init_checkpoint={folder / 'bert_model.ckpt'}",
        f"--vocab_file={folder / 'vocab.txt'}",
        f"--model_dir={place.directory / 'further'}",
    ]
    command = ["run_classifier", "--mode=train", "--train_batch_size=2", "--num_train_epochs=1", "--num_gpus=0", *flags]
    assert cli.run(run_classifier, ClassifierOptions, "", command) == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--num_heads=3", "DATA"], "--num_heads=3 is more than the model's 2; give less"),
        (["--num_neurons=33", "DATA"], "--num_neurons=33 is more than the model's 32; give less"),
        (["--num_layers=3"], "--num_layers=3 is more than the model's 2; give less"),
        (["--layers=0,2"], "--layers=0,2: there is no layer 2 in the model, whose 2 are counted from 0 to 1"),
        (["--layers=1,0"], "--layers=1,0: name each layer once, the lowest first"),
        (["--layers=first"], "--layers must be layers of the model, counted from 0, such as 0,2,4; got first"),
        (["--layers=0", "--num_layers=1"], "--num_layers and --layers exclude each other; leave one out"),
        (["--num_heads=2", "DATA"], "all 2 layers, 2 heads and 32 neurons of the model stay; give a smaller number"),
        (["--num_layers=1", "DATA"], "--importance_data_path decides among heads and neurons"),
        (["--num_heads=1", "--importance_data_path=absent"], "--importance_data_path: no such file: absent"),
        (["--num_layers=1", "--predict_file=dev.json"], "--predict_file is for SQuAD"),
    ],
)
def test_refused_with_a_line(places, capsys, flags, message):
    place = places("classification")
    flags = [f"--importance_data_path={place.records}" if flag == "DATA" else flag for flag in flags]
    before = sorted(os.listdir(place.directory))
    assert run(place, "refused", *flags) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("ERROR: ")
    assert message in error
    assert sorted(os.listdir(place.directory)) == before


def test_an_output_that_holds_something_is_kept(places, capsys):
    place = places("classification")
    assert run(place, "model", "--num_layers=1") == 2
    assert "is not empty; name a new directory or remove it" in capsys.readouterr().err
    assert run(place, "unused", "--num_layers=1", "--output_dir=gs://bucket/pruned") == 2
    assert "--output_dir=gs://bucket/pruned must be a local directory" in capsys.readouterr().err


def test_layers_that_share_their_weights_are_not_chosen(places, capsys):
    place = places("classification", "albert")
    assert run(place, "refused", "--num_layers=1") == 2
    assert "the layers of this ALBERT share their weights" in capsys.readouterr().err
