"""Which files are a byte-level BPE, and what is said of those that cannot be used."""

import json
import os
import shutil

import pytest

from bert_tf2.errors import UserError
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.byte_level.vocabulary import load_byte_level_vocabulary
from bert_tf2.text.tokenizer import load_tokenizer

VOCAB = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "b": 5, "ab": 6}


@pytest.fixture
def folder(tmp_path):
    """A function that writes the two files, None for none, and returns the path of vocab.json."""

    def write(vocab=None, merges: str | bytes | None = "#version: 0.2\na b\n") -> str:
        content = vocab if isinstance(vocab, str) else json.dumps(VOCAB if vocab is None else vocab)
        (tmp_path / "vocab.json").write_text(content, encoding="utf-8")
        if merges is not None:
            (tmp_path / "merges.txt").write_bytes(merges.encode() if isinstance(merges, str) else merges)
        return str(tmp_path / "vocab.json")

    return write


def refusal(path: str) -> str:
    with pytest.raises(UserError) as error:
        load_tokenizer(vocab_file=path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_merges_of_any_line_ends(folder):
    for merges in ("a b", "a b\r\n", "\ufeff#version: 0.2 - trained by someone\r\na b\r\n\r\n"):
        assert load_byte_level_vocabulary(folder(merges=merges)).merges == (("a", "b"),)


@pytest.mark.parametrize(
    ("vocab", "merges", "message"),
    [
        (None, None, "vocab.json needs the merges.txt that belongs to it"),
        (None, "", "merges.txt beside it holds no merges"),
        (None, "#version: 0.2\n", "merges.txt beside it holds no merges"),
        (None, "a b\nab c\n", "do not fit together: merge 2 is 'ab c', but 'c' is no token"),
        (None, "a b\nb a\n", "do not fit together: merge 2 is 'b a', but 'ba' is no token"),
        (None, "a b\na  b\n", "merges.txt:2: a merge is two tokens with a space between them; got 'a  b'"),
        (None, "<html><body>Not found</body></html>", "merges.txt is a web page (HTML)"),
        (None, "version https://git-lfs.github.com/spec/v1\n", "merges.txt is a Git LFS pointer"),
        (None, b"\xff\xfea b", "not UTF-8 text"),
        ({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}, "a b", "lacks <s>, </s>, <unk> (4 tokens read); give that of a RoBERTa"),
        ({**VOCAB, "a": -4}, "a b", "must be an object of tokens with their ids, from 0 up"),
        ("{'<s>': 0}", "a b", "not valid JSON"),
        ("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n", "a b", "a WordPiece vocabulary under the name vocab.txt"),
        ("version https://git-lfs.github.com/spec/v1\n", "a b", "Git LFS pointer"),
        ("<!DOCTYPE html><html>", "a b", "a web page (HTML)"),
        ("", "a b", "empty"),
        (
            {"hidden_size": 4, "num_hidden_layers": 2, "hidden_act": "gelu"},
            "a b",
            "is a model's configuration (config.json,",
        ),
        ({}, "a b", "JSON that holds no model with a vocab, not a vocabulary"),
    ],
)
def test_files_that_cannot_be_used(folder, vocab, merges, message):
    assert message in refusal(folder(vocab, merges))


def test_tokens_may_be_the_keys_of_other_files(folder):
    names = ("run", "about", "data", "version", "tokenizer_class", "num_hidden_layers", "hidden_size", "model", "vocab")
    path = folder(VOCAB | {name: 7 + number for number, name in enumerate(names)})
    assert load_tokenizer(vocab_file=path).vocab_size == 16


def test_merges_for_a_vocabulary(folder):
    path = folder()
    assert "holds the merges of a byte-level BPE; give the vocab.json beside it" in refusal(
        path.replace("vocab.json", "merges.txt")
    )


def test_a_folder_needs_a_vocabulary(tmp_path):
    assert "no vocab.txt, tokenizer.json or vocab.json in the folder" in refusal(str(tmp_path))


def serialized(byte_level_folder, tmp_path, change) -> str:
    value = json.loads(ByteLevelBPETokenizer(byte_level_folder).vocabulary_file())
    change(value)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v["model"].update(end_of_word_suffix="</w>"), "its model's end_of_word_suffix is '</w>'"),
        (lambda v: v["model"].update(ignore_merges=True), "its model's ignore_merges is True"),
        (lambda v: v.update(normalizer={"type": "NFC"}), "its normalizer is NFC, RoBERTa has none"),
        (lambda v: v.update(pre_tokenizer=None), "its pre_tokenizer is none, RoBERTa's is ByteLevel"),
        (lambda v: v["pre_tokenizer"].update(use_regex=False), "its pre_tokenizer is ByteLevel, RoBERTa's is ByteLevel with its"),
        (lambda v: v["model"].update(merges=[]), "model.merges holds no merges"),
        (lambda v: v["model"].update(merges=[["a", "b", "c"]]), "model.merges[0] must be a pair of tokens"),
        (lambda v: v["model"]["merges"].append(["你", "好"]), "do not fit together: merge"),
        (lambda v: v.update(added_tokens=[{"id": "7"}]), "added_tokens must be a list"),
    ],
)
def test_serialized_forms_that_cannot_be_used(byte_level_folder, tmp_path, change, message):
    assert message in refusal(serialized(byte_level_folder, tmp_path, change))


def test_merges_of_earlier_releases_are_strings(byte_level_folder, tmp_path):
    def joined(value):
        value["model"]["merges"] = [" ".join(pair) for pair in value["model"]["merges"]]
        del value["model"]["type"]

    path = serialized(byte_level_folder, tmp_path, joined)
    assert load_tokenizer(vocab_file=path).fingerprint == ByteLevelBPETokenizer(byte_level_folder).fingerprint


def test_special_tokens_may_be_added_ones(byte_level_folder, tmp_path):
    def added(value):
        for token in ("<s>", "<mask>"):
            del value["model"]["vocab"][token]

    path = serialized(byte_level_folder, tmp_path, added)
    assert load_tokenizer(vocab_file=path).fingerprint == ByteLevelBPETokenizer(byte_level_folder).fingerprint


def test_a_folder_of_transformers(byte_level_folder, tmp_path):
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(os.path.join(byte_level_folder, name), tmp_path)
    config = tmp_path / "tokenizer_config.json"
    config.write_text('{"tokenizer_class": "RobertaTokenizer", "add_prefix_space": false, "model_max_length": 512}')
    tokenizer = load_tokenizer(vocab_file=str(tmp_path))
    assert (tokenizer.kind, tokenizer.notices) == ("bytelevelbpe", ())
    config.write_text('{"add_prefix_space": "yes"}')
    assert "'add_prefix_space' must be true, false or null; got 'yes'" in refusal(str(tmp_path))
