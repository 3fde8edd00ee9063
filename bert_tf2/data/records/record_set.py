"""Record files as one numbered sequence with random access: row `i` of an epoch is a slice of bytes."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from bert_tf2 import files
from bert_tf2.data.records import record_frames
from bert_tf2.data.records.feature_spec import TOKENS, FeatureSpec, counted_axes, with_choice_lengths
from bert_tf2.data.records.metadata import RecordFile
from bert_tf2.data.records.parsing import parse_records, row_sizes, values_of
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.progress import during

_PARSE_AT_ONCE = 2048


class RecordSet:
    """All records of one or more files, in the order of the files.

    Attributes:
      paths: the files.
      specs: what the records hold.
      finish: what is done to a batch after it is parsed, from the batch and its samples' numbers int64 [B]; None for nothing.
    """

    finish: Callable[[dict[str, tf.Tensor], tf.Tensor], dict[str, tf.Tensor]] | None = None

    def __init__(
        self,
        paths: Sequence[str],
        specs: Sequence[FeatureSpec],
        contents: Sequence[record_frames.Content],
        starts: Sequence[np.ndarray],
    ):
        self.paths = list(paths)
        self.specs = list(specs)
        self._contents = list(contents)
        frames = np.concatenate([*starts, np.zeros((0, 2), np.int64)])
        self._begin, self._end = frames[:, 0], frames[:, 1]
        # Of each row: which file it is in, and the how manieth record of that.
        self._file = np.repeat(np.arange(len(starts), dtype=np.int32), [len(one) for one in starts])
        self._number = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(one)) for one in starts)])
        self._row_sizes: dict[str, np.ndarray] | None = None

    @classmethod
    @during("reading records")
    def open(
        cls,
        pattern: str,
        specs: Sequence[FeatureSpec],
        expected: RecordFile | None = None,
        flag: str = "train_data_path",
    ) -> "RecordSet":
        """Opens record files and makes sure that they are whole.

        Args:
          pattern: files separated by commas, local or remote, GZIP or not; each may be a glob pattern.
          specs: what the records hold.
          expected: what the metadata says about the file, when there is one file. A file with the right digest is taken as
            it is; otherwise the checksum of every record is read, and a disagreement is an error.
          flag: the flag that the files come from, for messages.

        Raises:
          UserError: no such file, a truncated or corrupt record (file, record, byte), records of another task, or a file
            other than the metadata describes.
        """
        paths = files.matching_files(pattern, flag)
        contents = [record_frames.read(path) for path in paths]
        known_whole = expected is not None and len(paths) == 1 and _has_digest(paths[0], expected)
        starts = []
        for path, content in zip(paths, contents):
            frames = _frames(path, content)
            if not known_whole:
                _check_checksums(path, frames)
            starts.append(frames)
        records = cls(paths, specs, contents, starts)
        if expected is not None and not known_whole:
            _compare(records, expected)
        if len(records) == 0:
            raise UserError(f"--{flag}: {', '.join(paths)} holds no records")
        check_features(records.read(0), records.specs, records.location(0))
        return records

    @classmethod
    def in_memory(cls, records: Sequence[bytes], specs: Sequence[FeatureSpec], name: str) -> "RecordSet":
        """Records that were just made and are in no file; `name` is what messages call them."""
        ends = np.cumsum([len(record) for record in records], dtype=np.int64)
        begins = np.concatenate([np.zeros(1, np.int64), ends[:-1]]) if len(ends) else ends
        return cls([name], specs, [b"".join(records)], [np.stack([begins, ends], axis=1)])

    def __len__(self) -> int:
        return len(self._begin)

    def read(self, row: int) -> bytes:
        """The serialized record of a row."""
        return self._contents[self._file[row]][self._begin[row] : self._end[row]]

    def location(self, row: int) -> str:
        """Where a row comes from, for messages: `file, record n (byte b)`."""
        path = self.paths[self._file[row]]
        return f"{path}, record {self._number[row]} (byte {self._begin[row] - record_frames.HEADER.size})"

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each row (of its longest choice) without padding: int32 [N]."""
        return self._counted()[TOKENS]

    def take(self, number: int) -> "RecordSet":
        """The first `number` rows as a set of their own (`--train_data_size`)."""
        return self.part(0, number)

    def part(self, first: int, end: int) -> "RecordSet":
        """The rows from `first` to before `end` as a set of their own, numbered from 0."""
        return self.chosen(slice(first, end))

    def chosen(self, rows: np.ndarray | slice) -> "RecordSet":
        """Some rows as a set of their own, numbered from 0.

        Args:
          rows: their numbers, int [M], in the order that they are to have; or bool [N], whether each is one of them.
        """
        taken = RecordSet(self.paths, self.specs, self._contents, [])
        taken._file, taken._number = self._file[rows], self._number[rows]
        taken._begin, taken._end = self._begin[rows], self._end[rows]
        return taken

    def check_longest(self, limit: int, flag: str = "max_seq_length") -> None:
        """Raises a UserError when a row is longer than `limit` tokens."""
        longest = int(self.lengths.argmax())
        if self.lengths[longest] > limit:
            raise UserError(
                f"{self.location(longest)} has {self.lengths[longest]} tokens, more than --{flag}={limit}; "
                "write the records again with that length, or raise the flag"
            )

    @during("checking records")
    def check_token_ids(self, vocab_size: int) -> None:
        """Raises a UserError when a row holds an id that a vocabulary of this size has not."""
        specs = [spec for spec in self.specs if spec.name == "input_ids"]
        for first in range(0, len(self), _PARSE_AT_ONCE):
            rows = range(first, min(first + _PARSE_AT_ONCE, len(self)))
            ids = parse_records(tf.constant([self.read(row) for row in rows]), specs)[specs[0].key].numpy()
            wrong = (ids < 0) | (ids >= vocab_size)
            if wrong.any():
                row, place = np.argwhere(wrong)[0]
                raise UserError(
                    f"{self.location(rows[row])}: input_ids must be from 0 to {vocab_size - 1} (vocab_size in the model's "
                    f"configuration); got {ids[row, place]}; prepare the data with the model's vocabulary"
                )

    def parse(self, rows: Sequence[int]) -> dict[str, np.ndarray]:
        """The features of some rows as arrays, by batch name."""
        parsed = parse_records(tf.constant([self.read(int(row)) for row in rows]), self.specs)
        return {name: value.numpy() for name, value in parsed.items()}

    @during("reading records")
    def values(self, name: str) -> list[Any]:
        """What all rows hold of one feature, one that is never in a batch too: values, or as many lists as the shape has axes.

        Args:
          name: the feature's; texts are given as `str`.

        Raises:
          UserError: a row holds it with another type, it is no text in UTF-8, or there is none in a row though batches need it.
        """
        (spec,) = [spec for spec in self.specs if spec.name == name]
        found = []
        for row in range(len(self)):
            try:
                found.append(values_of(tf.train.Example.FromString(self.read(row)), spec))
            except (ValueError, DecodeError) as error:
                raise UserError(f"{self.location(row)}: {error}; write the records again") from None
        return found

    def spread(self, number: int) -> np.ndarray:
        """Rows evenly spread over all, at most `number`: int64."""
        return np.unique(np.linspace(0, len(self) - 1, min(number, len(self))).astype(np.int64))

    def sizes_of(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Sizes of some rows without padding, on the axes that `row_sizes` counts: int32, as many as rows."""
        return {axis: sizes[rows] for axis, sizes in self._counted().items()}

    def _counted(self) -> dict[str, np.ndarray]:
        if self._row_sizes is None:
            self._row_sizes = self._count()
        return self._row_sizes

    @during("reading records")
    def _count(self) -> dict[str, np.ndarray]:
        count = size_counter(tuple(self.specs))
        counted: list[dict[str, np.ndarray]] = []
        for first in range(0, len(self), _PARSE_AT_ONCE):
            rows = range(first, min(first + _PARSE_AT_ONCE, len(self)))
            try:
                counted.append(count([self.read(row) for row in rows]))
            except tf.errors.InvalidArgumentError as error:
                raise UserError(f"cannot parse the records in {self.location(first)} and after: {_first_line(error)}") from None
        none = np.zeros(0, np.int32)
        return {axis: np.concatenate([none, *(sizes[axis] for sizes in counted)]) for axis in counted_axes(self.specs)}


@functools.lru_cache(maxsize=64)
def size_counter(specs: tuple[FeatureSpec, ...]) -> Callable[[Sequence[bytes]], dict[str, np.ndarray]]:
    """The function from serialized records to their sizes; see `row_sizes`.

    Raises (the function):
      tf.errors.InvalidArgumentError: a record cannot be parsed.
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def count(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        return row_sizes(serialized, specs)

    return lambda serialized: {axis: sizes.numpy() for axis, sizes in count(tf.constant(serialized, tf.string)).items()}


def _frames(path: str, content: record_frames.Content) -> np.ndarray:
    """Where the data of each record begins and ends: int64 [N, 2]."""
    starts = record_frames.starts(path, content)
    ends = np.append(starts[1:], len(content))[: len(starts)] - record_frames.FOOTER.size
    return np.stack([starts + record_frames.HEADER.size, ends], axis=1)


def _check_checksums(path: str, frames: np.ndarray) -> None:
    """Reads every record through TensorFlow's reader, which verifies the checksums in C++."""
    compression = record_frames.compression(path)
    try:
        number = sum(len(some) for some in tf.data.TFRecordDataset(path, compression).batch(_PARSE_AT_ONCE))
    except tf.errors.DataLossError:
        number = 0
        try:
            for _ in tf.data.TFRecordDataset(path, compression):
                number += 1
        except tf.errors.DataLossError:
            position = frames[number][0] - record_frames.HEADER.size if number < len(frames) else 0
            raise record_frames.damaged(path, number, position, "its checksum does not match") from None
    assert number == len(frames), (path, number, len(frames))


def _has_digest(path: str, expected: RecordFile) -> bool:
    return tf.io.gfile.stat(path).length == expected.bytes and files.sha256_of_file(path) == expected.sha256


def _compare(records: RecordSet, expected: RecordFile) -> None:
    for what, found, written in (
        ("records", len(records), expected.records),
        ("bytes", sum(tf.io.gfile.stat(path).length for path in records.paths), expected.bytes),
    ):
        if found != written:
            where = records.paths[0] if len(records.paths) == 1 else f"the {len(records.paths)} files of {records.paths[0]} …"
            raise UserError(
                f"{where}: {found} {what}, but the metadata says {written}; the file was cut or replaced: "
                "write the records and their metadata again"
            )
    if len(records.paths) == 1 and expected.sha256:
        raise UserError(
            f"{records.paths[0]}: its SHA-256 is not that of the metadata: the records were replaced; "
            "write the records and their metadata again"
        )


def check_features(record: bytes, specs: Sequence[FeatureSpec], location: str) -> None:
    """Compares a serialized record's features with the specs, so that records of another task are named as such.

    Raises:
      UserError: a feature is not there.
    """
    first = tf.train.Example()
    try:
        first.ParseFromString(record)
    except Exception:
        raise UserError(f"{location}: not a tf.train.Example") from None
    held: Mapping = first.features.feature
    for spec in with_choice_lengths([spec for spec in specs if spec.in_batch]):
        if not spec.optional and not any(name in held for name in (spec.name, *spec.aliases)):
            raise UserError(
                f"{location} has no feature '{spec.name}'.{did_you_mean(spec.name, held)} "
                f"It holds {', '.join(sorted(held))}; were these records written for another task or for prediction?"
            )


def _first_line(error: tf.errors.OpError) -> str:
    return error.message.strip().splitlines()[0]
