"""Examples -> records and metadata: reads, checks, encodes and writes in one pass, in memory that does not grow with the rows."""

import dataclasses
import functools
import itertools
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bert_tf2 import files
from bert_tf2.data.encoding import input_encoder
from bert_tf2.data.examples import InputExample
from bert_tf2.data.processors import DataProcessor, check_labels, checked
from bert_tf2.data.records import metadata
from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.data.records.metadata import MetaData
from bert_tf2.data.records.publishing import check_outputs, known_objects_left_alone, publish, refuse_raw_data
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.progress import Progress
from bert_tf2.tasks.classification.features import classification_features
from bert_tf2.tasks.classification.labels import why_unlabelled
from bert_tf2.tasks.classification.split_writing import Split, write_split
from bert_tf2.tasks.classification.statistics import SplitStatistics, comparison_warnings, split_warnings

logger = logging.getLogger(__name__)

_DEFAULT_METRICS = {True: ("pearson", "spearman"), False: ("accuracy", "macro_f1")}


@dataclasses.dataclass(frozen=True)
class RecordOptions:
    """How records are written.

    Attributes:
      max_seq_length: longer inputs are cut to it.
      pad_to_max_length: write Google's fixed-length records instead of unpadded ones.
      gzip: compress the files.
      skip_bad_rows: leave out rows that cannot be used and list them in `<output>.rejects.jsonl`; otherwise they are errors.
    """

    max_seq_length: int = 128
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
    processor: DataProcessor,
    data_dir: str | None,
    tokenizer: Any,
    outputs: dict[str, str | None],
    meta_data_path: str,
    options: RecordOptions,
    extra: dict[str, Any] | None = None,
    accept: Callable[[MetaData], None] | None = None,
) -> Prepared:
    """Writes the records of each split and then the metadata; all of it or, after an error, nothing.

    Args:
      processor: gives the examples.
      data_dir: handed to the processor.
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      outputs: record file by split: `train`, `eval`, `test`; None or absent splits are not read. With language-specific test
        data the test path holds `{}` for the language.
      meta_data_path: where `meta_data.json` goes.
      options: how records are written.
      extra: further keys for the metadata.
      accept: is shown the metadata when all is written under temporary names; what it raises leaves the files there as they are.

    Raises:
      UserError: data or settings that cannot be used; the message names file and line where there is one.
      JobError: writing failed.
    """
    # Rows that are left out here are listed when they are written.
    processor.bad_rows = BadRows(options.skip_bad_rows, can_skip=True)
    labels = [] if processor.is_regression else check_labels(processor)
    splits = list(_splits(processor, data_dir, outputs, options, labels))
    check_outputs([*[split.path for split in splits], meta_data_path])
    meta_data_path = files.expand(meta_data_path)
    refuse_raw_data(data_dir, [split.path for split in splits], meta_data_path)
    specs = classification_features(regression=processor.is_regression, weighted=bool(processor.weight_key))
    for split in splits:
        _start(split, processor, labels)
    pad_to = {TOKENS: options.max_seq_length} if options.pad_to_max_length else None
    encode = input_encoder(tokenizer, options.max_seq_length)
    writers: dict[str, RecordWriter] = {}
    try:
        for split in splits:
            processor.bad_rows = split.bad_rows
            writers[split.name] = writer = RecordWriter(split.path, specs, pad_to, options.gzip)
            with known_objects_left_alone(), Progress(f"writing {split.name} records", unit="examples") as progress:
                write_split(split, writer, processor, tokenizer, encode, options.max_seq_length, progress.advance)
            _check_written(split, processor)
        record_files = {name: writer.finish() for name, writer in writers.items()}
        meta_data = _meta_data(processor, tokenizer, splits, options, labels, record_files)
        meta_data.extra.update(extra or {})
        if accept is not None:
            accept(meta_data)
        publish(writers.values(), [split.bad_rows for split in splits], meta_data_path, meta_data)
    finally:
        for writer in writers.values():
            writer.discard()
        for split in splits:
            split.bad_rows.discard()
    return Prepared(meta_data, meta_data_path, splits, _warnings(processor, splits))


def described(processor: DataProcessor, tokenizer: Any, options: RecordOptions) -> MetaData:
    """The metadata as far as they are known before any data are read.

    Raises:
      UserError: as `check_labels`.
    """
    labels = [] if processor.is_regression else check_labels(processor)
    return _meta_data(processor, tokenizer, [], options, labels, {})


def _splits(
    processor: DataProcessor, data_dir: str | None, outputs: dict[str, str | None], options: RecordOptions, labels: list[str]
) -> Iterator[Split]:
    def split(name: str, path: str, read: Callable[[], Iterable[InputExample]]) -> Split:
        path = files.expand(path)
        bad_rows = BadRows(options.skip_bad_rows, path + files.REJECTS)
        return Split(name, path, read, iter(()), bad_rows, SplitStatistics(options.max_seq_length, labels))

    methods = {"train": processor.get_train_examples, "eval": processor.get_dev_examples, "test": processor.get_test_examples}
    extra = processor.extra_splits(data_dir) if any(outputs.values()) else {}
    for name in extra:
        if not name.startswith(("eval_", "test_")):
            raise UserError(
                f"{processor.name()}: extra_splits gives '{name}'; the name must begin with eval_ or test_, which says whether "
                "it is evaluated or predicted"
            )
    for name, method in methods.items():
        path = outputs.get(name)
        if not path:
            continue
        given = method(data_dir) if name == "test" else None
        if isinstance(given, dict):
            if "{}" not in path:
                raise UserError(
                    f"{processor.name()} has test data in {len(given)} languages, a file each: --test_data_output_path of "
                    "create_finetuning_data.py must hold {} where the language goes, as in test_{}.tf_record, and "
                    f"run_classifier.py --mode=predict takes them one by one; got {path}"
                )
            for language, examples in given.items():
                again = functools.partial(lambda language: processor.get_test_examples(data_dir)[language], language)
                yield split(f"test_{language}", path.replace("{}", language), _readable_again(examples, again))
        else:
            again = functools.partial(method, data_dir)
            yield split(name, path, again if given is None else _readable_again(given, again))
        for extra_name, read in extra.items():
            if extra_name.startswith(f"{name}_"):
                root, extension = os.path.splitext(path)
                yield split(extra_name, f"{root}_{extra_name.removeprefix(f'{name}_')}{extension}", read)


def _readable_again(given: Any, again: Callable[[], Any]) -> Callable[[], Any]:
    """What gives the examples as often as it is called: a generator is asked for anew, one that cannot be is kept."""
    if not hasattr(given, "__next__"):
        return lambda: given
    if again() is not given:
        return again
    kept = list(given)
    return lambda: kept


def _start(split: Split, processor: DataProcessor, labels: list[str]) -> None:
    """Reads the first example, so that a missing or empty file is known before anything is written; of a split for prediction
    as many as tell whether it has labels."""

    def read() -> Iterator[InputExample]:
        given = split.read()
        return iter(given if processor.examples_are_checked else checked(given, split.name))

    if split.is_test:
        # What is wrong with a row is told when it is written.
        processor.bad_rows = BadRows(skip=True)
        split.unlabelled = why_unlabelled(read(), labels, processor.is_regression, processor.test_labels_may_be_placeholders)
    processor.bad_rows = split.bad_rows
    examples = read()
    first = next(examples, None)
    if first is None:
        skipped = (
            f" ({split.bad_rows.count} rows were skipped, the first: {split.bad_rows.first})" if split.bad_rows.count else ""
        )
        raise UserError(f"{split.name}: 0 examples: the data holds no row that can be used{skipped}")
    split.examples = itertools.chain([first], examples)


def _check_written(split: Split, processor: DataProcessor) -> None:
    counts = split.statistics
    if not counts.rows:
        raise UserError(
            f"{split.name}: 0 examples: all {split.bad_rows.count} rows were skipped, the first: {split.bad_rows.first}"
        )


def _meta_data(
    processor: DataProcessor, tokenizer: Any, splits: list[Split], options: RecordOptions, labels: list[str], record_files: dict
) -> MetaData:
    metrics = tuple(processor.metrics or _DEFAULT_METRICS[processor.is_regression])
    extra = {}
    tests = [split.labelled for split in splits if split.is_test]
    if tests:
        extra["test_has_labels"] = all(tests)
    return MetaData(
        task_type=metadata.REGRESSION if processor.is_regression else metadata.CLASSIFICATION,
        max_seq_length=options.max_seq_length,
        sizes={"train": 0} | {split.name: split.statistics.rows for split in splits},
        processor_type=processor.name(),
        num_labels=len(labels) or None,
        label_type="float" if processor.is_regression else None,
        has_sample_weights=bool(processor.weight_key),
        has_pairs=_has_pairs(splits),
        label_list=tuple(labels),
        metrics=metrics,
        best_metric=metrics[0],
        **metadata.facts_of_tokenizer(tokenizer),
        truncated_fraction={split.name: round(split.statistics.truncated_fraction, 6) for split in splits},
        files=record_files,
        padded=options.pad_to_max_length,
        extra=extra,
    )


def _has_pairs(splits: list[Split]) -> bool | None:
    found = {split.statistics.has_pairs for split in splits if split.name == "train"}
    found = found or {split.statistics.has_pairs for split in splits}
    return found.pop() if len(found) == 1 else None


def _warnings(processor: DataProcessor, splits: list[Split]) -> list[str]:
    found = list(dict.fromkeys(getattr(processor, "notices", [])))
    for split in splits:
        if split.unlabelled:
            found.append(f"{split.name}: {split.unlabelled}: taken as unlabelled, to predict")
        found += split_warnings(split.name, split.statistics, split.labelled)
        if split.bad_rows.count:
            found.append(f"{split.name}: {split.bad_rows.summary()}")
    by_name = {split.name: split.statistics for split in splits}
    return found + comparison_warnings(by_name, {split.name: split.labelled for split in splits})
