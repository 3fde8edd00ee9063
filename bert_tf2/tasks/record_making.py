"""Examples -> records and metadata, for every kind of task: reads, checks, encodes and writes in one pass, in memory that does
not grow with the rows."""

import dataclasses
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.data.records import metadata
from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.data.records.metadata import MetaData, RecordFile
from bert_tf2.data.records.publishing import check_outputs, known_objects_left_alone, publish, refuse_raw_data
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.progress import Progress
from bert_tf2.tasks.preparation import Preparation, Split

_FIELDS = {field.name for field in dataclasses.fields(MetaData)}


@dataclasses.dataclass(frozen=True)
class RecordOptions:
    """How records are written.

    Attributes:
      pad_to_max_length: write Google's fixed-length records instead of unpadded ones.
      gzip: compress the files.
      skip_bad_rows: leave out rows that cannot be used and list them in `<output>.rejects.jsonl`; otherwise they are errors.
    """

    pad_to_max_length: bool = False
    gzip: bool = False
    skip_bad_rows: bool = False


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What data preparation has written."""

    meta_data: MetaData
    meta_data_path: str
    splits: list[Split]
    warnings: list[str]


def prepare(
    preparation: Preparation,
    outputs: Mapping[str, str | None],
    meta_data_path: str,
    options: RecordOptions,
    extra: Mapping[str, Any] | None = None,
    accept: Callable[[MetaData], None] | None = None,
) -> Prepared:
    """Writes the records of each split and then the metadata; all of it or, after an error, nothing.

    Args:
      preparation: gives and encodes the examples.
      outputs: record file by split: `train`, `eval`, `test`; None or absent splits are not read.
      meta_data_path: where `meta_data.json` goes.
      options: how records are written.
      extra: further keys for the metadata.
      accept: is shown the metadata when all is written under temporary names; what it raises leaves the files there as they are.

    Raises:
      UserError: data or settings that cannot be used; the message names file and line where there is one.
      JobError: writing failed.
    """
    wanted = {name: files.expand(path) for name, path in outputs.items() if path}
    reads = preparation.splits(wanted)
    splits = [_split(name, _path_of(name, wanted), read, options) for name, read in reads.items()]
    check_outputs([*[split.path for split in splits], meta_data_path])
    meta_data_path = files.expand(meta_data_path)
    refuse_raw_data(preparation.data_dir, [split.path for split in splits], meta_data_path)
    writers: dict[str, RecordWriter] = {}
    pad_to = {TOKENS: preparation.max_seq_length} if options.pad_to_max_length else None
    try:
        for split in splits:
            _start(split, preparation)
        for split in splits:
            writers[split.name] = writer = RecordWriter(split.path, preparation.features, pad_to, options.gzip)
            with known_objects_left_alone(), Progress(f"writing {split.name} records", unit=preparation.unit) as progress:
                write(split, writer, preparation, progress.advance)
        preparation.check(splits)
        _check_written(splits)
        meta_data = _meta_data(preparation, splits, options, {name: writer.finish() for name, writer in writers.items()})
        meta_data.extra.update(extra or {})
        if accept is not None:
            accept(meta_data)
        publish(writers.values(), [split.bad_rows for split in splits], meta_data_path, meta_data)
    finally:
        for writer in writers.values():
            writer.discard()
        for split in splits:
            split.bad_rows.discard()
    return Prepared(meta_data, meta_data_path, splits, preparation.warnings(splits))


def described(preparation: Preparation, options: RecordOptions) -> MetaData:
    """The metadata as far as they are known before any data are read."""
    return _meta_data(preparation, [], options, {})


def _split(name: str, path: str, read: Callable, options: RecordOptions) -> Split:
    return Split(name, path, read, BadRows(options.skip_bad_rows, path + files.REJECTS))


def _path_of(name: str, wanted: Mapping[str, str]) -> str:
    """Where the records of a split go; those of a further one, `eval_x`, beside those of `eval`."""
    if name in wanted:
        return wanted[name]
    kind, _, further = name.partition("_")
    if "{}" in wanted[kind]:
        return wanted[kind].replace("{}", further)
    root, extension = os.path.splitext(wanted[kind])
    return f"{root}_{further}{extension}"


def _start(split: Split, preparation: Preparation) -> None:
    """Reads the first example, so that a missing or empty file is known before anything is written."""
    preparation.begin(split)
    examples = iter(split.read(split.bad_rows))
    first = next(examples, None)
    if first is None:
        bad_rows = split.bad_rows
        skipped = f" ({bad_rows.count} rows were skipped, the first: {bad_rows.first})" if bad_rows.count else ""
        raise UserError(f"{split.name}: 0 examples: the data holds no row that can be used{skipped}")
    split.examples = itertools.chain([first], examples)


def write(
    split: Split, writer: RecordWriter, preparation: Preparation, advance: Callable[[int], None] = lambda number: None
) -> None:
    """Encodes and writes the examples of a split that are left.

    Args:
      split: begun; its examples are read to the end.
      writer: takes the records.
      preparation: encodes them.
      advance: is told numbers of examples as they are done.

    Raises:
      UserError: an example that cannot be used, unless such rows are left out.
      JobError: writing failed.
    """
    split.encoder = writer.encoder
    examples, encode, at_once = split.examples, preparation.encode, preparation.at_once
    while chunk := list(itertools.islice(examples, at_once)):
        records = encode(chunk, split)
        writer.write_all(records)
        split.records += len(records)
        advance(len(chunk))


def _check_written(splits: Sequence[Split]) -> None:
    for split in splits:
        bad_rows = split.bad_rows
        if not split.records:
            raise UserError(f"{split.name}: 0 examples: all {bad_rows.count} rows were skipped, the first: {bad_rows.first}")


def _meta_data(
    preparation: Preparation, splits: Sequence[Split], options: RecordOptions, record_files: dict[str, RecordFile]
) -> MetaData:
    facts = preparation.facts(splits)
    return MetaData(
        task_type=preparation.task_type,
        max_seq_length=preparation.max_seq_length,
        sizes={"train": 0} | {split.name: split.records for split in splits},
        processor_type=preparation.name,
        files=record_files,
        padded=options.pad_to_max_length,
        extra={name: value for name, value in facts.items() if name not in _FIELDS},
        **metadata.facts_of_tokenizer(preparation.tokenizer),
        **{name: value for name, value in facts.items() if name in _FIELDS},
    )
