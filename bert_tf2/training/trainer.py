"""The one training loop: steps, checkpoints, evaluation, early stopping, exact resumption. It knows no task by name."""

import contextlib
import logging
from collections.abc import Callable, Sequence

import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.pipeline import Padding, Records, bad_record, check_divisible
from bert_tf2.data.batches.plans import Plan
from bert_tf2.errors import Interrupted, JobError
from bert_tf2.files import write_json
from bert_tf2.tasks.base import Task
from bert_tf2.tensorflow_internals import create_slots
from bert_tf2.training.agreement import Agreement
from bert_tf2.training.averaging import Averages
from bert_tf2.training.checkpointing import CheckpointDirectory
from bert_tf2.training.compiled.errors import why_not_compiled
from bert_tf2.training.distribution import is_chief
from bert_tf2.training.interruption import StoppedNow, StopRequest
from bert_tf2.training.memory.micro_batches import MicroBatches
from bert_tf2.training.memory.recovery import Recovery, between_steps
from bert_tf2.training.optimization import Optimizer
from bert_tf2.training.reporting.history import History
from bert_tf2.training.reporting.measurements import Measurements
from bert_tf2.training.reporting.progress import Scalars, ScalarWriter, Summaries, TrainingProgress
from bert_tf2.training.reporting.work import arithmetic
from bert_tf2.training.run_directory import RunDirectory
from bert_tf2.training.steps import Steps
from bert_tf2.training.train_step import LoopResult, TrainStep
from bert_tf2.training.trainer_config import TrainerConfig, TrainingResult

logger = logging.getLogger(__name__)

BEST_CHECKPOINT = "best_checkpoint.json"


class Trainer:
    """Trains a model.

    Args:
      task: loss and metrics.
      model: made under the strategy's scope.
      optimizer: made under the strategy's scope, by `create_optimizer`.
      strategy: where the model lives.
      config: how long and how.
      derived: brings up to date what of the model's variables follows from those that are trained; called before a checkpoint
        is saved.
      writers: get the scalars that TensorBoard gets; on the chief only.
    """

    def __init__(
        self,
        task: Task,
        model: tf_keras.Model,
        optimizer: Optimizer,
        strategy: tf.distribute.Strategy,
        config: TrainerConfig,
        derived: Callable[[], None] | None = None,
        writers: Sequence[ScalarWriter] = (),
    ):
        self._derived, self._writers = derived, writers
        self._task, self._model, self._optimizer, self._strategy, self._config = task, model, optimizer, strategy, config
        self._chief = is_chief(strategy)
        self._agreement = Agreement(strategy)
        with strategy.scope():
            # The slots must exist before a checkpoint is read, so that a missing one is noticed.
            create_slots(optimizer, model.trainable_variables)
            self._global_step = tf.Variable(
                0, dtype=tf.int64, trainable=False, name="global_step", aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
            )
        self._averages = Averages(optimizer, model.trainable_variables, strategy)
        self._checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer, global_step=self._global_step)

    def train(
        self,
        records: Records,
        plan: Plan,
        evaluate: Callable[[tf_keras.Model], dict[str, float]] | None = None,
        padding: Padding | None = None,
    ) -> TrainingResult:
        """Trains from where the directory stands to the end; the model then has the average of the weights where one is kept.

        Args:
          records: the training records.
          plan: which rows each step takes.
          evaluate: returns metrics of the model; called with the model on every worker.
          padding: the lengths of batches.

        Raises:
          UserError: the batch cannot be divided among the replicas.
          DirectoryInUseError: another process trains in the directory.
          NonFiniteLossError: the loss or the gradient became nan or infinite.
          Interrupted: SIGTERM or Ctrl-C; the state was saved.
          JobError: a checkpoint cannot be written or read, or memory does not suffice.
        """
        config = self._config
        check_divisible(plan.batch_size, self._strategy.num_replicas_in_sync, config.gradient_accumulation_steps)
        directory = RunDirectory(config.model_dir)
        # Workers share the directory; the chief's lock stands for all.
        with directory.locked() if self._chief else contextlib.nullcontext():
            return _Run(self, directory.path, records, plan, evaluate, padding or Padding()).complete()


class _Run:
    """One call of `Trainer.train`."""

    def __init__(
        self,
        trainer: Trainer,
        directory: str,
        records: Records,
        plan: Plan,
        evaluate: Callable[[tf_keras.Model], dict[str, float]] | None,
        padding: Padding,
    ):
        self._config, self._strategy, self._chief = trainer._config, trainer._strategy, trainer._chief
        self._model, self._optimizer, self._task = trainer._model, trainer._optimizer, trainer._task
        self._checkpoint, self._global_step = trainer._checkpoint, trainer._global_step
        self._agreement, self._derived, self._averages = trainer._agreement, trainer._derived, trainer._averages
        self._directory, self._records, self._plan, self._padding = directory, records, plan, padding.fitted(records)
        self._evaluate = evaluate
        self._checkpoints = CheckpointDirectory(directory, self._config.keep_checkpoint_max, self._chief)
        self._history = History(directory, self._chief)
        kinds = ("train", "eval") if self._config.train_summaries else ("eval",)
        self._summaries = Scalars([Summaries(directory, self._chief), *trainer._writers], kinds)
        self._step = 0
        self._end = min(self._config.pause_step or self._config.train_steps, self._config.train_steps)
        self._saved_step: int | None = None
        self._steps: Steps | None = None

    def complete(self) -> TrainingResult:
        """Restores, trains to the end and returns the result."""
        self._restore()
        started_at = self._step
        self._progress = TrainingProgress(self._step, self._config.train_steps, self._plan.batch_size, self._chief)
        self._measurements = self._nothing_measured()
        with StopRequest() as self._stop, self._progress, self._recovery:
            try:
                if self._step > 0:
                    self._at_boundary()  # an evaluation that was due when the run was stopped
                finished = self._is_finished()
                if not finished:
                    self._loop()
            except StoppedNow:
                self._save_and_stop()
            except tf.errors.ResourceExhaustedError as error:
                raise between_steps(error) from error
            except (tf.errors.InvalidArgumentError, tf.errors.UnknownError) as error:
                if (reason := why_not_compiled(error)) is not None:
                    raise JobError(reason) from error
                # The input pipeline is ahead of the steps; what it failed at is looked for among the rows to come.
                bad = bad_record(self._records, self._plan, self._step, self._padding, self._config.steps_per_loop)
                if bad is None:
                    raise
                raise JobError(bad) from error
            finally:
                self._summaries.close()
        self._averages.exchange()
        how = "paused" if self._end < self._config.train_steps and not self._is_stopped_early() else "finished"
        if finished:
            logger.info("%s: the training is already %s (step %d); nothing to do", self._directory, how, self._step)
        elif self._step > started_at:
            logger.info("training %s at step %d; checkpoint %s", how, self._step, self._checkpoints.prefix(self._step))
        self._name_best()
        best_step, best_value, _ = self._best()
        return TrainingResult(self._history.entries, self._step, best_step, best_value, self._is_stopped_early(), finished)

    def _restore(self) -> None:
        self._checkpoints.sweep()
        step = self._checkpoints.restore_newest(self._checkpoint, self._config.on_corrupt_checkpoint)
        if step is not None:
            self._averages.exchange()
            self._step, self._saved_step = int(self._global_step.numpy()), step
            logger.info("continuing from step %d (%s)", self._step, self._checkpoints.prefix(step))
        same_step = self._agreement.same(self._step)
        # Read here, the chief has written what identifies the run before any worker looks at it.
        rows, config = self._plan.batch_size // self._strategy.num_replicas_in_sync, self._config
        self._micro_batches = MicroBatches(
            RunDirectory(self._directory), rows, config.gradient_accumulation_steps, config.halves_micro_batches
        )
        self._recovery = Recovery(self._checkpoint, self._checkpoints, self._micro_batches, self._strategy)
        if not self._agreement.same(self._micro_batches.at_once(self._step)) or not same_step:
            raise JobError(
                f"the workers continue from different steps: {self._directory} must be a directory that all of them share"
            )
        self._history.continue_from(self._step)

    def _nothing_measured(self) -> Measurements:
        return Measurements(
            self._task, self._optimizer, self._plan, self._records, self._history, self._summaries, self._progress,
            self._config.train_steps, arithmetic(self._model),
        )  # fmt: skip

    def _loop(self) -> None:
        config = self._config
        self._steps = Steps(
            self._made_train_step(),
            self._strategy,
            self._records,
            self._plan,
            self._padding,
            self._micro_batches,
            self._progress,
        )
        while not self._is_finished():
            steps = self._next_stop() - self._step
            done = self._run(self._steps, steps)
            if done is None:
                continue
            result, compiled = done
            self._step += steps
            self._measurements.add(self._step, result)
            self._progress.advance(steps)
            report = self._step % config.log_steps < steps or self._step == config.train_steps
            if compiled or report or self._is_boundary():
                self._check_finite()
            if compiled:
                self._measurements.restart_clock(self._step)
            if report:
                self._measurements.report(self._step)
            elif self._progress.is_due():
                self._measurements.tell(self._step)
            if self._agreement.any(self._stop.signal is not None):
                self._save_and_stop()
            if self._is_boundary():
                self._at_boundary()
                self._measurements.restart_clock(self._step)
        self._save()

    def _run(self, steps: Steps, number: int) -> tuple[LoopResult, bool] | None:
        """Runs the next steps; None where they did not fit into memory and are to be run again, some before them perhaps too."""
        recovery, step = self._recovery, self._step
        if recovery.needs_copy(step, self._saved_step) and steps.need_more_memory(step, number):
            self._bring_up_to_date(moments=True)
            recovery.keep(step)
        try:
            return steps.run(step, number)
        except tf.errors.OpError as error:
            told = recovery.told(error, step)
            if told is None:
                raise
        # What the error held of the failed step is let go by now.
        recovery.halve(told, step)
        steps.make_room()
        if recovery.go_back(self._saved_step):
            self._averages.exchange()
        self._step = int(self._global_step.numpy())
        if self._step != step:
            logger.info("going back from step %d to step %d, the last that is kept", step, self._step)
            self._history.continue_from(self._step)
            self._measurements = self._nothing_measured()
            self._progress.advance(self._step - step)
        steps.begin(self._step, taken=True)
        self._measurements.restart_clock(self._step)
        return None

    def _made_train_step(self) -> TrainStep:
        config = self._config
        return TrainStep(
            self._task,
            self._model,
            self._optimizer,
            self._strategy,
            seed=config.seed,
            accumulation_steps=config.gradient_accumulation_steps,
            clip_norm=config.clip_norm,
            enable_xla=config.enable_xla,
            bytes_per_pack=config.allreduce_bytes_per_pack,
            single_steps=config.steps_per_loop == 1,
            adversary=config.adversary,
        )

    def _next_stop(self) -> int:
        """The step at which the next call of the graph ends."""
        # Steps of one call go through the model in as many parts.
        change = self._micro_batches.next_change(self._step)
        stop = int(min(self._step + self._config.steps_per_loop, self._end, change))
        for every in (self._config.save_checkpoints_steps, self._config.eval_every_steps):
            if every > 0:
                stop = min(stop, self._step - self._step % every + every)
        return stop

    def _is_due(self, every: int) -> bool:
        return self._step == self._config.train_steps or (every > 0 and self._step % every == 0)

    def _is_boundary(self) -> bool:
        return self._is_due(self._config.save_checkpoints_steps) or self._is_due(self._config.eval_every_steps)

    def _at_boundary(self) -> None:
        """What is due after this step and not done yet: saving, then evaluation, then keeping a new best."""
        if self._is_due(self._config.save_checkpoints_steps):
            self._save()
        if self._evaluate is None or not self._is_due(self._config.eval_every_steps) or self._history.has_evaluation(self._step):
            return
        self._bring_up_to_date(moments=bool(self._averages))
        with self._stop.immediate(), self._averages.in_place():
            metrics = {name: float(value) for name, value in self._evaluate(self._model).items()}
        self._history.add("eval", self._step, metrics)
        self._summaries.write("eval", self._step, metrics)
        logger.info("evaluation at step %d: %s", self._step, self._task.shown(metrics))
        best_step = self._best()[0]
        if best_step == self._step:
            self._save()
            self._name_best()
        self._checkpoints.retain(best_step)

    def _name_best(self) -> None:
        step, value, _ = self._best()
        if step is not None and self._chief:
            best = {"step": step, "metric": self._config.best_metric, "value": value, "checkpoint": f"ckpt-{step}"}
            write_json(f"{self._directory}/{BEST_CHECKPOINT}", best)

    def _best(self) -> tuple[int | None, float | None, int]:
        metric = self._config.best_metric
        if metric is None:
            return None, None, 0
        return self._history.best(metric, self._task.higher_is_better(metric))

    def _is_stopped_early(self) -> bool:
        patience = self._config.early_stopping_patience
        return patience > 0 and self._config.best_metric is not None and self._best()[2] >= patience

    def _is_finished(self) -> bool:
        return self._step >= self._end or self._is_stopped_early()

    def _save(self) -> None:
        if self._saved_step == self._step:
            return
        self._check_finite()
        self._bring_up_to_date(moments=True)
        with self._averages.in_place():
            if self._derived is not None:
                self._derived()
            self._checkpoints.save(self._checkpoint, self._step, self._best()[0])
        self._saved_step = self._step
        self._recovery.forget()

    def _save_and_stop(self) -> None:
        self._save()
        number = self._stop.signal or 15
        raise Interrupted(
            f"stopped by {'Ctrl-C' if number == 2 else 'SIGTERM'} after step {self._step} of {self._config.train_steps}; saved "
            f"{self._checkpoints.prefix(self._step)}; run the same command again to go on",
            128 + number,
        )

    def _bring_up_to_date(self, moments: bool) -> None:
        if self._steps is not None:
            self._steps.give(moments)
        self._global_step.assign(self._step)

    def _check_finite(self) -> None:
        self._measurements.check_finite(self._checkpoints.newest)
