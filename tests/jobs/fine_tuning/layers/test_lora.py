"""Fine-tuning of adapters, from the command to what uses the model."""

import json

import numpy as np
import pytest
import tensorflow as tf
from classifier_workplace import Workplace

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.layers.options import check_layers, layers_asked
from bert_tf2.models.checkpoints.formats import open_source
from bert_tf2.models.config import BertConfig

SIZES = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}
LORA = ("--lora_rank=2", "--lora_alpha=4", "--lora_targets=value, query,output")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"init_checkpoint": None}, "--lora_rank=2 needs --init_checkpoint: without it the weights beside the adapters stay"),
        ({"teacher": "x"}, "--lora_rank=2 leaves a student's layers as they are"),
        ({"reinit_layers": 1}, "--lora_rank=2 and --reinit_layers=1: layers that begin at random values would stay so"),
        ({"layerwise_lr_decay": 0.9}, "--lora_rank=2 and --layerwise_lr_decay=0.9: adapters begin alike in all layers"),
        ({"freeze_layers": 3}, "--lora_rank=2 and --freeze_layers=3: the model has 3 layers"),
        ({"lora_rank": 9}, "--lora_rank=9: the kernel of query is 8 by 8; give at most 8"),
        ({"hub_module_trainable": False}, "--lora_rank=2 can do nothing with --hub_module_trainable=false"),
        ({"lora_rank": None, "lora_alpha": 4}, "--lora_alpha=4.0 says how adapters are, and there are none"),
    ],
)
def test_what_cannot_be(flags, message):
    with pytest.raises(UserError) as raised:
        check_layers(ClassifierOptions(**{"lora_rank": 2, "init_checkpoint": "x"} | flags), BertConfig(**SIZES))
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ({"lora_targets": "query,valeu"}, "Did you mean 'value'?"),
        ({"lora_targets": "query,query"}, "must name query once"),
        ({"lora_rank": 0}, "must be at least 1"),
        ({"lora_alpha": 0}, "--lora_alpha"),
    ],
)
def test_values_outside_their_range(flag, message):
    with pytest.raises(UserError) as raised:
        ClassifierOptions(**flag)
    assert message in str(raised.value)


def test_what_is_not_asked_for_identifies_no_run():
    assert layers_asked(ClassifierOptions()) == {}
    beside = {"freeze_layers": 2, "head_learning_rate": 1e-3, "init_checkpoint": "x"}
    check_layers(ClassifierOptions(lora_rank=8, **beside), BertConfig(**SIZES))


@pytest.fixture(scope="module")
def adapted(trained_workplace) -> Workplace:
    """The trained classifier's adapters, trained further on; exported; and what its log said last."""
    place = trained_workplace
    directory = place.directory / "adapted"
    flags = (f"--init_checkpoint={place.model_dir}", f"--model_dir={directory}", *LORA, "--num_train_epochs=1")
    export = f"--model_export_path={place.directory / 'adapted_export'}"
    assert place.run("--mode=train_and_eval", export, *flags) == 0
    return place


def variables_of(directory):
    prefix = tf.train.latest_checkpoint(str(directory))
    names = [name for name, _ in tf.train.list_variables(prefix) if name.startswith("model/") and "OPTIMIZER" not in name]
    return {name: tf.train.load_variable(prefix, name) for name in names}


@pytest.mark.slow
def test_nothing_but_adapters_pooler_and_head_is_trained(adapted):
    before, after = variables_of(adapted.model_dir), variables_of(adapted.directory / "adapted")
    names = {name for name, value in before.items() if value.ndim and not np.array_equal(value, after[name])}
    assert len(names) == 2 * 3 + 2 + 2, names
    own = {name: value for name, value in after.items() if name not in before}
    bases = {name: value for name, value in own.items() if ".Sbase/" in name}
    assert len(own) == 3 * len(bases) == 3 * 2 * 3
    was = [value for value in before.values() if value.ndim > 1]
    for base in bases.values():
        assert any(value.size == base.size and np.array_equal(value.reshape(base.shape), base) for value in was)
    report = (adapted.directory / "adapted" / "report.md").read_text(encoding="utf-8")
    # In each of two layers 16 to 16 twice and 32 to 16; the pooler and the head.
    ours = 2 * 2 * (32 + 32 + 48)
    assert f"{ours + 16 * 16 + 16 + 2 * 16 + 2:,} ({ours:,} of adapters) beside " in report
    assert "lora rank | 2" in report


@pytest.mark.slow
def test_all_that_uses_the_model_uses_the_merged_one(adapted, tmp_path):
    """The scores while training are the adapters', all others those of dense kernels."""
    directory = adapted.directory / "adapted"
    history = [json.loads(line) for line in (directory / "training_history.jsonl").read_text().splitlines()]
    last = [entry for entry in history if entry["kind"] == "eval"][-1]
    scores = files.read_json(str(directory / "eval_results.json"))
    assert last["loss"] == pytest.approx(scores["loss"], abs=1e-6)
    texts = ["the movie was very good", "bad bad movie", "good"]
    expected = [one.probabilities for one in TextClassifier.from_run(str(directory)).predict(texts)]
    exported = TextClassifier.from_saved_model(str(adapted.directory / "adapted_export_text"))
    alone = [one.probabilities for one in exported.predict(texts)]
    np.testing.assert_allclose([list(one.values()) for one in alone], [list(one.values()) for one in expected], atol=1e-5)
    # The adapters alone are the same model, beside what they were trained on.
    assert sum(path.stat().st_size for path in (directory / "lora").glob("*.safetensors")) < 12_000
    outcome = tmp_path / "again"
    flags = ("--mode=eval", f"--init_checkpoint={directory / 'lora'}", f"--model_dir={outcome}", *LORA)
    assert adapted.run(*flags) == 0
    assert files.read_json(str(outcome / "eval_results.json"))["loss"] == pytest.approx(scores["loss"], abs=1e-6)
    for number, path in enumerate((directory / "lora", directory)):
        target = str(tmp_path / f"converted{number}")
        convert_checkpoint(
            ConvertCheckpointOptions(checkpoint_to_convert=str(path), converted_checkpoint_path=target, to="huggingface")
        )
    one, other = (open_source(str(tmp_path / f"converted{number}")) for number in (0, 1))
    assert one.shapes == other.shapes
    for name, tensor in one.tensors.items():
        np.testing.assert_allclose(tensor.read(), other.tensors[name].read(), atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_adapters_beside_another_checkpoint(adapted, tmp_path):
    folder = adapted.directory / "adapted" / "lora"
    values = files.read_json(str(folder / "adapter_config.json"))
    other = tmp_path / "lora"
    other.mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())

    def opened(**changed):
        files.write_json(str(other / "adapter_config.json"), values | changed)
        return open_source(str(other))

    assert opened().notes[-1].startswith("6 of them with adapters beside those of ")
    with pytest.raises(UserError, match=r"cannot be opened .*; write its path there"):
        opened(base_model_name_or_path=str(tmp_path / "nothing"))
    with pytest.raises(UserError, match="use_dora is true; adapters of LoRA are read with false"):
        opened(use_dora=True)
    with pytest.raises(UserError, match="r is 0 and lora_alpha"):
        opened(r=0)
    source = opened(base_model_name_or_path=str(adapted.directory / "adapted"))
    with pytest.raises(UserError, match="is not the checkpoint that the adapters were trained on"):
        [tensor.read() for tensor in source.tensors.values()]
    (other / "adapter_model.safetensors").unlink()
    with pytest.raises(UserError, match="but no adapter_model"):
        opened()


@pytest.mark.slow
def test_killed_and_run_again(adapted, tmp_path, capsys):
    """A run goes on from its checkpoint to the same bits: adapters, moments and merged kernels."""
    flags = (f"--init_checkpoint={adapted.model_dir}", *LORA, "--mode=train", "--keep_checkpoint_max=9", "--deterministic")
    ends = []
    for name, stops in (("whole", (6,)), ("parted", (3, 6))):
        directory = tmp_path / name
        for stop in stops:
            assert adapted.run(*flags, f"--model_dir={directory}", "--num_train_steps=6", "--save_checkpoints_steps=3") == 0
            if stop == 3:
                for path in directory.glob("*ckpt-6*"):
                    path.unlink()
        ends.append(variables_of(directory))
    assert "continuing from step 3" in capsys.readouterr().err
    assert ends[0].keys() == ends[1].keys()
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name], err_msg=name)
    assert adapted.run(*flags, f"--model_dir={tmp_path / 'whole'}", "--num_train_steps=6", "--lora_rank=3") == 2
    assert "lora_rank: 2 there, 3 now" in capsys.readouterr().err.strip().splitlines()[-1]
