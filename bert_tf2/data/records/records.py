"""Records: `tf.train.Example` files written and parsed by the same list of features.

A `FeatureSpec` names what a record holds; `RecordWriter` writes records by it and `parse_records` turns serialized records
into dense batches by it. Records hold unpadded token ids unless `pad_to` asks for Google's fixed-length layout; the parser
takes both.
"""

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf

from bert_tf2 import files
from bert_tf2.data.records.feature_spec import FeatureSpec
from bert_tf2.data.records.metadata import RecordFile
from bert_tf2.data.records.wire_format import ExampleEncoder
from bert_tf2.errors import JobError, UserError

MASK_FEATURE = "input_mask"
WEIGHTS_FEATURE = "masked_lm_weights"


class RecordWriter:
    """Writes a TFRecord file that has its name only when it is whole.

    As a context manager it is finished and renamed at the end, or removed after an error. A job with several files calls
    `finish` on all of them and then `publish` on all of them, so that a failure leaves none.

    Args:
      path: the file's final name.
      specs: the features of a record.
      pad_to: length to which features that are per token are padded; None writes them unpadded.
      gzip: compress the file.
      predictions_pad_to: length to which features that are per prediction are padded; None writes them unpadded.

    Attributes:
      encoder: serializes records by the same features, for callers of `write_serialized`.

    Raises:
      UserError: the directory cannot be written to.
    """

    def __init__(
        self,
        path: str,
        specs: Sequence[FeatureSpec],
        pad_to: int | None = None,
        gzip: bool = False,
        predictions_pad_to: int | None = None,
    ):
        self.path = files.expand(path)
        files.make_directory(os.path.dirname(self.path) or ".")
        if not files.is_remote(self.path) and os.path.isdir(self.path):
            raise UserError(f"cannot write {self.path}: it is a directory; name a file")
        self._temporary = files.incomplete_name(self.path)
        self.encoder = ExampleEncoder(specs, pad_to, predictions_pad_to)
        with self._disk_errors():
            self._writer = tf.io.TFRecordWriter(self._temporary, "GZIP" if gzip else None)
        # The class's own `write` only passes on to its base class.
        self._write = super(tf.io.TFRecordWriter, self._writer).write
        self._records = 0
        self._finished: RecordFile | None = None

    def write(self, features: Mapping[str, Sequence[float] | bytes | float]) -> None:
        """Adds one record; see `ExampleEncoder.encode`."""
        self.write_serialized(self.encoder.encode(features))

    def write_serialized(self, record: bytes) -> None:
        """Adds one record that is already serialized; see `write_all`."""
        self.write_all((record,))

    def write_all(self, records: Sequence[bytes]) -> None:
        """Adds records that are already serialized.

        Raises:
          JobError: the disk is full or fails.
        """
        write = self._write
        try:
            for record in records:
                write(record)
        except (tf.errors.OpError, OSError) as error:
            raise JobError(f"cannot write {self.path}: {_reason(error)}") from error
        self._records += len(records)

    def finish(self) -> RecordFile:
        """Closes the file, still under its temporary name, and returns its size and digest.

        Raises:
          JobError: the disk is full or fails.
        """
        if self._finished is None:
            with self._disk_errors():
                self._writer.close()
                size = tf.io.gfile.stat(self._temporary).length
                digest = files.sha256_of_file(self._temporary)
            self._finished = RecordFile(os.path.basename(self.path), self._records, size, digest)
        return self._finished

    def publish(self) -> RecordFile:
        """Flushes the file to the disk and gives it its name."""
        finished = self.finish()
        with self._disk_errors():
            files.rename_whole(self._temporary, self.path)
        return finished

    def discard(self) -> None:
        """Removes what was written, unless it was published."""
        with contextlib.suppress(tf.errors.OpError, OSError):
            self._writer.close()
        with contextlib.suppress(tf.errors.OpError, OSError):
            tf.io.gfile.remove(self._temporary)

    def __enter__(self) -> "RecordWriter":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        try:
            if kind is None:
                self.publish()
        finally:
            self.discard()

    @contextlib.contextmanager
    def _disk_errors(self):
        try:
            yield
        except (tf.errors.OpError, OSError) as error:
            raise JobError(f"cannot write {self.path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)


def parse_records(
    serialized: tf.Tensor, specs: Iterable[FeatureSpec], length: int | None = None, predictions: int | None = None
) -> dict[str, tf.Tensor]:
    """Turns serialized records into a dense batch.

    Args:
      serialized: string [B].
      specs: the features to parse; those with `in_batch` False are left out.
      length: the length of features that are per token; None means that of the longest record in the batch, where the
        trailing padding of fixed-length records (`input_mask` 0) does not count.
      predictions: the length of features that are per prediction; None means that of the record with the most, where
        trailing padding (`masked_lm_weights` 0) does not count.

    Returns:
      Tensors by batch name: [B, L] for features that are per token and [B, P] for those per prediction, padded with 0, and
      [B] for the others.

    Raises (when the records are read):
      tf.errors.InvalidArgumentError: a record is no `tf.train.Example`, lacks a feature, holds it with another type, is
        longer than `length` or has more than `predictions` predictions.
    """
    specs = [spec for spec in specs if spec.in_batch]
    wanted = {name: _feature(spec, name) for spec in specs for name in (spec.name, *spec.aliases)}
    parsed = tf.io.parse_example(serialized, wanted)
    lists = {spec.key: _first_present(parsed, spec) for spec in specs if spec.is_list}
    per_token = {spec.key: lists[spec.key] for spec in specs if spec.per_token}
    if per_token:
        lists |= _cut_and_pad(per_token, specs, length)
    per_prediction = {spec.key: lists[spec.key] for spec in specs if spec.per_prediction}
    if per_prediction:
        lists |= _cut_and_pad_predictions(per_prediction, predictions)
    batch = {}
    for spec in specs:
        values = lists[spec.key] if spec.is_list else parsed[spec.name]
        batch[spec.key] = tf.cast(values, spec.batch_dtype or ("int32" if spec.dtype == "int64" else "float32"))
    return batch


def _feature(spec: FeatureSpec, name: str) -> tf.io.FixedLenFeature | tf.io.FixedLenSequenceFeature:
    if spec.is_list:
        return tf.io.FixedLenSequenceFeature([], spec.dtype, allow_missing=True, default_value=0)
    default = tf.constant(spec.default, spec.dtype) if spec.optional else None
    return tf.io.FixedLenFeature([], spec.dtype, default)


def _first_present(parsed: dict[str, tf.Tensor], spec: FeatureSpec) -> tf.Tensor:
    """The feature under whichever of its names a record holds it; a record holds one, the others parse as zeros."""
    values = parsed[spec.name]
    for alias in spec.aliases:
        width = tf.maximum(tf.shape(values)[1], tf.shape(parsed[alias])[1])
        values = _padded(values, width) + _padded(parsed[alias], width)
    return values


def _padded(values: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    return tf.pad(values, [[0, 0], [0, width - tf.shape(values)[1]]])


def _cut_and_pad(per_token: dict[str, tf.Tensor], specs: list[FeatureSpec], length: int | None) -> dict[str, tf.Tensor]:
    mask = next((per_token[spec.key] for spec in specs if spec.per_token and spec.name == MASK_FEATURE), None)
    if mask is None:
        longest = tf.reduce_max([tf.shape(values)[1] for values in per_token.values()])
    else:
        used = tf.cast(mask != 0, tf.int32) * (1 + tf.range(tf.shape(mask)[1]))
        longest = tf.reduce_max(tf.concat([[0], tf.reshape(used, [-1])], 0))
        # A record without tokens or without a mask is not padding to be cut away; it is a record of another kind.
        fits = tf.debugging.Assert(longest > 0, ["the records hold no input_mask; were they written for another task?"])
        with tf.control_dependencies([fits] if fits is not None else []):
            longest = tf.identity(longest)
    return _of_length(per_token, longest, length, "tokens")


def _cut_and_pad_predictions(per_prediction: dict[str, tf.Tensor], predictions: int | None) -> dict[str, tf.Tensor]:
    weights = per_prediction[WEIGHTS_FEATURE]
    used = tf.cast(weights != 0, tf.int32) * (1 + tf.range(tf.shape(weights)[1]))
    most = tf.reduce_max(tf.concat([[0], tf.reshape(used, [-1])], 0))
    return _of_length(per_prediction, most, predictions, "predictions")


def _of_length(lists: dict[str, tf.Tensor], longest: tf.Tensor, length: int | None, what: str) -> dict[str, tf.Tensor]:
    if length is not None:
        message = f"a record is longer than {length} {what}, the length asked for"
        with tf.control_dependencies([tf.debugging.assert_less_equal(longest, length, message)]):
            longest = tf.constant(length)
    cut = {key: _padded(values[:, :longest], longest) for key, values in lists.items()}
    return {key: tf.ensure_shape(values, [None, length]) for key, values in cut.items()}
