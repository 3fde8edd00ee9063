"""The server with batches of several requests beside the same server with one text at a time, in turn, a process for each turn.

    python benchmarks/serving.py --weights=demo_output/weights

The sentences are the first of SST-2's training file (`../shared/data/glue/SST-2`, or `--input_file`, a column `sentence`). A
client sends one sentence, waits for its vector, and sends the next; 1, 8 and 64 of them do so at a time. Nothing is asserted.
"""

import argparse
import asyncio
import csv
import itertools
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIDES: dict[str, list[str]] = {"batches": [], "one at a time": ["--max_batch_size=1"]}
CLIENTS = (1, 8, 64)
WARM_UP = 200


class Server:
    """The command on a free port."""

    def __init__(self, weights: str, flags: list[str]):
        command = [sys.executable, "-m", "bert_tf2.serve", f"--model={weights}", "--port=0", *flags]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path})
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        if not found:
            sys.exit(f"the server did not start: {line}")
        self.port = int(found[1])

    def __enter__(self) -> int:
        return self.port

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


async def client(port: int, bodies: "itertools.cycle[bytes]", until: int, counter: "itertools.count[int]") -> list[float]:
    """Asks on one connection until so many requests were sent by all clients; the seconds of each of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seconds = []
    while next(counter) < until:
        body = next(bodies)
        start = time.perf_counter()
        writer.write(b"POST /encode HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if length is None:
            sys.exit(f"the server told no length: {head!r}")
        await reader.readexactly(int(length[1]))
        if not head.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"the server answers {head!r}")
        seconds.append(time.perf_counter() - start)
    writer.close()
    return seconds


async def load(port: int, sentences: list[str], clients: int, requests: int) -> tuple[float, list[float]]:
    """Requests per second, and the seconds of each."""
    bodies = itertools.cycle(json.dumps({"texts": [sentence]}).encode() for sentence in sentences)
    counter, start = itertools.count(), time.perf_counter()
    found = await asyncio.gather(*(client(port, bodies, requests, counter) for _ in range(clients)))
    return requests / (time.perf_counter() - start), [one for seconds in found for one in seconds]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="demo_output/weights")
    parser.add_argument("--input_file", default=str(ROOT.parent / "shared" / "data" / "glue" / "SST-2" / "train.tsv"))
    parser.add_argument("--requests", type=int, default=1000, help="for each number of clients and each turn")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    if not os.path.isfile(arguments.input_file):
        sys.exit(f"no sentences: there is no {arguments.input_file}; give --input_file")
    with open(arguments.input_file, encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        sentences = [row["sentence"] for row in itertools.islice(rows, arguments.requests)]
    speeds: dict[tuple[str, int], list[float]] = {(side, clients): [] for side in SIDES for clients in CLIENTS}
    latencies: dict[tuple[str, int], list[float]] = {key: [] for key in speeds}
    for _ in range(arguments.turns):
        for side, flags in SIDES.items():
            with Server(arguments.weights, flags) as port:
                asyncio.run(load(port, sentences, 8, WARM_UP))
                for clients in CLIENTS:
                    speed, seconds = asyncio.run(load(port, sentences, clients, arguments.requests))
                    speeds[side, clients].append(speed)
                    latencies[side, clients] += seconds
    print(f"load of the machine: {os.getloadavg()[0]:.1f}; {os.cpu_count()} cores")
    print("| clients | | requests/s | p50, ms | p95, ms | times as many |\n|---|---|---|---|---|---|")
    for clients in CLIENTS:
        for side in SIDES:
            share = statistics.median(speeds[side, clients]) / statistics.median(speeds["one at a time", clients])
            cuts = statistics.quantiles(latencies[side, clients], n=100)
            speed = statistics.median(speeds[side, clients])
            print(f"| {clients} | {side} | {speed:.0f} | {cuts[49] * 1000:.1f} | {cuts[94] * 1000:.1f} | {share:.2f} |")


if __name__ == "__main__":
    main()
