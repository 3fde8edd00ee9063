"""What a person sees while a training goes on: its progress, and TensorBoard scalars."""

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import tensorflow as tf

from bert_tf2 import files
from bert_tf2.progress import Progress, duration

logger = logging.getLogger(__name__)


class TrainingProgress:
    """Reports a training.

    Args:
      first_step: where the run starts or goes on.
      train_steps: where it ends.
      batch_size: examples of a step.
      shown: False for workers other than the chief.
    """

    def __init__(self, first_step: int, train_steps: int, batch_size: int, shown: bool = True):
        self._train_steps = train_steps
        self._batch_size = batch_size
        self._progress = Progress("training", train_steps, "steps", done=first_step, shown=shown)
        self._clock_step, self._clock, self._rate = first_step, self._progress.clock(), 0.0
        self.doing, self.is_due, self.advance = self._progress.doing, self._progress.is_due, self._progress.move

    def __enter__(self) -> "TrainingProgress":
        self._progress.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._progress.__exit__(*error)

    def restart_clock(self, step: int) -> None:
        """Leaves out of the rate what was not training: compilation, evaluation, saving."""
        self._clock_step, self._clock = step, self._progress.clock()

    @property
    def seconds(self) -> float:
        """Since the clock was started."""
        return self._progress.clock() - self._clock

    def rate(self, step: int) -> float:
        """Examples per second since the clock was started."""
        seconds = self.seconds
        if step > self._clock_step and seconds > 0:
            self._rate = (step - self._clock_step) * self._batch_size / seconds
        return self._rate

    def report(
        self,
        step: int,
        loss: float,
        learning_rate: float,
        rate: float,
        speeds: Mapping[str, float] = MappingProxyType({}),
        metrics: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """Says how the training stands.

        Args:
          step: steps done.
          loss: mean loss.
          learning_rate: of the last step.
          rate: examples per second.
          speeds: more of that, as `work.speeds` gives it.
          metrics: those of the task that are told here.
        """
        told = "".join(f"  {name} {value:.4f}" for name, value in metrics.items())
        line = f"step {step}/{self._train_steps}  loss {loss:.4f}{told}  lr {learning_rate:.3e}"
        bar = f"loss={loss:.4f}{told} lr={learning_rate:.2e}"
        if rate:
            forms = {"tokens_per_second": "  {:,.0f} tokens/s", "padding": "  {:.0%} padding", "tflops": "  {:.3g} TFLOP/s"}
            speed = f"{rate:.1f} examples/s" + "".join(
                form.format(speeds[name]) for name, form in forms.items() if name in speeds
            )
            bar += f" {speed}"
            line += f"  {speed}  {duration((self._train_steps - step) * self._batch_size / rate)} left"
        self._progress.say(line, bar)


class ScalarWriter(Protocol):
    """Takes the scalars of a run."""

    def write(self, kind: str, step: int, values: dict[str, float]) -> None:
        """Takes scalars of kind `train` or `eval`."""

    def close(self) -> None:
        """No more come."""


class Scalars:
    """Several writers as one.

    Args:
      writers: get the same.
      kinds: those that are written.
    """

    def __init__(self, writers: Sequence[ScalarWriter], kinds: Sequence[str] = ("train", "eval")):
        self._writers, self._kinds = writers, kinds

    def write(self, kind: str, step: int, values: dict[str, float]) -> None:
        """Writes scalars of kind `train` or `eval`."""
        for writer in self._writers if kind in self._kinds else ():
            writer.write(kind, step, values)

    def close(self) -> None:
        """Closes them all."""
        for writer in self._writers:
            writer.close()


class Summaries:
    """TensorBoard scalars under `summaries/train` and `summaries/eval`.

    A scalar that cannot be written is worth a warning, not the run.

    Args:
      directory: the run's directory.
      writes: False for workers other than the chief.
    """

    def __init__(self, directory: str, writes: bool = True):
        self._directory = files.expand(directory)
        self._writes = writes
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def write(self, kind: str, step: int, values: dict[str, float]) -> None:
        """Writes scalars of kind `train` or `eval`."""
        if not self._writes:
            return
        try:
            if kind not in self._writers:
                self._writers[kind] = tf.summary.create_file_writer(os.path.join(self._directory, "summaries", kind))
            with self._writers[kind].as_default():
                for name, value in values.items():
                    tf.summary.scalar(name, value, step=step)
            self._writers[kind].flush()
        except (tf.errors.OpError, OSError) as error:
            self._writes = False
            logger.warning("TensorBoard scalars are no longer written: %s", str(error).splitlines()[0])

    def close(self) -> None:
        """Closes the files."""
        for writer in self._writers.values():
            with contextlib.suppress(tf.errors.OpError, OSError):
                writer.close()
