"""Losses as they come: checked to be finite, averaged, and told to the terminal, the history and TensorBoard."""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from bert_tf2.data.pipeline import Plan, Records
from bert_tf2.errors import NonFiniteLossError
from bert_tf2.tasks.base import Task
from bert_tf2.training.history import History
from bert_tf2.training.optimization import Optimizer
from bert_tf2.training.progress import Progress, Summaries
from bert_tf2.training.train_step import LoopResult, measure_names

_SHOWN_EXAMPLES, _SHOWN_PLACES = 16, 2
TOKENS = "tokens"
"""The measure that is told as a rate."""


class Measurements:
    """Collects what the steps give and fetches it from the device only when it is looked at.

    Args:
      task: knows what its measures mean.
      optimizer: knows the learning rate.
      plan: knows the examples of a step.
      records: know their ids.
      history: kept in the run's directory.
      summaries: TensorBoard scalars.
      progress: the terminal.
    """

    def __init__(
        self,
        task: Task,
        optimizer: Optimizer,
        plan: Plan,
        records: Records,
        history: History,
        summaries: Summaries,
        progress: Progress,
    ):
        self._task, self._optimizer, self._plan, self._records = task, optimizer, plan, records
        self._history, self._summaries, self._progress = history, summaries, progress
        self._unchecked: list[LoopResult] = []
        self._unreported: list[LoopResult] = []

    def add(self, result: LoopResult) -> None:
        """Takes the result of some steps without waiting for it."""
        self._unchecked.append(result)
        self._unreported.append(result)

    def check_finite(self, last_checkpoint: Callable[[], str | None]) -> None:
        """Waits for all steps so far.

        Args:
          last_checkpoint: names the newest checkpoint for the message.

        Raises:
          NonFiniteLossError: the loss or the gradient of a step is nan or infinite.
        """
        bad = next((int(step) for step in (result.first_bad_step.numpy() for result in self._unchecked) if step >= 0), None)
        self._unchecked.clear()
        if bad is None:
            return
        last = last_checkpoint()
        kept = f"the last good checkpoint is {last}" if last else "no checkpoint was written yet"
        raise NonFiniteLossError(
            f"the loss or its gradient is not finite at step {bad + 1} (learning rate {self._learning_rate(bad):.3g}, "
            f"examples {self._example_ids(bad)}); {kept}. Lower --learning_rate, raise the warm-up, or look at these examples"
        )

    def report(self, step: int) -> None:
        """Reports the mean loss of the steps since the last report."""
        steps = sum(result.steps for result in self._unreported)
        if steps == 0:
            return
        loss = float(np.sum([result.loss_sum.numpy() for result in self._unreported], dtype=np.float64)) / steps
        norm = float(self._unreported[-1].gradient_norm.numpy())
        sums = self._sums()
        self._unreported.clear()
        rate = self._progress.rate(step)
        # A skipped float16 step does not move the schedule, so the optimizer's own count decides.
        learning_rate = self._learning_rate(max(int(self._optimizer.iterations.numpy()) - 1, 0))
        values = {"loss": loss, "learning_rate": learning_rate, "examples_per_second": rate}
        metrics = self._task.metrics_of_sums(sums) if sums else {}
        if TOKENS in sums:
            values["tokens_per_second"] = rate * sums[TOKENS] / (steps * self._plan.batch_size)
        values |= metrics
        self._progress.report(step, loss, learning_rate, rate, values.get("tokens_per_second"), metrics)
        self._history.add("train", step, values)
        self._summaries.write("train", step, {**values, "gradient_norm": norm} if math.isfinite(norm) else values)
        self._progress.restart_clock(step)

    def _sums(self) -> dict[str, float]:
        """The task's measures, summed over the steps that are not reported yet."""
        names = measure_names(self._task)
        if not names:
            return {}
        sums = np.sum([result.measures.numpy() for result in self._unreported], axis=0, dtype=np.float64)
        return dict(zip(names, sums.tolist()))

    def _example_ids(self, step: int) -> str:
        rows, shown = self._plan.rows(step), _SHOWN_EXAMPLES
        if any(spec.key == "example_id" for spec in self._records.specs):
            ids = [str(number) for number in self._records.parse(rows)["example_id"]]
        else:
            ids, shown = [self._records.location(int(row)) for row in rows], _SHOWN_PLACES
        return ", ".join(ids[:shown]) + (", …" if len(ids) > shown else "")

    def _learning_rate(self, step: int) -> float:
        rate = getattr(self._optimizer, "inner_optimizer", self._optimizer).learning_rate
        return float(rate(step)) if callable(rate) and not isinstance(rate, tf.Variable) else float(rate)
