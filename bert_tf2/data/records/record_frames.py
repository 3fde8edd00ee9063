"""TFRecord files as bytes: where their records begin and end, and whether they are whole.

A TFRecord file is a row of frames: the length of the data (8 bytes, little-endian), its checksum (4), the data, its checksum
(4). TensorFlow's reader takes a file that ends inside the first twelve bytes of a frame, or between two frames, for a
shorter file; walking the frames here finds both.
"""

import gzip
import mmap
import os
import shutil
import struct
import tempfile
import zlib
from typing import IO, TypeAlias

import numpy as np
import tensorflow as tf

from bert_tf2 import file_kinds, files
from bert_tf2.crc32c import masked_crc32c
from bert_tf2.errors import JobError, UserError

Content: TypeAlias = bytes | mmap.mmap
"""The bytes of a file, in memory or mapped."""

HEADER = struct.Struct("<QI")
FOOTER = struct.Struct("<I")
_GZIP_MAGIC = b"\x1f\x8b\x08"


def read(path: str) -> Content:
    """The uncompressed bytes of a file; a local plain file is mapped, not read.

    Raises:
      UserError: it cannot be read, or is a damaged GZIP file.
    """
    try:
        if files.is_remote(path):
            with tf.io.gfile.GFile(path, "rb") as file:
                content = file.read()
        else:
            with open(path, "rb") as file:
                content = _mapped(file)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    if content[:3] != _GZIP_MAGIC:
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged_gzip(path, error) from None


def mapped(path: str) -> Content:
    """The uncompressed bytes of a file, always mapped: what is compressed or remote goes to a temporary file first.

    Raises:
      UserError: it cannot be read, or is a damaged GZIP file.
      JobError: there is no room for the temporary file.
    """
    try:
        if not files.is_remote(path) and compression(path) == "":
            with open(path, "rb") as file:
                return _mapped(file)
        is_compressed = compression(path) == "GZIP"
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    with tf.io.gfile.GFile(path, "rb") as source, tempfile.TemporaryFile() as copy:
        plain = gzip.GzipFile(fileobj=source) if is_compressed else source
        try:
            shutil.copyfileobj(plain, copy, 1 << 20)
            copy.flush()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _damaged_gzip(path, error) from None
        except OSError as error:
            raise JobError(
                f"cannot copy {path} to {tempfile.gettempdir()}: {error.strerror or error}; make room there, name another "
                "directory with TMPDIR, or give the records as plain local files"
            ) from error
        return _mapped(copy)


def _mapped(file: IO[bytes]) -> Content:
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if os.fstat(file.fileno()).st_size else b""


def starts(path: str, content: Content) -> np.ndarray:
    """Where the frame of each record begins: int64 [N].

    Raises:
      UserError: the file ends inside a frame.
    """
    found: list[int] = []
    position, total = 0, len(content)
    read_length, add, around = struct.Struct("<Q").unpack_from, found.append, HEADER.size + FOOTER.size
    while position + around <= total:
        add(position)
        position += read_length(content, position)[0] + around
    if position > total or (position < total and position + around > total):
        last = found[-1] if position > total else position
        record = len(found) - 1 if position > total else len(found)
        if last + HEADER.size > total:
            what = f"the file ends inside the record's header, after {total} bytes"
        else:
            length = HEADER.unpack_from(content, last)[0]
            what = f"the record should have {length} bytes but the file ends after {total}"
        raise damaged(path, record, last, what)
    return np.array(found, np.int64)


def begins_as_records(path: str) -> bool:
    """Whether a local file begins as a TFRecord file, GZIP or not, or is empty."""
    with open(path, "rb") as file:
        is_compressed = file.read(3) == _GZIP_MAGIC
    try:
        with gzip.open(path) if is_compressed else open(path, "rb") as file:
            header = file.read(HEADER.size)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return False
    return not header or (len(header) == HEADER.size and masked_crc32c(header[:8]) == HEADER.unpack(header)[1])


def compression(path: str) -> str:
    """`GZIP` or nothing, as TensorFlow's reader wants to know it."""
    with tf.io.gfile.GFile(path, "rb") as file:
        return "GZIP" if file.read(3) == _GZIP_MAGIC else ""


def damaged(path: str, record: int, position: int, what: str) -> UserError:
    """The error for a record that is not what was written."""
    if record == 0:
        other = file_kinds.explained(path, file_kinds.TFRECORD.title)
        # Records may be compressed.
        if other is not None and compression(path) == "":
            return other
        return UserError(f"{path}: not a whole TFRecord file: record 0 at byte {position}: {what}; write the records again")
    return UserError(f"{path}: record {record} at byte {position} is damaged: {what}; write the records again")


def _damaged_gzip(path: str, error: Exception) -> UserError:
    return UserError(f"{path}: damaged GZIP file ({error}); write the records again")
