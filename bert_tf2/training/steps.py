"""The steps of a run one after the other: their batches, their graph, and what of it is compiled on the way."""

import contextlib
import math
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from bert_tf2.data.batches.pipeline import Padding, Records, distributed_batches
from bert_tf2.data.batches.plans import Plan
from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.tasks.base import Batch
from bert_tf2.training.memory.micro_batches import MicroBatches
from bert_tf2.training.reporting.progress import TrainingProgress
from bert_tf2.training.train_step import LoopResult, TrainStep


class Steps:
    """Runs the steps of a training.

    Args:
      train_step: runs steps on batches.
      strategy: where the model lives.
      records: the training records.
      plan: which rows each step takes.
      padding: the lengths of batches, fitted to the records.
      micro_batches: in how many parts they go through the model.
      progress: is told what is compiled.
    """

    def __init__(
        self,
        train_step: TrainStep,
        strategy: tf.distribute.Strategy,
        records: Records,
        plan: Plan,
        padding: Padding,
        micro_batches: MicroBatches,
        progress: TrainingProgress,
    ):
        self._train_step, self._strategy, self._micro_batches = train_step, strategy, micro_batches
        self._records, self._plan, self._padding, self._progress = records, plan, padding, progress
        self._iterator: Iterator[Batch] | None = None
        self._compiled: set[int] = set()
        self._parts = self._largest = 0

    def begin(self, step: int, taken: bool = False) -> None:
        """To be called before steps are run from another one on than where the last call ended.

        Args:
          step: the next one.
          taken: the variables hold what is to be gone on from, since something else has written them.
        """
        self._parts, self._compiled, self._largest = self._micro_batches.parts(step), set(), 0
        self._train_step.divide(self._parts)
        if taken:
            self._train_step.take()
        # The former one is let go first, with what it has read ahead.
        self._iterator = None
        self._iterator = iter(distributed_batches(self._strategy, self._records, self._plan, step, self._padding, self._parts))

    def run(self, first_step: int, steps: int) -> tuple[LoopResult, bool]:
        """Runs some steps, which all go through the model in as many parts.

        Args:
          first_step: where the last call ended, or `begin` said.
          steps: how many.

        Returns:
          What the steps gave, and whether something was compiled.

        Raises:
          tf.errors.OpError: they failed; what the variables hold is not known.
        """
        if self._parts != self._micro_batches.parts(first_step):
            self.begin(first_step)
        assert self._iterator is not None, "`begin` made it"
        anew = self._lengths(first_step, steps) - self._compiled
        with self._progress.doing(self._told(anew)) if anew else contextlib.nullcontext():
            result = self._train_step.run(self._iterator, first_step, steps)
            if anew:
                # Looking at the loss waits for the device; so the compilation stays out of the rate.
                float(result.loss_sum)
        self._compiled |= anew
        if self._micro_batches.may_halve:
            self._largest = max(self._largest, self._size(first_step, steps))
        return result, bool(anew)

    def need_more_memory(self, first_step: int, steps: int) -> bool:
        """Whether a batch of these steps is larger than those before it that went through the model in as many parts."""
        return self._parts != self._micro_batches.parts(first_step) or self._size(first_step, steps) > self._largest

    def make_room(self) -> None:
        """To be called before something else writes the model's and the optimizer's variables."""
        self._train_step.make_room()

    def give(self, moments: bool) -> None:
        """Brings the model's variables up to date, and if `moments` the optimizer's."""
        self._train_step.give(moments)

    def _size(self, first_step: int, steps: int) -> int:
        """Rows times padded sizes of the largest batch of some steps."""
        plan, padding, divided = self._plan, self._padding, self._strategy.num_replicas_in_sync * self._parts

        def size(rows: np.ndarray) -> int:
            sizes = self._records.sizes_of(rows).items()
            padded = math.prod(padding.size(axis, of_rows) for axis, of_rows in sizes)
            return padded * padding.rows(len(rows), plan.batch_size, divided)

        return max(size(plan.rows(step)) for step in range(first_step, first_step + steps))

    def _lengths(self, first_step: int, steps: int) -> set[int]:
        """For which numbers of tokens steps are compiled; one, whatever it is, where a step takes any number."""
        if not self._padding.lengths:
            return {0}
        rows = (self._plan.rows(step) for step in range(first_step, first_step + steps))
        return {self._padding.size(TOKENS, self._records.sizes_of(some)[TOKENS]) for some in rows}

    def _told(self, anew: set[int]) -> str:
        if not self._padding.lengths:
            return "compiling the training step"
        numbers = ", ".join(map(str, sorted(anew)))
        so_far = f"{len(self._compiled) + len(anew)} of {len(self._padding.lengths)} lengths"
        return f"compiling the training step for {numbers} tokens ({so_far})"
