"""One training step as a graph: forward, backward, sum over replicas, clip, apply.

Everything random is drawn from (seed, step, replica, micro-batch), so a step that is run again gives the same result.
"""

import dataclasses
from collections.abc import Callable, Iterator

import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.pipeline import next_batch
from bert_tf2.models.dropout import fold
from bert_tf2.models.own_weights import Substitutes, substituted
from bert_tf2.tasks.base import Batch, Task
from bert_tf2.training.compiled.replica import CompiledReplica, compiled
from bert_tf2.training.gradients import Gradients
from bert_tf2.training.optimization import Optimizer, clip_by_global_norm, is_dynamically_scaled
from bert_tf2.training.regularisation.adversarial import AdversarialGradients, Adversary
from bert_tf2.training.reporting.work import WORK, counts, timed
from bert_tf2.training.task_in_training import drawn


@dataclasses.dataclass(frozen=True)
class LoopResult:
    """What some steps gave; the tensors are fetched only when they are looked at.

    Attributes:
      steps: number of steps.
      loss_sum: sum of their losses, float32.
      gradient_norm: of the last step before clipping, float32.
      first_bad_step: number of the first step whose loss or gradient was not finite, or -1; int64.
      measures: sums of the task's `measures`, in the order of their names, float32 [K].
      work: sums of `work.WORK`, float32 [3].
      waited: seconds until the batches were there, float64; nan where that cannot be told.
    """

    steps: int
    loss_sum: tf.Tensor
    gradient_norm: tf.Tensor
    first_bad_step: tf.Tensor
    measures: tf.Tensor
    work: tf.Tensor
    waited: tf.Tensor


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
      enable_xla: compile the step. The model's variables are then behind, until `give` is called. Of a model whose loss is
        scaled, forward and backward pass only are compiled.
      bytes_per_pack: gradients are summed over replicas in packs of this size; 0 for one pack.
      single_steps: calls run one step each; otherwise a loop in the graph.
      adversary: moves word embeddings for a loss beside that of the task; None for none.
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
        adversary: Adversary | None = None,
    ):
        self._task, self._strategy = task, strategy
        # int32 [2] for the stateless generators; a seed may have up to 64 bits.
        self._seed = [part - (1 << 32) if part >> 31 else part for part in (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF)]
        is_scaled = isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer)
        self._skips_steps = is_dynamically_scaled(optimizer)
        of_model = task, model, optimizer if is_scaled else None, accumulation_steps
        self._gradients = Gradients(*of_model) if adversary is None else AdversarialGradients(adversary, *of_model)
        options = tf.distribute.experimental.CommunicationOptions(bytes_per_pack=bytes_per_pack)
        self._replica: CompiledReplica | _Replica
        if enable_xla and not is_scaled:
            self._replica = CompiledReplica(self._gradients, model, optimizer, strategy, clip_norm, options)
        else:
            self._replica = _Replica(self._gradients, model, optimizer, clip_norm, options, enable_xla)
        self._counted = compiled(self._count) if enable_xla else self._count
        self._function = self._one if single_steps else self._many
        self._loop = self._traced_anew()

    def run(self, iterator: Iterator[Batch], first_step: int, steps: int) -> LoopResult:
        """Trains `steps` steps; the first has the number `first_step`, counted from 0."""
        self._replica.begin()
        numbers = tf.constant(first_step, tf.int64), tf.constant(first_step + steps, tf.int64)
        return LoopResult(steps, *self._loop(iterator, *numbers))

    def give(self, moments: bool) -> None:
        """Brings the model's variables up to date, and if `moments` the optimizer's."""
        self._replica.give(moments)

    def make_room(self) -> None:
        """To be called before something else writes the model's and the optimizer's variables."""
        self._replica.make_room()

    def take(self) -> None:
        """Goes on from what the model's variables and the optimizer's hold, since something else has written them."""
        self._replica.take()

    def divide(self, accumulation_steps: int) -> None:
        """From now on a replica's rows go through the model in so many parts."""
        if accumulation_steps != self._gradients.accumulation_steps:
            self._gradients.accumulation_steps = accumulation_steps
            self._replica.trace_anew()
            self._loop = self._traced_anew()

    def _traced_anew(self) -> Callable[..., tuple]:
        # Without AutoGraph: nothing here needs it, and tracing is faster.
        return tf.function(self._function, autograph=False)

    def _one(self, iterator: Iterator[Batch], step: tf.Tensor, end: tf.Tensor) -> tuple:
        del end
        batch, waited = timed(lambda: next_batch(self._strategy, iterator))
        sums, norm, work = self._step(batch, step)
        loss = sums[0]
        bad = tf.where(self._is_good(loss, norm), tf.constant(-1, tf.int64), step)
        return loss, norm, bad, sums[1:], work, waited

    def _many(self, iterator: Iterator[Batch], first: tf.Tensor, end: tf.Tensor) -> tuple:
        def add_step(step: tf.Tensor, totals: tuple, norm: tf.Tensor, bad: tf.Tensor) -> tuple:
            del norm
            batch, waited = timed(lambda: next_batch(self._strategy, iterator))
            sums, norm, work = self._step(batch, step)
            bad = tf.where(tf.logical_or(bad >= 0, self._is_good(sums[0], norm)), bad, step)
            return step + 1, tuple(total + new for total, new in zip(totals, (sums, work, waited))), norm, bad

        nothing = self._gradients.no_sums(), tf.zeros([len(WORK)]), tf.zeros([], tf.float64)
        start = first, nothing, tf.constant(0.0), tf.constant(-1, tf.int64)
        _, totals, norm, bad = tf.while_loop(lambda step, *_: step < end, add_step, start, parallel_iterations=1)
        sums, work, waited = totals
        return sums[0], norm, bad, sums[1:], work, waited

    def _is_good(self, loss: tf.Tensor, norm: tf.Tensor) -> tf.Tensor:
        # Under a dynamic loss scale an infinite gradient is how the scale is found; its step is skipped.
        return tf.math.is_finite(loss) if self._skips_steps else tf.logical_and(tf.math.is_finite(loss), tf.math.is_finite(norm))

    def _step(self, batch: Batch, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The loss with the measures [1 + K], the gradient norm and the work [3] of a step; the same on all replicas."""
        per_replica = self._strategy.run(self._replica_step, args=(batch, step))
        return tuple(self._strategy.experimental_local_results(value)[0] for value in per_replica)

    def _count(self, batch: Batch) -> tuple[Batch, tf.Tensor]:
        return self._task.loss_denominators(batch), counts(batch)

    def _replica_step(self, batch: Batch, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        replica = tf.distribute.get_replica_context()
        denominators, work = self._counted(batch)
        if replica.num_replicas_in_sync > 1:
            denominators, work = replica.all_reduce(tf.distribute.ReduceOp.SUM, (denominators, work))
        of_step = fold(tf.constant(self._seed), step)
        known = denominators | drawn(self._task, step, of_step)
        return *self._replica.step(batch, known, fold(of_step, replica.replica_id_in_sync_group)), work


class _Replica:
    """What a replica does in a step, with the model's variables and the optimizer's own update.

    Args:
      gradients: computes them.
      model: its variables are trained.
      optimizer: the optimizer.
      clip_norm: as for `TrainStep`.
      options: of the sum over replicas.
      compiles: compile forward and backward pass.
    """

    def __init__(
        self,
        gradients: Gradients,
        model: tf_keras.Model,
        optimizer: Optimizer,
        clip_norm: float,
        options: tf.distribute.experimental.CommunicationOptions,
        compiles: bool,
    ):
        self._model, self._optimizer, self._clip_norm, self._options = model, optimizer, clip_norm, options
        self._is_scaled = isinstance(optimizer, tf_keras.mixed_precision.LossScaleOptimizer)
        self._compiles = compiles

        def of(batch: Batch, denominators: Batch, seed: tf.Tensor) -> tuple[tf.Tensor, list]:
            with substituted(Substitutes(for_compiler=compiles)):
                return gradients.of(batch, denominators, seed, model.trainable_variables)

        self._of = of
        self.trace_anew()

    def trace_anew(self) -> None:
        """To be called when other gradients are to be computed than before."""
        self._gradients = compiled(self._of) if self._compiles else self._of

    def begin(self) -> None:
        """Nothing: the variables are always up to date."""

    def make_room(self) -> None:
        """Nothing: all variables have their memory."""

    def take(self) -> None:
        """Nothing: the variables are what is trained."""

    def give(self, moments: bool) -> None:
        """Nothing: the variables are always up to date."""

    def step(self, batch: Batch, denominators: Batch, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Trains on the replica's rows: the sums of all replicas, float32 [1 + K], and the gradient's norm before clipping."""
        replica, variables = tf.distribute.get_replica_context(), self._model.trainable_variables
        sums, gradients = self._gradients(batch, denominators, seed)
        variables = [variable for variable, gradient in zip(variables, gradients) if gradient is not None]
        gradients = [gradient for gradient in gradients if gradient is not None]
        if self._is_scaled:
            gradients = self._optimizer.get_unscaled_gradients(gradients)
        if replica.num_replicas_in_sync > 1:
            sums, *gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, [sums, *gradients], options=self._options)
        gradients, norm = clip_by_global_norm(gradients, self._clip_norm)
        self._optimizer.apply_gradients(zip(gradients, variables), experimental_aggregate_gradients=False)
        return sums, norm
