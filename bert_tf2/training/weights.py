"""Weights outside a run: which checkpoint to use, reading one by name, saving a part of a model."""

import os
import uuid

import tensorflow as tf

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError
from bert_tf2.training.trainer import BEST_CHECKPOINT


def best_step(directory: str) -> int:
    """The step of a run's best checkpoint.

    Raises:
      UserError: the run has none.
    """
    path = os.path.join(directory, BEST_CHECKPOINT)
    if not tf.io.gfile.exists(path):
        raise UserError(f"--load_checkpoint=best: {directory} has no best checkpoint: no evaluation while training gave a number")
    return int(files.read_json(path)["step"])


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
