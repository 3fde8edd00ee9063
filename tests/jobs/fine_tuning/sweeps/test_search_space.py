"""What a search's file says, and what is refused of it."""

import math

import numpy as np
import pytest

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.fine_tuning.sweeps.proposals import drawn, rungs
from bert_tf2.jobs.fine_tuning.sweeps.space import Parameter, Space, read_space

WHOLE = """
method: random
trials: 5
seed: 3
space:
  learning_rate: {low: 1e-5, high: 1e-4, log: true}
  train_batch_size: [16, 32]
  num_train_steps: {low: 10, high: 40}
  freeze_layers: [null, 0, 3]
  class_weights: [null, balanced]
"""


def read(tmp_path, text, options_class=ClassifierOptions):
    path = tmp_path / "space.yaml"
    path.write_text(text)
    return read_space(str(path), options_class)


def test_what_it_says(tmp_path):
    space = read(tmp_path, WHOLE)
    assert (space.method, space.trials, space.seed, math.isinf(space.combinations)) == ("random", 5, 3, True)
    assert space.parameters == {
        "learning_rate": Parameter("learning_rate", low=1e-5, high=1e-4, log=True),
        "train_batch_size": Parameter("train_batch_size", (16, 32)),
        "num_train_steps": Parameter("num_train_steps", low=10, high=40, whole=True),
        "freeze_layers": Parameter("freeze_layers", (None, 0, 3)),
        "class_weights": Parameter("class_weights", (None, "balanced")),
    }


def test_json_and_other_names_of_flags(tmp_path):
    space = read(tmp_path, '{"method": "grid", "space": {"lr_layer_decay_rate": [0.8, 0.9], "use_crf": [true, false]}}')
    assert space.trials == 4
    assert drawn(space) == [{"layerwise_lr_decay": decay, "use_crf": crf} for decay in (0.8, 0.9) for crf in (True, False)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "space.yaml must hold a search: method, space and"),
        ("learning_rate: [1e-5, 3e-5]", ":1: unknown word 'learning_rate'. A search has method, trials"),
        ("metod: grid\nspace: {}", ":1: unknown word 'metod'. Did you mean 'method'?"),
        (
            "method: gird\nspace: {learning_rate: [1, 2]}",
            ":1: 'method' must be one of grid, random, successive_halving, tpe; got 'gird'. Did",
        ),
        ("method: grid", "space.yaml lacks 'space'; flags and their values stand under it"),
        ("space: {learning_rate: [1, 2]}", "lacks 'method', one of grid, random"),
        ("method: grid\nspace: {}", ":2 must hold flags with the values to try"),
        (
            "method: grid\nspace:\n  learning_rat: [1e-5, 2e-5]",
            ":3: unknown flag 'learning_rat'. Did you mean 'learning_rate'?",
        ),
        ("method: grid\nspace:\n  learning_rate: [1e-5, -1]", ":3: --learning_rate must be greater than 0; got -1.0"),
        ("method: grid\nspace:\n  learning_rate: [1e-5, fast]", ":3: --learning_rate must be a number; got 'fast'"),
        (
            "method: grid\nspace:\n  learning_rate: 1e-5",
            ":3: 'learning_rate' needs two values or more: learning_rate: [1e-5, 3e-5]",
        ),
        ("method: grid\nspace:\n  learning_rate: [1e-5]", ":3: 'learning_rate' needs two values or more"),
        ("method: grid\nspace:\n  learning_rate: [1e-5, 0.00001]", ":3: 'learning_rate' has 1e-05 twice; keep one"),
        (
            "method: grid\nspace:\n  freeze_layers: [1, 2]\n  freeze_layers: [1, 3]",
            ":4: 'freeze_layers' stands there twice, first on line 3",
        ),
        (
            "method: grid\nspace:\n  layerwise_lr_decay: [0.8, 0.9]\n  lr_layer_decay_rate: [0.7, 0.9]",
            ":4: 'lr_layer_decay_rate' is another name of 'layerwise_lr_decay', which stands there already",
        ),
        ("method: grid\nspace:\n  seed: [1, 2]", ":3: 'seed' cannot be searched: a seed is no setting"),
        ("method: grid\nspace:\n  model_dir: [a, b]", ":3: 'model_dir' cannot be searched: it decides no result"),
        (
            "method: grid\nspace:\n  eval_data_path: [a, b]",
            ":3: 'eval_data_path' cannot be searched: trials are compared on the same data",
        ),
        (
            "method: grid\nspace:\n  learning_rate: {low: 1e-5, high: 1e-4}",
            "a grid needs a list of values, and learning_rate has a range",
        ),
        (
            "method: grid\ntrials: 3\nspace:\n  num_train_steps: [1, 2]",
            ":2: a grid tries each combination once; leave 'trials' out",
        ),
        ("method: random\nspace:\n  num_train_steps: [1, 2]", "lacks 'trials', the number of trainings"),
        ("method: random\ntrials: 0\nspace:\n  num_train_steps: [1, 2]", ":2: 'trials' must be a whole number from 1; got 0"),
        ("method: random\ntrials: 3\nspace:\n  num_train_steps: [1, 2]", ":2: 3 trials of 2 combinations; use method: grid"),
        ("method: random\ntrials: 9\nspace:\n  num_train_steps: {low: 1, high: 8}", ":2: 9 trials of 8 combinations"),
        (
            "method: random\ntrials: 3\nreduction: 2\nspace:\n  num_train_steps: [1, 2, 3]",
            ":3: 'reduction' is for method: successive_halving",
        ),
        (
            "method: successive_halving\ntrials: 2\nspace:\n  num_train_steps: [1, 2, 3]",
            ":2: of 2 trials none can be left behind",
        ),
        (
            "method: random\ntrials: 3\nspace:\n  learning_rate: {low: 1e-4, high: 1e-5}",
            ":4: the range of 'learning_rate' must rise",
        ),
        ("method: random\ntrials: 3\nspace:\n  learning_rate: {low: 1e-5}", ":4: the range of 'learning_rate' lacks 'high'"),
        (
            "method: random\ntrials: 3\nspace:\n  learning_rate: {low: 1e-5, hihg: 1}",
            ":4: unknown word 'hihg'. Did you mean 'high'?",
        ),
        (
            "method: random\ntrials: 3\nspace:\n  warmup_proportion: {low: 0, high: 0.1, log: true}",
            ":4: the range of 'warmup_proportion' has no log",
        ),
        (
            "method: random\ntrials: 3\nspace:\n  optimizer_type: {low: 1, high: 2}",
            ":4: 'optimizer_type' is no number, so it has no range",
        ),
        ("method: random\ntrials: 3\nspace:\n  learning_rate: {low: 0, high: 2}", ":4: --learning_rate must be greater than 0"),
        ("method: random\n\ttrials: 3", ":2: not valid YAML"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    with pytest.raises(UserError) as raised:
        read(tmp_path, text)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_flags_are_those_of_the_command(tmp_path):
    text = "method: grid\nspace:\n  max_answer_length: [20, 30]"
    assert read(tmp_path, text, SquadOptions).trials == 2
    with pytest.raises(UserError, match="unknown flag 'max_answer_length'"):
        read(tmp_path, text)


def test_drawn_values_are_spread_as_they_should_be():
    parameters = {
        "a": Parameter("a", low=1e-5, high=1e-1, log=True),
        "b": Parameter("b", low=1, high=4, whole=True),
        "c": Parameter("c", low=1, high=100, log=True, whole=True),
        "d": Parameter("d", ("x", "y")),
        "e": Parameter("e", low=2.0, high=3.0),
    }
    found = drawn(Space("random", 2000, 0, 3, parameters))
    assert found[:50] == drawn(Space("random", 50, 0, 3, parameters))
    assert found[:50] != drawn(Space("random", 50, 1, 3, parameters))
    logarithms = np.log10([one["a"] for one in found])
    assert -5 <= logarithms.min() < -4.98
    assert -1.02 < logarithms.max() <= -1
    assert np.mean(logarithms) == pytest.approx(-3, abs=0.1)
    assert np.mean([one["e"] for one in found]) == pytest.approx(2.5, abs=0.03)
    for name, expected in (("b", dict.fromkeys((1, 2, 3, 4), 0.25)), ("d", {"x": 0.5, "y": 0.5})):
        for value, share in expected.items():
            assert np.mean([one[name] == value for one in found]) == pytest.approx(share, abs=0.04)
    wholes = [one["c"] for one in found]
    assert (min(wholes), max(wholes)) == (1, 100)
    assert np.mean([one == 1 for one in wholes]) == pytest.approx(math.log(3) / math.log(100.5 / 0.5), abs=0.04)


def test_all_drawn_of_few_are_distinct():
    found = drawn(Space("random", 6, 0, 3, {"a": Parameter("a", (1, 2)), "b": Parameter("b", low=1, high=3, whole=True)}))
    assert len({tuple(one.values()) for one in found}) == 6


def test_rounds_of_successive_halving():
    assert rungs(9, 3) == [(1 / 9, 9), (1 / 3, 3), (1.0, 1)]
    assert rungs(8, 2) == [(1 / 8, 8), (1 / 4, 4), (1 / 2, 2), (1.0, 1)]
    assert rungs(5, 3) == [(1 / 3, 5), (1.0, 2)]
