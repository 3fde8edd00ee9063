"""A finished training that goes on for longer: more epochs or steps in its own directory, with a schedule of their own."""

import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.training import checkpointing
from bert_tf2.training.run_directory import RunDirectory

logger = logging.getLogger(__name__)

_ENDS = "earlier_ends"
_LENGTHS = ("num_train_epochs", "num_train_steps", "train_steps")


@dataclasses.dataclass(frozen=True)
class Length:
    """How long a training is.

    Attributes:
      steps: of the whole.
      steps_of: how many a training has whose identity differs in the length alone.
    """

    steps: int
    steps_of: Callable[[Mapping[str, Any]], int]


def identify(directory: RunDirectory, identity: Mapping[str, Any], about: Mapping[str, Any], length: Length) -> list[int]:
    """Makes the directory that of a training, which may be one that is there and is now to be longer.

    Args:
      directory: `--model_dir`.
      identity: what defines the training.
      about: what is worth knowing of its circumstances.
      length: of it.

    Returns:
      the steps at which the training was finished before; each part of it has a warm-up and a decay of its own.

    Raises:
      UserError: as `earlier_ends`.
    """
    former, ends = _noted(directory), earlier_ends(directory, identity, length)
    if len(ends) == len(former):
        directory.identify(identity, about)
        # A run that left nothing may have become another.
        return _noted(directory)
    directory.replace(identity, about, {_ENDS: ends})
    logger.info(
        "%s: a finished training of %d steps goes on for %d more, with a warm-up and a decay of their own",
        directory.path,
        ends[-1],
        length.steps - ends[-1],
    )
    return ends


def earlier_ends(directory: RunDirectory, identity: Mapping[str, Any], length: Length) -> list[int]:
    """As `identify`, but writes nothing.

    Raises:
      UserError: the directory is of another training; or the one that is to be longer has not ended yet, or ends by itself.
    """
    differing = directory.differing(identity)
    latest = checkpointing.latest_step(directory.path)
    if latest is not None and differing and set(differing) <= set(_LENGTHS):
        end = length.steps_of(directory.run())
        if length.steps > end:
            _check_finished(directory, identity, differing, latest, end)
            return [*_noted(directory), end]
    directory.require_this_run(identity)
    return _noted(directory)


def _noted(directory: RunDirectory) -> list[int]:
    return directory.found(_ENDS) or []


def _check_finished(directory: RunDirectory, identity: Mapping[str, Any], differing: list[str], latest: int, end: int) -> None:
    if identity["early_stopping_patience"]:
        raise UserError(
            f"{directory.path}: with --early_stopping_patience={identity['early_stopping_patience']} a training ends by itself "
            "and cannot be made longer; use another --model_dir, and this one as --init_checkpoint"
        )
    if latest < end:
        flag = next(name for name in _LENGTHS if name in differing)
        told = "--num_train_steps" if flag == "train_steps" else f"--{flag}"
        raise UserError(
            f"{directory.path} holds a training that is at step {latest} of {end}; let it end with the {told} that it began "
            "with, then it can be made longer"
        )
