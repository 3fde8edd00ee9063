"""A server in a process of its own: right answers, each to whom it belongs, and one line for everything that is wrong."""

import concurrent.futures
import contextlib
import json
import re
import socket
import threading
import time

import numpy as np
import pytest

from bert_tf2.api import TextEncoder, VectorClient
from bert_tf2.errors import JobError, UserError

KEY = {"Authorization": "Bearer a-long-secret"}
TEXTS = ["the movie was good", "the movie was very very bad !", "good", "a movie , the movie", "very good , very bad"]
LONG = "good " * 41


@pytest.fixture(scope="module")
def encoder(served_model) -> TextEncoder:
    return TextEncoder.from_checkpoint(str(served_model.folder))


def test_vectors_are_those_of_the_library(server, encoder):
    expected = encoder.encode([*TEXTS, ("good", "bad")])
    status, answer, _ = server.ask("/encode", {"id": "x", "texts": [*TEXTS, ["good", "bad"]]})
    assert (status, answer["id"], answer["status"]) == (200, "x", 200)
    np.testing.assert_allclose(np.float32(answer["results"]), expected, atol=1e-5)
    instances = [*TEXTS, {"text": "good", "text_b": "bad"}]
    for name in ("default", "b"):
        status, answer, _ = server.ask(
            f"/v1/models/{name}:predict", {"signature_name": "serving_default", "instances": instances}
        )
        assert status == 200
        np.testing.assert_allclose(np.float32(answer["predictions"]), expected, atol=1e-5)
    np.testing.assert_allclose(VectorClient(server.url, batch_size=2).encode(TEXTS), expected[:-1], atol=1e-5)
    assert VectorClient(server.url, "b").encode("good").shape == expected[0].shape


def test_tokens_are_taken_as_they_are(server, encoder):
    tokens = [encoder.tokenizer.tokenize("very goodness"), ["good", "no such token"]]
    found = VectorClient(server.url).encode(tokens, is_tokenized=True)
    np.testing.assert_allclose(found[0], encoder.encode("very goodness"), atol=1e-5)
    np.testing.assert_allclose(found[1], encoder.encode("good 你"), atol=1e-5)


def test_each_of_many_gets_its_own(server, encoder):
    asked = [[f"good movie {one} {other}" for other in range(one % 4 + 1)] for one in range(60)]
    client = VectorClient(server.url)
    before = server.ask("/metrics")[1]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        found = list(pool.map(client.encode, asked))
    for texts, vectors in zip(asked, found):
        np.testing.assert_allclose(vectors, encoder.encode(texts), atol=1e-5)
    after = server.ask("/metrics")[1]
    texts, batches, requests = (
        number(after, name) - number(before, name)
        for name in (
            'bert_tf2_texts_total{model="default"}',
            'bert_tf2_batch_texts_count{model="default"}',
            'bert_tf2_requests_total{path="encode",status="200"}',
        )
    )
    assert (texts, requests) == (sum(map(len, asked)), len(asked))
    # Several requests went through the model together.
    assert 0 < batches < requests


def number(page: str, name: str) -> float:
    """A metric's value."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.M)
    return float(found[1]) if found else 0.0


def raw(value) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


ENCODE, PREDICT = "/encode", "/v1/models/default:predict"
WRONG = [
    (ENCODE, b"", 400, "the body is not JSON"),
    (ENCODE, b'{"texts": ["a"', 400, "the body is not JSON: .* in line 1, column 15"),
    (ENCODE, b'{"texts": ["\xff"]}', 400, "the body is not UTF-8: byte 13 is 0xFF"),
    (ENCODE, b"[" * 9000, 400, "JSON that is too deep"),
    (ENCODE, b'{"id": 1e999, "texts": ["a"]}', 400, "'id' is a number that is not finite"),
    (ENCODE, ["a"], 400, "the body must be a JSON object; got a list of 1"),
    (ENCODE, {"id": 1}, 400, "the key 'texts' is missing"),
    (ENCODE, {"textz": ["a"]}, 400, "there is no key 'textz'. Did you mean 'texts'?"),
    (ENCODE, {"texts": "a"}, 400, "'texts' must be a list; got a text"),
    (ENCODE, {"texts": []}, 400, "'texts' is an empty list"),
    (ENCODE, {"texts": ["a", 7]}, 400, r"texts\[1\]: must be a text, a list of two, or .*; got a number"),
    (ENCODE, {"texts": ["a", None]}, 400, r"texts\[1\]: .*got null"),
    (ENCODE, {"texts": ["a", "b", ["a", "b", "c"]]}, 400, r"texts\[2\]: .*got a list of 3"),
    (ENCODE, {"texts": ["a", "  "]}, 400, r"texts\[1\]: empty text"),
    (ENCODE, b'{"texts": ["a", "b\\ud800"]}', 400, r"texts\[1\]: character 1 is half of a surrogate pair"),
    (ENCODE, {"texts": ["a", LONG]}, 400, r"texts\[1\]: has 205 characters, more than the 200"),
    (ENCODE, {"texts": ["a"] * 41}, 400, "'texts' holds 41, more than the 40"),
    (PREDICT, {"instances": ["a"] * 3000}, 400, "'instances' holds 3,000, more than the 40"),
    (ENCODE, {"texts": ["a"] * 10_000}, 413, "the body is larger than 20,000 bytes"),
    (ENCODE, {"texts": ["a"], "id": ["x"]}, 400, "'id' must be a text or a number; got a list of 1"),
    (ENCODE, {"texts": ["a"], "is_tokenized": True}, 400, r"texts\[0\] must be a list of tokens"),
    (ENCODE, {"texts": ["a"], "is_tokenized": "yes"}, 400, "'is_tokenized' must be true or false"),
    (ENCODE, {"texts": ["a"], "model": "c"}, 404, "no such model; there are default, b"),
    (ENCODE, b"x" * 20001, 413, "the body is larger than 20,000 bytes"),
    (ENCODE, b"x" * 10_000_000, 413, "the body is larger than 20,000 bytes"),
    (PREDICT, {"instances": ["a", {"text": "a", "texts": "b"}]}, 400, r"instances\[1\]: there is no key 'texts'"),
    (PREDICT, {"instances": ["a", {"text_b": "b"}]}, 400, r"instances\[1\]: the key 'text' is missing"),
    (PREDICT, {"instances": ["a"], "signature_name": "x"}, 400, "'signature_name' must be serving_default"),
    ("/v1/models/nothing:predict", {"instances": ["a"]}, 404, "no such model; there are default, b"),
    ("/nothing", {"instances": ["a"]}, 404, "there is nothing here"),
    ("/status", {"instances": ["a"]}, 405, "not with this method"),
]


@pytest.mark.parametrize(("path", "body", "status", "message"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_said_in_one_line(server, path, body, status, message):
    found, answer, _ = server.ask(path, raw(body))
    assert (found, list(answer)) == (status, ["error"])
    assert re.search(message, answer["error"]), answer
    assert "\n" not in answer["error"]
    assert "/" not in answer["error"].replace("/openapi.json", "")


def test_the_server_says_what_it_is(server):
    status, about, _ = server.ask("/status")
    assert (status, about["status"]) == (200, "ok")
    assert [(model["name"], model["kind"], model["dimension"]) for model in about["models"]] == [
        ("default", "vectors", 16),
        ("b", "vectors", 16),
    ]
    assert server.ask("/v1/models/b")[1]["model_version_status"][0]["state"] == "AVAILABLE"
    assert server.ask("/v1/models/c")[0] == 404
    paths = server.ask("/openapi.json")[1]["paths"]
    assert set(paths) == {"/status", "/metrics", "/v1/models/{name}", "/encode", "/v1/models/{name}:predict"}
    assert server.ask("/docs")[0] == 404
    # Nothing names a place of this machine.
    assert "/tmp" not in json.dumps(about)


def test_the_page_needs_nothing_from_elsewhere(server):
    status, page, headers = server.ask("/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert headers["content-security-policy"].startswith("default-src 'none';")
    assert not re.search(r"https?://|src=|@import|<link", page)


def test_slow_and_silent_clients_hold_up_nobody(server):
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
    silent[0].sendall(b"POST /encode HT")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as junk:
        junk.sendall(bytes(range(256)) * 10)
        assert junk.recv(4096).startswith(b"HTTP/1.1 400 ")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as slow:
        slow.sendall(b"POST /encode HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n{")
        assert server.ask(ENCODE, {"texts": ["good"]})[0] == 200
        assert slow.recv(4096).startswith(b"HTTP/1.1 408 ")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as cut:
        cut.sendall(b"POST /encode HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n{")
    for one in silent:
        # Closed by the server, without a word.
        one.settimeout(30)
        assert one.recv(10) == b""
        one.close()
    assert server.ask(ENCODE, {"texts": ["good"]})[0] == 200
    assert "Traceback" not in server.messages


def test_who_has_asked_once_cannot_hang_either(server):
    request = http_request(json.dumps({"texts": TEXTS * 8}).encode())
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as slow:
        slow.sendall(request)
        answer = slow.recv(1 << 20)
        assert answer.startswith(b"HTTP/1.1 200 ")
        slow.settimeout(0.3)
        # A head that comes byte by byte does not live on each of them.
        for byte in request:
            try:
                slow.sendall(bytes([byte]))
                if not slow.recv(1 << 20):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("the server waits for ever")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.settimeout(1)
        # Nothing of the answers is taken, so that they stay in the server, which cuts it off.
        with pytest.raises(ConnectionError):
            ask_for_ever(deaf, request)
    assert server.ask(ENCODE, {"texts": ["good"]})[0] == 200
    assert "Traceback" not in server.messages


def ask_for_ever(connection: socket.socket, request: bytes) -> None:
    ended = time.monotonic() + 60
    while time.monotonic() < ended:
        with contextlib.suppress(TimeoutError):
            connection.sendall(request)


def http_request(body: bytes) -> bytes:
    return b"POST /encode HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_a_key_is_wanted(narrow_server):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic a-long-secret"}, {"Authorization": "Bearer"}):
        status, answer, names = narrow_server.ask("/status", headers=headers)
        assert (status, names["www-authenticate"]) == (401, "Bearer")
        assert answer["error"].startswith("the header 'Authorization: Bearer KEY'")
    assert narrow_server.ask("/status", headers=KEY)[0] == 200
    assert narrow_server.ask("/")[0] == 200
    with pytest.raises(UserError, match="the server refuses \\(401\\)"):
        VectorClient(narrow_server.url).encode("good")
    assert VectorClient(narrow_server.url, api_key="another").status()["status"] == "ok"


def waiting(server, texts: list[str]) -> tuple[threading.Thread, list]:
    """Asks in a thread, whose answer comes into the list; returns when the server has the texts in its queue."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(server.ask("/encode", {"texts": texts}, KEY)))
    thread.start()
    deadline = time.monotonic() + 30
    while server.ask("/status", headers=KEY)[1]["models"][0]["waiting"] < len(texts) and time.monotonic() < deadline:
        time.sleep(0.01)
    return thread, answers


def test_a_full_queue_refuses_and_the_client_asks_again(narrow_server, encoder):
    thread, answers = waiting(narrow_server, TEXTS[:2])
    # The two do not fit beside them: none of them is taken.
    status, answer, headers = narrow_server.ask("/encode", {"texts": TEXTS[2:4]}, KEY)
    assert (status, headers["retry-after"].isdecimal()) == (429, True)
    assert answer["error"].startswith("too many texts wait")
    with pytest.raises(JobError, match=r"gave no answer in 1 tries \(429: too many texts wait"):
        VectorClient(narrow_server.url, api_key="another", retries=0).encode(TEXTS[2:4])
    found = VectorClient(narrow_server.url, api_key="another", retries=9).encode(TEXTS[2:4])
    np.testing.assert_allclose(found, encoder.encode(TEXTS[2:4]), atol=1e-5)
    thread.join()
    np.testing.assert_allclose(np.float32(answers[0][1]["results"]), encoder.encode(TEXTS[:2]), atol=1e-5)


def test_sigterm_answers_what_was_accepted(narrow_server, encoder):
    """The last test of this server."""
    thread, answers = waiting(narrow_server, TEXTS[:2])
    narrow_server.terminate()
    deadline = time.monotonic() + 30
    while (found := narrow_server.ask("/encode", {"texts": ["good"]}, KEY))[0] == 429 and time.monotonic() < deadline:
        time.sleep(0.01)
    if found[0] == 200:
        pytest.fail("a request after SIGTERM was answered")
    assert (found[0], found[1]["error"]) == (503, "the server is stopping; ask again later")
    thread.join()
    status, answer, _ = answers[0]
    assert status == 200
    np.testing.assert_allclose(np.float32(answer["results"]), encoder.encode(TEXTS[:2]), atol=1e-5)
    assert narrow_server.stop() == 0
    assert "Traceback" not in narrow_server.messages
