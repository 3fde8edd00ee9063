"""What the command refuses before it serves: one line, exit code 2."""

import importlib.util
import socket
import subprocess
import sys

import pytest

from bert_tf2 import cli
from bert_tf2.errors import UserError
from bert_tf2.jobs.serve import job
from bert_tf2.jobs.serve.options import ModelToServe, ServeOptions, models_of, read_keys


def run(*flags: str) -> int:
    return cli.run(job.serve, ServeOptions, "", ["serve", *flags])


@pytest.fixture
def installed(monkeypatch):
    """As if FastAPI were, where it is not: nothing here comes so far as to import it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)


WRONG = [
    ([], "--model is required: a checkpoint, the directory of a training, or an export that takes text"),
    (["--model=a=x", "--model=a=y"], "--model: two models are called 'a'"),
    (["--model=x", "--model=y"], "--model: two models are called 'default'"),
    (["--model=a="], "--model=a= names no path"),
    (["--model=x", "--kind=wrods"], "--kind must be one of vectors, classifier, fill_mask; got 'wrods'"),
    (["--model=x", "--kind=b=vectors"], "--kind=b=vectors: no model is called 'b'; there are default"),
    (["--model=x", "--max_queue=5"], "--max_queue=5 is less than --max_texts=256"),
    (["--model=x", "--pooling=cls", "--long_text=windows"], "--pooling=cls is the vector of one input's first token"),
    (["--model=x", "--port=70000"], "--port must be from 0 to 65535; got 70000"),
    (["--model=x", "--api_key_file=nothing"], "nothing"),
    (["--model=nothing", "--port=0"], "model 'default': --model: no such directory or checkpoint: nothing"),
    (["--model=a=.", "--port=0"], "model 'a': no checkpoint at .; . holds none (it is empty)"),
    (["--model=x", "--host=no.such.host.invalid"], "--host=no.such.host.invalid is no address"),
]


@pytest.mark.parametrize(("flags", "message"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_command_is_one_line(installed, tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    assert run(*flags) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR: ")]
    assert len(lines) == 1
    assert message in lines[0]


def test_a_port_in_use_is_told_before_a_model_is_loaded(installed, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run("--model=nothing", f"--port={port}") == 2
    assert f"--host=127.0.0.1 --port={port} cannot be used: Address already in use" in capsys.readouterr().err


def test_what_is_not_installed_is_named(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert run("--model=x") == 2
    assert "the server needs fastapi, which is not installed: pip install 'bert_tf2[serve]'" in capsys.readouterr().err


def test_models_have_names_and_kinds():
    options = ServeOptions(model=("a=x/y", "./b=c/d", "e.1=gs://f"), kind=("vectors", "a=fill_mask"))
    assert models_of(options) == [
        ModelToServe("a", "x/y", "fill_mask"),
        ModelToServe("default", "./b=c/d", "vectors"),
        ModelToServe("e.1", "gs://f", None),
    ]


def test_keys_are_lines(tmp_path):
    path = tmp_path / "keys"
    path.write_text("one\n\n  two \n")
    assert read_keys(str(path)) == ("one", "two")
    for content, message in ((b"\n", "holds no key"), (b"a b\n", "must be without spaces"), (b"\xff", "must be of ASCII")):
        path.write_bytes(content)
        with pytest.raises(UserError, match=message):
            read_keys(str(path))


def test_only_the_application_knows_fastapi():
    program = (
        "import sys, bert_tf2.api, bert_tf2.jobs.serve.job, bert_tf2.jobs.serve.service\n"
        "assert not {'fastapi', 'uvicorn', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
