"""Two servers of a tiny model: one as it is by default, one that has a short queue and a key."""

import pathlib

import pytest
from server_process import Server
from vector_material import Model, make_model

KEY = "a-long-secret"


@pytest.fixture(scope="session")
def served_model(tmp_path_factory, tiny_vocabulary) -> Model:
    return make_model(tmp_path_factory.mktemp("served"), tiny_vocabulary)


@pytest.fixture(scope="module")
def server(served_model, tmp_path_factory):
    """With a model under two names, and small limits."""
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'bert_tf2[serve]'")
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'bert_tf2[serve]'")
    flags = ["--max_texts=40", "--max_characters=200", "--max_body_bytes=20000", "--body_timeout_s=2"]
    server = Server(
        tmp_path_factory.mktemp("server"), f"--model={served_model.folder}", f"--model=b={served_model.folder}", *flags
    )
    yield server
    server.stop()


@pytest.fixture(scope="module")
def narrow_server(served_model, tmp_path_factory):
    """That waits long for a whole batch, has place for one more text than fits into it, and wants a key."""
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'bert_tf2[serve]'")
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'bert_tf2[serve]'")
    directory: pathlib.Path = tmp_path_factory.mktemp("narrow")
    (directory / "keys").write_text(f"another\n{KEY}\n")
    flags = ["--max_batch_size=100", "--max_wait_ms=1500", "--max_queue=3", "--max_texts=3", "--api_key_file=keys"]
    server = Server(directory, f"--model={served_model.folder}", *flags)
    yield server
    server.stop()
