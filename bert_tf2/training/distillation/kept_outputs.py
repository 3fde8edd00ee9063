"""The outputs of a teacher for every record, computed once and kept in a file that training maps into memory.

`teacher_outputs/KEY.npy`, float32 [N, C]. While it is computed its name ends otherwise, and it holds as many rows as are known;
an interrupted computation goes on with the next ones.
"""

import io
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2 import files
from bert_tf2.data.batches.pipeline import Padding
from bert_tf2.data.records.feature_spec import CHOICES, LABELS, FeatureSpec
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.wire_format import ExampleEncoder
from bert_tf2.errors import JobError
from bert_tf2.tasks.base import Batch
from bert_tf2.training.evaluation import predict_all

logger = logging.getLogger(__name__)

DIRECTORY = "teacher_outputs"
FEATURE = "teacher_outputs"
_AT_ONCE = 4096
_OUTPUTS = "outputs"


def kept_outputs(path: str, rows: int, width: int, compute: Callable[[int, int], np.ndarray]) -> np.ndarray:
    """The file's rows, float32 [N, C], mapped into memory; computed before where it is not there.

    Args:
      path: of the file.
      rows: N.
      width: C.
      compute: gives the rows from one to before another.

    Raises:
      JobError: the file is not what was written, or cannot be written.
    """
    if not files.exists(path):
        _complete(path, rows, width, compute)
    try:
        kept = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        kept = None
    if kept is None or kept.dtype != np.float32 or kept.shape != (rows, width):
        raise JobError(f"{path} is damaged: it must hold float32 [{rows}, {width}]; remove it, and it is computed again")
    return kept


def _complete(path: str, rows: int, width: int, compute: Callable[[int, int], np.ndarray]) -> None:
    partial = path + files.INCOMPLETE
    files.make_directory(os.path.dirname(path))
    header = _header(rows, width)
    try:
        with open(partial, "ab") as file:
            known = max(file.tell() - len(header), 0) // (4 * width * _AT_ONCE) * _AT_ONCE
            file.truncate(len(header) + 4 * width * known if known else 0)
            if known:
                logger.info("going on after the first %s of the teacher's outputs that are kept", f"{known:,}")
            else:
                file.write(header)
            for first in range(known, rows, _AT_ONCE):
                file.write(np.ascontiguousarray(compute(first, min(first + _AT_ONCE, rows)), "<f4").tobytes())
                file.flush()
                os.fsync(file.fileno())
        files.rename_whole(partial, path)
    except OSError as error:
        raise JobError(f"cannot write {path}: {error.strerror}; make room and run the same command again to go on") from error


def _header(rows: int, width: int) -> bytes:
    """What an .npy file of float32 [rows, width] begins with."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)})
    return buffer.getvalue()


class _OutputsOf:
    """What `predict_all` collects: a model's outputs themselves."""

    def predictions(self, outputs: tf.Tensor, batch: Batch) -> Batch:
        del batch
        return {_OUTPUTS: outputs}


def computed_by(
    model: tf_keras.Model, records: RecordSet, width: int, strategy: tf.distribute.Strategy, batch_size: int, padding: Padding
) -> Callable[[int, int], np.ndarray]:
    """A function that computes a teacher's outputs of some rows: float32 [rows, width], filled up with zeros.

    Args:
      model: gives a tensor [B, up to `width`].
      records: all rows.
      width: of what is kept.
      strategy: where the model lives.
      batch_size: rows of a global batch.
      padding: the lengths of batches.
    """
    task: Any = _OutputsOf()

    def compute(first: int, end: int) -> np.ndarray:
        what = f"the teacher's outputs from {first:,}"
        outputs = predict_all(task, model, strategy, records.part(first, end), batch_size, padding, what=what)[_OUTPUTS]
        return np.pad(outputs, [(0, 0), (0, width - outputs.shape[1])])

    return compute


def width_of(records: RecordSet, axes: tuple[str, ...], num_labels: int) -> int:
    """How many numbers are kept of each record: as many as labels, or as the most choices of one."""
    return int(records.sizes_of(np.arange(len(records)))[CHOICES].max()) if axes == (CHOICES,) else num_labels


class TaughtRecords:
    """Records with a teacher's outputs as one more feature, `FEATURE`.

    Args:
      records: the records.
      outputs: float32 [N, C], a row for each.
      axes: of the outputs of one record: `("labels",)`, or `("choices",)`, of which a record has as many as it has choices.
    """

    def __init__(self, records: RecordSet, outputs: np.ndarray, axes: tuple[str, ...]):
        assert axes in ((LABELS,), (CHOICES,)), axes
        spec = FeatureSpec(FEATURE, "float32", shape=axes)
        self.specs, self.finish = [*records.specs, spec], records.finish
        self._records, self._outputs, self._by_choice = records, outputs, axes == (CHOICES,)
        self._encoder = ExampleEncoder([spec])

    def __len__(self) -> int:
        return len(self._records)

    def read(self, row: int) -> bytes:
        """The record and its outputs: messages one behind the other are one message with the fields of both."""
        values = self._outputs[row]
        if self._by_choice:
            values = values[: self._records.sizes_of(np.array([row]))[CHOICES][0]]
        return bytes(self._records.read(row)) + self._encoder.encode({FEATURE: values.tolist()})

    def sizes_of(self, rows: np.ndarray) -> Mapping[str, np.ndarray]:
        """Those of the records."""
        return self._records.sizes_of(rows)

    def spread(self, number: int) -> np.ndarray:
        """As of the records."""
        return self._records.spread(number)

    def location(self, row: int) -> str:
        """As of the records."""
        return self._records.location(row)
