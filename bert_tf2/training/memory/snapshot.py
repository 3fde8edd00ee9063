"""A checkpoint in the memory of the host, to go back to when a step fails."""

import itertools

import tensorflow as tf

# TensorFlow's own file system in memory: what is written is what a checkpoint on the disk would hold.
_DIRECTORY = "ram://bert_tf2-snapshots"
_numbers = itertools.count()


class Snapshot:
    """The newest copy that was taken of what a checkpoint holds; it takes memory until it is dropped.

    Args:
      checkpoint: what is copied.

    Attributes:
      step: the step of the copy; None where there is none.
    """

    def __init__(self, checkpoint: tf.train.Checkpoint):
        self._checkpoint, self._prefix = checkpoint, f"{_DIRECTORY}/{next(_numbers)}"
        self.step: int | None = None

    def take(self, step: int) -> None:
        """Copies what there is at a step; an older copy is given up before."""
        self.drop()
        self._checkpoint.write(self._prefix)
        self.step = step

    def restore(self) -> None:
        """Puts everything back as it was."""
        self._checkpoint.read(self._prefix).assert_existing_objects_matched()

    def drop(self) -> None:
        """Gives the memory back."""
        if self.step is not None:
            self.step = None
            for path in tf.io.gfile.glob(f"{self._prefix}.*"):
                tf.io.gfile.remove(path)
