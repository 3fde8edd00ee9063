"""One training step as a graph: forward, backward, sum over replicas, clip, apply.

Everything random is drawn from (seed, step, replica, micro-batch), so a step that is run again gives the same result.
"""

import dataclasses
from collections.abc import Iterator

import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.pipeline import next_batch
from bert_tf2.models.dropout import dropout_seed
from bert_tf2.tasks.base import Batch, Task
from bert_tf2.training.optimization import Optimizer, clip_by_global_norm, dense, is_dynamically_scaled


@dataclasses.dataclass(frozen=True)
class LoopResult:
    """What some steps gave; the tensors are fetched only when they are looked at.

    Attributes:
      steps: number of steps.
      loss_sum: sum of their losses, float32.
      gradient_norm: of the last step before clipping, float32.
      first_bad_step: number of the first step whose loss or gradient was not finite, or -1; int64.
      measures: sums of the task's `measures`, in the order of their names, float32 [K].
    """

    steps: int
    loss_sum: tf.Tensor
    gradient_norm: tf.Tensor
    first_bad_step: tf.Tensor
    measures: tf.Tensor


def model_inputs(model: tf_keras.Model, batch: Batch) -> Batch:
    """The part of a batch that the model takes."""
    return {name: batch[name] for name in model.input} if isinstance(model.input, dict) else batch


class TrainStep:
    """Runs training steps on all replicas.

    Args:
      task: gives the loss.
      model: made under the strategy's scope.
      optimizer: made under the strategy's scope.
      strategy: where the model lives.
      seed: the run's seed.
      accumulation_steps: a replica's rows go through the model in this many parts of equal size; the gradient is that of the
        whole batch.
      clip_norm: joint L2 norm that the summed gradient is clipped to; 0 leaves it.
      enable_xla: compile forward and backward pass.
      bytes_per_pack: gradients are summed over replicas in packs of this size; 0 for one pack.
      single_steps: calls run one step each; otherwise a loop in the graph.
    """

    def __init__(
        self,
        task: Task,
        model: tf_keras.Model,
        optimizer: Optimizer,
        strategy: tf.distribute.Strategy,
        *,
        seed: int,
        accumulation_steps: int = 1,
        clip_norm: float = 1.0,
        enable_xla: bool = False,
        bytes_per_pack: int = 0,
        single_steps: bool = True,
    ):
        self._task, self._model, self._optimizer, self._strategy = task, model, optimizer, strategy
        # int32 [2] for the stateless generators; a seed may have up to 64 bits.
        self._seed = [part - (1 << 32) if part >> 31 else part for part in (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF)]
        self._accumulation_steps = accumulation_steps
        self._measure_names = measure_names(task)
        self._clip_norm = clip_norm
        self._scaled = isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer)
        self._skips_steps = is_dynamically_scaled(optimizer)
        self._options = tf.distribute.experimental.CommunicationOptions(bytes_per_pack=bytes_per_pack)
        # Without AutoGraph: nothing here needs it, and tracing is faster.
        compiled = tf.function(self._accumulated, jit_compile=True, autograph=False)
        self._loss_and_gradients = compiled if enable_xla else self._accumulated
        self._loop = tf.function(self._one if single_steps else self._many, autograph=False)

    def run(self, iterator: Iterator[Batch], first_step: int, steps: int) -> LoopResult:
        """Trains `steps` steps; the first has the number `first_step`, counted from 0."""
        numbers = tf.constant(first_step, tf.int64), tf.constant(first_step + steps, tf.int64)
        return LoopResult(steps, *self._loop(iterator, *numbers))

    def _one(self, iterator: Iterator[Batch], step: tf.Tensor, end: tf.Tensor) -> tuple:
        del end
        sums, norm = self._step(next_batch(self._strategy, iterator), step)
        bad = tf.where(self._is_good(sums[0], norm), tf.constant(-1, tf.int64), step)
        return sums[0], norm, bad, sums[1:]

    def _many(self, iterator: Iterator[Batch], first: tf.Tensor, end: tf.Tensor) -> tuple:
        def add_step(step: tf.Tensor, total: tf.Tensor, norm: tf.Tensor, bad: tf.Tensor) -> tuple:
            del norm
            sums, norm = self._step(next_batch(self._strategy, iterator), step)
            bad = tf.where(tf.logical_or(bad >= 0, self._is_good(sums[0], norm)), bad, step)
            return step + 1, total + sums, norm, bad

        start = first, self._no_sums(), tf.constant(0.0), tf.constant(-1, tf.int64)
        _, sums, norm, bad = tf.while_loop(lambda step, *_: step < end, add_step, start, parallel_iterations=1)
        return sums[0], norm, bad, sums[1:]

    def _no_sums(self) -> tf.Tensor:
        """Of the loss and the measures, in one vector that is summed over parts, replicas and steps."""
        return tf.zeros([1 + len(self._measure_names)])

    def _is_good(self, loss: tf.Tensor, norm: tf.Tensor) -> tf.Tensor:
        # Under a dynamic loss scale an infinite gradient is how the scale is found; its step is skipped.
        return tf.math.is_finite(loss) if self._skips_steps else tf.logical_and(tf.math.is_finite(loss), tf.math.is_finite(norm))

    def _step(self, batch: Batch, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The loss with the measures [1 + K], and the gradient norm of a step; the same on all replicas."""
        per_replica = self._strategy.run(self._replica_step, args=(batch, step))
        return tuple(self._strategy.experimental_local_results(value)[0] for value in per_replica)

    def _replica_step(self, batch: Batch, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        replica = tf.distribute.get_replica_context()
        alone = replica.num_replicas_in_sync == 1
        denominators = self._task.loss_denominators(batch)
        if not alone:
            denominators = replica.all_reduce(tf.distribute.ReduceOp.SUM, denominators)
        seed = _fold(_fold(tf.constant(self._seed), step), replica.replica_id_in_sync_group)
        sums, gradients = self._loss_and_gradients(batch, denominators, seed)
        variables = self._model.trainable_variables
        variables = [variable for variable, gradient in zip(variables, gradients) if gradient is not None]
        gradients = [gradient for gradient in gradients if gradient is not None]
        if self._scaled:
            gradients = self._optimizer.get_unscaled_gradients(gradients)
        if not alone:
            sums, *gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, [sums, *gradients], options=self._options)
        gradients, norm = clip_by_global_norm(gradients, self._clip_norm)
        self._optimizer.apply_gradients(zip(gradients, variables), experimental_aggregate_gradients=False)
        return sums, norm

    def _accumulated(self, batch: Batch, denominators: Batch, seed: tf.Tensor) -> tuple[tf.Tensor, list]:
        """This replica's share of loss and measures, and its gradients (None for variables that the loss does not touch)."""
        if self._accumulation_steps == 1:
            return self._part(batch, denominators, seed)
        parts = {name: _in_parts(value, self._accumulation_steps) for name, value in batch.items()}
        variables = self._model.trainable_variables
        touched = [False] * len(variables)

        def add_part(number: tf.Tensor, total: tf.Tensor, sums: list) -> tuple:
            part = {name: tf.gather(value, number) for name, value in parts.items()}
            share, gradients = self._part(part, denominators, _fold(seed, number))
            touched[:] = [gradient is not None for gradient in gradients]
            sums = [old if new is None else old + new for old, new in zip(sums, gradients)]
            return number + 1, total + share, sums

        start = tf.constant(0), self._no_sums(), [tf.zeros(variable.shape, variable.dtype) for variable in variables]
        _, total, sums = tf.while_loop(
            lambda number, *_: number < self._accumulation_steps,
            add_part,
            start,
            parallel_iterations=1,
            maximum_iterations=self._accumulation_steps,
        )
        return total, [value if is_touched else None for value, is_touched in zip(sums, touched)]

    def _part(self, batch: Batch, denominators: Batch, seed: tf.Tensor) -> tuple[tf.Tensor, list]:
        with dropout_seed(seed), tf.GradientTape() as tape:
            outputs = self._model(model_inputs(self._model, batch), training=True)
            loss = self._task.loss(outputs, batch, denominators)
            scaled = self._optimizer.get_scaled_loss(loss) if self._scaled else loss
        gradients = tape.gradient(scaled, self._model.trainable_variables)
        measures = self._task.measures(outputs, batch) if self._measure_names else {}
        return tf.stack([loss, *(measures[name] for name in self._measure_names)]), [dense(gradient) for gradient in gradients]


def measure_names(task: Task) -> tuple[str, ...]:
    """What the task measures of every training step; nothing for most."""
    return getattr(task, "measure_names", ())


def _in_parts(values: tf.Tensor, parts: int) -> tf.Tensor:
    """[B, …] as [parts, B / parts, …]."""
    return tf.reshape(values, tf.concat([[parts, tf.shape(values)[0] // parts], tf.shape(values)[1:]], 0))


def _fold(seed: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, tf.cast(number, tf.int32))
