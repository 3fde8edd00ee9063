"""SQuAD records for the benchmark: prepared by both sides, compared, and samples of them."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
from official.nlp.data import squad_lib

from bert_tf2 import files
from bert_tf2.data.records import metadata
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.errors import UserError
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.preparation import SquadPreparation
from bert_tf2.tasks.question_answering.windows import WindowOptions
from bert_tf2.tasks.record_making import RecordOptions, prepare
from bert_tf2.text.tokenizer import load_tokenizer

_PER_TOKEN = {"input_ids": "input_word_ids", "input_mask": "input_mask", "segment_ids": "input_type_ids"}
_PER_WINDOW = ("unique_ids", "start_positions", "end_positions")


def prepare_ours(json_file: str, vocab_file: str, path: pathlib.Path, windows: WindowOptions) -> None:
    """From the JSON file to records and metadata in their final places, with all checks, statistics and digests."""
    preparation = SquadPreparation([json_file], load_tokenizer(vocab_file=vocab_file), windows, answer_labels="google")
    prepare(preparation, {"train": str(path)}, str(path.with_suffix(".json")), RecordOptions())


def prepare_garden(json_file: str, vocab_file: str, path: pathlib.Path, windows: WindowOptions) -> None:
    """From the JSON file to the garden's record file."""
    squad_lib.generate_tf_record_from_json_file(
        json_file,
        vocab_file,
        str(path),
        max_seq_length=windows.max_seq_length,
        max_query_length=windows.max_query_length,
        doc_stride=windows.doc_stride,
    )


def compare(ours: pathlib.Path, garden: pathlib.Path, length: int) -> int:
    """The number of records, after reading back all features that training reads.

    Raises:
      AssertionError: a feature of a record differs, or one file holds more records.
    """
    of_garden = {name: tf.io.FixedLenFeature([length], tf.int64) for name in _PER_TOKEN}
    of_garden |= {name: tf.io.FixedLenFeature([], tf.int64) for name in _PER_WINDOW}
    specs, count = squad_features(), 0
    for our_rows, garden_rows in zip(*(tf.data.TFRecordDataset(str(path)).batch(512) for path in (ours, garden)), strict=True):
        assert len(our_rows) == len(garden_rows), "the files hold different numbers of records"
        our_batch = parse_records(our_rows, specs, {"tokens": length})
        for name, value in tf.io.parse_example(garden_rows, of_garden).items():
            equal = np.array_equal(our_batch[_PER_TOKEN.get(name, name)].numpy(), value.numpy())
            assert equal, f"{name} differs between record {count} and {count + len(our_rows)}"
        count += len(our_rows)
    return count


def read_all(path: pathlib.Path) -> list[bytes]:
    """All records of a training file."""
    records = RecordSet.open(str(path), squad_features())
    return [records.read(row) for row in range(len(records))]


def make_training_sample(prepared: pathlib.Path, directory: pathlib.Path, size: int) -> None:
    """Writes records evenly spread over a prepared file: `train`, `padded` (each with its metadata), and `token_ids.jsonl`."""
    meta = metadata.read_meta_data(str(prepared.with_suffix(".json")))
    sample = _spread(read_all(prepared), size)
    for name, pad_to in (("train", None), ("padded", {"tokens": meta.max_seq_length})):
        file = _write(directory / f"{name}.tf_record", sample, squad_features(), pad_to)
        of_sample = dataclasses.replace(meta, sizes={"train": size}, files={"train": file}, padded=pad_to is not None)
        metadata.write_meta_data(str(directory / f"{name}.json"), of_sample)
    write_token_ids(sample, directory / "token_ids.jsonl")


def write_token_ids(records: Iterable[bytes], path: pathlib.Path) -> None:
    """Writes a JSON object for each record: its token ids, segment ids and, where it has them, the answer's places."""
    lines = []
    for features in map(_features, records):
        row = {name: features[name] for name in ("input_ids", "segment_ids")}
        row |= {name: features[name][0] for name in ("start_positions", "end_positions") if name in features}
        lines.append(json.dumps(row) + "\n")
    files.write_text(str(path), "".join(lines))


def make_prediction_sample(windows: list[bytes], directory: pathlib.Path, size: int, length: int) -> None:
    """Writes windows evenly spread over those given: `windows.tf_record` and, padded, `padded_windows.tf_record`."""
    sample = _spread(windows, size)
    for name, pad_to in (("windows", None), ("padded_windows", {"tokens": length})):
        _write(directory / f"{name}.tf_record", sample, squad_features(training=False), pad_to)


def _spread(records: list[bytes], size: int) -> list[bytes]:
    if len(records) < size:
        raise UserError(
            f"the file gives {len(records):,} windows, fewer than the {size:,} that all steps need; ask for fewer steps"
        )
    return [records[number * len(records) // size] for number in range(size)]


def _write(path: pathlib.Path, records: list[bytes], specs: list, pad_to: dict[str, int] | None) -> metadata.RecordFile:
    with RecordWriter(str(path), specs, pad_to) as writer:
        for record in records:
            writer.write(_features(record))
    return writer.finish()


def _features(record: bytes) -> dict[str, list[int]]:
    example = tf.train.Example.FromString(record)
    return {name: list(feature.int64_list.value) for name, feature in example.features.feature.items()}
