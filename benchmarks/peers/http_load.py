"""A server process on a free port, and clients that ask it for vectors."""

import asyncio
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Server:
    """A command that tells its address, `http://127.0.0.1:PORT/`, in the first line that it prints.

    Args:
      command: what is run; this project can be imported in it.
    """

    def __init__(self, command: list[str]):
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path})
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if not found:
            sys.exit(f"the server did not start: {line}")
        self.port = int(found[1])

    def cpu_seconds(self) -> float:
        """Processor time that it has used so far, over all threads."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def ours(weights: str, *flags: str) -> list[str]:
    """The command of our server."""
    return [sys.executable, "-m", "bert_tf2.serve", f"--model={weights}", "--port=0", *flags]


def body_of(texts: list[str]) -> bytes:
    """What is asked of `/encode`."""
    return json.dumps({"texts": texts}).encode()


def request_of(body: bytes) -> bytes:
    """The bytes of a request."""
    head = f"POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer on a connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length is None:
        sys.exit(f"the server told no length: {head!r}")
    return int(head.split(b" ", 2)[1]), await reader.readexactly(int(length[1]))


async def ask_in_turn(port: int, bodies: "itertools.cycle[bytes]", until: int, counter: "itertools.count[int]") -> list[float]:
    """Asks on one connection until so many requests were sent by all clients; the seconds of each of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seconds = []
    while next(counter) < until:
        request = request_of(next(bodies))
        start = time.perf_counter()
        writer.write(request)
        status, body = await answer_of(reader)
        if status != 200:
            sys.exit(f"the server answers {status}: {body[:200]!r}")
        seconds.append(time.perf_counter() - start)
    writer.close()
    return seconds


async def load(port: int, sentences: list[str], clients: int, requests: int) -> tuple[float, list[float]]:
    """Requests per second, a sentence each, and the seconds of each."""
    bodies = itertools.cycle(body_of([sentence]) for sentence in sentences)
    counter, start = itertools.count(), time.perf_counter()
    found = await asyncio.gather(*(ask_in_turn(port, bodies, requests, counter) for _ in range(clients)))
    return requests / (time.perf_counter() - start), [one for seconds in found for one in seconds]
