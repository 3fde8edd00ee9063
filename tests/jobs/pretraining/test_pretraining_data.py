"""create_pretraining_data.py: the same records for any workers and after any kill, and what the metadata tell."""

import json
import math
import os
import re
import signal
import time

import numpy as np
import pretraining_material as material
import pytest
import tensorflow as tf

from bert_tf2.data.records.metadata import PRETRAINING, read_meta_data
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.files import sha256_of_file
from bert_tf2.tasks.pretraining.features import pretraining_features
from bert_tf2.tasks.pretraining.metadata import from_meta_data


@pytest.fixture
def text(tmp_path):
    return material.write_text(tmp_path / "text.txt")


def test_records_and_metadata(tmp_path, text, tiny_vocab_file, capsys):
    out = tmp_path / "out"
    assert material.run(material.arguments(text, tiny_vocab_file, out)) == 0
    meta_data = read_meta_data(str(out / "meta_data.json"))
    settings = from_meta_data(meta_data)
    assert sorted(os.listdir(out)) == [
        "meta_data.json",
        "meta_data.vocab.txt",
        *(f"train-{i:05d}-of-00007.tfrecord" for i in range(7)),
    ]
    assert (meta_data.task_type, meta_data.max_seq_length, meta_data.padded) == (PRETRAINING, 48, False)
    assert (meta_data.tokenization, meta_data.do_lower_case, meta_data.vocab_size) == ("wordpiece", True, 86)
    assert [shard.name for shard in meta_data.shards] == [f"train-{i:05d}-of-00007.tfrecord" for i in range(7)]
    for shard in meta_data.shards:
        assert shard.sha256 == sha256_of_file(str(out / shard.name))
        assert shard.bytes == (out / shard.name).stat().st_size
    records = [r for shard in meta_data.shards for r in tf.data.TFRecordDataset(str(out / shard.name)).as_numpy_iterator()]
    assert meta_data.train_data_size == len(records)
    batch = {
        name: value.numpy()
        for name, value in parse_records(tf.constant(records), pretraining_features(), {"tokens": 48, "predictions": 8}).items()
    }
    lengths, predictions = batch["input_mask"].sum(axis=1), batch["masked_lm_weights"].sum()
    assert settings.mean_tokens == pytest.approx(lengths.mean())
    assert settings.padding_fraction == pytest.approx(1 - lengths.mean() / 48)
    assert settings.masked_fraction == pytest.approx(predictions / (lengths - 3).sum())
    assert settings.next_sentence_fraction == pytest.approx(batch["next_sentence_labels"].mean())
    assert (settings.documents, settings.mask_id, settings.dupe_factor) == (300, 4, 2)
    printed = capsys.readouterr()
    assert f"{len(records):,} records from 300 documents" in printed.out
    assert "run_pretraining.py" in printed.out


@pytest.mark.parametrize(
    "flags",
    [
        {},
        {"gzip_compress": True, "do_whole_word_mask": True, "max_ngram_size": 3},
        {"dynamic_masking": True, "sentence_pairs": "sop", "pad_to_max_length": True},
        {"sentence_pairs": "none", "input_format": "paragraphs", "use_v2_feature_names": True},
    ],
    ids=str,
)
def test_the_bytes_are_the_same_for_any_number_of_workers(tmp_path, text, tiny_vocab_file, flags):
    for workers in (1, 2, 3):
        argv = material.arguments(text, tiny_vocab_file, tmp_path / str(workers), num_workers=workers, **flags)
        assert material.run(argv) == 0
    first = material.contents(tmp_path / "1")
    assert len(first) == 9
    assert first == material.contents(tmp_path / "2") == material.contents(tmp_path / "3")
    argv = material.arguments(text, tiny_vocab_file, tmp_path / "other", random_seed=-1, **flags)
    assert material.run(argv) == 0
    assert material.contents(tmp_path / "other").keys() == first.keys()
    assert material.contents(tmp_path / "other") != first


def test_no_record_is_twice_in_different_shards(tmp_path, text, tiny_vocab_file):
    out = tmp_path / "out"
    assert material.run(material.arguments(text, tiny_vocab_file, out, dynamic_masking=True, sentence_pairs="none")) == 0
    sizes = [len(list(tf.data.TFRecordDataset(str(path)))) for path in sorted(out.glob("train-*"))]
    assert min(sizes) > 0.5 * max(sizes), "documents are dealt evenly"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_goes_on(tmp_path, tiny_vocab_file, workers):
    text = material.write_text(tmp_path / "text.txt", 3000)
    whole, out = tmp_path / "whole", tmp_path / "out"
    flags = {"dupe_factor": 6, "num_shards": 12}
    assert material.run(material.arguments(text, tiny_vocab_file, whole, **flags)) == 0
    expected, kills = material.contents(whole), 0
    argv = material.arguments(text, tiny_vocab_file, out, num_workers=workers, **flags)
    for shards in (1, 4, 7):
        process = material.start(argv, start_new_session=True)
        while process.poll() is None:
            if len(list(out.glob("train-*.tfrecord"))) >= shards:
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.001)
        process.communicate()
        assert process.returncode in (0, -signal.SIGKILL)
        for path in out.glob("train-*.tfrecord"):
            assert path.read_bytes() == expected[path.name], "a finished shard is whole"
        if process.returncode:
            assert not (out / "meta_data.json").exists()
    assert kills >= 2
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("train-*.tfrecord")}
    done = material.start(argv)
    _, errors = done.communicate()
    assert done.returncode == 0, errors
    assert "of 12 shards are there and whole; making the others" in errors
    assert material.contents(out) == expected
    assert all((out / name).stat().st_mtime_ns == written for name, written in before.items())


def test_workers_end_with_their_parent(tmp_path, tiny_vocab_file):
    text = material.write_text(tmp_path / "text.txt", 3000)
    argv = material.arguments(text, tiny_vocab_file, tmp_path / "out", num_workers=2, dupe_factor=200, num_shards=2)
    process = material.start(argv)
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    deadline, workers = time.monotonic() + 30, []
    while len(workers) < 2 and time.monotonic() < deadline:
        with open(children, encoding="ascii") as file:
            workers = file.read().split()
        time.sleep(0.01)
    while not list((tmp_path / "out").glob("*.incomplete-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    while time.monotonic() < deadline and any(os.path.exists(f"/proc/{worker}") for worker in workers):
        time.sleep(0.02)
    assert not any(os.path.exists(f"/proc/{worker}") for worker in workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_says_how_to_go_on(tmp_path, tiny_vocab_file, workers):
    text = material.write_text(tmp_path / "text.txt", 3000)
    argv = material.arguments(text, tiny_vocab_file, tmp_path / "out", num_workers=workers, dupe_factor=20, num_shards=6)
    process = material.start(argv, start_new_session=True)
    deadline = time.monotonic() + 30
    while not list((tmp_path / "out").glob("*.tfrecord")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert re.search(r"ERROR: interrupted; \d of 6 shards are whole, the same command makes the others", errors)
    assert not list((tmp_path / "out").glob("*.incomplete-*"))
    assert not (tmp_path / "out" / "meta_data.json").exists()


def test_a_worker_that_dies_is_told_and_its_shard_made_later(tmp_path, tiny_vocab_file):
    text = material.write_text(tmp_path / "text.txt", 3000)
    argv = material.arguments(text, tiny_vocab_file, tmp_path / "out", num_workers=2, dupe_factor=20, num_shards=3)
    process = material.start(argv)
    deadline = time.monotonic() + 30
    while not list((tmp_path / "out").glob("*.incomplete-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
        os.kill(int(file.read().split()[0]), signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "was killed by signal 9 (out of memory?)" in errors.splitlines()[-1]
    assert "the same command makes the others" in errors.splitlines()[-1]
    assert not list((tmp_path / "out").glob("*.incomplete-*"))
    assert material.run(argv) == 0


def test_a_second_call_does_nothing_and_a_lost_shard_is_made_again(tmp_path, text, tiny_vocab_file, caplog):
    argv, out = material.arguments(text, tiny_vocab_file, tmp_path / "out"), tmp_path / "out"
    assert material.run(argv) == 0
    expected = material.contents(out)
    assert material.run(argv) == 0
    (out / "train-00003-of-00007.tfrecord").unlink()
    (out / "train-00005-of-00007.tfrecord").write_bytes(expected["train-00005-of-00007.tfrecord"][:-100])
    assert material.run(argv) == 0
    assert material.contents(out) == expected


def test_output_may_be_one_file_or_a_list(tmp_path, text, tiny_vocab_file, capsys):
    out = tmp_path / "out"
    one = material.arguments(text, tiny_vocab_file, out, output_file=out / "all.tfrecord", num_shards=None)
    assert material.run(one) == 0
    assert sorted(os.listdir(out)) == ["all.tfrecord", "meta_data.json", "meta_data.vocab.txt"]
    several = tmp_path / "several"
    names = ",".join(str(several / name) for name in ("a/x.tfrecord", "b/y.tfrecord", "c"))
    listed = material.arguments(
        text, tiny_vocab_file, several, output_file=names, num_shards=None, meta_data_file_path=several / "m.json"
    )
    capsys.readouterr()
    assert material.run(listed) == 0
    # The command to go on with names all of them.
    assert names in capsys.readouterr().out
    meta_data = read_meta_data(str(several / "m.json"))
    assert [shard.name for shard in meta_data.shards] == ["x.tfrecord", "y.tfrecord", "c"]
    assert meta_data.train_data_size == pytest.approx(read_meta_data(str(out / "meta_data.json")).train_data_size, rel=0.1)


def test_a_small_text_has_fewer_shards(tmp_path, tiny_vocab_file):
    text = material.write_text(tmp_path / "text.txt", 10)
    assert material.run(material.arguments(text, tiny_vocab_file, tmp_path / "out", num_shards=None)) == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["meta_data.json", "meta_data.vocab.txt", "train-00000-of-00001.tfrecord"]


def test_dynamic_masking_goes_through_the_text_once_unless_told(tmp_path, text, tiny_vocab_file):
    flags = {"dynamic_masking": True, "dupe_factor": None}
    assert material.run(material.arguments(text, tiny_vocab_file, tmp_path / "out", **flags)) == 0
    settings = from_meta_data(read_meta_data(str(tmp_path / "out" / "meta_data.json")))
    assert (settings.dupe_factor, settings.dynamic_masking, settings.masked_fraction) == (1, True, None)
    assert settings.mask_id == 4


def test_parts_of_a_large_shard_are_bounded(tmp_path, text, tiny_vocab_file, monkeypatch):
    monkeypatch.setattr("bert_tf2.tasks.pretraining.shard_plan._PART_BYTES", 5000)
    for workers in (1, 2):
        argv = material.arguments(text, tiny_vocab_file, tmp_path / str(workers), num_workers=workers, num_shards=2)
        assert material.run(argv) == 0
    assert material.contents(tmp_path / "1") == material.contents(tmp_path / "2")
    size = from_meta_data(read_meta_data(str(tmp_path / "1" / "meta_data.json")))
    assert size.documents == 300


@pytest.mark.real_data
@pytest.mark.slow
def test_chinese_whole_words(tmp_path, real_data):
    pytest.importorskip("jieba", reason="needs the extra zh: pip install 'bert_tf2[zh]'")
    lines = (real_data / "corpus" / "zh_newspaper_sentences.txt").read_text(encoding="utf-8").split("\n")[:2000]
    text = tmp_path / "zh.txt"
    text.write_text("\n".join(line + "\n" * (i % 5 == 0) for i, line in enumerate(lines)), encoding="utf-8")
    flags = {"do_whole_word_mask": True, "word_segmenter": "jieba", "dynamic_masking": True, "max_seq_length": 128}
    argv = material.arguments(str(text), str(real_data / "vocab" / "chinese.txt"), tmp_path / "out", num_shards=1, **flags)
    assert material.run(argv) == 0
    (path,) = (tmp_path / "out").glob("train-*")
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    units = parse_records(tf.constant(records), pretraining_features(masked=False))["masking_units"].numpy()
    tokens, words = (units > 0).sum(), units.max(axis=1).sum()
    assert 1.4 < tokens / words < 1.9, "a word of newspaper text has one and a half to two characters"


@pytest.mark.real_data
@pytest.mark.slow
def test_the_gardens_reader_takes_padded_records(tmp_path, text, real_data):
    from official.legacy.bert import input_pipeline

    argv = material.arguments(text, str(real_data / "vocab" / "uncased.txt"), tmp_path / "out", pad_to_max_length=True)
    assert material.run(argv) == 0
    dataset = input_pipeline.create_pretrain_dataset(
        [str(tmp_path / "out" / "train-*.tfrecord")], 48, 8, batch_size=16, is_training=False
    )
    features, _ = next(iter(dataset))
    assert features["input_word_ids"].shape == (16, 48)
    assert features["masked_lm_positions"].shape == (16, 8)
    assert features["next_sentence_labels"].shape == (16, 1)
    assert np.isin(features["masked_lm_weights"].numpy(), [0, 1]).all()


def test_warnings_hold_numbers(tmp_path, text, tiny_vocab_file, capfd):
    flags = {"max_seq_length": 512, "max_predictions_per_seq": 20}
    done = material.start(material.arguments(text, tiny_vocab_file, tmp_path / "out", **flags))
    _, errors = done.communicate()
    assert done.returncode == 0
    expected = (
        "--masked_lm_prob=0.15 of 512 tokens are 77 predictions, but --max_predictions_per_seq=20: of full inputs only 3.9% are "
        "predicted; set --max_predictions_per_seq=77"
    )
    assert expected in errors


def test_metadata_is_json_that_others_can_read(tmp_path, text, tiny_vocab_file):
    assert material.run(material.arguments(text, tiny_vocab_file, tmp_path / "out")) == 0
    value = json.loads((tmp_path / "out" / "meta_data.json").read_text(encoding="utf-8"))
    assert value["pretraining"]["sentence_pairs"] == "nsp"
    assert math.isfinite(value["pretraining"]["masked_fraction"])
    assert re.fullmatch("[0-9a-f]{64}", value["vocab_fingerprint"])


def test_a_second_maker_of_the_same_records_is_refused(tmp_path, tiny_vocab_file):
    text = material.write_text(tmp_path / "text.txt", 3000)
    argv = material.arguments(text, tiny_vocab_file, tmp_path / "out", dupe_factor=200, num_shards=1)
    first = material.start(argv)
    deadline = time.monotonic() + 30
    while not list((tmp_path / "out").glob("*.incomplete-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    second = material.start(argv)
    _, errors = second.communicate()
    assert first.poll() is None
    first.kill()
    first.communicate()
    assert second.returncode == 11
    assert f"out is in use by process {first.pid} on " in errors.splitlines()[-1]
    assert errors.splitlines()[-1].endswith("; wait for it, or use another --output_file")
    # The lock went with the first, and its unfinished shard is none.
    argv = material.arguments(text, tiny_vocab_file, tmp_path / "out", dupe_factor=1, num_shards=1)
    assert material.run(argv) == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["meta_data.json", "meta_data.vocab.txt", "train-00000-of-00001.tfrecord"]
