"""Learning rates as functions of the step."""

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError, did_you_mean

logger = logging.getLogger(__name__)

Decay = Callable[[tf.Tensor], tf.Tensor]

DECAYS = ("linear", "cosine", "cosine_restarts", "polynomial", "constant")


class WarmUpThenDecay(tf_keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from 0, then a decay to `end_learning_rate` that is complete after `train_steps`.

    As in BERT and in the model garden the decay is a function of the absolute step: it is not shifted by the warm-up, so the
    first step after the warm-up already lies on the decaying curve. After `train_steps` the rate stays at its last value.

    Args:
      peak_learning_rate: the rate that the warm-up leads to.
      train_steps: length of the decay.
      warmup_steps: the rate at step s < warmup_steps is peak * s / warmup_steps.
      decay: one of `DECAYS`.
      end_learning_rate: where the decay ends; `constant` ignores it.
      power: exponent of `polynomial`.
      cycles: number of equal cycles of `cosine_restarts` (Loshchilov & Hutter 2017).

    Raises:
      UserError: an unknown decay, or a number out of range.
    """

    def __init__(
        self,
        peak_learning_rate: float,
        train_steps: int,
        warmup_steps: int = 0,
        decay: str = "linear",
        end_learning_rate: float = 0.0,
        power: float = 1.0,
        cycles: int = 1,
    ):
        super().__init__()
        _check(peak_learning_rate, train_steps, warmup_steps, decay, cycles)
        self._config: dict[str, Any] = {
            "peak_learning_rate": peak_learning_rate,
            "train_steps": train_steps,
            "warmup_steps": warmup_steps,
            "decay": decay,
            "end_learning_rate": end_learning_rate,
            "power": power,
            "cycles": cycles,
        }

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """The learning rate, a float32 scalar, of the step with this number (counted from 0)."""
        config = self._config
        peak, end = config["peak_learning_rate"], config["end_learning_rate"]
        step = tf.cast(step, tf.float32)
        progress = tf.minimum(step / config["train_steps"], 1.0)
        rate = tf.constant(peak) if config["decay"] == "constant" else end + (peak - end) * self._remaining(progress)
        if config["warmup_steps"] == 0:
            return rate
        return tf.where(step < config["warmup_steps"], peak * (step / config["warmup_steps"]), rate)

    def _remaining(self, progress: tf.Tensor) -> tf.Tensor:
        """What is left of the way from peak to end, from 1 to 0, after this part of the training."""
        decay = self._config["decay"]
        if decay == "linear":
            return 1.0 - progress
        if decay == "polynomial":
            return (1.0 - progress) ** self._config["power"]
        if decay == "cosine_restarts":
            within = tf.math.floormod(progress * self._config["cycles"], 1.0)
            progress = tf.where(progress < 1.0, within, 1.0)
        return 0.5 * (1.0 + tf.cos(math.pi * progress))

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return dict(self._config)


class OneAfterAnother(tf_keras.optimizers.schedules.LearningRateSchedule):
    """Several schedules in turn, each counting its steps from 0.

    Args:
      schedules: in their order.
      starts: the steps at which those after the first begin, rising.
    """

    def __init__(self, schedules: Sequence[WarmUpThenDecay], starts: Sequence[int]):
        super().__init__()
        self._schedules, self._starts = list(schedules), list(starts)

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """The learning rate, a float32 scalar, of the step with this number (counted from 0)."""
        # As integers: float32 knows not every step beyond 2^24.
        step = tf.cast(step, tf.int64)
        rate = self._schedules[0](step)
        for start, schedule in zip(self._starts, self._schedules[1:], strict=True):
            rate = tf.where(step < start, rate, schedule(step - start))
        return rate

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return {"schedules": self._schedules, "starts": self._starts}


def warmup_steps_from_proportion(train_steps: int, proportion: float) -> int:
    """Number of warm-up steps for `--warmup_proportion`, rounded down as in BERT's scripts."""
    return int(train_steps * proportion)


def _check(peak: float, train_steps: int, warmup_steps: int, decay: str, cycles: int) -> None:
    if decay not in DECAYS:
        raise UserError(f"unknown learning-rate decay '{decay}'.{did_you_mean(decay, DECAYS)} Known: {', '.join(DECAYS)}")
    if not (math.isfinite(peak) and peak >= 0):
        raise UserError(f"the learning rate must be a finite number, 0 or greater; got {peak}")
    if train_steps < 1 or warmup_steps < 0 or cycles < 1:
        raise UserError(
            "a learning-rate schedule needs train_steps of at least 1, warmup_steps of at least 0 and cycles of at least 1; "
            f"got {train_steps}, {warmup_steps} and {cycles}"
        )
    if warmup_steps >= train_steps:
        logger.warning(
            "the warm-up takes %d steps but the training only %d: the learning rate never reaches %g",
            warmup_steps,
            train_steps,
            peak,
        )
