"""`load_tokenizer` and the advice about casing."""

import pytest

from bert_tf2.errors import UserError
from bert_tf2.text.tokenizer import casing_warning, load_tokenizer


def test_the_kind_is_named_in_any_case(tiny_vocab_file):
    tokenizer = load_tokenizer(vocab_file=tiny_vocab_file, tokenization="wordPIECE", do_lower_case=False)
    assert (tokenizer.kind, tokenizer.do_lower_case, tokenizer.file) == ("wordpiece", False, tiny_vocab_file)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--tokenization=WordPiece needs --vocab_file"),
        ({"tokenization": "SentencePiece", "vocab_file": "vocab.txt"}, "--tokenization=SentencePiece needs --sp_model_file"),
        ({"tokenization": "bytes"}, "must be WordPiece or SentencePiece; got 'bytes'"),
        ({"vocab_file": "/nowhere/vocab.txt"}, "no such file"),
        ({"tokenization": "SentencePiece", "sp_model_file": "/nowhere/spiece.model"}, "no such file"),
    ],
)
def test_what_is_missing_is_said(options, message):
    with pytest.raises(UserError, match=message):
        load_tokenizer(**options)


def vocabulary(tmp_path, *tokens: str) -> str:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<S>", *tokens]), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("tokens", "do_lower_case", "advice"),
    [
        (["the", "##ing", "é"], True, None),
        (["the", "##ing", "é"], False, "--do_lower_case"),
        (["the", "The", "##ing"], True, "--nodo_lower_case"),
        (["the", "The", "##ing"], False, None),
        (["你", "好"], True, None),
        (["你", "好"], False, None),
    ],
)
def test_casing_is_judged_from_the_vocabulary(tmp_path, tokens, do_lower_case, advice):
    warning = casing_warning(load_tokenizer(vocab_file=vocabulary(tmp_path, *tokens), do_lower_case=do_lower_case))
    assert warning is None if advice is None else warning.endswith(f"set {advice}")


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "fitting"), [("uncased", True), ("cased", False), ("chinese", True)])
def test_casing_of_published_vocabularies(real_data, name, fitting):
    path = str(real_data / "vocab" / f"{name}.txt")
    assert casing_warning(load_tokenizer(vocab_file=path, do_lower_case=fitting)) is None
    assert casing_warning(load_tokenizer(vocab_file=path, do_lower_case=not fitting)) is not None


@pytest.mark.real_data
def test_casing_of_albert(real_data):
    path = str(real_data / "vocab" / "albert-30k-clean.model")
    assert casing_warning(load_tokenizer(sp_model_file=path, tokenization="SentencePiece")) is None
    assert casing_warning(load_tokenizer(sp_model_file=path, tokenization="SentencePiece", do_lower_case=False)) is not None
