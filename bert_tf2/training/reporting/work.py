"""What training steps work on: how much of it is text, what the products take, how long the data were waited for."""

import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.packing import PACKING
from bert_tf2.tasks.base import Batch
from bert_tf2.tensorflow_internals import is_op_determinism_enabled

WORK = ("tokens", "slots", "pairs")
"""What is counted of every step: tokens of real rows; slots of the batch, which hold a token or padding; and slots times their
row's length, which are the attention's scores of a head."""


def counts(batch: Batch) -> tf.Tensor:
    """`WORK` of a replica's rows: float32 [3]; zeros where the rows hold no tokens.

    Args:
      batch: with `input_mask` int32 [..., L], whose rows without any token are not computed, and `example_weight` float32 [B];
        packed with `PACKING`, whose packs have the rows' length.
    """
    mask = batch.get("input_mask")
    if mask is None:
        return tf.zeros([3])
    tokens = tf.cast(tf.reduce_sum(mask, axis=-1), tf.float32)
    length = tf.cast(tf.shape(mask)[-1], tf.float32)
    packs = batch.get(PACKING[0])
    slots = length * tf.reduce_sum(tf.cast(tokens > 0, tf.float32)) if packs is None else tf.cast(tf.size(packs), tf.float32)
    real = tf.cast(batch["example_weight"] > 0, tf.float32)
    of_real = tf.tensordot(real, tf.reduce_sum(tf.reshape(tokens, [tf.shape(real)[0], -1]), axis=1), 1)
    return tf.stack([of_real, slots, slots * length])


def timed(get: Callable[[], Batch]) -> tuple[Batch, tf.Tensor]:
    """What is got, and how many seconds that took, float64; nan where operations must be deterministic, which a clock is not, and
    where one thread runs all of them: it looks at the clock again when all else is done.

    To be called in a graph. While a GPU still works on the steps before, nothing waits in truth; so this is the most that can
    have been waited for.
    """
    if is_op_determinism_enabled() or _threads() == 1:
        return get(), tf.constant(math.nan, tf.float64)
    # A clock of the host, which no accelerator has to start a kernel for.
    with tf.device("/CPU:0"):
        begin = tf.timestamp()
    with tf.control_dependencies([begin]):
        batch = get()
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)), tf.device("/CPU:0"):
        return batch, tf.timestamp() - begin


def _threads() -> int:
    """How many threads run operations."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return tf.config.threading.get_inter_op_parallelism_threads() or own


def arithmetic(model: tf_keras.Model) -> tuple[float, float]:
    """The floating-point operations of a model's products in a training step: for each slot, and for each of its pairs.

    Two for every weight of the blocks' matrices, and four for every score and number of a hidden vector; three times that, for
    both gradients (https://arxiv.org/abs/2204.02311, appendix B). As if every block computed every slot, as others count;
    embeddings and heads are left out. (0, 0) for a model that has no such blocks.
    """
    of_slot = of_pair = 0.0
    for encoder in (model, *model.submodules):
        blocks = getattr(encoder, "_transformer_layers", ())
        # A block may stand for several layers.
        layers = len(encoder.output["encoder_outputs"]) // len(blocks) if blocks else 0
        of_slot += 6.0 * layers * sum(block.matrix_weights for block in blocks)
        of_pair += 12.0 * layers * sum(block.width for block in blocks)
    return of_slot, of_pair


def speeds(work: np.ndarray, examples: int, rate: float, products: tuple[float, float]) -> dict[str, float]:
    """What is told of some steps besides their examples per second.

    Args:
      work: their sums of `WORK`.
      examples: how many they trained.
      rate: examples per second.
      products: as `arithmetic` gives them.

    Returns:
      `tokens_per_second`, of real tokens; `padding`, the share of the slots that hold none; and `tflops`, the products'
      floating-point operations per second / 10^12, those of padding among them. Nothing where no tokens were counted.
    """
    tokens, slots, pairs = work.tolist()
    if not slots or not examples:
        return {}
    found = {"tokens_per_second": rate * tokens / examples, "padding": 1 - tokens / slots}
    operations = products[0] * slots + products[1] * pairs
    return found | ({"tflops": rate * operations / examples / 1e12} if operations else {})


def medians(entries: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of what is told of the speed, over a training's reports."""
    names = ("examples_per_second", "tokens_per_second", "padding", "tflops", "input_wait")
    values = {name: [entry[name] for entry in entries if entry.get(name) is not None] for name in names}
    return {name: statistics.median(some) for name, some in values.items() if some}
