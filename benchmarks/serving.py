"""The server with batches of several requests, the same with a text at a time, and sentence-transformers, in turn.

    python benchmarks/serving.py --weights=demo_output/weights --sentence_transformers_python=/path/to/python

The sentences are the first of SST-2's training file (`../shared/data/glue/SST-2`, or `--input_file`, a column `sentence`). A
client sends one sentence, waits for its vector (mean pooling, length 1), and sends the next; 1, 8 and 64 of them do so at once.
sentence-transformers answers behind the same FastAPI and uvicorn (`peers/sentence_server.py`). A process for each turn; nothing
is asserted. The server's processor time for a request changes less than its speed when the machine does other things.
"""

import argparse
import asyncio
import csv
import itertools
import os
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import http_load

ALONE, BATCHES, PEER = "one at a time", "batches", "sentence-transformers"
CLIENTS = (1, 8, 64)
WARM_UP = 200


def commands(weights: str, peer_python: str | None) -> dict[str, list[str]]:
    """What each side runs."""
    flags = ["--pooling=mean", "--normalize", "--max_seq_length=128"]
    found = {BATCHES: http_load.ours(weights, *flags), ALONE: http_load.ours(weights, *flags, "--max_batch_size=1")}
    if peer_python:
        found[PEER] = [peer_python, str(http_load.ROOT / "benchmarks" / "peers" / "sentence_server.py"), weights]
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="demo_output/weights")
    parser.add_argument("--input_file", default=str(http_load.ROOT.parent / "shared" / "data" / "glue" / "SST-2" / "train.tsv"))
    parser.add_argument("--requests", type=int, default=1000, help="for each number of clients and each turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--sentence_transformers_python", help="a Python that has sentence-transformers, FastAPI and uvicorn")
    arguments = parser.parse_args()
    if not os.path.isfile(arguments.input_file):
        sys.exit(f"no sentences: there is no {arguments.input_file}; give --input_file")
    with open(arguments.input_file, encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        sentences = [row["sentence"] for row in itertools.islice(rows, arguments.requests)]
    sides = commands(arguments.weights, arguments.sentence_transformers_python)
    if PEER not in sides:
        print(f"SKIPPED: {PEER}; give a Python that has it with --sentence_transformers_python")
    speeds: dict[tuple[str, int], list[float]] = {(side, clients): [] for side in sides for clients in CLIENTS}
    latencies: dict[tuple[str, int], list[float]] = {key: [] for key in speeds}
    costs: dict[tuple[str, int], list[float]] = {key: [] for key in speeds}
    for _ in range(arguments.turns):
        for side, command in sides.items():
            with http_load.Server(command) as server:
                asyncio.run(http_load.load(server.port, sentences, 8, WARM_UP))
                for clients in CLIENTS:
                    before = server.cpu_seconds()
                    speed, seconds = asyncio.run(http_load.load(server.port, sentences, clients, arguments.requests))
                    costs[side, clients].append((server.cpu_seconds() - before) / arguments.requests)
                    speeds[side, clients].append(speed)
                    latencies[side, clients] += seconds
    print(f"load of the machine: {os.getloadavg()[0]:.1f}; {os.cpu_count()} cores")
    print(
        f"| clients | | requests/s | p50, ms | p95, ms | p99, ms | times '{ALONE}' | CPU, ms |\n|---|---|---|---|---|---|---|---|"
    )
    for clients in CLIENTS:
        for side in sides:
            speed = statistics.median(speeds[side, clients])
            cuts = [cut * 1000 for cut in statistics.quantiles(latencies[side, clients], n=100)]
            share = speed / statistics.median(speeds[ALONE, clients])
            waited, cost = (f"{cuts[place]:.1f}" for place in (49, 94, 98)), statistics.median(costs[side, clients]) * 1000
            print(f"| {clients} | {side} | {speed:.0f} | {' | '.join(waited)} | {share:.2f} | {cost:.1f} |")


if __name__ == "__main__":
    main()
