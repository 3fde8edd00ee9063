"""Files of the wrong kind are called what they are, by every reader."""

import gzip
import io
import json
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from bert_tf2 import file_kinds, files
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.sources.contents import content_of
from bert_tf2.data.sources.json_stream import JsonStream
from bert_tf2.data.sources.text_files import read_lines
from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import open_source, safetensors_file
from bert_tf2.models.config import BertConfig
from bert_tf2.text.sentencepiece import SentencePieceTokenizer
from bert_tf2.text.vocabulary import load_vocabulary

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 440449768\n"


def _zipped(**contents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _tarred():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("bert_config.json"), io.BytesIO(b""))
    return buffer.getvalue()


def _array():
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3))
    return buffer.getvalue()


def _weights(tmp_path):
    safetensors_file.write(str(tmp_path / "w"), {"a": ((2,), lambda: np.zeros(2, np.float32))})
    return (tmp_path / "w").read_bytes()


def _records(tmp_path):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(tmp_path / "r")) as writer:
        writer.write(b"anything")
    return (tmp_path / "r").read_bytes()


CONTENTS = {
    "a Git LFS pointer, not the file itself": LFS,
    "a web page (HTML)": b"\n<!DOCTYPE html>\n<html lang='en'>",
    "a ZIP archive of model.safetensors": _zipped(**{"model.safetensors": b"x"}),
    "a ZIP archive": _zipped(),
    "Python's pickle, which can run programs and is never opened": _zipped(**{"archive/data.pkl": b"x"}),
    "an Excel workbook or another document of Office": _zipped(**{"[Content_Types].xml": b"x"}),
    "a tar archive": _tarred(),
    "a GZIP file": gzip.compress(b"text"),
    "an HDF5 file of Keras": b"\x89HDF\r\n\x1a\n",
    "a Parquet table": b"PAR1\x15\x04",
    "a NumPy array": _array(),
    "a JSON file": b'\xef\xbb\xbf {"vocab_size": 5}',
    "a text file": "möchte\tété\n".encode() * 90,
}


@pytest.mark.parametrize(("title", "content"), CONTENTS.items(), ids=CONTENTS)
def test_first_bytes_tell_the_kind(tmp_path, title, content):
    (tmp_path / "file").write_bytes(content)
    assert file_kinds.kind_of(str(tmp_path / "file")).title == title


def test_pickles_of_every_protocol_weights_and_records(tmp_path):
    for protocol in (2, 3, 4, 5):
        (tmp_path / "file").write_bytes(pickle.dumps({"a": [1, 2, 3]}, protocol))
        assert file_kinds.kind_of(str(tmp_path / "file")) is file_kinds.PICKLE
    assert (_weights(tmp_path), file_kinds.kind_of(str(tmp_path / "w")))[1] is file_kinds.SAFETENSORS
    assert (_records(tmp_path), file_kinds.kind_of(str(tmp_path / "r")))[1] is file_kinds.TFRECORD
    # Neither latin-1 nor an empty file tells what it is.
    for content in (b"caf\xe9\n", b"", b"\0\1\2"):
        (tmp_path / "file").write_bytes(content)
        assert file_kinds.kind_of(str(tmp_path / "file")) is None
    assert file_kinds.kind_of(str(tmp_path / "nowhere")) is None


def _vocabulary(path):
    load_vocabulary(path)


def _lines(path):
    list(read_lines(path))


def _questions(path):
    list(JsonStream(path).members())


def _records_of(path):
    RecordSet.open(path, [])


READERS = {
    "vocabulary": _vocabulary,
    "SentencePiece": SentencePieceTokenizer,
    "configuration": BertConfig.from_json_file,
    "metadata": read_meta_data,
    "text": _lines,
    "JSON": files.read_json,
    "rows": content_of,
    "checkpoint": open_source,
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_every_reader_knows_a_git_lfs_pointer(tmp_path, reader):
    (tmp_path / "file").write_bytes(LFS)
    with pytest.raises(
        UserError, match=r"file is a Git LFS pointer, not the file itself; fetch the real file with 'git lfs pull'"
    ):
        reader(str(tmp_path / "file"))
    for find in (files.require_file, files.matching_files):
        with pytest.raises(UserError, match=r"--train_file: .*file is a Git LFS pointer"):
            find(str(tmp_path / "file"), "train_file")
    with pytest.raises(UserError, match=r"--train_file: .*file is a Git LFS pointer"):
        files.matching_files(str(tmp_path / "f*"), "train_file")


@pytest.mark.parametrize("reader", [*READERS.values(), _questions], ids=[*READERS, "questions"])
def test_every_reader_names_a_file_of_another_kind(tmp_path, reader):
    (tmp_path / "file").write_bytes(_zipped(**{"model.safetensors": b"x"}))
    message = r"file is a ZIP archive of model\.safetensors(, not [\w ]+)?; unpack it and give what is in it"
    with pytest.raises(UserError, match=message) as error:
        reader(str(tmp_path / "file"))
    assert "pickle" not in str(error.value)


def test_texts_given_as_records(tmp_path):
    (tmp_path / "train.tsv").write_text("text\tlabel\nvery good\tpositive\n" * 9)
    with pytest.raises(UserError, match=r"train\.tsv is a text file, not a TFRecord file"):
        _records_of(str(tmp_path / "train.tsv"))
    (tmp_path / "train.json").write_text(json.dumps({"data": [], "version": "1.1"}))
    with pytest.raises(UserError, match=r"train\.json is a JSON file, not a TFRecord file"):
        _records_of(str(tmp_path / "train.json"))


def test_records_given_as_texts(tmp_path):
    _records(tmp_path)
    for reader, wanted in ((_vocabulary, "a vocabulary"), (_lines, "a text file"), (files.read_json, "a JSON file")):
        with pytest.raises(UserError, match=f"r is a TFRecord file, not {wanted}"):
            reader(str(tmp_path / "r"))


def test_a_checkpoint_whose_values_are_a_git_lfs_pointer(tmp_path):
    import tensorflow as tf

    from bert_tf2.training import checkpointing

    model = tf.train.Checkpoint(value=tf.Variable(tf.zeros(3)))
    model.write(str(tmp_path / "ckpt-5"))
    (tmp_path / "ckpt-5.data-00000-of-00001").write_bytes(LFS)
    message = r"ckpt-5\.data-00000-of-00001 is a Git LFS pointer"
    for read in (open_source, lambda path: checkpointing.restore(model, path)):
        with pytest.raises(UserError, match=message):
            read(str(tmp_path / "ckpt-5"))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"task_type": "bert_squad", "max_seq_length": 384},
            "(meta_data.json), not the configuration of an encoder",
        ),
        (
            {"tokenizer_class": "BertTokenizer"},
            "is the settings of a tokenizer (tokenizer_config.json), not the configuration of an encoder",
        ),
        ({"version": "1.0", "added_tokens": [], "pre_tokenizer": {}}, "is a tokenizer (tokenizer.json), not the configuration"),
        ({"version": "1.1", "data": []}, "is a file of questions (SQuAD), not the configuration of an encoder"),
    ],
)
def test_other_json_files_given_as_a_configuration(tmp_path, value, message):
    (tmp_path / "file").write_text(json.dumps(value))
    with pytest.raises(UserError) as error:
        BertConfig.from_json_file(str(tmp_path / "file"))
    assert message in str(error.value)


def test_a_configuration_given_as_metadata(tmp_path, tiny_config_dict):
    (tmp_path / "bert_config.json").write_text(json.dumps(tiny_config_dict))
    with pytest.raises(UserError, match=r"is a model's configuration \(config.json, bert_config.json\), not metadata of records"):
        read_meta_data(str(tmp_path / "bert_config.json"))


def test_an_address_of_the_web_is_to_be_downloaded():
    for reader in (open_source, BertConfig.from_json_file, load_vocabulary, files.expand):
        with pytest.raises(UserError, match=r"https://example\.org/x is a web address, .* download it first"):
            reader("https://example.org/x")
