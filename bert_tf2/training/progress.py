"""What a person sees while a run goes on: a bar on a terminal, lines elsewhere, and TensorBoard scalars."""

import contextlib
import logging
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import tensorflow as tf
from tqdm import tqdm

from bert_tf2 import files

logger = logging.getLogger(__name__)


class Progress:
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
        self._shown = shown
        self._bar = None
        if shown and sys.stderr.isatty():
            self._bar = tqdm(total=train_steps, initial=first_step, unit="step", desc="training", dynamic_ncols=True)
        self._clock_step, self._clock, self._rate = first_step, time.monotonic(), 0.0

    def restart_clock(self, step: int) -> None:
        """Leaves out of the rate what was not training: compilation, evaluation, saving."""
        self._clock_step, self._clock = step, time.monotonic()

    def advance(self, steps: int) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bar.update(steps)

    def rate(self, step: int) -> float:
        """Examples per second since the clock was started."""
        seconds = time.monotonic() - self._clock
        if step > self._clock_step and seconds > 0:
            self._rate = (step - self._clock_step) * self._batch_size / seconds
        return self._rate

    def report(
        self,
        step: int,
        loss: float,
        learning_rate: float,
        rate: float,
        tokens_per_second: float | None = None,
        metrics: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """Says how the training stands; of the metrics, the accuracies."""
        speed = f"{rate:.1f} examples/s" + (f"  {tokens_per_second:,.0f} tokens/s" if tokens_per_second is not None else "")
        accuracies = "".join(f"  {name} {value:.4f}" for name, value in metrics.items() if name.endswith("accuracy"))
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss={loss:.4f}{accuracies} lr={learning_rate:.2e} {speed}")
        elif self._shown:
            left = _duration((self._train_steps - step) * self._batch_size / rate) if rate else "?"
            logger.info(
                "step %d/%d  loss %.4f%s  lr %.3e  %s  %s left",
                step,
                self._train_steps,
                loss,
                accuracies,
                learning_rate,
                speed,
                left,
            )

    def close(self) -> None:
        """Ends the bar."""
        if self._bar is not None:
            self._bar.close()


class Summaries:
    """TensorBoard scalars under `summaries/train` and `summaries/eval`.

    A scalar that cannot be written is worth a warning, not the run.

    Args:
      directory: the run's directory.
      writes: False for workers other than the chief.
      kinds: those that are written.
    """

    def __init__(self, directory: str, writes: bool = True, kinds: Sequence[str] = ("train", "eval")):
        self._directory = files.expand(directory)
        self._writes = writes
        self._kinds = kinds
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def write(self, kind: str, step: int, values: dict[str, float]) -> None:
        """Writes scalars of kind `train` or `eval`."""
        if not self._writes or kind not in self._kinds:
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


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "?"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
