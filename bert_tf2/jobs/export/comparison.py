"""Original and export on the same rows: outputs, metric, speed."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.jobs.trained.differences import Differences
from bert_tf2.jobs.trained.running import Run, made_up_rows, outcomes, without_padding
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.tasks.base import ExampleSet, Task
from bert_tf2.tasks.portable import Portable, Rows

# Rows of made-up ids, where there are no records, and the length of those of any length.
_MADE_UP, _USUAL_LENGTH = 32, 128


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


def on_examples(task: Task, portable: Portable, ours: Run, theirs: Run, examples: ExampleSet, batch_size: int) -> Comparison:
    """Evaluates both on records.

    Args:
      task: what is computed and scored.
      portable: how rows are made of a batch, and outputs of rows.
      ours, theirs: original and export.
      examples: labelled ones.
      batch_size: examples at a time; changes no result.
    """
    differences = Differences(portable.of_tokens)
    both = outcomes(
        task,
        portable,
        (ours, theirs),
        examples,
        batch_size,
        "checking the export",
        lambda rows, outputs: differences.add(rows, *outputs),
    )
    scores = [task.scores(outcome, examples) for outcome in both]
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


def calibration_rows(portable: Portable, records: RecordSet, number: int, length: int | None) -> Callable[[], Iterator[Rows]]:
    """What gives the rows of records evenly spread over all, one record at a time, padded to `length` where it is given."""

    def rows() -> Iterator[Rows]:
        for record in records.spread(number):
            found = portable.rows({name: tf.constant(value) for name, value in records.parse([record]).items()})
            missing = 0 if length is None else length - found[INPUT_NAMES[0]].shape[1]
            yield {name: np.pad(values, [(0, 0), (0, missing)]) for name, values in found.items()}

    return rows
