"""Original and export on the same rows: outputs, metric, speed."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator

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

# Rows of made-up ids, where there are no records, and the length of those of any length.
_MADE_UP, _USUAL_LENGTH = 32, 128
# Seconds that a latency is measured for, and how often at least.
_SECONDS, _FEWEST = 1.0, 3


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
      largest: the largest difference of any output, and the largest magnitude of the original's.
      rows: how many rows of outputs were compared.
      scores: of original and export, by metric; None without records.
    """

    largest: float
    magnitude: float
    rows: int
    scores: tuple[dict[str, float], dict[str, float]] | None = None


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


class Differences:
    """The largest difference of outputs, where there are tokens.

    Args:
      of_tokens: see `Portable`.
    """

    def __init__(self, of_tokens: frozenset[str]) -> None:
        self._of_tokens = of_tokens
        self.largest, self.magnitude, self.rows = 0.0, 0.0, 0

    def add(self, rows: Rows, ours: Rows, theirs: Rows) -> None:
        """Compares the outputs of some rows; what a padded place gives is nobody's."""
        is_token = rows["input_mask"] > 0
        self.rows += len(is_token)
        for name, value in ours.items():
            one, other = (found[is_token] if name in self._of_tokens else found for found in (value, theirs[name]))
            if one.size:
                difference = float(np.abs(one.astype(np.float64) - other).max())
                self.largest = float("inf") if np.isnan(difference) else max(self.largest, difference)
                self.magnitude = max(self.magnitude, float(np.abs(one).max()))


def on_examples(task: Task, portable: Portable, ours: Run, theirs: Run, examples: ExampleSet, batch_size: int) -> Comparison:
    """Evaluates both on records.

    Args:
      task: what is computed and scored.
      portable: how rows are made of a batch, and outputs of rows.
      ours, theirs: original and export.
      examples: labelled ones.
      batch_size: examples at a time; changes no result.
    """
    records, differences = examples.records, Differences(portable.of_tokens)
    order = np.argsort(records.lengths, kind="stable")
    collected: tuple[dict[str, list], dict[str, list]] = ({}, {})
    with Progress("checking the export", len(records), "records") as progress:
        for first in range(0, len(order), batch_size):
            some = order[first : first + batch_size].tolist()
            batch = {name: tf.constant(value) for name, value in records.parse(some).items()}
            rows = portable.rows(batch)
            found = ours(rows), without_padding(portable, theirs(rows), rows)
            differences.add(rows, *found)
            for outputs, kept in zip(found, collected):
                predictions = task.predictions(portable.joined(outputs, batch), batch)
                for name, value in predictions.items():
                    kept.setdefault(name, []).append(np.asarray(value))
            progress.advance(len(some))
    scores = []
    for kept in collected:
        outcome = task.outcome({name: in_file_order(parts, order) for name, parts in kept.items()}, examples)
        scores.append(task.scores(outcome, examples))
    return Comparison(differences.largest, differences.magnitude, differences.rows, (scores[0], scores[1]))


def on_made_up_rows(
    portable: Portable, ours: Run, theirs: Run, vocab_size: int, types: int, length: int | None, longest: int
) -> Comparison:
    """Compares the outputs of token ids that mean nothing.

    Args:
      portable: see `on_examples`.
      ours, theirs: original and export.
      vocab_size: how many ids there are.
      types: how many types of tokens.
      length: of all rows; None for several.
      longest: no row is longer.
    """
    drawn, differences = np.random.default_rng(0), Differences(portable.of_tokens)
    for some in np.array_split(np.arange(_MADE_UP), 4):
        long = length or int(drawn.integers(2, min(longest, _USUAL_LENGTH) + 1))
        rows = made_up_rows(drawn, len(some), long, vocab_size, types)
        differences.add(rows, ours(rows), without_padding(portable, theirs(rows), rows))
    return Comparison(differences.largest, differences.magnitude, differences.rows)


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


def calibration_rows(portable: Portable, records: RecordSet, number: int, length: int | None) -> Callable[[], Iterator[Rows]]:
    """What gives the rows of records evenly spread over all, one record at a time, padded to `length` where it is given."""

    def rows() -> Iterator[Rows]:
        for record in records.spread(number):
            found = portable.rows({name: tf.constant(value) for name, value in records.parse([record]).items()})
            missing = 0 if length is None else length - found[INPUT_NAMES[0]].shape[1]
            yield {name: np.pad(values, [(0, 0), (0, missing)]) for name, values in found.items()}

    return rows
