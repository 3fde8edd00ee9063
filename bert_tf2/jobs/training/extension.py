"""A finished training that goes on for longer: more epochs or steps in its own directory, with a schedule of their own."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.training import checkpointing
from bert_tf2.training.run_directory import RunDirectory

logger = logging.getLogger(__name__)

_ENDS = "earlier_ends"
_LENGTHS = ("num_train_epochs", "num_train_steps", "train_steps")


def earlier_ends(
    directory: RunDirectory,
    identity: Mapping[str, Any],
    about: Mapping[str, Any],
    steps: int,
    steps_of: Callable[[Mapping[str, Any]], int],
) -> list[int]:
    """Makes the directory that of a training, which may be one that is there and is now to be longer.

    Args:
      directory: `--model_dir`.
      identity: what defines the training.
      about: what is worth knowing of its circumstances.
      steps: how many it has.
      steps_of: how many steps a training of another identity in its length has.

    Returns:
      the steps at which the training was finished before; each part of it has a warm-up and a decay of its own.

    Raises:
      UserError: as `RunDirectory.identify`; or the training that is to be longer has not ended yet, or by itself.
    """
    differing = directory.differing(identity)
    latest = checkpointing.latest_step(directory.path)
    if latest is not None and differing and set(differing) <= set(_LENGTHS):
        former = directory.run()
        end = steps_of(former)
        if steps > end:
            _check_finished(directory, identity, differing, latest, end)
            ends = [*(directory.found(_ENDS) or []), end]
            directory.replace(identity, about, {_ENDS: ends})
            logger.info(
                "%s: a finished training of %d steps goes on for %d more, with a warm-up and a decay of their own",
                directory.path,
                end,
                steps - end,
            )
            return ends
    directory.identify(identity, about)
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
