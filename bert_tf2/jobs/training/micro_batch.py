"""What `--micro_batch_size` asks for: how many rows of a replica go through the model at once."""

import dataclasses
import logging
from typing import TYPE_CHECKING, TypeVar

from bert_tf2.errors import UserError
from bert_tf2.jobs.training.training_options import AUTO, TrainingOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    import tensorflow as tf

logger = logging.getLogger(__name__)
JobOptions = TypeVar("JobOptions", bound=TrainingOptions)


def check_micro_batch(options: TrainingOptions, is_tpu: bool) -> None:
    """Checks what the flag cannot by itself.

    Raises:
      UserError: it says what another flag says too, or the devices cannot do it.
    """
    size = options.micro_batch_size
    if size not in (None, AUTO) and options.gradient_accumulation_steps > 1:
        raise UserError(
            f"--micro_batch_size={size} and --gradient_accumulation_steps={options.gradient_accumulation_steps} are two ways to "
            "say one thing; give one, or --micro_batch_size=auto, which begins with so many parts"
        )
    if size == AUTO and options.pack_sequences:
        raise UserError("--micro_batch_size=auto cannot make packed batches smaller, whose shape is fixed; give a number")
    if size == AUTO and is_tpu:
        raise UserError("--micro_batch_size=auto is not for a TPU, whose programs are fitted to its memory; give a number")


def settled_micro_batch(options: TrainingOptions, strategy: "tf.distribute.Strategy", is_tpu: bool) -> str | int | None:
    """As was said, else `auto` on GPUs and whole batches elsewhere."""
    from bert_tf2.training import distribution

    if options.micro_batch_size is not None or is_tpu:
        return options.micro_batch_size
    return AUTO if distribution.on_gpus(strategy) else None


def parts_of_batch(options: TrainingOptions, replicas: int) -> int:
    """In how many parts a replica's rows go through the model, as far as the options say.

    Raises:
      UserError: the rows of a replica cannot be divided so.
    """
    size = options.micro_batch_size
    rows, rest = divmod(options.train_batch_size, replicas)
    # A batch that the replicas cannot share is told of as without this flag.
    if size is None or size == AUTO or rest:
        return options.gradient_accumulation_steps
    at_once = int(size)
    whole = f"--train_batch_size={options.train_batch_size} on {replicas} replica(s)"
    if at_once > rows:
        raise UserError(f"--micro_batch_size={at_once} is more than the {rows} rows of a replica ({whole}); leave it out")
    if rows % at_once:
        lower = next(one for one in range(at_once, 0, -1) if rows % one == 0)
        upper = next(one for one in range(at_once, rows + 1) if rows % one == 0)
        raise UserError(
            f"--micro_batch_size={at_once} does not divide the {rows} rows of a replica ({whole}); use {lower} or {upper}"
        )
    return rows // at_once


def bounded_parts(
    options: JobOptions, replicas: int, batches: "Iterable[np.ndarray]", inputs: "np.ndarray", at_once: int | None
) -> JobOptions:
    """The options of a training whose examples are any number of inputs each: a batch is divided into so many parts that the
    inputs of none of them exceed a bound, unless the options say how many.

    Args:
      options: settled.
      replicas: how many share a batch.
      batches: the rows of each step of the training.
      inputs: how many each row has, int [N].
      at_once: the bound on a replica; None for as many as it has rows, or twice as many as one row has at most.
    """
    rows, rest = divmod(options.train_batch_size, replicas)
    says_how = options.gradient_accumulation_steps > 1 or options.micro_batch_size not in (None, AUTO)
    if rest or says_how or (options.micro_batch_size == AUTO and at_once is None):
        return options
    bound = at_once or max(rows, 2 * int(inputs.max()))
    of_batches = [inputs[batch] for batch in batches]
    part = next((one for one in range(rows, 1, -1) if rows % one == 0 and _heaviest(of_batches, one, rows, replicas) <= bound), 1)
    if part == 1 and at_once is not None and inputs.max() > at_once:
        logger.warning("one example alone has %d inputs, more than the %d that were to go through at once", inputs.max(), at_once)
    if part == rows:
        return options
    logger.info("%d examples of %d go through the model at once, so that no more than %d inputs do", part, rows, bound)
    return dataclasses.replace(options, micro_batch_size=part)


def _heaviest(batches: "Sequence[np.ndarray]", part: int, rows: int, replicas: int) -> int:
    """The most inputs of so many rows of a batch that go through the model together."""
    import numpy as np

    most = 0
    for inputs in batches:
        # A part that is not full is filled up with the last row.
        parts = rows // part * replicas
        whole = np.pad(inputs, (0, -len(inputs) % parts), mode="edge")
        most = max(most, int(whole.reshape(parts, -1).sum(axis=1).max()))
    return most


def whole_batches(options: JobOptions, replicas: int, is_tpu: bool) -> JobOptions:
    """The options of a training whose loss compares the examples of a batch with each other.

    Its batches are not divided, and what several replicas say to each other in the middle of a step is not compiled.

    Args:
      options: settled.
      replicas: how many share a batch.
      is_tpu: whether they are a TPU's.

    Raises:
      UserError: they divide a batch.
    """
    parts = parts_of_batch(options, replicas)
    if parts > 1:
        flag = "gradient_accumulation_steps" if options.gradient_accumulation_steps > 1 else "micro_batch_size"
        raise UserError(
            f"--{flag}={getattr(options, flag)} would divide the batch into {parts} parts, and this loss compares all its "
            "examples with each other; leave it out, and use --recompute or a smaller --train_batch_size where memory ends"
        )
    if options.enable_xla and replicas > 1 and not is_tpu:
        logger.warning("the step is not compiled: this loss compares examples of all %d replicas in its middle", replicas)
        options = dataclasses.replace(options, enable_xla=False)
    if options.micro_batch_size == AUTO:
        logger.info("batches are not divided where memory ends: this loss compares all examples of a batch with each other")
        return dataclasses.replace(options, micro_batch_size=None)
    return options
