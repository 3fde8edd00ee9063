"""Records: files of `tf.train.Example`, each written by a list of features; `parsing` reads them by the same list."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf

from bert_tf2 import files
from bert_tf2.data.records.feature_spec import FeatureSpec
from bert_tf2.data.records.metadata import RecordFile
from bert_tf2.data.records.wire_format import ExampleEncoder, Values
from bert_tf2.errors import JobError, UserError
from bert_tf2.tensorflow_internals import write_method


class RecordWriter:
    """Writes a TFRecord file that has its name only when it is whole.

    As a context manager it is finished and renamed at the end, or removed after an error. A job with several files calls
    `finish` on all of them and then `publish` on all of them, so that a failure leaves none.

    Args:
      path: the file's final name.
      specs: the features of a record.
      pad_to: the fixed lengths of lists by axis; see `ExampleEncoder`.
      gzip: compress the file.

    Attributes:
      encoder: serializes records by the same features, for callers of `write_serialized`.

    Raises:
      UserError: the directory cannot be written to.
    """

    def __init__(
        self,
        path: str,
        specs: Sequence[FeatureSpec],
        pad_to: Mapping[str, int] | None = None,
        gzip: bool = False,
    ):
        self.path = files.expand(path)
        files.make_directory(os.path.dirname(self.path) or ".")
        if not files.is_remote(self.path) and os.path.isdir(self.path):
            raise UserError(f"cannot write {self.path}: it is a directory; name a file")
        self._temporary = files.incomplete_name(self.path)
        self.encoder = ExampleEncoder(specs, pad_to)
        with self._disk_errors():
            self._writer = tf.io.TFRecordWriter(self._temporary, "GZIP" if gzip else None)
        self._write = write_method(self._writer)
        self._records = 0
        self._finished: RecordFile | None = None

    def write(self, features: Mapping[str, Values]) -> None:
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
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except (tf.errors.OpError, OSError) as error:
            raise JobError(f"cannot write {self.path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or getattr(error, "message", None) or str(error)
