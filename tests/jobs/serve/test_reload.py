"""A model is replaced while it is asked."""

import concurrent.futures
import signal
import threading
import time

import numpy as np
import pytest
from server_process import Server
from vector_material import make_model

from bert_tf2.api import TextEncoder, VectorClient

TEXTS = ["the movie was good", "bad"]


def wait_for(server: Server, condition) -> None:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition(), server.messages


def test_a_new_version_comes_without_a_lost_request(served_model, tiny_vocabulary, tmp_path):
    pytest.importorskip("fastapi", reason="needs FastAPI: pip install 'bert_tf2[serve]'")
    pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'bert_tf2[serve]'")
    other = make_model(tmp_path / "other", tiny_vocabulary, seed=9)
    former, new = (TextEncoder.from_checkpoint(str(model.folder)).encode(TEXTS) for model in (served_model, other))
    link = tmp_path / "model"
    link.symlink_to(served_model.folder)
    server = Server(tmp_path, f"--model={link}")
    try:
        ended = threading.Event()

        def ask() -> list[np.ndarray]:
            client, found = VectorClient(server.url, retries=0), []
            while not ended.is_set():
                found.append(client.encode(TEXTS))
            return found

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask) for _ in range(4)]
            try:
                link.unlink()
                link.symlink_to(other.folder)
                server.process.send_signal(signal.SIGHUP)
                wait_for(server, lambda: server.ask("/v1/models/default")[1]["model_version_status"][0]["version"] == "2")
            finally:
                ended.set()
            for one in asking:
                # Never a mixture, and never the former one again.
                found = [np.allclose(vectors, new, atol=1e-5) for vectors in one.result()]
                assert found == sorted(found)
                assert all(
                    np.allclose(vectors, new if is_new else former, atol=1e-5) for vectors, is_new in zip(one.result(), found)
                )
        np.testing.assert_allclose(VectorClient(server.url).encode(TEXTS), new, atol=1e-5)
        # One that cannot be loaded changes nothing.
        link.unlink()
        server.process.send_signal(signal.SIGHUP)
        wait_for(server, lambda: "model 'default' stays as it was: " in server.messages)
        np.testing.assert_allclose(VectorClient(server.url).encode(TEXTS), new, atol=1e-5)
        assert server.stop() == 0
        assert "Traceback" not in server.messages
    finally:
        server.stop()
