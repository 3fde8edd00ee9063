import json
import subprocess
import sys
import time

import numpy as np
import pytest

from bert_tf2 import cli
from bert_tf2.errors import UserError
from bert_tf2.jobs.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint


@pytest.fixture
def source(tmp_path, tiny_config_dict):
    """A TF1 checkpoint with a masked-LM head and its configuration, in a folder."""
    from bert_tf2.models.checkpoints import names
    from bert_tf2.models.checkpoints.source import StoredTensor
    from bert_tf2.models.checkpoints.tf1 import write_tf1

    rng = np.random.default_rng(0)
    tensors = {}
    for weight in (*names.encoder(2), *names.MASKED_LM):
        array = rng.normal(size=[tiny_config_dict[field] for field in weight.shape]).astype(np.float32)
        tensors[weight.name] = StoredTensor(weight.name, array.shape, lambda array=array: array)
    folder = tmp_path / "google"
    folder.mkdir()
    (folder / "bert_config.json").write_text(json.dumps(tiny_config_dict))
    write_tf1(str(folder / "bert_model.ckpt"), tensors)
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
    assert written == ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]
    assert json.loads((tmp_path / "hf" / "tokenizer_config.json").read_text())["do_lower_case"] is False


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
        ({"vocab_file": "vocab.txt"}, "--vocab_file goes into a Hugging Face folder"),
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


def test_a_vocabulary_of_another_size_is_refused(source, tmp_path):
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    with pytest.raises(UserError, match="has 5 entries, the configuration's vocab_size is 86"):
        convert_checkpoint(_options(source, tmp_path, to="huggingface", vocab_file=str(vocabulary)))


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
