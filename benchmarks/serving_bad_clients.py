"""The server among clients that hang, cut off and send junk: is anything lost, does memory grow, who waits?

    python benchmarks/serving_bad_clients.py --weights=demo_output/weights --minutes=10

Four good clients ask for the vectors of one to eight sentences of SST-2 without a pause, and compare each with the vector of the
same sentence at the start. Beside them, all the time, others send half a request and wait, half a request and go, a whole one and
go before the answer, many and take none of the answers, one and then half of another, bytes that are no HTTP, bodies that are no
JSON, no UTF-8, too large or of a wrong type; and connections are open that say nothing. Every minute the resident memory, open
files and threads of the server are printed, and how long the good clients waited; at the end what was answered, and SIGTERM must
end it with exit code 0.
"""

import argparse
import asyncio
import collections
import csv
import itertools
import json
import os
import pathlib
import random
import socket
import statistics
import sys
import time
from collections.abc import Callable, Coroutine

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np
from peers import http_load

GOOD_CLIENTS, SILENT_CONNECTIONS = 4, 20
CLOSE = 2e-5

Client = Callable[[int, random.Random], Coroutine[None, None, str]]


async def half_and_wait(port: int, draws: random.Random) -> str:
    """Sends a part of a request and waits until the server has enough of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    whole = http_load.request_of(http_load.body_of(["a film"]))
    writer.write(whole[: draws.randrange(1, len(whole))])
    found = await reader.read()
    writer.close()
    return f"half a request, waits: {_status(found)}"


async def half_and_go(port: int, draws: random.Random) -> str:
    """Sends a part of a request and cuts the connection."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    whole = http_load.request_of(http_load.body_of(["a film"] * 8))
    writer.write(whole[: draws.randrange(1, len(whole))])
    await writer.drain()
    writer.transport.abort()
    return "half a request, goes"


async def whole_and_go(port: int, draws: random.Random) -> str:
    """Asks, and does not wait for the answer."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(http_load.request_of(http_load.body_of(["not waited for"] * draws.randrange(1, 9))))
    await writer.drain()
    writer.transport.abort()
    return "a whole request, goes"


async def many_and_deaf(port: int, draws: random.Random) -> str:
    """Asks for more than the buffers of a connection hold and takes nothing, until the server cuts it off."""
    request, loop = http_load.request_of(http_load.body_of(["a film"] * 64)), asyncio.get_running_loop()
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        await loop.sock_connect(deaf, ("127.0.0.1", port))
        ended = time.monotonic() + DEAF_MOST_S
        while time.monotonic() < ended:
            try:
                await asyncio.wait_for(loop.sock_sendall(deaf, request), 1)
            except asyncio.TimeoutError:
                continue
            except ConnectionError:
                return "takes no answers: cut off"
    return "takes no answers: KEPT"


async def one_and_a_half(port: int, draws: random.Random) -> str:
    """Asks, takes the answer, and sends a part of the next head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    whole = http_load.request_of(http_load.body_of(["a film"]))
    writer.write(whole)
    status, _ = await http_load.answer_of(reader)
    writer.write(whole[: draws.randrange(1, 20)])
    found = await reader.read()
    writer.close()
    return f"one and a half: {status}, {_status(found)}"


async def junk(port: int, draws: random.Random) -> str:
    """Sends bytes that are no HTTP."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(draws.randbytes(300) + b"\r\n\r\n")
    found = await reader.read()
    writer.close()
    return f"no HTTP: {_status(found)}"


BODIES = {
    "no JSON": b'{"texts": [',
    "no UTF-8": b'{"texts": ["\xff\xfe"]}',
    "a wrong type": b'{"texts": 7}',
    "an empty text": b'{"texts": ["good", ""]}',
    "too many texts": json.dumps({"texts": ["a"] * 1000}).encode(),
    "half a surrogate pair": b'{"texts": ["\\ud800"]}',
    "too large": b'{"texts": ["' + b"a" * 5_000_000 + b'"]}',
}


async def bad_body(port: int, draws: random.Random) -> str:
    """Sends a request with a body that is refused."""
    what = draws.choice(list(BODIES))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(http_load.request_of(BODIES[what]))
    status, _ = await http_load.answer_of(reader)
    writer.close()
    return f"{what}: {status}"


BAD_CLIENTS: tuple[Client, ...] = (half_and_wait, half_and_go, whole_and_go, one_and_a_half, junk, bad_body)
# These keep the model busy, so that they come seldom; the server cuts them off before their time is over.
DEAF_EVERY_S, DEAF_MOST_S = 15, 90


def _status(found: bytes) -> str:
    return found.split(b" ", 2)[1].decode("ascii", "replace") if found.startswith(b"HTTP/1.1 ") else "closed"


class Load:
    """All clients of a server.

    Args:
      port: of the server.
      sentences: what good clients ask for.
      seconds: how long.
    """

    def __init__(self, port: int, sentences: list[str], seconds: float):
        self._port, self._sentences, self._end = port, sentences, time.monotonic() + seconds
        self._known: dict[str, np.ndarray] = {}
        self.told: collections.Counter[str] = collections.Counter()
        self.lost: list[str] = []
        self._waited: list[float] = []

    async def run(self, minute: Callable[[], str]) -> None:
        """Asks until the time is over; every minute prints what `minute` says."""
        await self._learn()
        silent = [await asyncio.open_connection("127.0.0.1", self._port) for _ in range(SILENT_CONNECTIONS)]
        good = [self._good(number) for number in range(GOOD_CLIENTS)]
        bad = [self._bad(one, number, 0.2) for number, one in enumerate(BAD_CLIENTS)]
        bad.append(self._bad(many_and_deaf, len(bad), DEAF_EVERY_S))
        await asyncio.gather(*good, *bad, self._watch(minute))
        for _, writer in silent:
            writer.close()

    async def _vectors(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, texts: list[str]) -> tuple[int, list]:
        writer.write(http_load.request_of(http_load.body_of(texts)))
        status, body = await http_load.answer_of(reader)
        return status, json.loads(body).get("results", [])

    async def _learn(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for text in self._sentences:
            _, found = await self._vectors(reader, writer, [text])
            self._known[text] = np.array(found[0])
        writer.close()

    async def _good(self, number: int) -> None:
        draws = random.Random(number)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while time.monotonic() < self._end:
            texts = draws.sample(self._sentences, draws.randrange(1, 9))
            start = time.perf_counter()
            try:
                status, found = await self._vectors(reader, writer, texts)
                self._waited.append(time.perf_counter() - start)
            except (OSError, EOFError) as error:
                self.lost.append(f"no answer: {error!r}")
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                continue
            right = status == 200 and len(found) == len(texts)
            right = right and all(np.abs(self._known[text] - vector).max() < CLOSE for text, vector in zip(texts, found))
            self.told["good: right" if right else f"good: WRONG {status}"] += 1
            if not right:
                self.lost.append(f"{status}, {len(found)} vectors of {len(texts)} texts")
        writer.close()

    async def _bad(self, one: Client, number: int, every: float) -> None:
        draws, pending = random.Random(1000 + number), set()
        while time.monotonic() < self._end:
            # Those that hang must not keep the next from coming.
            task = asyncio.create_task(self._told(one, draws))
            pending.add(task)
            task.add_done_callback(pending.discard)
            await asyncio.sleep(every)
        await asyncio.gather(*pending)

    async def _told(self, one: Client, draws: random.Random) -> None:
        try:
            self.told[await one(self._port, draws)] += 1
        except (OSError, EOFError) as error:
            self.told[f"{one.__name__}: {type(error).__name__}"] += 1

    async def _watch(self, minute: Callable[[], str]) -> None:
        while (left := self._end - time.monotonic()) > 0:
            print(f"{minute()}{self._of_good()}", flush=True)
            await asyncio.sleep(min(60, left))
        print(f"{minute()}{self._of_good()}", flush=True)

    def _of_good(self) -> str:
        """What the good clients got since the last time."""
        waited, self._waited = self._waited, []
        if len(waited) < 2:
            return ""
        cuts = [cut * 1000 for cut in statistics.quantiles(waited, n=100, method="inclusive")]
        return f", {len(waited):,} good answers, {cuts[49]:.0f} ms p50, {cuts[98]:.0f} p99, {max(waited) * 1000:.0f} at most"


def state_of(process: int) -> str:
    """Resident memory, open files and threads of a process."""
    folder = pathlib.Path(f"/proc/{process}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    megabytes = int(status["VmRSS"].split()[0]) / 1024
    files, threads = len(list((folder / "fd").iterdir())), status["Threads"].strip()
    return f"{time.strftime('%H:%M:%S')}  {megabytes:.0f} MB, {files} open files, {threads} threads"


def main() -> None:
    """Asks and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="demo_output/weights")
    parser.add_argument("--input_file", default=str(http_load.ROOT.parent / "shared" / "data" / "glue" / "SST-2" / "train.tsv"))
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    if not os.path.isfile(arguments.input_file):
        sys.exit(f"no sentences: there is no {arguments.input_file}; give --input_file")
    with open(arguments.input_file, encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        sentences = sorted({row["sentence"] for row in itertools.islice(rows, 500)})
    server = http_load.Server(http_load.ours(arguments.weights, "--pooling=mean", "--normalize"))
    try:
        load = Load(server.port, sentences, arguments.minutes * 60)
        asyncio.run(load.run(lambda: state_of(server.process.pid)))
    finally:
        server.process.terminate()
        code = server.process.wait()
    for what, number in sorted(load.told.items()):
        print(f"{number:8,}  {what}")
    print(f"lost or wrong: {len(load.lost)}{''.join(f'; {one}' for one in load.lost[:5])}; exit code {code}")


if __name__ == "__main__":
    main()
