"""TFRecord files written without TensorFlow."""

import errno

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.data.records.record_stream import RecordStream
from bert_tf2.errors import JobError
from bert_tf2.files import sha256_of_file


def records_of_all_lengths() -> list[bytes]:
    rng = np.random.default_rng(0)
    return [rng.bytes(length) for length in (*range(4, 300), 1000, 70_001)]


@pytest.mark.parametrize("gzip", [False, True])
def test_tensorflow_reads_what_was_written(tmp_path, gzip):
    path, records = str(tmp_path / "a.tfrecord"), records_of_all_lengths()
    stream = RecordStream(path, gzip)
    stream.write_all(records[:7])
    stream.write_all([])
    stream.write_all(records[7:])
    written = stream.finish()
    assert list(tmp_path.iterdir()) != []
    assert not (tmp_path / "a.tfrecord").exists()
    stream.publish()
    assert list(tf.data.TFRecordDataset(path, "GZIP" if gzip else None).as_numpy_iterator()) == records
    assert written.records == len(records)
    assert written.bytes == (tmp_path / "a.tfrecord").stat().st_size
    assert written.sha256 == sha256_of_file(path)


def test_the_bytes_are_tensorflows(tmp_path):
    records = records_of_all_lengths()
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in records:
            writer.write(record)
    stream = RecordStream(str(tmp_path / "ours"))
    stream.write_all(records)
    stream.finish()
    stream.publish()
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_what_is_discarded_leaves_nothing(tmp_path):
    stream = RecordStream(str(tmp_path / "a.tfrecord"))
    stream.write_all([b"something"])
    stream.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    stream = RecordStream(str(tmp_path / "a.tfrecord"))

    class FullFile:
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            pass

    stream._file.close()
    monkeypatch.setattr(stream, "_file", FullFile())
    with pytest.raises(JobError, match=r"cannot write .*a\.tfrecord: No space left on device"):
        stream.write_all([b"something"])
