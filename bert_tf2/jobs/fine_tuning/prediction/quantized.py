"""A trained model that predicts with weights of 8 bits, and how far that is from what it gives in float32."""

import logging

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.records.metadata import MetaData
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.exporting.quantized_here import quantized_run
from bert_tf2.jobs.trained import running
from bert_tf2.jobs.trained.differences import Differences
from bert_tf2.progress import during
from bert_tf2.tasks.base import Task

logger = logging.getLogger(__name__)

# So many examples, evenly spread, are computed in float32 too.
_SAMPLE = 64


class QuantizedModel:
    """Predicts in place of a model.

    Args:
      task: what is predicted.
      model: with its weights, in float32.
      meta: the metadata of the training's records; None where there is none.

    Raises:
      UserError: the model cannot be converted.
    """

    def __init__(self, task: Task, model: tf_keras.Model, meta: MetaData | None):
        self._task, self._portable = task, task.portable(model, meta)
        if self._portable.why_not_converted:
            raise UserError(f"--quantize=int8: {self._portable.why_not_converted}")
        self._whole, self._quantized = running.original(self._portable), self._converted()

    @during("converting the model to 8 bits")
    def _converted(self) -> running.Run:
        return quantized_run(self._portable.outputs)

    def collected(self, records: RecordSet, batch_size: int, what: str) -> dict[str, np.ndarray]:
        """What `predict_all` collects of records; tells how some of them differ.

        Args:
          records: what is predicted.
          batch_size: examples at a time; changes no result but that ranges of activations are those of a batch.
          what: what its progress calls it.
        """
        differences = self.differences(records)
        logger.info(
            "weights of 8 bits: in %d inputs outputs differ by at most %.2g from those in float32, which are up to %.2g",
            differences.rows,
            differences.largest,
            differences.magnitude,
        )
        (found,) = running.collected(self._task, self._portable, [self._quantized], records, batch_size, what)
        return found

    def differences(self, records: RecordSet) -> Differences:
        """By how much the outputs for some of the records differ from those in float32."""
        found, sample = Differences(self._portable.of_tokens), records.spread(_SAMPLE)
        batch = {name: tf.constant(value) for name, value in records.parse(sample.tolist()).items()}
        rows = self._portable.rows(batch)
        found.add(rows, self._whole(rows), self._quantized(rows))
        return found
