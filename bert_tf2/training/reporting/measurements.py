"""Losses as they come: checked to be finite, averaged, and told to the terminal, the history and TensorBoard."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from bert_tf2.data.batches.pipeline import Records
from bert_tf2.data.batches.plans import Plan
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.errors import NonFiniteLossError
from bert_tf2.tasks.base import Task
from bert_tf2.training.gradients import measure_names
from bert_tf2.training.optimization import Optimizer
from bert_tf2.training.reporting.history import POINT, History
from bert_tf2.training.reporting.progress import ScalarWriter, TrainingProgress
from bert_tf2.training.reporting.work import WORK, speeds
from bert_tf2.training.train_step import LoopResult

_SHOWN_EXAMPLES, _SHOWN_PLACES = 16, 2
CURVE_POINTS = 100
"""The loss curve has about so many points, or one for every step of a shorter training."""


@dataclasses.dataclass
class _Sums:
    """Over some steps: their number, the losses, the task's measures and the work; the last gradient's norm."""

    steps: int = 0
    loss: float = 0.0
    gradient_norm: float = math.nan
    measures: np.ndarray | float = 0.0
    work: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(len(WORK)))

    def add(self, steps: int, loss: float, gradient_norm: float, measures: np.ndarray, work: np.ndarray) -> None:
        self.steps, self.loss, self.gradient_norm = self.steps + steps, self.loss + loss, gradient_norm
        self.measures, self.work = self.measures + measures.astype(np.float64), self.work + work.astype(np.float64)


class Measurements:
    """Collects what the steps give and fetches it from the device only when it is looked at.

    Args:
      task: knows what its measures mean.
      optimizer: knows the learning rate.
      plan: knows the examples of a step.
      records: know their ids.
      history: kept in the run's directory.
      summaries: TensorBoard scalars, and whoever gets the same.
      progress: the terminal.
      train_steps: of the whole training, over which the points of the loss curve are spread.
      products: the model's arithmetic, as `work.arithmetic` gives it.
    """

    def __init__(
        self,
        task: Task,
        optimizer: Optimizer,
        plan: Plan,
        records: Records,
        history: History,
        summaries: ScalarWriter,
        progress: TrainingProgress,
        train_steps: int,
        products: tuple[float, float],
    ):
        self._task, self._optimizer, self._plan, self._records = task, optimizer, plan, records
        self._history, self._summaries, self._progress = history, summaries, progress
        self._point_every, self._train_steps = max(1, train_steps // CURVE_POINTS), train_steps
        self._products, self._waited = products, 0.0
        self._unfetched: list[tuple[int, LoopResult]] = []
        self._first_bad_step: int | None = None
        self._unreported, self._point = _Sums(), _Sums()

    def add(self, step: int, result: LoopResult) -> None:
        """Takes the result of the steps up to `step` without waiting for it."""
        self._unfetched.append((step, result))

    def check_finite(self, last_checkpoint: Callable[[], str | None]) -> None:
        """Waits for all steps so far.

        Args:
          last_checkpoint: names the newest checkpoint for the message.

        Raises:
          NonFiniteLossError: the loss or the gradient of a step is nan or infinite.
        """
        self._fetch()
        bad = self._first_bad_step
        if bad is None:
            return
        last = last_checkpoint()
        kept = f"the last good checkpoint is {last}" if last else "no checkpoint was written yet"
        raise NonFiniteLossError(
            f"the loss or its gradient is not finite at step {bad + 1} (learning rate {self._learning_rate(bad):.3g}, "
            f"examples {self._example_ids(bad)}); {kept}. Lower --learning_rate, raise the warm-up, or look at these examples"
        )

    def restart_clock(self, step: int) -> None:
        """Leaves out of the rates what was not training: compilation, evaluation, saving. To be called when all was looked at."""
        self._waited = 0.0
        self._progress.restart_clock(step)

    def report(self, step: int) -> None:
        """Reports the means over the steps since the last report."""
        self._fetch()
        if self._unreported.steps == 0:
            return
        values, norm = self.tell(step), self._unreported.gradient_norm
        self._unreported = _Sums()
        self._history.add("train", step, values)
        self._summaries.write("train", step, {**values, "gradient_norm": norm} if math.isfinite(norm) else values)
        self.restart_clock(step)

    def tell(self, step: int) -> dict[str, float]:
        """Says on the terminal how the training stands between two reports, and returns the values said."""
        self._fetch()
        sums, rate, seconds = self._unreported, self._progress.rate(step), self._progress.seconds
        # A skipped float16 step does not move the schedule, so the optimizer's own count decides.
        learning_rate = self._learning_rate(max(int(self._optimizer.iterations.numpy()) - 1, 0))
        values = {"loss": sums.loss / max(sums.steps, 1), "learning_rate": learning_rate, "examples_per_second": rate}
        measures = dict(zip(measure_names(self._task), np.asarray(sums.measures, np.float64).tolist()))
        metrics = self._task.metrics_of_sums(measures) if measures and sums.steps else {}
        found = speeds(sums.work, sums.steps * self._plan.batch_size, rate, self._products)
        waiting = {"input_wait": min(self._waited / seconds, 1.0)} if seconds and math.isfinite(self._waited) else {}
        values |= found | waiting | metrics
        if sums.steps:
            names = getattr(self._task, "told_metrics", ())
            told = {name: value for name, value in metrics.items() if name.endswith("accuracy") or name in names}
            self._progress.report(step, values["loss"], learning_rate, rate, found, told)
        return values

    def _fetch(self) -> None:
        """Waits for the steps so far and adds them up; puts the points of the loss curve into the history."""
        fetched, self._unfetched = self._unfetched, []
        points: list[dict[str, object]] = []
        for step, result in fetched:
            bad = int(result.first_bad_step.numpy())
            if bad >= 0 and self._first_bad_step is None:
                self._first_bad_step = bad
            loss, norm, measures = float(result.loss_sum.numpy()), float(result.gradient_norm.numpy()), result.measures.numpy()
            work, self._waited = result.work.numpy(), self._waited + float(result.waited.numpy())
            for sums in (self._unreported, self._point):
                sums.add(result.steps, loss, norm, measures, work)
            first = step == result.steps
            if (first or step % self._point_every < result.steps or step == self._train_steps) and math.isfinite(loss):
                points.append({"kind": POINT, "step": step, "loss": self._point.loss / self._point.steps})
                self._point = _Sums()
        self._history.extend(points)

    def _example_ids(self, step: int) -> str:
        rows, shown = self._plan.rows(step), _SHOWN_EXAMPLES
        if any(spec.key == "example_id" for spec in self._records.specs):
            serialized = tf.constant([self._records.read(int(row)) for row in rows])
            ids = [str(number) for number in parse_records(serialized, self._records.specs)["example_id"].numpy()]
        else:
            ids, shown = [self._records.location(int(row)) for row in rows], _SHOWN_PLACES
        return ", ".join(ids[:shown]) + (", …" if len(ids) > shown else "")

    def _learning_rate(self, step: int) -> float:
        rate = getattr(self._optimizer, "inner_optimizer", self._optimizer).learning_rate
        return float(rate(step)) if callable(rate) and not isinstance(rate, tf.Variable) else float(rate)
