"""Loss and gradients of a replica's rows."""

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.packing import PACKING
from bert_tf2.models.dropout import dropout_seed, fold
from bert_tf2.models.packing import Packing, packed
from bert_tf2.tasks.base import Batch, Task
from bert_tf2.training.optimization import Optimizer, dense
from bert_tf2.training.task_in_training import drawn_names

Weights = Sequence[tf.Variable | tf.Tensor]
# Collects tensors on a tape, which are known at its end.
Found = Callable[[tf.GradientTape], AbstractContextManager[Sequence[tf.Tensor]]]


def _nothing(tape: tf.GradientTape) -> AbstractContextManager[Sequence[tf.Tensor]]:
    del tape
    return contextlib.nullcontext(())


def model_inputs(model: tf_keras.Model, batch: Batch) -> Batch:
    """The part of a batch that the model takes."""
    return {name: batch[name] for name in model.input} if isinstance(model.input, dict) else batch


def measure_names(task: Task) -> tuple[str, ...]:
    """What the task measures of every training step; nothing for most."""
    return getattr(task, "measure_names", ())


class Gradients:
    """Computes a replica's share of the loss and its gradients.

    Args:
      task: gives the loss.
      model: a model of the task.
      scaler: the optimizer that scales the loss; None where it is not scaled.
      accumulation_steps: the rows go through the model in this many parts of equal size; the gradient is that of all.

    Attributes:
      accumulation_steps: as given; another number holds for what is traced from then on.
    """

    def __init__(self, task: Task, model: tf_keras.Model, scaler: Optimizer | None, accumulation_steps: int):
        self._task, self._model, self._scaler, self.accumulation_steps = task, model, scaler, accumulation_steps
        self._measure_names, self._drawn_names = measure_names(task), drawn_names(task)

    def no_sums(self) -> tf.Tensor:
        """Of the loss and the measures, in one vector that is summed over parts, replicas and steps."""
        return tf.zeros([1 + len(self._measure_names)])

    def of(self, batch: Batch, denominators: Batch, seed: tf.Tensor, weights: Weights) -> tuple[tf.Tensor, list]:
        """This replica's share of loss and measures, float32 [1 + K], and its gradients (None where the loss does not depend).

        Args:
          batch: the replica's rows.
          denominators: the task's, of the global batch, and what it has drawn for it.
          seed: int32 [2], of everything random besides.
          weights: what the gradients are of.
        """
        if self.accumulation_steps == 1:
            return self._of_part(batch, denominators, seed, weights)
        parts = {name: _in_parts(value, self.accumulation_steps) for name, value in batch.items()}
        touched = [False] * len(weights)

        def add_part(number: tf.Tensor, total: tf.Tensor, sums: list) -> tuple:
            part = {name: tf.gather(value, number) for name, value in parts.items()}
            share, gradients = self._of_part(part, denominators, fold(seed, number), weights)
            touched[:] = [gradient is not None for gradient in gradients]
            sums = [old if new is None else old + new for old, new in zip(sums, gradients)]
            return number + 1, total + share, sums

        start = tf.constant(0), self.no_sums(), [tf.zeros(weight.shape, weight.dtype) for weight in weights]
        _, total, sums = tf.while_loop(
            lambda number, *_: number < self.accumulation_steps,
            add_part,
            start,
            parallel_iterations=1,
            maximum_iterations=self.accumulation_steps,
        )
        return total, [value if is_touched else None for value, is_touched in zip(sums, touched)]

    def _of_part(self, batch: Batch, denominators: Batch, seed: tf.Tensor, weights: Weights) -> tuple[tf.Tensor, list]:
        sums, gradients, _ = self._computed(batch, denominators, seed, weights)
        return sums, gradients

    def _computed(
        self, batch: Batch, denominators: Batch, seed: tf.Tensor, weights: Weights, found: Found = _nothing
    ) -> tuple[tf.Tensor, list, list]:
        """As `of`, of these rows at once, and the gradients of what `found` collects while the loss is computed."""
        packing = Packing(*(batch[name] for name in PACKING)) if PACKING[0] in batch else None
        drawn = {name: denominators[name] for name in self._drawn_names}
        with dropout_seed(seed), packed(packing), tf.GradientTape() as tape, found(tape) as others:
            tape.watch([weight for weight in weights if not isinstance(weight, tf.Variable)])
            outputs = self._task.training_outputs(self._model, model_inputs(self._model, batch), batch | drawn)
            loss = self._task.loss(outputs, batch, denominators)
            scaled = loss if self._scaler is None else self._scaler.get_scaled_loss(loss)
        gradients = [dense(gradient) for gradient in tape.gradient(scaled, [*weights, *others])]
        measures = self._task.measures(outputs, batch) if self._measure_names else {}
        sums = tf.stack([loss, *(measures[name] for name in self._measure_names)])
        return sums, gradients[: len(weights)], gradients[len(weights) :]


def _in_parts(values: tf.Tensor, parts: int) -> tf.Tensor:
    """[B, …] as [parts, B / parts, …]."""
    return tf.reshape(values, tf.concat([[parts, tf.shape(values)[0] // parts], tf.shape(values)[1:]], 0))
