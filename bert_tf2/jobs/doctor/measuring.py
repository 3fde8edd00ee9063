"""Some real steps of a training, with the classes that train: how long they take and what memory they need."""

import dataclasses
import gc
import time
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from bert_tf2.data.batches.pipeline import Padding, Records, distributed_batches
from bert_tf2.data.batches.plans import Plan
from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.jobs.doctor.machine import Memory, available_memory, process_memory
from bert_tf2.jobs.training.course import Assembled, Course, TrainingData
from bert_tf2.jobs.training.micro_batch import parts_of_batch
from bert_tf2.jobs.training.training_options import AUTO
from bert_tf2.jobs.training.training_run import TrainingRun
from bert_tf2.progress import during
from bert_tf2.tensorflow_internals import create_slots
from bert_tf2.training.distribution import on_gpus
from bert_tf2.training.train_step import TrainStep

_TYPICAL = 0.5
# Enough for a median; a large model on a small machine has its first ones only.
_MOST_STEPS, _MOST_SECONDS = 2, 6.0
_SLOW = 15.0
# Of the memory that is left, what a batch in parts may be expected to take.
_SPARE = 0.8
_MOST_SAMPLED = 100


@dataclasses.dataclass(frozen=True)
class StepTime:
    """What a step of one size took.

    Attributes:
      tokens: of a row, padding included.
      rows: of the batch.
      seconds: of one step, the median.
    """

    tokens: int
    rows: int
    seconds: float

    @property
    def slots(self) -> int:
        """Tokens of the batch, padding included."""
        return self.tokens * self.rows


@dataclasses.dataclass(frozen=True)
class Measured:
    """What some steps took.

    Attributes:
      longest: of rows of the most tokens.
      typical: of rows of usual length; the same where all batches have one shape, or a step takes long.
      memory: what the process, or the GPU, held at its fullest, and what there is.
      parts: in how many parts a replica's rows went through the model.
      asked_parts: in how many they were to.
      weights, trained: numbers in the model, and how many of them are trained.
      finite: whether all losses were.
    """

    longest: StepTime
    typical: StepTime
    memory: Memory
    parts: int
    asked_parts: int
    weights: int
    trained: int
    finite: bool

    def seconds_of(self, slots: float) -> float:
        """How long a step with so many tokens takes, on the line through the two that were measured."""
        one, other = self.typical, self.longest
        if other.slots <= one.slots or other.seconds <= one.seconds:
            return other.seconds * slots / other.slots
        slope = (other.seconds - one.seconds) / (other.slots - one.slots)
        return max(one.seconds + slope * (slots - one.slots), 0.3 * one.seconds)


class DoesNotFit(Exception):
    """A step needs more memory than there is.

    Args:
      needed: bytes, as far as it is known; 0 where it is not.
      there_are: bytes.
      parts: in how many parts a batch would fit, as far as one step of fewer rows tells; 0 where none would.
    """

    def __init__(self, needed: float, there_are: float, parts: int):
        super().__init__()
        self.needed, self.there_are, self.parts = needed, there_are, parts


class _Batches:
    """A plan of a few batches, the last of them again and again."""

    interleaved = False

    def __init__(self, batches: Sequence[np.ndarray], batch_size: int):
        self._batches, self.batch_size = batches, batch_size

    def rows(self, step: int) -> np.ndarray:
        return self._batches[min(step, len(self._batches) - 1)]

    def sample_ids(self, step: int) -> np.ndarray:
        return self.rows(step).astype(np.int64)


@during("reading the weights")
def assembled_on_few(run: TrainingRun, data: TrainingData, course: Course) -> tuple[Assembled, list[np.ndarray]]:
    """The run with the weights that it starts from, on as many records as some steps take, and the rows of these steps there.

    Raises:
      UserError: the checkpoint is of another model.
    """
    batches = _chosen(data.records, course)
    taken = np.concatenate(batches)
    some = RecordSet.in_memory([data.records.read(int(row)) for row in taken], data.records.specs, "the records of a step")
    # What a teacher says of records is kept by their files.
    some.paths, some.finish = list(data.records.paths), data.records.finish
    places = np.split(np.arange(len(taken)), np.cumsum([len(batch) for batch in batches])[:-1])
    return run.assemble(some, course), places


@during("measuring steps")
def measure(
    run: TrainingRun, data: TrainingData, course: Course, assembled: Assembled, batches: Sequence[np.ndarray]
) -> Measured:
    """Runs some steps of the longest and of usual rows; the weights they train are thrown away.

    Args:
      run, data, course: of the training.
      assembled, batches: as `assembled_on_few` gives them.

    Raises:
      DoesNotFit: a step needs more memory than there is.
    """
    gc.collect()
    with run.strategy.scope():
        create_slots(assembled.optimizer, assembled.model.trainable_variables)
    return _Steps(run, assembled, course, course.padding.fitted(data.records)).measured(batches)


def _chosen(records: Records, course: Course) -> list[np.ndarray]:
    """The rows of a batch of the longest, and of a usual one: as the plan has them where that decides their shape."""
    plan, size = course.plan, course.plan.batch_size
    if course.padding.packs is not None or TOKENS in course.padding.fixed:
        return [plan.rows(0)]
    sample = records.spread(20_000)
    order = sample[np.argsort(-records.sizes_of(sample)[TOKENS].astype(np.int64), kind="stable")]
    size = min(size, len(order))
    middle = min(int(len(order) * _TYPICAL), len(order) - size)
    return [order[:size], order[middle : middle + size]]


class _Steps:
    """Runs steps on chosen batches and looks at clock and memory."""

    def __init__(self, run: TrainingRun, assembled: Assembled, course: Course, padding: Padding):
        options, strategy = run.options, run.strategy
        self._strategy, self._assembled, self._padding, self._course = strategy, assembled, padding, course
        self._is_gpu, self._replicas = on_gpus(strategy), strategy.num_replicas_in_sync
        self._asked = self._parts = parts_of_batch(options, self._replicas)
        self._halves = options.micro_batch_size == AUTO
        self._finite = True
        self._step = TrainStep(
            assembled.task,
            assembled.model,
            assembled.optimizer,
            strategy,
            seed=course.seed,
            accumulation_steps=self._parts,
            clip_norm=options.clip_norm,
            enable_xla=bool(options.enable_xla),
            bytes_per_pack=options.allreduce_bytes_per_pack,
            adversary=assembled.adversary,
        )

    def measured(self, batches: Sequence[np.ndarray]) -> Measured:
        before = process_memory()
        if not self._is_gpu and not self._padding.full_batches:
            # A process that takes more than there is, is killed without a word: so the first step has a quarter of the rows.
            self._try_fewer(batches[0], before)
        times = [self._time(batches[0])]
        # Of a very slow one the time is taken to be in proportion to the tokens.
        times += [self._time(batch) for batch in batches[1:] if times[0].seconds < _SLOW]
        model = self._assembled.model
        trained = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
        rest = sum(int(np.prod(variable.shape)) for variable in model.non_trainable_variables)
        return Measured(times[0], times[-1], self._memory(), self._parts, self._asked, trained + rest, trained, self._finite)

    def _try_fewer(self, batch: np.ndarray, before: int | None) -> None:
        at_once = self._replicas * self._parts
        fewer = batch[: max(len(batch) // 4, at_once)]
        if len(fewer) == len(batch):
            return
        self._run(fewer, 1)
        used, free = process_memory(), available_memory()
        if used is None or before is None or free is None:
            return
        growth = (used - before) * (len(batch) / len(fewer) - 1)
        if growth > free:
            size = self._course.plan.batch_size
            divided = (2**n for n in range(1, 9) if growth / 2**n < _SPARE * free and size % (2**n * at_once) == 0)
            raise DoesNotFit(used + growth, used + free, next(divided, 0) * self._parts)

    def _time(self, batch: np.ndarray) -> StepTime:
        # The first one of a shape compiles, or waits for its rows.
        seconds = self._run(batch, 1 + _MOST_STEPS)
        rows = self._padding.rows(len(batch), self._course.plan.batch_size, self._replicas * self._parts)
        return StepTime(self._tokens(batch), rows, float(np.median(seconds[1:] or seconds)))

    def _tokens(self, batch: np.ndarray) -> int:
        if TOKENS in self._padding.fixed:
            return self._padding.fixed[TOKENS]
        return self._padding.size(TOKENS, self._assembled.records.sizes_of(batch)[TOKENS])

    def _run(self, batch: np.ndarray, most: int) -> list[float]:
        """Seconds of some steps, in more parts from where memory ends if the training may do that."""
        while True:
            try:
                return self._run_once(batch, most)
            except tf.errors.ResourceExhaustedError:
                rows = self._course.plan.batch_size // self._replicas
                if not self._halves or rows % (2 * self._parts):
                    raise DoesNotFit(0, 0, 2 * self._parts if rows % (2 * self._parts) == 0 else 0) from None
                self._parts *= 2
                self._step.divide(self._parts)

    def _run_once(self, batch: np.ndarray, most: int) -> list[float]:
        plan = _Batches([batch], self._course.plan.batch_size)
        iterator: Iterator = iter(
            distributed_batches(self._strategy, self._assembled.records, plan, 0, self._padding, self._parts)
        )
        seconds: list[float] = []
        # What is compiled takes its time in the first one.
        first = int(self._padding.full_batches)
        while len(seconds) <= first or (len(seconds) < most and sum(seconds[first:]) < _MOST_SECONDS):
            began = time.monotonic()
            result = self._step.run(iterator, len(seconds), 1)
            # Looking at a value waits for the device.
            self._finite &= int(result.first_bad_step) < 0
            seconds.append(time.monotonic() - began)
        return seconds

    def _memory(self) -> Memory:
        if self._is_gpu:
            gpus = tf.config.list_logical_devices("GPU")
            return Memory("GPU", tf.config.experimental.get_memory_info(gpus[0].name.split("device:")[-1])["peak"], None)
        used, free = process_memory(), available_memory()
        return Memory("process", used, None if free is None or used is None else used + free)


def seconds_of_training(measured: Measured, run: TrainingRun, data: TrainingData, course: Course) -> tuple[float, float]:
    """How long the steps of a training take, and its evaluations; a token of these is taken for a third of a trained one."""
    plan, steps = course.plan, course.schedule.train_steps
    in_epoch = min(steps, getattr(plan, "steps_per_epoch", steps))
    sampled = np.unique(np.linspace(0, in_epoch - 1, min(_MOST_SAMPLED, in_epoch)).astype(int))
    mean = float(np.mean([measured.seconds_of(_slots(plan, data.records, course.padding, int(step))) for step in sampled]))
    rate = measured.typical.seconds / measured.typical.slots / 3
    tokens = sum(int(np.sum(one.records.sizes_of(np.arange(len(one.records)))[TOKENS])) for one in data.sets)
    watched = data.sets[:1] if data.evaluates else []
    of_watched = sum(int(np.sum(one.records.sizes_of(np.arange(len(one.records)))[TOKENS])) for one in watched)
    on_the_way = max(steps // max(course.schedule.eval_every_steps, 1) - 1, 0)
    return mean * steps, rate * (tokens + of_watched * on_the_way)


def _slots(plan: Plan, records: Records, padding: Padding, step: int) -> float:
    rows = plan.rows(step)
    if TOKENS in padding.fixed:
        return padding.fixed[TOKENS] * padding.rows(len(rows), plan.batch_size, 1)
    return padding.size(TOKENS, np.asarray(records.sizes_of(rows)[TOKENS])) * len(rows)
