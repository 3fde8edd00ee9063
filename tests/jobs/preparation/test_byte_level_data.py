"""Records of every kind made with byte-level BPE: ids of `transformers`' tokenizer, kind and fingerprint in the metadata."""

import json
import os

import pytest
import tensorflow as tf
from finetuning_workplace import GOOD_ROWS, Place
from transformers import RobertaTokenizerFast

from bert_tf2.text.tokenizer import load_tokenizer

CHOICES = {"context": "The movie was bad.", "question": "Who's acting?", "choices": ["Jim", "a puppeteer"], "answer": 1}


@pytest.fixture
def place(tmp_path, byte_level_folder, capsys):
    return Place(tmp_path, os.path.join(byte_level_folder, "vocab.json"), capsys)


@pytest.fixture
def theirs(byte_level_folder):
    return RobertaTokenizerFast(*(os.path.join(byte_level_folder, name) for name in ("vocab.json", "merges.txt")))


def columns(place, name: str) -> list[list[int]]:
    """The values of an integer feature in the training records."""
    records = [tf.train.Example.FromString(record.numpy()) for record in tf.data.TFRecordDataset(f"{place.out}/train.tf_record")]
    return [list(record.features.feature[name].int64_list.value) for record in records]


@pytest.mark.parametrize(
    ("rows", "flags"),
    [
        (GOOD_ROWS, []),
        ("text\tlabel\nthe movie was good\t1.5\nvery bad !\t2\n", ["--fine_tuning_task_type=regression"]),
        ("text\tlabel\nthe movie was good\ta\nvery bad !\tb\n", ["--fine_tuning_task_type=multi_label"]),
    ],
    ids=["classification", "regression", "multi_label"],
)
def test_rows(place, theirs, byte_level_folder, rows, flags):
    place.write("train.tsv", rows)
    code, _, errors = place.run(*flags)
    assert (code, errors) == (0, "")
    assert columns(place, "input_ids") == theirs(["the movie was good", "very bad !"])["input_ids"]
    meta = place.meta_data()
    tokenizer = load_tokenizer(vocab_file=byte_level_folder)
    assert (meta.tokenization, meta.vocab_fingerprint) == ("bytelevelbpe", tokenizer.fingerprint)
    assert (meta.do_lower_case, meta.vocab_size) == (False, 500)
    beside = load_tokenizer(vocab_file=f"{place.out}/meta.tokenizer.json")
    assert beside.fingerprint == tokenizer.fingerprint


def test_pairs(place, theirs):
    place.write("train.tsv", "text_a\ttext_b\tlabel\nThe movie\twas good\t0\nbad  one\tNaïve!\t1\n")
    assert place.run("--text_column=text_a", "--text_b_column=text_b", "--max_seq_length=10")[0] == 0
    assert columns(place, "input_ids")[0] == theirs("The movie", "was good", max_length=10, truncation=True)["input_ids"]
    assert columns(place, "segment_ids") == [[0] * len(ids) for ids in columns(place, "input_ids")]


def test_choices(place, theirs):
    place.write("train.jsonl", json.dumps(CHOICES) + "\n")
    named = f"--train_file={place.directory}/train.jsonl"
    assert place.run("--fine_tuning_task_type=multiple_choice", named, files=False)[0] == 0
    texts = ["Who's acting? Jim", "Who's acting? a puppeteer"]
    expected = theirs(["The movie was bad."] * 2, texts)["input_ids"]
    (ids,) = columns(place, "input_ids")
    assert ids == [id for choice in expected for id in choice]


def test_rows_for_a_model_that_is_there_need_no_flags(place):
    place.write("train.tsv", GOOD_ROWS)
    assert place.run()[0] == 0
    ids = columns(place, "input_ids")
    os.rename(place.out, place.directory / "trained")
    place.write("test.tsv", "text\nthe movie was good\nvery bad !\n")
    arguments = [f"--input_meta_data_path={place.directory}/trained/meta.json", "--vocab_file="]
    code, _, errors = place.run(*arguments, splits=("test",))
    assert code == 0, errors
    os.rename(f"{place.out}/test.tf_record", f"{place.out}/train.tf_record")
    assert columns(place, "input_ids") == ids


def test_text_is_not_lower_cased(place):
    place.write("train.tsv", GOOD_ROWS)
    place.fails("byte-level BPE takes text as it is", "--do_lower_case")
    assert place.run("--nodo_lower_case")[0] == 0


def test_merges_that_are_missing(place, tmp_path):
    place.write("train.tsv", GOOD_ROWS)
    place.write("alone/vocab.json", '{"<s>": 0, "</s>": 1, "<unk>": 2}')
    place.fails("alone/vocab.json needs the merges.txt that belongs to it", f"--vocab_file={tmp_path}/alone")
