"""Many record files: whole, of the metadata, and each record checked when it is read."""

import gzip
import random

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.crc32c import masked_crc32c
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.data.records.sharded_records import ShardedRecords
from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.features import classification_features
from bert_tf2.tasks.pretraining.features import pretraining_features

FEATURES = pretraining_features()


def write(path, number, first=0, **options):
    with RecordWriter(str(path), FEATURES, **options) as writer:
        for row in range(first, first + number):
            ids = [2, *range(5, 8 + row % 4), 3]
            features = {"input_ids": ids, "input_mask": [1] * len(ids), "segment_ids": [0] * len(ids)}
            features |= {"masked_lm_positions": [1], "masked_lm_ids": [10 + row], "masked_lm_weights": [1.0]}
            writer.write(features | {"next_sentence_labels": row % 2})
    return writer.finish()


@pytest.fixture
def shards(tmp_path):
    sizes = [4, 2, 5, 3]
    written = [write(tmp_path / f"part-{index}.tfrecord", size, first=10 * index) for index, size in enumerate(sizes)]
    return {shard.name: shard for shard in written}


def labels(records, rows):
    return [int(value) for row in rows for value in RecordSet.parse(records, [row])["masked_lm_ids"][0]]


def test_the_checksum_is_that_of_tensorflows_writer(tmp_path):
    chosen = random.Random(1)
    for length in (1, 2, 3, 4, 5, 4095, 4096, 4097, 4099, 9000):
        data = chosen.randbytes(length)
        with tf.io.TFRecordWriter(str(tmp_path / "one")) as writer:
            writer.write(data)
        content = (tmp_path / "one").read_bytes()
        assert masked_crc32c(data) == int.from_bytes(content[-4:], "little"), length


def test_rows_come_from_their_files(tmp_path, shards):
    records = ShardedRecords.open(str(tmp_path / "part-*"), FEATURES, shards)
    assert len(records) == 14
    assert records.sizes.tolist() == [4, 2, 5, 3]
    rows = records.rows_of(np.array([2, 0, 3]), np.array([4, 1, 0]))
    assert labels(records, rows) == [34, 11, 40]
    assert "part-2.tfrecord, record 4 (byte " in records.location(int(rows[0]))
    assert records.lengths_of(rows).tolist() == [5 + 24 % 4, 6, 5 + 30 % 4]
    assert labels(records.first(6), range(6)) == [10, 11, 12, 13, 20, 21]
    assert len(records.first(None)) == 14
    assert len(records.spread(8)) == 8
    assert len(records.spread(1)) == 1


@pytest.mark.parametrize("known", [True, False])
def test_a_worker_opens_its_own_files_only(tmp_path, shards, known):
    records = ShardedRecords.open(str(tmp_path / "part-*"), FEATURES, shards if known else None, worker=1, workers=2)
    assert records.own == [1, 3]
    assert records.sizes.tolist() == ([4, 2, 5, 3] if known else [0, 2, 0, 3])
    assert set(records._contents) == {1, 3}
    with pytest.raises(KeyError):
        records.read(0)
    # Three workers do not divide four files.
    assert ShardedRecords.open(str(tmp_path / "part-*"), FEATURES, shards, worker=1, workers=3).own == [0, 1, 2, 3]


def test_compressed_and_padded_files_hold_the_same(tmp_path, shards):
    write(tmp_path / "zipped.gz", 4, gzip=True)
    write(tmp_path / "padded", 4, pad_to={"tokens": 16, "predictions": 3})
    plain = ShardedRecords.open(str(tmp_path / "part-0.tfrecord"), FEATURES)
    for name in ("zipped.gz", "padded"):
        records = ShardedRecords.open(str(tmp_path / name), FEATURES)
        assert labels(records, range(4)) == labels(plain, range(4))
        assert records.lengths_of(np.arange(4)).tolist() == plain.lengths_of(np.arange(4)).tolist()


def test_a_changed_byte_is_found_when_the_record_is_read(tmp_path):
    write(tmp_path / "records", 5)
    content = bytearray((tmp_path / "records").read_bytes())
    starts = ShardedRecords.open(str(tmp_path / "records"), FEATURES)._starts[0]
    content[starts[3] + 20] ^= 1
    (tmp_path / "records").write_bytes(content)
    records = ShardedRecords.open(str(tmp_path / "records"), FEATURES)
    records.read(2)
    with pytest.raises(UserError, match=f"record 3 at byte {starts[3]} is damaged: its checksum does not match"):
        records.read(3)


def test_a_cut_file_is_found_when_it_is_opened(tmp_path, shards):
    path = tmp_path / "part-2.tfrecord"
    content = path.read_bytes()
    starts = ShardedRecords.open(str(path), FEATURES)._starts[0]
    path.write_bytes(content[: starts[3]])
    with pytest.raises(UserError, match="bytes, but the metadata says"):
        ShardedRecords.open(str(tmp_path / "part-*"), FEATURES, shards)
    for size in range(len(content)):
        path.write_bytes(content[:size])
        if size == 0 or size in starts:
            continue  # whole records: without metadata nothing tells
        with pytest.raises(UserError, match=r"not a whole TFRecord file|is damaged"):
            ShardedRecords.open(str(path), FEATURES)


def test_other_files_are_refused(tmp_path, shards):
    write(tmp_path / "other", 2)
    with pytest.raises(UserError, match=r"the metadata does not describe .*other"):
        ShardedRecords.open(f"{tmp_path}/part-0.tfrecord,{tmp_path}/other", FEATURES, shards)
    with pytest.raises(UserError, match="more than once"):
        ShardedRecords.open(f"{tmp_path}/part-*,{tmp_path}/part-0.tfrecord", FEATURES)
    with pytest.raises(UserError, match="no file matches"):
        ShardedRecords.open(f"{tmp_path}/none-*", FEATURES)
    (tmp_path / "empty").touch()
    with pytest.raises(UserError, match="empty holds no records; leave it out"):
        ShardedRecords.open(f"{tmp_path}/empty", FEATURES)
    with pytest.raises(UserError, match="has no feature 'label_ids'"):
        ShardedRecords.open(f"{tmp_path}/part-0.tfrecord", classification_features())
    (tmp_path / "cut.gz").write_bytes(gzip.compress(bytes(1000))[:-9])
    with pytest.raises(UserError, match="damaged GZIP file"):
        ShardedRecords.open(f"{tmp_path}/cut.gz", FEATURES)


def test_an_empty_shard_of_the_metadata_takes_no_turn(tmp_path, shards):
    shards["part-9.tfrecord"] = write(tmp_path / "part-9.tfrecord", 0)
    records = ShardedRecords.open(str(tmp_path / "part-*"), FEATURES, shards)
    assert records.sizes.tolist() == [4, 2, 5, 3]
