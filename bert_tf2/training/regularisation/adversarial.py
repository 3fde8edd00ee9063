"""Adversarial training: the loss is to be small around the word embeddings too (Miyato et al. 2017,
https://arxiv.org/abs/1605.07725; in several steps Madry et al. 2018, https://arxiv.org/abs/1706.06083).

With s, the word embeddings of an input, and g, the gradient of the loss by them, the loss of a step is

    L(s) + L(s + r),    r = epsilon g / ||g||,

where r is a constant. The norm is over all tokens of the input. In K steps r begins at 0, and each goes `step_size` along the
gradient at s + r, normed likewise; where r would then be longer than epsilon, it is shortened to that.
"""

import dataclasses

import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.models.word_moves import moved, noted
from bert_tf2.tasks.base import Batch, Task
from bert_tf2.training.gradients import Gradients, Weights
from bert_tf2.training.optimization import Optimizer


@dataclasses.dataclass(frozen=True)
class Adversary:
    """How word embeddings are moved.

    Attributes:
      epsilon: the L2 norm of a move.
      steps: in how many steps it is found; 1 goes as far as it may.
      step_size: how far one of several goes.
    """

    epsilon: float
    steps: int = 1
    step_size: float = 0.0


class AdversarialGradients(Gradients):
    """Gradients of the loss of inputs as they are plus that of moved ones, under the same dropout.

    Args:
      adversary: how they are moved.
      task, model, scaler, accumulation_steps: as for `Gradients`.
    """

    def __init__(
        self,
        adversary: Adversary,
        task: Task,
        model: tf_keras.Model,
        scaler: Optimizer | None,
        accumulation_steps: int,
    ):
        super().__init__(task, model, scaler, accumulation_steps)
        self._adversary = adversary

    def _of_part(self, batch: Batch, denominators: Batch, seed: tf.Tensor, weights: Weights) -> tuple[tf.Tensor, list]:
        adversary, rows = self._adversary, (batch, denominators, seed)
        sums, gradients, of_words = self._computed(*rows, weights, lambda tape: noted(tape.watch))
        if not of_words:
            raise UserError("--adversarial: this family of encoders does not tell the vectors of its words; leave it out")
        first = adversary.epsilon if adversary.steps == 1 else min(adversary.step_size, adversary.epsilon)
        moves: list[tf.Tensor | None] = [_scaled(first, direction(one)) for one in of_words]
        for _ in range(adversary.steps - 1):
            _, _, of_words = self._computed(*rows, (), lambda tape, moves=moves: noted(tape.watch, moves))  # type: ignore[misc]
            moves = [self._further(move, one) for move, one in zip(moves, of_words)]
        with moved(moves):
            sums_moved, gradients_moved, _ = self._computed(*rows, weights)
        # What is measured is measured of the examples as they are.
        sums = tf.concat([sums[:1] + sums_moved[:1], sums[1:]], axis=0)
        return sums, [_sum(one, other) for one, other in zip(gradients, gradients_moved)]

    def _further(self, move: tf.Tensor | None, gradient: tf.Tensor | None) -> tf.Tensor | None:
        towards = _scaled(self._adversary.step_size, direction(gradient))
        return None if move is None or towards is None else shortened(move + towards, self._adversary.epsilon)


def direction(gradient: tf.Tensor | None) -> tf.Tensor | None:
    """The gradient of each row with the norm 1, float32 [B, L, E]; 0 where it is 0 or not finite, None for None."""
    if gradient is None:
        return None
    # The largest number first: squares of small ones are 0.
    largest = tf.reduce_max(tf.abs(gradient), axis=[1, 2], keepdims=True)
    found = tf.math.divide_no_nan(gradient, largest)
    found = tf.math.divide_no_nan(found, _norms(found))
    return tf.stop_gradient(tf.where(tf.math.is_finite(largest), found, 0.0))


def shortened(moves: tf.Tensor, most: float) -> tf.Tensor:
    """The moves of all rows, those that are longer than `most` shortened to that: float32 [B, L, E]."""
    return moves * (most / tf.maximum(_norms(moves), most))


def _norms(values: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(tf.square(values), axis=[1, 2], keepdims=True))


def _scaled(factor: float, values: tf.Tensor | None) -> tf.Tensor | None:
    return None if values is None else factor * values


def _sum(one: tf.Tensor | None, other: tf.Tensor | None) -> tf.Tensor | None:
    return other if one is None else one if other is None else one + other
