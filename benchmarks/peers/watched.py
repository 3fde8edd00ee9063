"""What the drivers of bert_tf2 share: its training steps, each waited for and measured."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import measure
import numpy as np

from bert_tf2.data.batches.pipeline import Padding
from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.training.train_step import LoopResult, TrainStep


def watch_lengths() -> list[int]:
    """The lengths of all batches from now on, in order; the list grows as they are made."""
    lengths, size = [], Padding.size

    def watched_size(self: Padding, axis: str, sizes: np.ndarray) -> int:
        padded = size(self, axis, sizes)
        if axis == TOKENS:
            lengths.append(padded)
        return padded

    Padding.size = watched_size
    return lengths


def watch_steps(batch_size: int, length: int | None = None) -> measure.Steps:
    """The training steps from now on; each is waited for, as Keras, the garden's loop and PyTorch do in these benchmarks.

    Args:
      batch_size: rows of a step.
      length: of all rows; None where every batch has its own.
    """
    steps, lengths, run = measure.Steps(), watch_lengths(), TrainStep.run

    def watched_run(self: TrainStep, *arguments: object) -> LoopResult:
        result = run(self, *arguments)
        float(result.loss_sum)
        steps.ended(batch_size * (lengths.pop(0) if length is None else length))
        return result

    TrainStep.run = watched_run
    return steps
