"""The demo: what it downloads and unpacks, how it splits, and the three commands from end to end on a tiny model."""

import csv
import io
import json
import os
import pathlib
import shutil
import tarfile
import zipfile

import numpy as np
import pytest

from bert_tf2 import cli
from bert_tf2.errors import JobError, UserError
from bert_tf2.jobs.commands import demo
from bert_tf2.jobs.commands import demo_material as material
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions, check_combination
from bert_tf2.jobs.preparation.finetuning_data import check_finetuning_data_options
from bert_tf2.jobs.preparation.options import FinetuningDataOptions


def make_tar(path: pathlib.Path, *members: tuple[str, bytes, bytes]) -> str:
    """A compressed archive of (name, type, content or link target)."""
    with tarfile.open(path, "w:gz") as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(content)
            else:
                info.linkname = content.decode()
            archive.addfile(info, io.BytesIO(content))
    return str(path)


def make_zip(path: pathlib.Path, name: str, content: bytes, mode: int = 0o100644) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, content)
    return str(path)


def test_one_regular_file_is_unpacked_to_the_path_that_was_asked_for(tmp_path):
    tar = make_tar(tmp_path / "a.tar.gz", ("../../evil", tarfile.REGTYPE, b"tar"), ("other", tarfile.REGTYPE, b""))
    material.extract_from_tar(tar, "../../evil", str(tmp_path / "out" / "one"))
    material.extract_from_zip(make_zip(tmp_path / "a.zip", "/etc/evil", b"zip"), "/etc/evil", str(tmp_path / "out" / "two"))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {"one": b"tar", "two": b"zip"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_links_and_devices_of_a_tar_are_refused(tmp_path, kind):
    archive = make_tar(tmp_path / "a.tar.gz", ("file", kind, b"/etc/passwd"))
    with pytest.raises(JobError, match="file is not a regular file"):
        material.extract_from_tar(archive, "file", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_links_of_a_zip_are_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", "file", b"/etc/passwd", mode=0o120777)
    with pytest.raises(JobError, match="file is not a regular file"):
        material.extract_from_zip(archive, "file", str(tmp_path / "out"))


def test_large_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(material, "LARGEST_MEMBER", 1000)
    for extract, archive in (
        (material.extract_from_tar, make_tar(tmp_path / "a.tar.gz", ("file", tarfile.REGTYPE, bytes(1001)))),
        (material.extract_from_zip, make_zip(tmp_path / "a.zip", "file", bytes(1001))),
    ):
        with pytest.raises(JobError, match="would take 1001 bytes"):
            extract(archive, "file", str(tmp_path / "out"))


def test_missing_members_and_broken_archives_are_named(tmp_path):
    (tmp_path / "broken").write_bytes(b"neither tar nor zip")
    for extract in (material.extract_from_tar, material.extract_from_zip):
        with pytest.raises(JobError, match="broken: cannot read file"):
            extract(str(tmp_path / "broken"), "file", str(tmp_path / "out"))
    with pytest.raises(JobError, match="cannot read file"):
        material.extract_from_zip(make_zip(tmp_path / "a.zip", "other", b""), "file", str(tmp_path / "out"))


def test_a_download_that_is_not_the_pinned_file_is_refused(tmp_path):
    (tmp_path / "name.whl").write_bytes(b"something else")
    with pytest.raises(JobError, match=r"name\.whl is not the file this demo was made with .* delete it"):
        material.download("name==1", "name.whl", "0" * 64, str(tmp_path), [])


def test_a_failed_download_is_one_line_with_a_cure(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(JobError) as error:
        material.download("no-such-thing==1", "no_such_thing-1.whl", "0" * 64, str(tmp_path / "downloads"), [])
    assert "\n" not in str(error.value)
    assert "pip could not download no-such-thing==1: No matching distribution" in str(error.value)
    assert f"put no_such_thing-1.whl into {tmp_path / 'downloads'}" in str(error.value)
    assert os.listdir(tmp_path / "downloads") == []


def test_the_split_is_fixed_and_blind_to_case_spaces_and_punctuation():
    sentences = [f"Sentence number {number} of the film." for number in range(1000)]
    held_out = [material.is_held_out(sentence) for sentence in sentences]
    assert [number for number in range(40) if held_out[number]] == [13, 17, 20, 25, 28, 31]
    assert 150 < sum(held_out) < 250
    assert held_out == [material.is_held_out("  " + sentence.upper().replace(".", " !!")) for sentence in sentences]


def test_rows_rated_exactly_zero_are_left_out(tmp_path):
    rows = [(f"Number {number}", float(number % 5 - 2)) for number in range(100)]
    counts = material.write_splits(rows, str(tmp_path / "train.tsv"), str(tmp_path / "held_out.tsv"))
    assert counts["left_out"] == 20
    assert counts["train"] + counts["held_out"] == 80
    assert counts["train_positive"] + counts["held_out_positive"] == 40
    written = [line.split("\t") for name in ("train", "held_out") for line in (tmp_path / f"{name}.tsv").read_text().splitlines()]
    expected = {(text, "positive" if rating > 0 else "negative") for text, rating in rows if rating}
    assert {tuple(row) for row in written if row != ["sentence", "label"]} == expected


def test_rated_sentences_are_read(tmp_path):
    path = tmp_path / "ratings.txt"
    path.write_bytes("1\t2.5\tIl a déjà \x85 dit \"yes\r\n2\t-0.1\t It ''works'' \r\n".encode())
    assert material.read_rated_sentences(str(path)) == [('Il a déjà \x85 dit "yes', 2.5), ("It ''works''", -0.1)]
    path.write_text("1\t2.5\tfine\n2\tbroken\n")
    with pytest.raises(JobError, match=r"ratings\.txt:2: 2 columns"):
        material.read_rated_sentences(str(path))


def test_the_commands_are_accepted_by_what_they_call(tmp_path):
    prepare, train, predict = demo.the_commands(demo.DemoOptions(), tmp_path)
    check_finetuning_data_options(cli.parse(FinetuningDataOptions, prepare[1:]))
    for command in (train, predict):
        options = cli.parse(ClassifierOptions, command[1:])
        check_combination(options)
        assert options.model_dir == str(tmp_path / "model")


def test_the_majority_is_the_commoner_class_of_the_training_part():
    counts = {"train": 10, "train_positive": 6, "held_out": 8, "held_out_positive": 3}
    assert demo._majority(counts) == 3 / 8
    assert demo._majority(counts | {"train_positive": 4}) == 5 / 8


def test_the_checkout_is_found():
    assert (demo.CHECKOUT / "run_classifier.py").is_file()


def test_without_a_checkout_the_demo_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "CHECKOUT", tmp_path)
    with pytest.raises(UserError, match="of a checkout; clone the project"):
        demo.run(demo.DemoOptions(output_dir=str(tmp_path)))


def put_tiny_material(folder: pathlib.Path, config: dict, vocab_file: str) -> None:
    """A Hugging Face folder of a tiny random model and rated sentences, so that the demo downloads nothing."""
    from bert_tf2.models.checkpoints.hugging_face import write_hugging_face
    from bert_tf2.models.checkpoints.source import StoredTensor
    from bert_tf2.models.config import BertConfig
    from bert_tf2.models.families.bert.family import WEIGHTS

    generator, sizes = np.random.default_rng(0), BertConfig.from_dict(config)
    tensors = {}
    for weight in WEIGHTS.encoder(config["num_hidden_layers"]):
        values = generator.normal(scale=0.2, size=[getattr(sizes, field) for field in weight.shape]).astype(np.float32)
        tensors[weight.name] = StoredTensor(weight.name, values.shape, lambda values=values: values)
    path = folder / "bert_config.json"
    path.write_text(json.dumps(config))
    weights, text = folder / "weights", folder / "text"
    for directory in (weights, text):
        directory.mkdir()
    write_hugging_face(str(weights), tensors, BertConfig.from_json_file(str(path)), "encoder", None, True)
    shutil.copy(vocab_file, weights / "vocab.txt")
    words = [("good", 1.5), ("bad", -1.5), ("very good", 2.0), ("very bad", -2.0)]
    rows = [f"{number}\t{words[number % 4][1]}\tThe movie {number} was {words[number % 4][0]} !" for number in range(300)]
    (text / "movie_reviews.txt").write_text("\n".join([*rows, "300\t0\tNeither."]) + "\n")


@pytest.mark.slow
def test_from_end_to_end_on_a_tiny_model(tmp_path, tiny_config_dict, tiny_vocab_file, capfd):
    put_tiny_material(tmp_path, tiny_config_dict, tiny_vocab_file)
    options = demo.DemoOptions(output_dir=str(tmp_path), num_train_epochs=25.0, learning_rate=0.01)
    result = demo.run(options)
    out = capfd.readouterr().out
    assert result["accuracy"] > result["majority"] + 0.2
    assert "(1 rated exactly 0 are left out)" in out
    assert f"Held-out accuracy {result['accuracy']:.1%}" in out
    assert out.count("run_classifier.py") >= 4
    with open(tmp_path / "model" / "predictions.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    right = sum(row["label"] == row["prediction"] for row in rows)
    assert right / len(rows) == pytest.approx(result["accuracy"])
    assert "report.md" in out
    again = demo.run(options)
    assert again["accuracy"] == result["accuracy"]
    assert "already finished" in capfd.readouterr().err
