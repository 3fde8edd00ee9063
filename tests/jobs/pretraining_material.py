"""What the tests of create_pretraining_data share: a text, a command line, and ways to run it."""

import os
import pathlib
import subprocess
import sys

import numpy as np

from bert_tf2 import cli
from bert_tf2.jobs.pretraining.data import PretrainingDataOptions, create_pretraining_data

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COMMAND = str(ROOT / "data_prep" / "create_pretraining_data.py")
WORDS = ["the", "movie", "was", "good", "bad", "very", "house", "tree", "unbelievable", "old", "red", "river", "it", "rained"]


def write_text(path: pathlib.Path, documents: int = 300, seed: int = 0) -> str:
    """Documents of one to nine sentences; with two blank lines between them they are documents in every format."""
    draws = np.random.default_rng(seed)
    lines = []
    for _ in range(documents):
        for _ in range(draws.integers(1, 10)):
            lines.append(" ".join(WORDS[i] for i in draws.integers(0, len(WORDS), draws.integers(2, 15))) + " .")
        lines += ["", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def arguments(input_file: str, vocab_file: str, output: pathlib.Path, /, **flags) -> list[str]:
    """A command line; records go to `output`."""
    given = {
        "input_file": input_file,
        "vocab_file": vocab_file,
        "output_file": str(output / "train-*.tfrecord"),
        "num_shards": 7,
        "max_seq_length": 48,
        "max_predictions_per_seq": 8,
        "dupe_factor": 2,
    } | flags
    return [COMMAND, *(f"--{name}={value}" for name, value in given.items() if value is not None)]


def run(argv: list[str]) -> int:
    """Runs the command in this process; returns its exit code."""
    return cli.run(create_pretraining_data, PretrainingDataOptions, "", argv)


def start(argv: list[str], **options) -> subprocess.Popen:
    """Starts the command as a process."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    # An installed package of another checkout does not stand in the way.
    return subprocess.Popen([sys.executable, *argv], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, **pipes)


def contents(directory: pathlib.Path) -> dict[str, bytes]:
    """All files of a directory."""
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}
