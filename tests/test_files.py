"""Files are whole or absent."""

import os
import stat

import pytest

from bert_tf2 import files
from bert_tf2.errors import UserError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "results.txt"
    files.write_text(str(path), "old")

    def write_half():
        with files.written_whole(str(path)) as temporary:
            with open(temporary, "w") as file:
                file.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["results.txt"]


def test_json_holds_null_for_what_it_has_no_number_for(tmp_path):
    path = str(tmp_path / "scores.json")
    files.write_json(path, {"a": float("nan"), "b": [1.5, float("inf")], "c": {"d": (0, None, "nan")}})
    assert "NaN" not in (tmp_path / "scores.json").read_text()
    assert files.read_json(path) == {"a": None, "b": [1.5, None], "c": {"d": [0, None, "nan"]}}


def test_read_json_names_line_and_column(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{\n  "a": 1,\n  b\n}')
    with pytest.raises(UserError, match=r"config\.json:3:3: not valid JSON"):
        files.read_json(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        files.read_json(str(path))
    path.write_text('\ufeff{"a": "ü"}', encoding="utf-8")
    assert files.read_json(str(path)) == {"a": "ü"}


def test_a_missing_file_is_named_with_its_neighbours(tmp_path):
    (tmp_path / ".hidden").touch()
    (tmp_path / "train.tsv").write_text("")
    with pytest.raises(UserError, match=r"--eval_file: no such file: .*dev\.tsv \(in .*: train\.tsv\)"):
        files.require_file(str(tmp_path / "dev.tsv"), "eval_file")
    with pytest.raises(UserError, match="does not exist"):
        files.require_file(str(tmp_path / "nowhere" / "dev.tsv"), "eval_file")
    with pytest.raises(UserError, match="it is a directory"):
        files.require_file(str(tmp_path), "eval_file")


def test_patterns_match_what_is_whole_and_no_rejected_rows(tmp_path):
    for name in ("train-1.tf_record", "train-0.tf_record", "train-0.tf_record.rejects.jsonl", "train-2.tf_record.incomplete-ab"):
        (tmp_path / name).write_text("")
    matched = files.matching_files(f"{tmp_path}/train*", "train_data_path")
    assert [os.path.basename(path) for path in matched] == ["train-0.tf_record", "train-1.tf_record"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_unwritable_directory_is_refused(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(UserError, match="not writable"):
        files.make_directory(str(tmp_path))


def test_a_directory_under_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot create the directory"):
        files.make_directory(str(tmp_path / "file" / "sub"))


def test_an_address_that_cannot_be_used_is_one_line():
    with pytest.raises(UserError, match=r"s3://bucket/x: this kind of address is not known here; use a local path or gs://"):
        files.require_file("s3://bucket/x", "train_file")
    with pytest.raises(UserError, match="this kind of address is not known here"):
        files.make_directory("hdfs://host/x")


def test_a_directory_where_a_file_is(tmp_path):
    (tmp_path / "train.tsv").write_text("text")
    for path in (tmp_path / "train.tsv", tmp_path / "train.tsv" / "model"):
        with pytest.raises(UserError, match=r"train\.tsv is a file; choose another directory"):
            files.make_directory(str(path))
        with pytest.raises(UserError, match=r"train\.tsv is a file; choose another directory"):
            files.require_creatable(str(path))
    files.require_creatable(str(tmp_path / "new" / "newer"))
    files.require_creatable(str(tmp_path))
    assert not (tmp_path / "new").exists()
