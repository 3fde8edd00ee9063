"""Models on rows of token ids: what they give, and how long that takes."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.progress import Progress
from bert_tf2.tasks.base import ExampleSet, Task
from bert_tf2.tasks.portable import Portable, Rows
from bert_tf2.training.evaluation import in_file_order

Run = Callable[[Rows], Rows]
"""Computes rows: int32 [R, L] by name to arrays by name."""

TIMED_ROWS = (1, 32)
"""How many rows are timed at once."""

_TIMED_LENGTH = 128
# Seconds that a latency is measured for, and how often at least.
_SECONDS, _FEWEST = 1.0, 3


def original(portable: Portable) -> Run:
    """The model as TensorFlow computes it, in the layers' own forms."""

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 3, autograph=False)
    def outputs(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.device("CPU:0"):
            return portable.outputs(dict(zip(INPUT_NAMES, inputs)))

    return lambda rows: {name: value.numpy() for name, value in outputs(*(rows[name] for name in INPUT_NAMES)).items()}


def without_padding(portable: Portable, outputs: Rows, rows: Rows) -> Rows:
    """The outputs of rows without what a runtime gives for the padding that it needs itself."""
    length = rows[INPUT_NAMES[0]].shape[1]
    return {name: value[:, :length] if name in portable.of_tokens else value for name, value in outputs.items()}


def outcomes(
    task: Task,
    portable: Portable,
    runs: Sequence[Run],
    examples: ExampleSet,
    batch_size: int,
    what: str,
    each: Callable[[Rows, Sequence[Rows]], None] = lambda rows, outputs: None,
) -> list[Any]:
    """What a task makes of the outputs of each of several models for the same records.

    Args: as `collected`, but for the records' being a set of examples.

    Returns:
      `Task.outcome` for each model.
    """
    kept = collected(task, portable, runs, examples.records, batch_size, what, each)
    return [task.outcome(of_one, examples) for of_one in kept]


def collected(
    task: Task,
    portable: Portable,
    runs: Sequence[Run],
    records: RecordSet,
    batch_size: int,
    what: str,
    each: Callable[[Rows, Sequence[Rows]], None] = lambda rows, outputs: None,
) -> list[dict[str, np.ndarray]]:
    """What each of several models predicts for the same records, as `predict_all` collects it.

    Args:
      task: what is computed.
      portable: how rows are made of a batch, and outputs of rows.
      runs: the models.
      records: what is predicted.
      batch_size: examples at a time; changes no result.
      what: what its progress calls it.
      each: is given the rows of every batch, and what each model gives for them.
    """
    order = np.argsort(records.lengths, kind="stable")
    parts: list[dict[str, list[np.ndarray]]] = [{} for _ in runs]
    with Progress(what, len(records), "records") as progress:
        for first in range(0, len(order), batch_size):
            some = order[first : first + batch_size].tolist()
            batch = {name: tf.constant(value) for name, value in records.parse(some).items()}
            rows = portable.rows(batch)
            found = [without_padding(portable, run(rows), rows) for run in runs]
            each(rows, found)
            for outputs, kept in zip(found, parts):
                for name, value in task.predictions(portable.joined(outputs, batch), batch).items():
                    kept.setdefault(name, []).append(np.asarray(value))
            progress.advance(len(some))
    return [{name: in_file_order(values, order) for name, values in kept.items()} for kept in parts]


def made_up_rows(drawn: np.random.Generator, rows: int, length: int, vocab_size: int, types: int) -> Rows:
    """Rows of random ids, the later ones shorter and padded."""
    sizes = np.maximum(length - np.arange(rows) % max(length // 2, 1), 2)[:, np.newaxis]
    places = np.arange(length)[np.newaxis]
    mask = (places < sizes).astype(np.int32)
    ids = drawn.integers(0, vocab_size, (rows, length)).astype(np.int32) * mask
    second = (places >= sizes // 2).astype(np.int32) * mask * (types > 1)
    return dict(zip(INPUT_NAMES, (ids, mask, second)))


def latency(run: Run, rows: Rows) -> float:
    """Seconds that these rows take, the median of several calls behind a first one."""
    run(rows)
    taken: list[float] = []
    until = time.perf_counter() + _SECONDS
    while len(taken) < _FEWEST or time.perf_counter() < until:
        before = time.perf_counter()
        run(rows)
        taken.append(time.perf_counter() - before)
    return statistics.median(taken)


def size_of(path: str) -> int:
    """Of a file, or of all files in a directory, in bytes."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def timed_length(length: int | None, longest: int) -> int:
    """How many tokens the rows have whose time is measured.

    Args:
      length: of all rows of the model; None for any.
      longest: of the training's rows.
    """
    return length or min(longest, _TIMED_LENGTH)
