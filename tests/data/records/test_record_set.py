"""Record files read at random, and every way in which they are damaged."""

import gzip

import numpy as np
import pytest

from bert_tf2.data.records.feature_spec import FeatureSpec
from bert_tf2.data.records.metadata import RecordFile
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.data.records.wire_format import ExampleEncoder
from bert_tf2.errors import UserError
from bert_tf2.files import sha256_of_file

FEATURES = [
    FeatureSpec("input_ids", shape=("tokens",), batch_name="input_word_ids"),
    FeatureSpec("input_mask", shape=("tokens",)),
    FeatureSpec("label_ids"),
]


def write(path, rows=10, pad_to=None, gzip=False, first=0):
    with RecordWriter(str(path), FEATURES, pad_to, gzip) as writer:
        for row in range(first, first + rows):
            ids = list(range(1, row % 5 + 2))
            writer.write({"input_ids": ids, "input_mask": [1] * len(ids), "label_ids": row})
    return str(path)


def about(path, records=10):
    import os

    return RecordFile(os.path.basename(path), records, os.path.getsize(path), sha256_of_file(path))


@pytest.mark.parametrize("options", [{}, {"gzip": True}, {"pad_to": {"tokens": 8}}], ids=["plain", "gzip", "padded"])
def test_rows_lengths_and_features(tmp_path, options):
    path = write(tmp_path / "a.tfrecord", **options)
    for expected in (None, about(path)):
        records = RecordSet.open(path, FEATURES, expected)
        assert len(records) == 10
        assert records.lengths.tolist() == [row % 5 + 1 for row in range(10)]
        parsed = records.parse([7, 2])
        assert parsed["label_ids"].tolist() == [7, 2]
        assert parsed["input_word_ids"][0][:3].tolist() == [1, 2, 3]


def test_several_files_and_patterns(tmp_path):
    one, two = write(tmp_path / "a-1.tfrecord", 3), write(tmp_path / "a-2.tfrecord", 4, first=3, gzip=True)
    for pattern in (f"{one}, {two}", str(tmp_path / "a-*.tfrecord")):
        records = RecordSet.open(pattern, FEATURES)
        assert records.parse(range(7))["label_ids"].tolist() == list(range(7))
        assert records.location(4).startswith(f"{two}, record 1 ")
    assert len(records.take(2)) == 2


def test_a_directory_whose_name_is_a_pattern(tmp_path):
    (tmp_path / "run[1]").mkdir()
    assert len(RecordSet.open(write(tmp_path / "run[1]" / "a.tfrecord"), FEATURES)) == 10


def test_missing_and_empty_files(tmp_path):
    write(tmp_path / "there.tfrecord")
    with pytest.raises(UserError, match=r"--train_data_path: no such file: .*\(in .*there.tfrecord\)"):
        RecordSet.open(str(tmp_path / "not.tfrecord"), FEATURES)
    with pytest.raises(UserError, match="no file matches"):
        RecordSet.open(str(tmp_path / "*.nothing"), FEATURES)
    (tmp_path / "empty.tfrecord").write_bytes(b"")
    with pytest.raises(UserError, match="holds no records"):
        RecordSet.open(str(tmp_path / "empty.tfrecord"), FEATURES)


def test_truncated_at_every_byte(tmp_path):
    path = write(tmp_path / "a.tfrecord")
    whole = (tmp_path / "a.tfrecord").read_bytes()
    expected = about(path)
    starts = {int(begin) - 12 for begin in RecordSet.open(path, FEATURES)._begin}
    cut = tmp_path / "cut.tfrecord"
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        with pytest.raises(UserError, match=r"cut\.tfrecord.*(record \d+ at byte \d+|but the metadata says)"):
            RecordSet.open(str(cut), FEATURES, expected)
        if size not in starts:  # without metadata a cut between two records cannot be seen
            with pytest.raises(UserError, match=r"cut\.tfrecord.*record \d+ at byte \d+"):
                RecordSet.open(str(cut), FEATURES)


def test_a_changed_byte_is_found(tmp_path):
    path = write(tmp_path / "a.tfrecord")
    content = bytearray((tmp_path / "a.tfrecord").read_bytes())
    begin = int(RecordSet.open(path, FEATURES)._begin[3])
    content[begin + 5] ^= 1
    (tmp_path / "a.tfrecord").write_bytes(content)
    with pytest.raises(UserError, match=f"a.tfrecord: record 3 at byte {begin - 12} is damaged: its checksum"):
        RecordSet.open(path, FEATURES)


def test_a_damaged_gzip_file(tmp_path):
    path = write(tmp_path / "a.tfrecord", gzip=True)
    content = (tmp_path / "a.tfrecord").read_bytes()
    (tmp_path / "a.tfrecord").write_bytes(content[:-9])
    with pytest.raises(UserError, match="damaged GZIP file"):
        RecordSet.open(path, FEATURES)
    (tmp_path / "a.tfrecord").write_bytes(gzip.compress(b"something else entirely"))
    with pytest.raises(UserError, match="record 0 at byte 0"):
        RecordSet.open(path, FEATURES)


def test_a_replaced_file_is_refused(tmp_path):
    path = write(tmp_path / "a.tfrecord")
    expected = about(path)
    write(tmp_path / "a.tfrecord", first=1)
    with pytest.raises(UserError, match="SHA-256 is not that of the metadata"):
        RecordSet.open(path, FEATURES, expected)
    write(tmp_path / "a.tfrecord", rows=7)
    with pytest.raises(UserError, match="7 records, but the metadata says 10"):
        RecordSet.open(path, FEATURES, expected)


def test_records_of_another_task_and_of_none(tmp_path):
    path = write(tmp_path / "a.tfrecord")
    with pytest.raises(UserError, match=r"has no feature 'start_position'.*It holds input_ids, input_mask, label_ids"):
        RecordSet.open(path, [*FEATURES, FeatureSpec("start_position")])
    (tmp_path / "text.tfrecord").write_text("sentence\tlabel\n" * 10)
    with pytest.raises(UserError, match=r"text.tfrecord is a text file, not a TFRecord file"):
        RecordSet.open(str(tmp_path / "text.tfrecord"), FEATURES)


def test_longer_than_allowed(tmp_path):
    records = RecordSet.open(write(tmp_path / "a.tfrecord"), FEATURES)
    records.check_longest(5)
    with pytest.raises(UserError, match=r"record 4 .*has 5 tokens, more than --max_seq_length=3"):
        records.check_longest(3)


def test_values_with_trailing_zero_bytes_survive(tmp_path):
    from bert_tf2.data.batches.pipeline import _as_arrays

    serialized, _, _ = _as_arrays([b"a\0\0", b"b"], np.ones(2, np.float32), np.int32(1))
    assert serialized.tolist() == [b"a\0\0", b"b"]


def test_values_of_features_that_are_in_no_batch(tmp_path):
    features = [
        *FEATURES,
        FeatureSpec("words", "string", shape=("words",)),
        FeatureSpec("text", "string"),
        FeatureSpec("places", shape=("words",), in_batch=False),
    ]
    held = [(["a", "", "\u65e5\0"], "a  \u65e5", [0, 3]), ([], "", [])] * 3
    path = str(tmp_path / "a.tfrecord")
    with RecordWriter(path, features) as writer:
        for words, text, places in held:
            writer.write({"input_ids": [1], "input_mask": [1], "label_ids": 4, "words": words, "text": text, "places": places})
    records = RecordSet.open(path, features)
    assert list(zip(records.values("words"), records.values("text"), records.values("places"))) == held
    assert records.values("label_ids") == [4] * 6
    assert records.values("input_ids") == [[1]] * 6
    assert set(records.parse([0])) == {"input_word_ids", "input_mask", "label_ids"}
    without = RecordSet.open(write(tmp_path / "b.tfrecord", 2), features)
    assert (without.values("words"), without.values("text"), without.values("places")) == ([[], []], ["", ""], [[], []])
    with pytest.raises(
        UserError, match=r"a\.tfrecord, record 0 .*: the feature 'text' does not hold int64; write the records again"
    ):
        RecordSet.open(path, [FeatureSpec("text")]).values("text")


IN_RECORDS = [
    FeatureSpec("input_ids", shape=("choices", "tokens")),
    FeatureSpec("words", "string", shape=("words",)),
    FeatureSpec("text", "string"),
    FeatureSpec("score", "float32"),
    FeatureSpec("note", "string", optional=True),
]


def test_values_of_all_rows(tmp_path):
    rows = [
        {"input_ids": [[1], [2, 3]], "words": ["ein", "Wört\ud800"], "text": "", "score": 0.5},
        {"input_ids": [[]], "words": [], "text": "אב\0", "score": -1, "note": "!"},
    ]
    with RecordWriter(str(tmp_path / "a"), IN_RECORDS) as writer:
        for row in rows:
            writer.write(row)
    records = RecordSet.open(str(tmp_path / "a"), IN_RECORDS)
    assert records.values("input_ids") == [[[1], [2, 3]], [[]]]
    assert records.values("words") == [["ein", "Wört\ud800"], []]
    assert (records.values("text"), records.values("score"), records.values("note")) == (["", "אב\0"], [0.5, -1.0], ["", "!"])
    assert records.take(1).values("score") == [0.5]


@pytest.mark.parametrize(
    ("features", "told"),
    [
        ({}, "it has no feature 'input_ids'"),
        ({"input_ids": ["a"]}, "the feature 'input_ids' does not hold int64"),
        ({"input_ids": [1, 2], "choice_lengths": [1]}, "choice_lengths do not add up to the number of input_ids"),
        ({"text": [b"\xff"]}, "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        ({"text": ["a", "b"]}, "the feature 'text' has 2 values; it must have 1"),
    ],
)
def test_values_that_cannot_be_read(features, told):
    kinds = {int: "int64", str: "string", bytes: "string"}
    specs = [FeatureSpec(name, kinds[type(values[0])], shape=("any",)) for name, values in features.items()]
    records = RecordSet.in_memory([ExampleEncoder(specs).encode(features)], IN_RECORDS, "memory")
    with pytest.raises(UserError, match=f"memory, record 0 .*{told}; write the records again"):
        records.values("text" if "text" in features else "input_ids")
    with pytest.raises(UserError, match="record 0"):
        RecordSet.in_memory([b"no record"], IN_RECORDS, "memory").values("text")


def test_records_of_choices_without_their_lengths_are_told_when_they_are_opened(tmp_path):
    with RecordWriter(str(tmp_path / "a"), [FeatureSpec("input_ids", shape=("any",))]) as writer:
        writer.write({"input_ids": [1]})
    with pytest.raises(UserError, match="has no feature 'choice_lengths'"):
        RecordSet.open(str(tmp_path / "a"), IN_RECORDS[:1])
