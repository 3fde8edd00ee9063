import json
import pathlib
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from bert_tf2 import cli
from bert_tf2.errors import UserError
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
from bert_tf2.models.families.base import families


def _tensors(config, *heads):
    """Random weights of an encoder of a configuration and of heads; a classifier's of three classes."""
    from bert_tf2.models.checkpoints.source import StoredTensor
    from bert_tf2.models.config import BertConfig
    from bert_tf2.models.families import names
    from bert_tf2.models.families.bert.family import WEIGHTS

    rng, tensors, sizes = np.random.default_rng(0), {}, BertConfig.from_dict(config)
    for weight in (*WEIGHTS.encoder(2), *(weight for head in heads for weight in names.HEADS[head].weights)):
        array = rng.normal(size=[3 if field is None else getattr(sizes, field) for field in weight.shape]).astype(np.float32)
        tensors[weight.name] = StoredTensor(weight.name, array.shape, lambda array=array: array)
    return tensors


@pytest.fixture
def source(tmp_path, tiny_config_dict):
    """A TF1 checkpoint with a masked-LM head and its configuration, in a folder."""
    from bert_tf2.models.checkpoints.tf1 import write_tf1

    folder = tmp_path / "google"
    folder.mkdir()
    (folder / "bert_config.json").write_text(json.dumps(tiny_config_dict))
    write_tf1(str(folder / "bert_model.ckpt"), _tensors(tiny_config_dict, "masked_lm"), families.get("bert"))
    return folder


def _run(*arguments):
    return cli.run(convert_checkpoint, ConvertCheckpointOptions, "Converts.", ["convert", *arguments])


def test_one_line_says_what_was_written_and_one_how_to_use_it(source, tmp_path, capsys):
    target = tmp_path / "converted" / "bert_model.ckpt"
    code = _run(f"--checkpoint_to_convert={source}/bert_model.ckpt", f"--converted_checkpoint_path={target}")
    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    written = f"wrote {target} (TF2 object checkpoint, pretrainer)"
    assert lines[0].startswith(f"{written} from {source}/bert_model.ckpt (TF1 checkpoint)")
    assert lines[0].endswith("44 tensors, read back and equal bit for bit")
    assert lines[1] == f"use it with: --init_checkpoint={target} --bert_config_file={target.parent}/bert_config.json"


def test_the_flags_of_the_gardens_converter_work(source, tmp_path, capsys):
    target = tmp_path / "bert_model.ckpt"
    code = _run(
        f"--bert_config_file={source}/bert_config.json",
        f"--checkpoint_to_convert={source}/bert_model.ckpt",
        f"--converted_checkpoint_path={target}",
        "--checkpoint_model_name=model",
        "--converted_model=encoder",
    )
    assert code == 0
    assert "left out 5 tensors that a tf2 encoder does not hold: cls/predictions/" in capsys.readouterr().out
    import tensorflow as tf

    keys = [name for name, _ in tf.train.list_variables(str(target)) if not name.startswith("_")]
    assert all(key.startswith("model/layer_with_weights-") for key in keys)


def test_a_configuration_of_another_model_is_left_alone(source, tmp_path, tiny_config_dict, capsys):
    other = json.dumps(tiny_config_dict | {"hidden_act": "relu"})
    (tmp_path / "bert_config.json").write_text(other)
    assert _run(f"--checkpoint_to_convert={source}", f"--converted_checkpoint_path={tmp_path}/ckpt", "--to=tf1") == 0
    assert (tmp_path / "bert_config.json").read_text() == other
    captured = capsys.readouterr()
    assert "is of another model and was left as it is" in captured.err
    assert captured.out.endswith(f"--bert_config_file={source}/bert_config.json\n")


def test_a_hugging_face_folder_gets_the_vocabulary(source, tmp_path, tiny_vocab_file):
    arguments = [f"--checkpoint_to_convert={source}", f"--converted_checkpoint_path={tmp_path}/hf", "--to=HuggingFace"]
    assert _run(*arguments, f"--vocab_file={tiny_vocab_file}", "--nodo_lower_case") == 0
    written = sorted(path.name for path in (tmp_path / "hf").iterdir())
    tokenizer = ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]
    assert written == ["config.json", "model.safetensors", *tokenizer]
    assert json.loads((tmp_path / "hf" / "tokenizer_config.json").read_text())["do_lower_case"] is False


def test_a_hugging_face_folder_takes_the_vocabulary_beside_the_source(source, tmp_path, tiny_vocab_file):
    (source / "vocab.txt").write_text(pathlib.Path(tiny_vocab_file).read_text())
    (source / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert _run(f"--checkpoint_to_convert={source}", f"--converted_checkpoint_path={tmp_path}/hf", "--to=huggingface") == 0
    assert (tmp_path / "hf" / "vocab.txt").read_bytes() == (source / "vocab.txt").read_bytes()
    assert json.loads((tmp_path / "hf" / "tokenizer_config.json").read_text())["do_lower_case"] is False
    assert json.loads((tmp_path / "hf" / "tokenizer.json").read_text())["normalizer"]["lowercase"] is False


@pytest.fixture
def published(request, tmp_path, tiny_config_dict, tiny_vocab_file):
    """A Hugging Face folder of a cased classifier with named labels; a parameter is its problem type."""
    from bert_tf2.models.checkpoints.convert import convert
    from bert_tf2.models.checkpoints.source import Source
    from bert_tf2.models.config import BertConfig
    from bert_tf2.text.wordpiece import WordPieceTokenizer

    source = Source("tf1", "memory", _tensors(tiny_config_dict, "classifier"))
    folder, tokenizer = tmp_path / "published", WordPieceTokenizer(tiny_vocab_file, False)
    labels = ["neutral", "très bon", "mauvais"]
    facts = {"tokenizer": tokenizer, "label_names": labels, "problem_type": getattr(request, "param", None)}
    convert(source, BertConfig(**tiny_config_dict), str(folder), "huggingface", **facts)
    return folder


@pytest.mark.parametrize(
    ("published", "to", "task_type"),
    [
        (None, "tf2", "bert_classification"),
        (None, "tf1", "bert_classification"),
        ("multi_label_classification", "tf2", "bert_multi_label"),
    ],
    indirect=["published"],
)
def test_labels_and_vocabulary_come_back_from_a_journey(published, tmp_path, to, task_type, capsys):
    there = ["--checkpoint_to_convert", str(published), "--converted_checkpoint_path", f"{tmp_path}/ours/bert_model.ckpt"]
    assert _run(*there, f"--to={to}") == 0
    beside = {"bert_config.json", "vocab.txt", "tokenizer_config.json", "meta_data.json"}
    assert {path.name for path in (tmp_path / "ours").iterdir() if not path.name.startswith("bert_model.ckpt")} == beside
    assert json.loads((tmp_path / "ours" / "meta_data.json").read_text())["task_type"] == task_type
    back = ["--checkpoint_to_convert", f"{tmp_path}/ours/bert_model.ckpt", "--converted_checkpoint_path", f"{tmp_path}/back"]
    assert _run(*back, "--to=huggingface") == 0
    for path in published.iterdir():
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes(), path.name
    assert "WARNING" not in capsys.readouterr().err


def test_byte_level_bpe_comes_back_from_a_journey(byte_level_folder, tmp_path, tiny_config_dict):
    from bert_tf2.models.checkpoints.convert import convert
    from bert_tf2.models.checkpoints.source import Source
    from bert_tf2.models.config import BertConfig
    from bert_tf2.text.tokenizer import load_tokenizer

    config, tokenizer = tiny_config_dict | {"vocab_size": 500}, load_tokenizer(vocab_file=byte_level_folder)
    source, published = Source("tf1", "memory", _tensors(config, "classifier")), tmp_path / "published"
    convert(source, BertConfig(**config), str(published), "huggingface", tokenizer=tokenizer, label_names=["a", "b", "c"])
    there = ["--checkpoint_to_convert", str(published), "--converted_checkpoint_path", f"{tmp_path}/ours/bert_model.ckpt"]
    assert _run(*there, "--to=tf2") == 0
    assert {"vocab.json", "merges.txt", "tokenizer_config.json"} <= {path.name for path in (tmp_path / "ours").iterdir()}
    back = ["--checkpoint_to_convert", f"{tmp_path}/ours/bert_model.ckpt", "--converted_checkpoint_path", f"{tmp_path}/back"]
    assert _run(*back, "--to=huggingface") == 0
    for name in ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        assert (tmp_path / "back" / name).read_bytes() == (published / name).read_bytes(), name


def test_files_of_others_beside_the_target_are_left(published, tmp_path, capsys):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "vocab.txt").write_text("mine")
    assert _run(f"--checkpoint_to_convert={published}", f"--converted_checkpoint_path={tmp_path}/ours/ckpt") == 0
    assert (tmp_path / "ours" / "vocab.txt").read_text() == "mine"
    assert "vocab.txt is there already and was left as it is" in capsys.readouterr().err


def test_the_directory_of_a_run_gives_all_that_is_needed(workplace, tmp_path):
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    arguments = [f"--checkpoint_to_convert={workplace.model_dir}", f"--converted_checkpoint_path={tmp_path}/hf"]
    assert _run(*arguments, "--to=huggingface") == 0
    assert (tmp_path / "hf" / "vocab.txt").read_text() == pathlib.Path(workplace.vocab_file).read_text()
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert config["id2label"] == {"0": "negative", "1": "positive"}
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert json.loads((tmp_path / "hf" / "tokenizer_config.json").read_text())["do_lower_case"] is True


def _options(source, tmp_path, **changes):
    given = {"checkpoint_to_convert": f"{source}/bert_model.ckpt", "converted_checkpoint_path": f"{tmp_path}/out"}
    return ConvertCheckpointOptions(**(given | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"checkpoint_to_convert": None}, "--checkpoint_to_convert is required"),
        ({"converted_checkpoint_path": None}, "--converted_checkpoint_path is required"),
        (
            {"converted_checkpoint_path": "somewhere/"},
            "file name without .index, for example somewhere/bert_model.ckpt",
        ),
        ({"converted_checkpoint_path": "a.index"}, "must be a file name"),
        ({"bert_config_file": "nowhere.json"}, "--bert_config_file: no such file"),
        ({"vocab_file": "nowhere.txt"}, "--vocab_file: no such file"),
        ({"to": "huggingface"}, "--to=huggingface needs the model's vocabulary, .* give it with --vocab_file=vocab.txt"),
        ({"converted_model": "span"}, "needs a span head"),
        ({"checkpoint_to_convert": "nothing/here"}, "no checkpoint at nothing/here"),
    ],
)
def test_mistakes_are_answered_before_anything_is_written(source, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        convert_checkpoint(_options(source, tmp_path, **changes))
    assert not (tmp_path / "out.index").exists()


def test_a_configuration_is_needed(source, tmp_path):
    (source / "bert_config.json").unlink()
    with pytest.raises(UserError, match=r"--bert_config_file is required: there is no bert_config\.json or config\.json in"):
        convert_checkpoint(_options(source, tmp_path))


def test_a_vocabulary_that_is_longer_than_the_table_is_refused(source, tmp_path, tiny_vocabulary):
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("\n".join([*tiny_vocabulary, "more"]))
    with pytest.raises(UserError, match="has 87 entries, the configuration's vocab_size is only 86"):
        convert_checkpoint(_options(source, tmp_path, to="huggingface", vocab_file=str(vocabulary)))
    # Tables are padded, published ones too.
    vocabulary.write_text("\n".join(tiny_vocabulary[:-1]))
    assert convert_checkpoint(_options(source, tmp_path, to="huggingface", vocab_file=str(vocabulary)))


@pytest.mark.parametrize("to", ["tf2", "tf1", "huggingface"])
def test_a_full_disk_is_one_line_and_leaves_nothing(source, tmp_path, to, tiny_vocab_file, capsys):
    """A limit on the size of files stands for a full disk."""
    former, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    target = tmp_path / "out" / "converted"
    arguments = [f"--checkpoint_to_convert={source}", f"--converted_checkpoint_path={target}", f"--to={to}"]
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, former[1]))
        assert _run(*arguments, f"--vocab_file={tiny_vocab_file}") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, handler)
    captured = capsys.readouterr()
    assert f"ERROR: cannot write {target}: " in captured.err
    assert "wrote" not in captured.out
    assert list(target.parent.iterdir()) == []


def test_help_does_not_import_tensorflow():
    start = time.monotonic()
    program = """
import runpy, sys
sys.argv = ["convert_checkpoint", "--help"]
try:
    runpy.run_module("bert_tf2.convert_checkpoint", run_name="__main__")
except SystemExit:
    assert "tensorflow" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "--checkpoint_to_convert" in done.stdout
    # The promise is 0.7 s on an idle machine.
    assert time.monotonic() - start < 5
