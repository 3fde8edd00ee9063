"""Fine-tuning that treats some layers otherwise than others: frozen, at rates of their own, begun at random values."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.layers.options import check_layers, layers_asked
from bert_tf2.jobs.fine_tuning.layers.treatment import rate_factors
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.families.albert.config import AlbertConfig
from bert_tf2.tasks.classification.task import ClassificationTask

SIZES = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"freeze_layers": 4}, "--freeze_layers=4: the model has 3 layers; give at most 3"),
        ({"reinit_layers": 4, "init_checkpoint": "x"}, "--reinit_layers=4: the model has 3 layers; give at most 3"),
        ({"freeze_layers": 0}, "--freeze_layers=0 needs --init_checkpoint: without it what is frozen stays random"),
        ({"reinit_layers": 1}, "--reinit_layers=1 needs --init_checkpoint: without it all layers begin at random values"),
        (
            {"freeze_layers": 2, "reinit_layers": 2, "init_checkpoint": "x"},
            "--freeze_layers=2 and --reinit_layers=2 are more than the model's 3 layers: a layer would begin at random values",
        ),
        (
            {"freeze_layers": 0, "hub_module_trainable": False},
            "--freeze_layers=0 can do nothing with --hub_module_trainable=false",
        ),
    ],
)
def test_what_cannot_be(flags, message):
    with pytest.raises(UserError) as raised:
        check_layers(ClassifierOptions(**flags), BertConfig(**SIZES))
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize("flags", [{"layerwise_lr_decay": 0.0}, {"layerwise_lr_decay": 1.1}, {"head_learning_rate": 0.0}])
def test_values_outside_their_range(flags):
    with pytest.raises(UserError, match=next(iter(flags))):
        ClassifierOptions(**flags)


def test_layers_that_share_their_weights():
    shared = AlbertConfig(**SIZES)
    for flags in ({"layerwise_lr_decay": 0.9}, {"freeze_layers": 1}, {"reinit_layers": 1, "init_checkpoint": "x"}):
        with pytest.raises(UserError, match="share their weights"):
            check_layers(ClassifierOptions(**flags), shared)
    check_layers(ClassifierOptions(freeze_layers=0, head_learning_rate=1e-3, init_checkpoint="x"), shared)


def test_rates_fall_from_the_head_to_the_embeddings():
    encoder = build_encoder(BertConfig(**SIZES))
    model = ClassificationTask(["no", "yes"]).build_model(encoder)
    options = ClassifierOptions(layerwise_lr_decay=0.5, head_learning_rate=3e-4, learning_rate=1e-4)
    factors = {variable.name: factor for variable, factor in rate_factors(options, options.learning_rate, model, encoder)}
    assert len(factors) == len(model.trainable_variables)
    expected = {"word_embeddings": 1 / 16, "layer_0": 1 / 8, "layer_1": 1 / 4, "layer_2": 1 / 2, "pooler": 1.0}
    for part, factor in expected.items():
        assert {value for name, value in factors.items() if part in name} == {factor}, part
    head = [value for name, value in factors.items() if not any(part in name for part in (*expected, "embedding"))]
    np.testing.assert_allclose(head, [3.0, 3.0])


def weights_of(directory):
    prefix = tf.train.latest_checkpoint(str(directory))
    names = [name for name, _ in tf.train.list_variables(prefix) if name.startswith("model/") and "OPTIMIZER" not in name]
    return {name: tf.train.load_variable(prefix, name) for name in names}


def test_a_run(workplace, capsys):
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    first = weights_of(workplace.model_dir)
    second = workplace.directory / "second"
    flags = [
        "--mode=train",
        "--num_train_epochs=1",
        f"--init_checkpoint={workplace.model_dir}",
        f"--model_dir={second}",
        "--freeze_layers=1",
        "--lr_layer_decay_rate=0.9",
        "--reinit_layers=1",
    ]
    assert workplace.run(*flags) == 0
    told = capsys.readouterr().err
    assert "the last layer and the pooler start from random values" in told
    trained = weights_of(second)
    same = {name for name in trained if np.array_equal(first[name], trained[name])}
    # Embeddings with their normalisation (5 variables) and a block (16) are as they were; of the rest only the bias of the keys,
    # which changes no attention, begins at 0 and stays there.
    stays = {name for name in same if "_key_dense/bias" in name and "layer_with_weights-5" in name}
    assert len(stays) == 1
    same -= stays
    assert len(same) == 5 + 16
    sizes = {name: value.size for name, value in trained.items() if value.ndim}
    frozen, whole = sum(sizes[name] for name in same), sum(sizes.values())
    report = (second / "report.md").read_text(encoding="utf-8")
    assert f"{whole - frozen:,} of {whole:,}" in report
    assert f"{whole - frozen:,} of {whole:,} weights" in told
    assert "layerwise lr decay" in report
    assert workplace.run(*flags, "--freeze_layers=0") == 2
    assert "freeze_layers: 1 there, 0 now" in capsys.readouterr().err.strip().splitlines()[-1]


def test_what_is_not_asked_for_identifies_no_run():
    """As in the `run_config.json` of earlier versions, whose runs go on."""
    options = ClassifierOptions(layerwise_lr_decay=1.0)
    assert layers_asked(options) == {}
    assert layers_asked(dataclasses.replace(options, freeze_layers=0)) == {"freeze_layers": 0}
