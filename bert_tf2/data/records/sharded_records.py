"""Many record files, of which each worker opens its own only: the records of pre-training."""

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from bert_tf2 import files
from bert_tf2.crc32c import masked_crc32c
from bert_tf2.data.records import record_frames
from bert_tf2.data.records.feature_spec import TOKENS, FeatureSpec, counted_axes
from bert_tf2.data.records.metadata import RecordFile
from bert_tf2.data.records.record_set import RecordSet, check_features, size_counter
from bert_tf2.errors import UserError
from bert_tf2.progress import during

logger = logging.getLogger(__name__)

# A row's number is that of its file and, in the last bits, that of its record.
_RECORD_BITS = 40
_MOST_KEPT_SIZES = 1 << 20


class ShardedRecords:
    """Records by random access, without reading them all first.

    What is checked when: names and sizes of all files, and that each is a whole row of records, when they are opened; their
    numbers of records too where the metadata says them. The checksum of a record is checked every time it is read.

    Attributes:
      paths: all files, sorted by name where patterns name them.
      sizes: number of records of each file, int64 [F]; 0 where neither the metadata nor the file itself has told it.
      own: the files that this worker opens.
      specs: what the records hold.
      finish: see `RecordSet`.
    """

    finish: Callable[[dict[str, tf.Tensor], tf.Tensor], dict[str, tf.Tensor]] | None = None

    def __init__(self, paths: Sequence[str], specs: Sequence[FeatureSpec], own: Sequence[int], sizes: np.ndarray):
        self.paths, self.specs, self.own, self.sizes = list(paths), list(specs), list(own), sizes
        self._contents: dict[int, record_frames.Content] = {}
        self._starts: dict[int, np.ndarray] = {}
        self._count, self._axes = size_counter(tuple(specs)), counted_axes(specs)
        self._row_sizes: dict[int, tuple[int, ...]] = {}

    @classmethod
    @during("reading records")
    def open(
        cls,
        pattern: str,
        specs: Sequence[FeatureSpec],
        shards: Mapping[str, RecordFile] | None = None,
        flag: str = "input_files",
        worker: int = 0,
        workers: int = 1,
    ) -> "ShardedRecords":
        """Opens the files of this worker.

        Args:
          pattern: files separated by commas, local or remote, GZIP or not; each may be a glob pattern.
          specs: what the records hold.
          shards: what the metadata says about the files, by name; None without metadata.
          flag: the flag that the files come from, for messages.
          worker: number of this worker.
          workers: their number. Worker w opens the files w, w + workers, …; all of them when `workers` does not divide them.

        Raises:
          UserError: no such file, one that is cut or damaged, or not what the metadata describes; records of another task.
        """
        paths = files.matching_files(pattern, flag)
        if len(set(paths)) < len(paths):
            twice = next(path for path in paths if paths.count(path) > 1)
            raise UserError(f"--{flag} names {twice} more than once; name every file once")
        if shards is not None:
            paths = [path for path in paths if _check_file(path, shards, flag).records]
        if not paths:
            raise UserError(f"--{flag}: the files hold no records")
        divided = len(paths) % workers == 0
        own = [index for index in range(len(paths)) if not divided or index % workers == worker]
        known = [shards[_name(path)].records if shards is not None else 0 for path in paths]
        records = cls(paths, specs, own, np.array(known, np.int64))
        for index in own:
            records._open(index)
        first = own[0] << _RECORD_BITS
        check_features(records.read(first), records.specs, records.location(first))
        return records

    def _open(self, file: int) -> None:
        path = self.paths[file]
        content = record_frames.mapped(path)
        starts = record_frames.starts(path, content)
        if self.sizes[file] and self.sizes[file] != len(starts):
            raise UserError(
                f"{path}: {len(starts)} records, but the metadata says {self.sizes[file]}; the file was cut or replaced: "
                "write the records and their metadata again"
            )
        if not len(starts):
            raise UserError(f"{path} holds no records; leave it out")
        self._contents[file], self._starts[file], self.sizes[file] = content, starts, len(starts)

    def __len__(self) -> int:
        return int(self.sizes.sum())

    def read(self, row: int) -> bytes:
        """The serialized record of a row, which is of an own file.

        Raises:
          UserError: its checksum does not match.
        """
        file, record = row >> _RECORD_BITS, row & (1 << _RECORD_BITS) - 1
        # A file that this worker does not open is a KeyError.
        content, start = self._contents[file], int(self._starts[file][record])
        begin = start + record_frames.HEADER.size
        end = begin + record_frames.HEADER.unpack_from(content, start)[0]
        data = content[begin:end]
        if record_frames.FOOTER.unpack_from(content, end)[0] != masked_crc32c(data):
            raise record_frames.damaged(self.paths[file], record, start, "its checksum does not match")
        return data

    def location(self, row: int) -> str:
        """Where a row comes from, for messages: `file, record n (byte b)`."""
        file, record = row >> _RECORD_BITS, row & (1 << _RECORD_BITS) - 1
        byte = f" (byte {self._starts[file][record]})" if file in self._starts else ""
        return f"{self.paths[file]}, record {record}{byte}"

    def sizes_of(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Sizes of some rows without padding, on the axes that `row_sizes` counts: int32, as many as rows; remembered a while."""
        wanted = np.asarray(rows).tolist()
        unknown = [row for row in wanted if row not in self._row_sizes]
        if unknown:
            if len(self._row_sizes) > _MOST_KEPT_SIZES:
                self._row_sizes.clear()
                unknown = wanted
            try:
                counted = self._count([self.read(row) for row in unknown])
            except tf.errors.InvalidArgumentError as error:
                reason = error.message.strip().splitlines()[0]
                raise UserError(f"cannot parse the record in {self.location(unknown[0])} or one near it: {reason}") from None
            self._row_sizes.update(zip(unknown, zip(*(counted[axis].tolist() for axis in self._axes))))
        columns = np.array([self._row_sizes[row] for row in wanted], np.int32).reshape(len(wanted), len(self._axes)).T
        return dict(zip(self._axes, columns))

    def lengths_of(self, rows: np.ndarray) -> np.ndarray:
        """Number of tokens of some rows without padding: int32, as many as rows."""
        return self.sizes_of(rows)[TOKENS]

    def rows_of(self, files: np.ndarray | int, records: np.ndarray) -> np.ndarray:
        """The numbers of rows, from those of files and of records in them: int64."""
        return np.asarray(files, np.int64) << _RECORD_BITS | np.asarray(records, np.int64)

    def spread(self, number: int) -> np.ndarray:
        """Rows evenly spread over this worker's files, at most about `number`: int64."""
        each = max(1, number // len(self.own))
        rows = [
            self.rows_of(file, np.unique(np.linspace(0, self.sizes[file] - 1, min(each, int(self.sizes[file]))).astype(np.int64)))
            for file in self.own[: max(number, 1)]
        ]
        return np.concatenate(rows)

    @during("reading records")
    def first(self, number: int | None) -> RecordSet:
        """The first rows of this worker's files, in their order and held in memory; all of them when None."""
        rows: list[int] = []
        for file in self.own:
            size = int(self.sizes[file]) if number is None else min(int(self.sizes[file]), number - len(rows))
            rows += self.rows_of(file, np.arange(size)).tolist()
        name = self.paths[0] if len(self.paths) == 1 else f"{self.paths[0]} and {len(self.paths) - 1} more files"
        return RecordSet.in_memory([self.read(row) for row in rows], self.specs, name)


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _check_file(path: str, shards: Mapping[str, RecordFile], flag: str) -> RecordFile:
    """What the metadata says about a file, which must be of the size that it says."""
    shard = shards.get(_name(path))
    if shard is None:
        some = ", ".join(list(shards)[:3])
        raise UserError(
            f"--{flag}: the metadata does not describe {path} (it describes {some}{', …' if len(shards) > 3 else ''}); give "
            "records and metadata of one preparation"
        )
    size = tf.io.gfile.stat(path).length
    if size != shard.bytes:
        raise UserError(
            f"{path}: {size} bytes, but the metadata says {shard.bytes}; the file was cut or replaced: write the records and "
            "their metadata again"
        )
    return shard
