"""What a run does when a step does not fit into memory: fewer rows at once, from the last state that is known to be whole."""

import logging

import tensorflow as tf

from bert_tf2.errors import JobError
from bert_tf2.training.checkpointing import CheckpointDirectory, restore
from bert_tf2.training.memory.errors import is_out_of_memory, what_did_not_fit
from bert_tf2.training.memory.micro_batches import MicroBatches
from bert_tf2.training.memory.snapshot import Snapshot

logger = logging.getLogger(__name__)

_SMALLER = "use --recompute, a smaller --max_seq_length, or --dtype=bf16"


class Recovery:
    """Goes on after a step that did not fit into memory; a context manager.

    What the variables hold after a failed step is not looked at: it may have written some and not others, and compiled code gives
    its old state away. A copy in the host's memory is taken before steps that need more than those before, and of copy and newest
    checkpoint the newer one is gone back to.

    Args:
      checkpoint: all state of the training.
      checkpoints: where it is saved.
      micro_batches: how many rows go through the model at once.
      strategy: where the model lives.
    """

    def __init__(
        self,
        checkpoint: tf.train.Checkpoint,
        checkpoints: CheckpointDirectory,
        micro_batches: MicroBatches,
        strategy: tf.distribute.Strategy,
    ):
        self._checkpoint, self._checkpoints, self._micro_batches = checkpoint, checkpoints, micro_batches
        # TensorFlow's sums over replicas work no more, in this process, once one of them has failed.
        self._several, self._snapshot = strategy.num_replicas_in_sync > 1, Snapshot(checkpoint)

    def __enter__(self) -> "Recovery":
        return self

    def __exit__(self, *_: object) -> None:
        self._snapshot.drop()

    def needs_copy(self, step: int, saved_step: int | None) -> bool:
        """Whether the state before a step is lost when the step fails, although there is something to do about it."""
        return self._micro_batches.can_be_halved(step) and not self._several and step not in (saved_step, self._snapshot.step)

    def keep(self, step: int) -> None:
        """Copies the state, which the variables hold."""
        self._snapshot.take(step)

    def forget(self) -> None:
        """A newer state has been saved."""
        self._snapshot.drop()

    def told(self, error: tf.errors.OpError, step: int) -> str | None:
        """What did not fit in a step after which the run goes on in smaller parts; None where the step failed otherwise.

        Raises:
          JobError: the parts cannot be smaller.
        """
        if not is_out_of_memory(error):
            return None
        rows = self._micro_batches.at_once(step)
        what = f"out of memory in step {step + 1} with {rows} of a replica's rows at once ({what_did_not_fit(error)})"
        if self._micro_batches.can_be_halved(step):
            return what
        if self._micro_batches.may_halve:
            raise JobError(f"{what}; {_SMALLER}") from error
        raise JobError(
            f"{what}; use --micro_batch_size=auto or --gradient_accumulation_steps=2 or more for the same result in parts, "
            "--recompute, a smaller --train_batch_size or --max_seq_length, or --dtype=bf16"
        ) from error

    def halve(self, told: str, step: int) -> None:
        """Lets fewer rows go through the model at once from a step on, and says so.

        Args:
          told: what did not fit.
          step: in which step.

        Raises:
          JobError: there are other replicas, which cannot go on after one has failed.
        """
        rows = self._micro_batches.halve(step)
        if self._several:
            raise JobError(
                f"{told}: several replicas cannot go on after one has failed; run the same command again (with several workers "
                f"on all of them), which goes on from the last checkpoint with {rows} rows at once, for the same update"
            )
        logger.warning("%s; going on with %d rows at once, for the same update", told, rows)

    def go_back(self, saved_step: int | None) -> bool:
        """Restores the newest state that is kept.

        Args:
          saved_step: the step of the newest checkpoint; None where there is none.

        Returns:
          whether that is what the checkpoint holds, not the copy.
        """
        if self._snapshot.step is not None and self._snapshot.step >= (saved_step or 0):
            self._snapshot.restore()
            return False
        assert saved_step is not None, "before the first checkpoint there is a copy"
        restore(self._checkpoint, self._checkpoints.prefix(saved_step))
        return True


def between_steps(error: tf.errors.ResourceExhaustedError) -> JobError:
    """What is told of memory that does not suffice outside a step, for example to read the state out of it."""
    return JobError(f"out of memory between two steps ({what_did_not_fit(error)}); {_SMALLER}")
