"""Compiled code kept on disk: in a directory of its own for each machine, and never half of a file."""

import os
import subprocess
import sys

import pytest

from bert_tf2.errors import UserError
from bert_tf2.training.compiled import cache

_PROGRAM = """
import sys
from bert_tf2.training.compiled.cache import keep_compiled_code
print(keep_compiled_code(sys.argv[1], on_gpu=False))
import tensorflow as tf
step = tf.function(lambda x: tf.reduce_sum(tf.tanh(x) * 3), jit_compile=True)
print(float(step(tf.ones([int(sys.argv[2])]))))
"""


@pytest.fixture
def without_tensorflow(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=0")


def fake_gpu(monkeypatch, directory, model="NVIDIA H200", driver="580.1"):
    (directory / "gpus" / "0").mkdir(parents=True, exist_ok=True)
    (directory / "gpus" / "0" / "information").write_text(f"Model: \t {model}\nGPU UUID: GPU-1\n")
    (directory / "version").write_text(f"NVRM version: {driver}\n")
    monkeypatch.setattr(cache, "_DRIVER", str(directory))


def test_nothing_is_kept_where_nobody_asked_and_no_gpu_is_used(without_tensorflow, monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "_DRIVER", str(tmp_path / "none"))
    assert cache.keep_compiled_code(None, on_gpu=True) is None
    fake_gpu(monkeypatch, tmp_path)
    assert cache.keep_compiled_code(None, on_gpu=False) is None
    assert cache.keep_compiled_code("none", on_gpu=True) is None
    assert os.environ["TF_XLA_FLAGS"] == "--tf_xla_auto_jit=0"


def test_a_gpu_has_the_users_cache(without_tensorflow, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fake_gpu(monkeypatch, tmp_path / "driver")
    path = cache.keep_compiled_code(None, on_gpu=True)
    assert path.startswith(str(tmp_path / "cache" / "bert_tf2"))
    assert os.environ["TF_XLA_FLAGS"] == f"--tf_xla_auto_jit=0 --tf_xla_persistent_cache_directory={path}"


def test_another_card_driver_or_tensorflow_has_another_directory(without_tensorflow, monkeypatch, tmp_path):
    paths = []
    for model, driver, version in [("H200", "1", "2.20"), ("H100", "1", "2.20"), ("H200", "2", "2.20"), ("H200", "1", "2.21")]:
        fake_gpu(monkeypatch, tmp_path / "driver", model, driver)
        monkeypatch.setattr(cache.importlib.metadata, "version", lambda name, version=version: version)
        monkeypatch.setenv("TF_XLA_FLAGS", "")
        paths.append(cache.keep_compiled_code(str(tmp_path / "kept"), on_gpu=True))
    assert len(set(paths)) == 4


def test_a_directory_that_the_user_named_to_tensorflow_stays(without_tensorflow, monkeypatch, tmp_path):
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_persistent_cache_directory=/elsewhere")
    assert cache.keep_compiled_code(str(tmp_path), on_gpu=False) is None
    assert os.environ["TF_XLA_FLAGS"] == "--tf_xla_persistent_cache_directory=/elsewhere"


def test_refusals(without_tensorflow, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--compilation_cache=.*file cannot be written: Not a directory"):
        cache.keep_compiled_code(str(tmp_path / "file"), on_gpu=False)
    with pytest.raises(UserError, match="must be a directory of this machine"):
        cache.keep_compiled_code("gs://bucket/cache", on_gpu=False)
    with pytest.raises(UserError, match="must be a directory without blanks"):
        cache.keep_compiled_code(str(tmp_path / "a b"), on_gpu=False)
    assert os.listdir(tmp_path) == ["file"]
    monkeypatch.setitem(sys.modules, "tensorflow", object())
    with pytest.raises(UserError, match="must be set before TensorFlow is loaded"):
        cache.keep_compiled_code(str(tmp_path), on_gpu=False)


def test_the_oldest_files_go_where_there_is_too_much(without_tensorflow, monkeypatch, tmp_path):
    path = cache.keep_compiled_code(str(tmp_path), on_gpu=False)
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    for number in range(4):
        file = os.path.join(path, f"{number}.pb")
        with open(file, "wb") as opened:
            opened.write(b"\x0a\x08" + bytes(8))
        os.utime(file, (number, number))
    monkeypatch.setattr(cache, "_MOST_BYTES", 25)
    assert cache.keep_compiled_code(str(tmp_path), on_gpu=False) == path
    assert sorted(os.listdir(path)) == ["2.pb", "3.pb"]


def test_what_another_job_writes_is_left_alone(without_tensorflow, monkeypatch, tmp_path):
    path = cache.keep_compiled_code(str(tmp_path), on_gpu=False)
    monkeypatch.setenv("TF_XLA_FLAGS", "")
    for name in ("1.pb", "2.pb.tmp"):
        with open(os.path.join(path, name), "wb") as file:
            file.write(b"\x0a\x08half")
    assert cache.keep_compiled_code(str(tmp_path), on_gpu=False) == path
    assert os.listdir(path) == ["2.pb.tmp"]


@pytest.mark.parametrize(
    ("content", "whole"),
    [(b"", False), (b"\x0a\x03abc\x10\x96\x01", True), (b"\x0a\x03ab", False), (b"\x10\x96", False), (b"\x0f", False)],
)
def test_whole_messages(tmp_path, content, whole):
    (tmp_path / "message").write_bytes(content)
    assert cache.is_whole(str(tmp_path / "message")) is whole


def test_a_second_start_takes_what_the_first_one_kept(tmp_path):
    def start(size):
        environment = {**os.environ, "TF_XLA_FLAGS": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-c", _PROGRAM, str(tmp_path), str(size)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
        path, value = done.stdout.split()
        return {name: os.stat(os.path.join(path, name)).st_mtime_ns for name in os.listdir(path)}, path, value

    first, path, value = start(8)
    assert len(first) == 1
    assert start(8) == (first, path, value)
    assert len(start(9)[0]) == 2
    (name,) = first
    with open(os.path.join(path, name), "r+b") as file:
        file.truncate(200)
    again, _, same = start(8)
    assert same == value
    assert again[name] != first[name]
