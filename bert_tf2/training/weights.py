"""Weights outside a run: which checkpoint to use, reading one by name, saving a part of a model."""

import os
import uuid

import tensorflow as tf

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError
from bert_tf2.progress import during
from bert_tf2.training.trainer import BEST_CHECKPOINT


def best_step(directory: str) -> int:
    """The step of a run's best checkpoint.

    Raises:
      UserError: the run has none.
    """
    path = os.path.join(directory, BEST_CHECKPOINT)
    if not tf.io.gfile.exists(path):
        raise UserError(f"--load_checkpoint=best: {directory} has no best checkpoint (no evaluation while training)")
    return int(files.read_json(path)["step"])


@during("reading the weights")
def restore_model_from(model: tf.Module, prefix: str) -> int:
    """Gives a model all its weights from a checkpoint named by its prefix, ours or the model garden's; returns its step.

    The step is the optimizer's count of updates, 0 when the checkpoint holds no optimizer.

    Raises:
      UserError: there is no such checkpoint, or it lacks a weight of the model or holds it with another shape.
    """
    if not tf.io.gfile.exists(f"{prefix}.index"):
        raise UserError(f"--predict_checkpoint_path: no checkpoint {prefix} (there is no {prefix}.index)")
    iterations = tf.Variable(0, dtype=tf.int64, trainable=False)
    optimizer = tf.train.Checkpoint(iter=iterations)
    try:
        status = tf.train.Checkpoint(model=model, optimizer=optimizer).read(prefix)
        status.expect_partial()
        tf.train.Checkpoint(model=model).read(prefix).expect_partial().assert_existing_objects_matched()
    except (AssertionError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise UserError(
            f"--predict_checkpoint_path={prefix} is not a checkpoint of this model: {reason}; "
            "it must come from a training by this same command, with the same configuration (and number of labels)"
        ) from None
    except (tf.errors.OpError, IndexError) as error:
        raise UserError(f"--predict_checkpoint_path={prefix} cannot be read: {str(error).splitlines()[0][:200]}") from None
    return int(iterations.numpy())


def save_whole(checkpoint: tf.train.Checkpoint, prefix: str) -> None:
    """Writes an object checkpoint under exactly this prefix, whole or not at all.

    Raises:
      JobError: it cannot be written.
    """
    directory, name = os.path.split(prefix)
    temporary = os.path.join(directory, f"{name}{files.INCOMPLETE}{uuid.uuid4().hex[:8]}")
    try:
        checkpoint.write(temporary)
        # The index last: a checkpoint counts when it has one.
        for part in (".data-00000-of-00001", ".index"):
            files.rename_whole(temporary + part, prefix + part)
    except (tf.errors.OpError, OSError) as error:
        raise JobError(f"cannot write {prefix}: {str(error).splitlines()[0]}") from error
    finally:
        for leftover in tf.io.gfile.glob(f"{temporary}*"):
            tf.io.gfile.remove(leftover)
