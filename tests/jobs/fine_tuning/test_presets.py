"""Published settings: what they stand for, what wins over them, and what a result is set beside."""

import dataclasses

import pytest

from bert_tf2 import cli
from bert_tf2.data.records.metadata import MetaData
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.presets import PRESETS, check_preset, comparison
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions


def settings(options):
    return options.learning_rate, options.train_batch_size, options.num_train_epochs


def test_flags_files_and_python_win_over_a_preset(tmp_path):
    assert settings(ClassifierOptions()) == (5e-5, 32, 3.0)
    assert settings(ClassifierOptions(preset="glue/mrpc")) == (2e-5, 32, 5.0)
    # A value that happens to be the default is given as well.
    assert settings(ClassifierOptions(preset="glue/MRPC", learning_rate=5e-5)) == (5e-5, 32, 5.0)
    (tmp_path / "run.yaml").write_text("num_train_epochs: 1")
    argv = ["run_squad.py", f"--config={tmp_path / 'run.yaml'}", "--preset=squad/v1.1", "--train_batch_size=8"]
    assert settings(cli.parse(SquadOptions, argv)) == (3e-5, 8, 1.0)
    options = ClassifierOptions(preset="glue/MRPC")
    assert settings(dataclasses.replace(options, learning_rate=1e-3)) == (1e-3, 32, 5.0)
    assert dataclasses.replace(options, preset=None).num_train_epochs == 5.0


@pytest.mark.parametrize(
    ("options_class", "name", "message"),
    [
        (ClassifierOptions, "glue/MRCP", "--preset must be one of glue/CoLA, .*; got 'glue/MRCP'. Did you mean 'glue/MRPC'?"),
        (ClassifierOptions, "squad/v1.1", "--preset must be one of glue/CoLA"),
        (SquadOptions, "glue/MRPC", "--preset must be one of squad/v1.1; got 'glue/MRPC'"),
    ],
)
def test_unknown_ones(options_class, name, message):
    with pytest.raises(UserError, match=message):
        options_class(preset=name)


def test_of_the_data():
    data = MetaData(task_type="bert_classification", processor_type="RTE", num_labels=2, max_seq_length=128, sizes={})
    check_preset(None, data)
    check_preset("glue/RTE", data)
    with pytest.raises(UserError, match="--preset=glue/MRPC is of the task MRPC, and the data are RTE's; give --preset=glue/RTE"):
        check_preset("glue/MRPC", data)
    with pytest.raises(UserError, match="and the data are mine's; leave it out"):
        check_preset("glue/MRPC", dataclasses.replace(data, processor_type="mine"))


def test_a_result_stands_beside_published_ones():
    small = comparison("glue/MRPC", {"accuracy": 0.8, "f1": 0.861, "loss": 0.4}, 22_700_000)
    assert "| BERT-Tiny 2 x 128, google-research/bert's README | test | 81.1 |  |" in small
    assert "| BERT-Base cased, Hugging Face's run_glue | dev | 88.85 | 84.07 |" in small
    assert "| **this run**, 22.7 million weights | evaluation | 86.1 | 80.0 |" in small
    assert "BERT-Base has 110 million weights, this model 22.7" in small
    large = comparison("squad/v1.1", {"f1": 88.2, "exact_match": 80.9}, 109_000_000)
    assert "| **this run**, 109.0 million weights | evaluation | 88.2 | 80.9 |" in large
    assert "this model" not in large


def test_every_metric_is_one_that_an_evaluation_of_the_task_has():
    from bert_tf2.tasks.classification.reading.glue import TABLE

    metrics = {dataset.name: dataset.metrics for dataset in TABLE} | {"MNLI": ("accuracy",)}
    for name, preset in PRESETS.items():
        if name.startswith("glue/"):
            known = {"accuracy", *metrics[preset.task]}
            assert {metric for one in preset.published for metric in one.scores} <= known, name
