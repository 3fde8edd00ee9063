"""What is read of a SavedModel besides its weights."""

import pytest
import tensorflow as tf
from hub_material import bare_module

from bert_tf2 import saved_models
from bert_tf2.errors import UserError
from bert_tf2.text.tokenizer import load_tokenizer

CASED = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nMovie\nBad\n"


def module(folder, assets, lower_case=None):
    return bare_module(folder, tf.train.Checkpoint(weight=tf.Variable([1.0])), assets, lower_case)


@pytest.mark.parametrize(("content", "said", "lower_case"), [
    (CASED, None, False), (CASED.lower(), None, True), (CASED, True, True), (CASED.lower(), False, False),
])  # fmt: skip
def test_casing_is_what_the_module_says_else_how_the_vocabulary_looks(tmp_path, content, said, lower_case):
    content = content.replace(b"[pad]\n[unk]\n[cls]\n[sep]\n[mask]", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]")
    folder = module(tmp_path / "module", {"vocab.txt": content}, said)
    tokenizer = load_tokenizer(vocab_file=folder)
    assert tokenizer.file == f"{folder}/assets/vocab.txt"
    assert tokenizer.do_lower_case is lower_case
    flag = load_tokenizer(vocab_file=folder, do_lower_case=not lower_case)
    assert flag.do_lower_case is not lower_case
    assert "the flags and" in flag.notices[0]


def test_a_vocabulary_by_another_name(tmp_path):
    folder = module(tmp_path / "module", {"some[1].txt": CASED})
    assert load_tokenizer(vocab_file=folder).vocab_size == 7
    folder = module(tmp_path / "two", {"one.txt": CASED, "other.txt": CASED})
    with pytest.raises(UserError, match=r"no vocab\.txt, tokenizer\.json or vocab\.json in the folder"):
        load_tokenizer(vocab_file=folder)


def test_only_a_module_has_assets(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "vocab.txt").write_bytes(CASED)
    path = str(tmp_path / "assets" / "vocab.txt")
    assert saved_models.of_asset(path) is None
    assert load_tokenizer(vocab_file=path).do_lower_case is True


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.index"])
def test_damaged(tmp_path, file):
    folder = module(tmp_path / "module", {"vocab.txt": CASED})
    (tmp_path / "module" / file).write_bytes(b"\xff\xff\xff damaged")
    with pytest.raises(UserError, match=r"is damaged \(.*copy the folder again"):
        saved_models.casing_of(f"{folder}/assets/vocab.txt")


def test_a_number_of_keras(tmp_path):
    folder = module(tmp_path / "module", {})
    assert saved_models.number_in_keras_config(folder, "num_layers") is None
    # Before TensorFlow 2.5 it stood in the program.
    (tmp_path / "module" / "saved_model.pb").write_bytes(b'\x0a\x10{"num_layers": 12, "x": 1}')
    assert saved_models.number_in_keras_config(folder, "num_layers") == 12
