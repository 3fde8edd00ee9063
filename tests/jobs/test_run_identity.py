"""What a run may change when it is resumed: the options that say so where they are declared, and no other."""

import dataclasses

import pytest

from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.jobs.training.training_setup import run_identity
from bert_tf2.models.config import BertConfig

CONFIG = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, vocab_size=10)


def identity(**given):
    options = TrainingOptions(**given)
    return run_identity(options, seed=options.seed if options.seed is not None else 7, config=CONFIG, data={"sha256": "00"})


@pytest.mark.parametrize(
    "given",
    [
        {"model_dir": "elsewhere"},
        {"num_gpus": 0, "distribution_strategy": "off"},
        {"steps_per_loop": 10, "save_checkpoints_steps": 50, "log_steps": 3},
        {"load_checkpoint": "best", "model_export_path": "export"},
        {"bert_config_file": "another_name_of_the_same.json"},
        {"explicit_allreduce": True, "scale_loss": True},
        {"seed": 7},
        {"micro_batch_size": "auto", "recompute": True},
    ],
    ids=lambda given: "-".join(given),
)
def test_what_decides_no_weights_may_change(given):
    assert identity(**given) == identity()


@pytest.mark.parametrize(
    "given",
    [
        {"learning_rate": 1e-3},
        {"train_batch_size": 8},
        {"num_train_epochs": 2.0},
        {"dtype": "bf16"},
        {"enable_xla": True},
        {"init_checkpoint": "weights"},
        {"micro_batch_size": "8"},
        {"seed": 8},
    ],
    ids=lambda given: "-".join(given),
)
def test_what_decides_them_may_not(given):
    assert identity(**given) != identity()


def test_every_other_option_is_noted():
    """An option that nobody thought of is taken to decide the result."""
    noted = set(identity())
    fields = dataclasses.fields(TrainingOptions)
    free = {field.name for field in fields if field.metadata["option"].may_change}
    assert noted == {field.name for field in fields} - free | {"bert_config", "data"}
