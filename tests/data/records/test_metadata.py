"""meta_data.json, written and read."""

import dataclasses
import json

import pytest

from bert_tf2.data.records.metadata import PRETRAINING, MetaData, RecordFile, read_meta_data, to_json, write_meta_data
from bert_tf2.errors import UserError

WHOLE = MetaData(
    task_type="bert_classification",
    max_seq_length=128,
    sizes={"train": 10, "eval": 4, "eval_mismatched": 3, "test": 0},
    processor_type="MNLI",
    num_labels=2,
    label_list=("否", "yes"),
    metrics=("accuracy",),
    best_metric="accuracy",
    tokenization="wordpiece",
    do_lower_case=True,
    vocab_size=30522,
    vocab_fingerprint="ab",
    truncated_fraction={"train": 0.5},
    files={"train": RecordFile("train.tf_record", 10, 2000, "cd")},
    padded=False,
    extra={"test_has_labels": False},
)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "meta_data.json"
    write_meta_data(str(path), WHOLE)
    assert read_meta_data(str(path)) == WHOLE
    assert path.read_text(encoding="utf-8").endswith("}\n")
    assert WHOLE.train_data_size == 10
    assert WHOLE.split_of("/somewhere/train.tf_record") == "train"
    assert WHOLE.split_of("other") is None


def test_equal_names_in_different_folders_are_told_apart(tmp_path):
    sizes = {"train": 30, "eval": 20, "test": 10}
    meta = dataclasses.replace(WHOLE, files={split: RecordFile("data.tf_record", 1, size, "0") for split, size in sizes.items()})
    for split, size in sizes.items():
        (tmp_path / split).mkdir()
        (tmp_path / split / "data.tf_record").write_bytes(b"x" * size)
        for wanted in sizes:
            assert meta.split_of(str(tmp_path / split / "data.tf_record"), wanted) == split
    (tmp_path / "eval" / "data.tf_record").write_bytes(b"cut")
    assert meta.split_of(str(tmp_path / "eval" / "data.tf_record"), "eval") == "eval"


def test_the_garden_reads_its_keys_with_its_meaning():
    value = to_json(WHOLE)
    garden = ["processor_type", "train_data_size", "max_seq_length", "task_type", "num_labels", "eval_data_size"]
    assert [value[key] for key in garden] == ["MNLI", 10, 128, "bert_classification", 2, 4]
    assert "has_sample_weights" not in value
    regression = dataclasses.replace(WHOLE, task_type="bert_regression", num_labels=None, label_list=(), label_type="float")
    assert "num_labels" not in to_json(regression)
    assert to_json(regression)["label_type"] == "float"


def test_the_gardens_metadata_is_read(tmp_path):
    path = tmp_path / "meta.json"
    value = {"processor_type": "MRPC", "train_data_size": 3668, "max_seq_length": 128, "test_data_size": 1725}
    path.write_text(json.dumps(value | {"task_type": "bert_classification", "num_labels": 2, "eval_data_size": 408}))
    read = read_meta_data(str(path))
    assert read.format_version is None
    assert read.sizes == {"train": 3668, "test": 1725, "eval": 408}
    assert (read.num_labels, read.label_list, read.files, read.is_regression) == (2, (), {}, False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_data_size": ...}, "'train_data_size' is missing"),
        ({"train_data_size": -1}, "must be 0 or greater"),
        ({"train_data_size": True}, "must be of type int"),
        ({"num_labels": "2"}, "'num_labels' must be of type int"),
        ({"num_labels": 3}, "'label_list' names 2 labels"),
        ({"format_version": 99}, "format_version 99"),
        ({"label_list": [1, 2]}, "'label_list' must be of type str"),
        ({"files": {"train": {"name": "a"}}}, "files.train.records"),
        ({"files": []}, "'files' must be of type dict"),
        ({"train_data_size": 11}, "'files' counts 10 records"),
        ({"max_seq_length": 0}, "at least 1"),
    ],
)
def test_wrong_metadata_is_one_clear_line(tmp_path, change, message):
    path = tmp_path / "meta_data.json"
    value = to_json(WHOLE) | change
    path.write_text(json.dumps({key: entry for key, entry in value.items() if entry is not ...}))
    with pytest.raises(UserError) as caught:
        read_meta_data(str(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff", "nul\0"])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "meta_data.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"meta_data\.json"):
        read_meta_data(str(path))


def test_a_missing_file_names_its_neighbours(tmp_path):
    (tmp_path / "mrpc_meta_data").write_text("")
    with pytest.raises(UserError, match="mrpc_meta_data"):
        read_meta_data(str(tmp_path / "meta_data.json"))


def test_shards_are_kept_and_counted(tmp_path):
    path = str(tmp_path / "meta_data.json")
    shards = (RecordFile("a", 3, 100, "00"), RecordFile("b", 2, 80, "11"))
    written = MetaData(PRETRAINING, 128, {"train": 5}, shards=shards)
    write_meta_data(path, written)
    assert read_meta_data(path).shards == shards
    write_meta_data(path, dataclasses.replace(written, sizes={"train": 6}))
    with pytest.raises(UserError, match=r"'train_data_size' is 6 but 'shards' count 5"):
        read_meta_data(path)
