"""The client of a server, against one that answers what it is told to."""

import http.server
import json
import threading

import numpy as np
import pytest

from bert_tf2.api import VectorClient, vector_client
from bert_tf2.errors import JobError, UserError

BUSY = (429, {"error": "too many texts wait"}, {"Retry-After": "1"})
STOPPING = (503, {"error": "stopping"}, {})


class Told(http.server.ThreadingHTTPServer):
    """Gives its answers one after the other, then vectors of the texts' lengths."""

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.asked = list(answers), []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body, self.headers.get("Authorization")))
        vectors = [[len(text), 0.5] for text in body["texts"]]
        status, answer, headers = self.server.answers.pop(0) if self.server.answers else (200, {"results": vectors}, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def pauses(monkeypatch):
    """How long the client would have slept."""
    found = []
    monkeypatch.setattr(vector_client.time, "sleep", found.append)
    monkeypatch.setattr(vector_client.random, "uniform", lambda low, high: high)
    return found


@pytest.fixture
def told():
    servers = []

    def start(*answers) -> Told:
        servers.append(Told(*answers))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_many_texts_go_in_parts(told):
    server = told()
    client = VectorClient(server.url + "/", "m", api_key="k", batch_size=2)
    vectors = client.encode(["a", "bb", "ccc", ("d", "e"), "fffff"])
    np.testing.assert_array_equal(vectors, np.float32([[1, 0.5], [2, 0.5], [3, 0.5], [2, 0.5], [5, 0.5]]))
    assert vectors.dtype == np.float32
    assert [(path, body["texts"], body["model"], key) for path, body, key in server.asked] == [
        ("/encode", ["a", "bb"], "m", "Bearer k"),
        ("/encode", ["ccc", ["d", "e"]], "m", "Bearer k"),
        ("/encode", ["fffff"], "m", "Bearer k"),
    ]
    np.testing.assert_array_equal(client.encode("abc"), np.float32([3, 0.5]))


def test_a_busy_server_is_asked_again(told, pauses):
    server = told(BUSY, STOPPING, STOPPING)
    assert VectorClient(server.url).encode(["a"]).shape == (1, 2)
    assert len(server.asked) == 4
    # What the server says, then twice as long each time.
    assert pauses == [1.0, 0.2, 0.4]
    server = told(*[BUSY] * 3)
    with pytest.raises(JobError, match=r"gave no answer in 3 tries \(429: too many texts wait\)"):
        VectorClient(server.url, retries=2).encode(["a"])
    assert len(server.asked) == 3


def test_a_server_that_is_not_there_is_asked_again(told, pauses):
    server = told()
    server.shutdown()
    server.server_close()
    with pytest.raises(JobError, match=r"gave no answer in 3 tries \(.*refused"):
        VectorClient(server.url, retries=2).encode(["a"])
    assert pauses == [0.1, 0.2]


def test_a_refusal_is_told_at_once(told, pauses):
    server = told((400, {"error": "texts[0]: empty text"}, {}), (500, {"error": "the model failed"}, {}), (404, b"<html>", {}))
    client = VectorClient(server.url)
    with pytest.raises(UserError, match=r"the server refuses \(400\): texts\[0\]: empty text"):
        client.encode([""])
    with pytest.raises(JobError, match=r"\(500\): the model failed"):
        client.encode(["a"])
    with pytest.raises(UserError, match=r"\(404\): Not Found"):
        client.encode(["a"])
    server.answers.append((200, b"hello", {}))
    with pytest.raises(JobError, match="something else than JSON"):
        client.encode(["a"])
    assert (len(server.asked), pauses) == (4, [])


def test_what_cannot_be_asked():
    for url in ("127.0.0.1:8000", "ftp://x", "http://"):
        with pytest.raises(UserError, match="the server's address must be like"):
            VectorClient(url)
    with pytest.raises(UserError, match="no texts"):
        VectorClient("http://127.0.0.1:1").encode([])
    with pytest.raises(ValueError, match="batch_size"):
        VectorClient("http://127.0.0.1:1", batch_size=0)
