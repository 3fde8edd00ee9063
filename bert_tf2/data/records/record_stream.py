"""TFRecord files written without TensorFlow, many records at once.

A process that makes records then starts in a fraction of a second.
"""

import contextlib
import functools
import hashlib
import os
import struct
import zlib
from collections.abc import Sequence

from bert_tf2 import files
from bert_tf2.crc32c import masked_crc32c
from bert_tf2.data.records.metadata import RecordFile
from bert_tf2.errors import JobError

# As zlib calls a gzip container with the largest window.
_GZIP = 31


@functools.lru_cache(1 << 14)
def _head(length: int) -> bytes:
    """What stands before a record of this length: the length and its checksum."""
    encoded = struct.pack("<Q", length)
    return encoded + struct.pack("<I", masked_crc32c(encoded))


class RecordStream:
    """Writes a TFRecord file under a temporary name; it has its own name only when it is whole.

    `finish` closes the file, `publish` gives it its name, `discard` removes what was not published.

    Args:
      path: the file's final name; its directory exists.
      gzip: compress the file.

    Raises:
      JobError: the file cannot be written.
    """

    def __init__(self, path: str, gzip: bool = False):
        self.path = path
        self._temporary = files.incomplete_name(path)
        self._compress = zlib.compressobj(wbits=_GZIP) if gzip else None
        self._digest = hashlib.sha256()
        self._records = self._bytes = 0
        with self._disk_errors():
            self._file = files.open_to_write(self._temporary)

    def write_all(self, records: Sequence[bytes]) -> None:
        """Adds serialized records.

        Raises:
          JobError: the disk is full or fails.
        """
        if not records:
            return
        footer = struct.Struct("<I").pack
        parts: list[bytes] = []
        for record in records:
            parts += (_head(len(record)), record, footer(masked_crc32c(record)))
        self._records += len(records)
        data = b"".join(parts)
        self._write(self._compress.compress(data) if self._compress else data)

    def finish(self) -> RecordFile:
        """Closes the file, still under its temporary name, and returns its size and digest.

        Raises:
          JobError: the disk is full or fails.
        """
        if self._compress:
            self._write(self._compress.flush())
        with self._disk_errors():
            self._file.close()
        return RecordFile(os.path.basename(self.path), self._records, self._bytes, self._digest.hexdigest())

    def publish(self) -> None:
        """Flushes the finished file to the disk and gives it its name."""
        with self._disk_errors():
            files.rename_whole(self._temporary, self.path)

    def discard(self) -> None:
        """Removes what was written, unless it was published."""
        with contextlib.suppress(OSError):
            self._file.close()
        if files.is_remote(self._temporary):
            import tensorflow as tf

            with contextlib.suppress(tf.errors.OpError):
                tf.io.gfile.remove(self._temporary)
        else:
            with contextlib.suppress(OSError):
                os.remove(self._temporary)

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._bytes += len(data)
        with self._disk_errors():
            self._file.write(data)

    @contextlib.contextmanager
    def _disk_errors(self):
        try:
            yield
        except OSError as error:
            raise JobError(f"cannot write {self.path}: {error.strerror or error}") from error
