"""Batches: the tensors of the rows that a plan gives each step, divided among workers and replicas."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import numpy as np
import tensorflow as tf

from bert_tf2.data.batches.few_lengths import few_lengths
from bert_tf2.data.batches.packing import PACKING, PackShape, packing_of
from bert_tf2.data.batches.plans import Plan
from bert_tf2.data.records.feature_spec import TOKENS, FeatureSpec, counted_axes
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.errors import UserError

# More steps than the pipeline is ever ahead of those that ran.
_READ_AHEAD = 64
# Rows whose lengths stand for all.
_SAMPLE = 20_000

EXAMPLE_WEIGHT = "example_weight"


class Records(Protocol):
    """What batches are made of: `RecordSet`, `sharded_records.ShardedRecords`."""

    specs: list[FeatureSpec]
    finish: Callable[[dict[str, tf.Tensor], tf.Tensor], dict[str, tf.Tensor]] | None

    def __len__(self) -> int:
        """How many records there are."""

    def read(self, row: int) -> bytes:
        """The serialized record of a row."""

    def sizes_of(self, rows: np.ndarray) -> Mapping[str, np.ndarray]:
        """Sizes of some rows on the axes of `counted_axes`."""

    def spread(self, number: int) -> np.ndarray:
        """Rows evenly spread over all, at most about `number`: int64."""

    def location(self, row: int) -> str:
        """Where a row comes from, for messages."""


@dataclasses.dataclass(frozen=True)
class Padding:
    """What sizes batches get on the axes that their features name.

    Attributes:
      fixed: axes on which every batch has the same size (TPU, XLA with one shape). On others a batch is padded to the longest row
        of the global batch.
      most: no row has more on these axes, such as `{"tokens": max_seq_length}`.
      lengths: the numbers of tokens that a batch may have, ascending, for code that is compiled for each; none where any will do.
      full_batches: partial batches are filled to the full batch size with rows of weight 0, so that the shape is the same.
      packs: the shape of the packs that each part of a batch goes into (one of a replica and an accumulation step), with `fixed`
        tokens and `full_batches`; None where examples are not packed.
    """

    fixed: Mapping[str, int] = dataclasses.field(default_factory=dict)
    most: Mapping[str, int] = dataclasses.field(default_factory=dict)
    lengths: tuple[int, ...] = ()
    full_batches: bool = False
    packs: PackShape | None = None

    def size(self, axis: str, sizes: np.ndarray) -> int:
        """The size on an axis of a batch whose rows have these sizes."""
        longest = int(sizes.max(initial=1))
        if axis != TOKENS:
            return longest
        padded = next((length for length in self.lengths if length >= longest), longest)
        return min(padded, self.most.get(axis, padded))

    def fitted(self, records: Records) -> "Padding":
        """Where shapes are to be few and a batch may have any number of tokens: with the few lengths that fit the records."""
        if not self.full_batches or TOKENS in self.fixed or not len(records):
            return self
        sample = records.spread(_SAMPLE)
        lengths = records.sizes_of(sample)[TOKENS]
        longest = int(lengths.max()) if len(sample) == len(records) else self.most.get(TOKENS, int(lengths.max()))
        return dataclasses.replace(self, lengths=few_lengths(lengths, max(longest, 1)))

    def rows(self, real: int, batch_size: int, parts: int) -> int:
        """The number of rows of a batch with `real` real rows that is divided into `parts` equal parts."""
        return batch_size if self.full_batches else -(-real // parts) * parts


def check_divisible(batch_size: int, replicas: int, accumulation_steps: int = 1, flag: str = "train_batch_size") -> None:
    """Raises a UserError when a batch cannot be divided equally."""
    parts = replicas * accumulation_steps
    if batch_size % parts == 0:
        return
    lower = batch_size // parts * parts
    nearest = " or ".join(str(size) for size in (lower, lower + parts) if size > 0)
    divided_by = (
        f"{replicas} replicas" if accumulation_steps == 1 else f"{replicas} replicas x {accumulation_steps} accumulation steps"
    )
    raise UserError(f"--{flag}={batch_size} is not divisible by {divided_by}; use {nearest}")


def distributed_batches(
    strategy: tf.distribute.Strategy,
    records: Records,
    plan: Plan,
    first_step: int,
    padding: Padding,
    accumulation_steps: int = 1,
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """The batches of a plan from a step on, divided among the replicas, without end.

    All replicas of a step get the same number of rows and the same sizes. Each worker reads its own share only.

    Returns:
      a dataset of batches as `parse_records` makes them, [rows of a replica, …], with `example_weight` float32
      [rows of a replica]: the record's `weight` or 1 for a real row, 0 for a row that fills up; and where they are packed the
      features `PACKING`, see `packing_of`. `next_batch` takes from it what this process's replicas need for one step.
    """
    replicas = strategy.num_replicas_in_sync
    check_divisible(plan.batch_size, replicas, accumulation_steps)
    share = _share_of(records, plan, padding, replicas, accumulation_steps)
    counted = _axes_to_count(records, padding)

    def dataset_of_worker(worker: int, local: int) -> tf.data.Dataset:
        """The batches of a worker's `local` replicas, one after the other, step by step."""

        def read(index: np.int64) -> tuple:
            step, replica = divmod(int(index), local)
            return share(first_step + step, worker, replica, local)

        per_replica = plan.batch_size // replicas if padding.full_batches else None
        parsed = _parser(tuple(records.specs), tuple(sorted(padding.fixed.items())), tuple(counted))

        @tf.autograph.experimental.do_not_convert
        def read_in_python(index: tf.Tensor) -> tuple:
            return _read_in_python(read, index, per_replica, padding.packs, accumulation_steps)

        @tf.autograph.experimental.do_not_convert
        def parse(
            serialized: tf.Tensor, real: tf.Tensor, sizes: tf.Tensor, samples: tf.Tensor, *packing: tf.Tensor
        ) -> dict[str, tf.Tensor]:
            batch = parsed(serialized, real, sizes) | dict(zip(PACKING, packing))
            return batch if records.finish is None else records.finish(batch, samples)

        dataset = tf.data.Dataset.range(np.iinfo(np.int64).max).map(read_in_python)
        dataset = dataset.map(parse, num_parallel_calls=2 * local, deterministic=True)
        # Without a known end no replica has to ask the others whether there is another batch.
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)).prefetch(4 * local)
        options = tf.data.Options()
        # Whoever drops a tuned iterator waits until its tuner wakes, which is up to a minute.
        options.autotune.enabled = False
        return dataset.with_options(options)

    if _is_fed_by_its_hosts(strategy):
        return strategy.distribute_datasets_from_function(
            lambda context: dataset_of_worker(context.input_pipeline_id, replicas // context.num_input_pipelines)
        )
    mine = _replicas_of_this_process(strategy)
    return dataset_of_worker(mine[0] // len(mine), len(mine))


def next_batch(strategy: tf.distribute.Strategy, batches: Iterator[dict[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
    """The next step's batch, as `strategy.run` takes it: of the one replica, or values for each.

    Args:
      strategy: the strategy that the batches were made for.
      batches: an iterator of `distributed_batches`.
    """
    if strategy.num_replicas_in_sync == 1 or _is_fed_by_its_hosts(strategy):
        return next(batches)
    return strategy.experimental_distribute_values_from_function(lambda context: next(batches))


def _is_fed_by_its_hosts(strategy: tf.distribute.Strategy) -> bool:
    # Elsewhere TensorFlow's distributed datasets are avoided: their iterators are always tuned.
    return isinstance(strategy, tf.distribute.TPUStrategy)


def _replicas_of_this_process(strategy: tf.distribute.Strategy) -> list[int]:
    numbers: list[int] = []

    def note(context: tf.distribute.experimental.ValueContext) -> int:
        numbers.append(context.replica_id_in_sync_group)
        return 0

    strategy.experimental_distribute_values_from_function(note)
    return numbers


def bad_record(records: Records, plan: Plan, first_step: int, padding: Padding, steps: int = 1) -> str | None:
    """What is wrong with the first unusable record of some steps, or of those read ahead, and where it is; None for no such."""
    sizes = {**padding.most, **padding.fixed}
    try:
        # A plan that sorts by length reads the rows itself.
        rows = [int(row) for step in range(first_step, first_step + steps + _READ_AHEAD) for row in plan.rows(step)]
    except UserError as error:
        return str(error)
    for row in rows:
        try:
            batch = parse_records(tf.constant([records.read(row)]), records.specs, sizes)
            if records.finish is not None:
                records.finish({**batch, EXAMPLE_WEIGHT: tf.ones([1])}, tf.zeros([1], tf.int64))
        except LookupError:
            continue  # in a file that another worker reads
        except UserError as error:
            return str(error)
        except tf.errors.InvalidArgumentError as error:
            lines = error.message.strip().splitlines()
            return f"{records.location(row)}: {(lines or ['it cannot be parsed'])[0][:300]}"
    return None


def _axes_to_count(records: Records, padding: Padding) -> list[str]:
    return [axis for axis in counted_axes(records.specs) if axis not in padding.fixed]


def _share_of(records: Records, plan: Plan, padding: Padding, replicas: int, accumulation_steps: int) -> Callable[..., tuple]:
    counted = _axes_to_count(records, padding)

    def share(step: int, worker: int, replica: int, local: int) -> tuple:
        """What replica `replica` of a worker's `local` ones gets: records, weights, sizes, numbers of the samples; and how they
        are packed."""
        rows, samples = plan.rows(step), plan.sample_ids(step)
        if len(rows) == 0:  # past the last batch of an evaluation; prefetched, never used
            rows, samples = plan.rows(0)[:1], plan.sample_ids(0)[:1]
        of_rows = records.sizes_of(rows) if counted or padding.packs else {}
        sizes = np.array([padding.size(axis, of_rows[axis]) for axis in counted], np.int32)
        size = padding.rows(len(rows), plan.batch_size, replicas * accumulation_steps) // replicas
        if plan.interleaved:
            positions = worker + replicas // local * np.arange(replica * size, (replica + 1) * size)
        else:
            positions = (worker * local + replica) * size + np.arange(size)
        chosen = np.minimum(positions, len(rows) - 1)
        serialized = [records.read(int(row)) for row in rows[chosen]]
        is_real = positions < len(rows)
        packing: tuple[np.ndarray, ...] = ()
        if padding.packs is not None:
            packing = packing_of(np.maximum(of_rows[TOKENS][chosen], 1) * is_real, padding.packs, accumulation_steps)
        return serialized, is_real.astype(np.float32), sizes, samples[chosen], *packing

    return share


def _read_in_python(
    read: Callable, index: tf.Tensor, rows: int | None, packs: PackShape | None, parts: int
) -> tuple[tf.Tensor, ...]:
    """Slices the bytes of one replica's rows; the parsing is left to TensorFlow's own threads."""
    shapes: list[list[int | None]] = [[rows], [rows], [None], [rows]]
    if packs is not None:
        shapes += [[parts * packs.packs, packs.slots], [rows, packs.slots], [parts * packs.packs, packs.most], [rows]]
    types = [tf.string, tf.float32, tf.int32, tf.int64, *[tf.int32] * (len(shapes) - 4)]
    values = tf.numpy_function(lambda index: _as_arrays(*read(index)), [index], types, stateful=False)
    for value, shape in zip(values, shapes):
        value.set_shape(shape)
    return tuple(values)


def _as_arrays(serialized: list[bytes], *others: np.ndarray) -> tuple[np.ndarray, ...]:
    # An object array: NumPy's own bytes type would cut trailing zero bytes off.
    return np.array(serialized, dtype=object), *others


@functools.lru_cache(maxsize=64)
def _parser(specs: tuple[FeatureSpec, ...], fixed: tuple[tuple[str, int], ...], counted: tuple[str, ...]) -> Callable:
    """The function from serialized records [B], 1 for the real ones, [B], and the sizes of counted axes to a batch.

    Its graph is made once: every evaluation of a training begins batches anew.
    """

    @tf.function(autograph=False)
    def parse(serialized: tf.Tensor, real: tf.Tensor, sizes: tf.Tensor) -> dict[str, tf.Tensor]:
        of_axes: dict[str, int | tf.Tensor] = {**dict(fixed), **{axis: sizes[number] for number, axis in enumerate(counted)}}
        batch = parse_records(serialized, specs, of_axes)
        batch[EXAMPLE_WEIGHT] = real * batch["weight"] if "weight" in batch else real
        for name, value in batch.items():
            batch[name] = tf.ensure_shape(value, serialized.shape[:1].concatenate(value.shape[1:]))
        return batch

    return parse
