"""The model's outputs for every record, in the order of the files."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.pipeline import Padding, bad_record, check_divisible, distributed_batches, next_batch
from bert_tf2.data.batches.plans import LengthSortedPlan
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import JobError
from bert_tf2.progress import Progress
from bert_tf2.tasks.base import Batch, Task
from bert_tf2.training.compiled.errors import why_not_compiled
from bert_tf2.training.distribution import is_chief, is_multi_worker
from bert_tf2.training.gradients import model_inputs

# The last traced function and what it was traced for: an evaluation in every epoch must not trace the model every time.
_latest: list[tuple[tuple, Callable]] = []


def predict_all(
    task: Task,
    model: tf_keras.Model,
    strategy: tf.distribute.Strategy,
    records: RecordSet,
    batch_size: int,
    padding: Padding | None = None,
    enable_xla: bool = False,
    what: str = "predicting",
) -> dict[str, np.ndarray]:
    """Collects `task.predictions` for every record, whatever the batch size.

    Records go through the model in order of length, which wastes no padding; the results come back in file order.

    Args:
      task: what to collect.
      model: made under the strategy's scope.
      strategy: where the model lives; all workers get all results.
      records: the records.
      batch_size: rows of a global batch.
      padding: the lengths of batches.
      enable_xla: compile the model for each of a few lengths.
      what: what its progress calls it.

    Returns:
      arrays by name with one row per record. Where a further dimension differs between batches (one value for each token),
      rows are filled up with zeros.

    Raises:
      UserError: the replicas do not divide the batch size.
      JobError: the batches do not fit into memory, or a record cannot be used.
    """
    check_divisible(batch_size, strategy.num_replicas_in_sync, flag="eval_batch_size")
    plan, padding = LengthSortedPlan(records.lengths, batch_size), (padding or Padding()).fitted(records)
    iterator = iter(distributed_batches(strategy, records, plan, 0, padding))
    predict = _predict_function(task, model, strategy, enable_xla)
    collected: dict[str, list[np.ndarray]] = {}
    with Progress(what, len(records), "examples", shown=is_chief(strategy)) as progress:
        for step in range(plan.steps):
            try:
                with progress.doing("compiling") if step == 0 else contextlib.nullcontext():
                    results = {name: value.numpy() for name, value in predict(iterator).items()}
            except tf.errors.ResourceExhaustedError as error:
                raise JobError(f"out of memory with a batch of {batch_size}: use a smaller --eval_batch_size") from error
            except (tf.errors.InvalidArgumentError, tf.errors.UnknownError) as error:
                if (reason := why_not_compiled(error)) is not None:
                    raise JobError(reason) from error
                bad = bad_record(records, plan, step, padding)
                if bad is None:
                    raise
                raise JobError(bad) from error
            real = len(plan.rows(step))
            for name, values in results.items():
                collected.setdefault(name, []).append(values[:real])
            progress.advance(real)
    order = np.concatenate([plan.rows(step) for step in range(plan.steps)])
    return {name: in_file_order(parts, order) for name, parts in collected.items()}


def _predict_function(task: Task, model: tf_keras.Model, strategy: tf.distribute.Strategy, enable_xla: bool) -> Callable:
    wanted = (task, model, strategy, enable_xla)
    if _latest and all(one is other for one, other in zip(_latest[0][0], wanted)):
        return _latest[0][1]

    def on_replica(batch: Batch) -> Batch:
        return task.predictions(model(model_inputs(model, batch), training=False), batch)

    compiled = tf.function(on_replica, jit_compile=True, autograph=False) if enable_xla else on_replica

    @tf.function(autograph=False)
    def predict(iterator: Iterator[Batch]) -> Batch:
        # A function of TensorFlow's itself would be compiled for all replicas together.
        per_replica = strategy.run(lambda batch: compiled(batch), args=(next_batch(strategy, iterator),))
        return {name: _joined(strategy, value) for name, value in per_replica.items()}

    _latest[:] = [(wanted, predict)]
    return predict


def _joined(strategy: tf.distribute.Strategy, value: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas, in their order."""
    if is_multi_worker(strategy):
        return strategy.gather(value, axis=0)
    return tf.concat(strategy.experimental_local_results(value), axis=0)


def in_file_order(parts: list[np.ndarray], order: np.ndarray) -> np.ndarray:
    """Rows that were computed in another order, as `predict_all` gives them.

    Args:
      parts: the rows of each step; further dimensions may differ between steps.
      order: int [N], the place of each row.
    """
    tail = tuple(np.max([part.shape[1:] for part in parts], axis=0).astype(int)) if parts[0].ndim > 1 else ()
    result = np.zeros((len(order), *tail), parts[0].dtype)
    first = 0
    for part in parts:
        rows = order[first : first + len(part)]
        place: tuple[Any, ...] = (rows, *map(slice, part.shape[1:]))
        result[place] = part
        first += len(part)
    return result
