"""What lies in a Hugging Face folder: `tokenizer.json`, and `tokenizer_config.json` beside a vocabulary."""

import dataclasses
import itertools
import json
import pathlib
import shutil

import pytest
from byte_level_material import SENTENCES
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, BertTokenizerFast, RobertaTokenizer, RobertaTokenizerFast

from bert_tf2.errors import UserError
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.tokenizer import load_tokenizer, warnings_of
from bert_tf2.text.tokenizer_files import tokenizer_files
from bert_tf2.text.vocabulary import load_vocabulary
from bert_tf2.text.wordpiece import WordPieceTokenizer

TEXT = "ΟΔΥΣΣΕΥΣ unaffable Café, GOOD 你好!"


def write(path: pathlib.Path, value) -> str:
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


@pytest.fixture
def folder(tmp_path, rich_vocab_file) -> pathlib.Path:
    """A folder with nothing but a tokenizer.json, as transformers 5 saves it."""
    tokenizer = BertTokenizerFast(rich_vocab_file, do_lower_case=True, strip_accents=False)
    tokenizer.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_a_tokenizer_json_is_read_as_transformers_wrote_it(folder, rich_vocab_file):
    for path in (folder, folder / "tokenizer.json"):
        tokenizer = load_tokenizer(vocab_file=str(path))
        assert tokenizer.normalization == Normalization(True, strip_accents=False)
        assert tokenizer.notices == ()
        assert tokenizer.fingerprint == WordPieceTokenizer(rich_vocab_file).fingerprint
        assert tokenizer.source.to_text() == pathlib.Path(rich_vocab_file).read_text(encoding="utf-8")
    text = TEXT.removeprefix("ΟΔΥΣΣΕΥΣ")
    theirs = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False)
    assert tokenizer.encode(text) == theirs.ids


def test_a_folder_gives_its_vocab_txt_first(folder, rich_vocab_file):
    shutil.copy(rich_vocab_file, folder / "vocab.txt")
    tokenizer = load_tokenizer(vocab_file=str(folder))
    assert tokenizer.file == str(folder / "vocab.txt")
    assert tokenizer.normalization == Normalization()
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match=r"no vocab.txt, tokenizer.json or vocab.json in the folder .*empty"):
        load_vocabulary(str(folder / "empty"))


def test_a_hole_among_the_ids_and_added_tokens(folder):
    path = folder / "tokenizer.json"
    value = json.loads(path.read_text())
    size = len(value["model"]["vocab"])
    last = next(token for token, id in value["model"]["vocab"].items() if id == size - 1)
    value["model"]["vocab"][last] += 1
    value["added_tokens"].append({"id": size + 1, "content": "covid", "special": False})
    tokenizer = load_tokenizer(vocab_file=write(path, value))
    assert tokenizer.vocab_size == size + 2
    assert tokenizer.encode("covid") == [size + 1]
    assert tokenizer.source.lines[size - 1] == ""
    notice = (
        f"{path}: 1 tokens were added to the vocabulary ('covid'); they are used like its own, and not looked for in the text "
    )
    assert tokenizer.notices == (notice + "beforehand as Hugging Face's tokenizers do",)
    assert tokenizer.notices[0] in warnings_of(tokenizer)


def test_what_is_no_bert_is_refused_by_what_it_is(tmp_path):
    vocab = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}
    path = str(tmp_path / "tokenizer.json")
    for model, message in (
        (models.BPE(), "its model is BPE (byte-pair encoding, as of RoBERTa and GPT)"),
        (models.Unigram([("a", 0.0)], 0), "its model is Unigram (SentencePiece, as of ALBERT and XLNet, whose .model file is"),
        (models.WordLevel(vocab, "[UNK]"), "its model is WordLevel (whole words)"),
        (models.WordPiece(vocab, unk_token="<unk>"), "its unk_token is '<unk>', BERT's is '[UNK]'"),
        (models.WordPiece(vocab), "its normalizer is none, BERT's is BertNormalizer"),
    ):
        Tokenizer(model).save(path)
        with pytest.raises(UserError) as error:
            load_vocabulary(path)
        assert f"{path} is not of a BERT WordPiece tokenizer: {message}" in str(error.value)
        assert "\n" not in str(error.value)
    bert = Tokenizer(models.WordPiece(vocab))
    bert.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    bert.save(path)
    with pytest.raises(UserError, match="its normalizer is Sequence"):
        load_vocabulary(path)
    bert.normalizer, bert.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.Whitespace()
    bert.save(path)
    with pytest.raises(UserError, match="its pre_tokenizer is Whitespace, BERT's is BertPreTokenizer"):
        load_vocabulary(path)
    bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    bert.save(path)
    assert load_vocabulary(path).lines == tuple(vocab)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"model": {', "not valid JSON"),
        (
            '{"hidden_size": 768, "num_hidden_layers": 2}',
            "is a model's configuration (config.json, bert_config.json), not a vocabulary",
        ),
        ("[]", "is JSON that holds no model with a vocab, not a vocabulary; give vocab.txt or tokenizer.json"),
        ('{"model": {"type": "WordPiece", "vocab": {}}}', "its normalizer is none"),
    ],
)
def test_other_json_is_refused(tmp_path, content, message):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UserError) as error:
        load_vocabulary(str(tmp_path / "tokenizer.json"))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("config", "flags", "expected", "warnings"),
    [
        ({"do_lower_case": False}, {}, Normalization(False), []),
        ({"do_lower_case": True, "strip_accents": None, "never_split": None}, {}, Normalization(), []),
        ({"strip_accents": False, "tokenize_chinese_chars": False}, {}, Normalization(True, False, False), []),
        ({"never_split": ["[DATE]", "", "a b"]}, {}, Normalization(never_split=("[DATE]",)), []),
        ({"do_lower_case": False}, {"do_lower_case": True}, Normalization(), ["do_lower_case False there, True here"]),
        ({"do_lower_case": True}, {"strip_accents": False}, Normalization(True, False), ["strip_accents True there, False here"]),
        ({"do_lower_case": True}, {"do_lower_case": True, "strip_accents": True}, Normalization(), []),
        (
            {"do_lower_case": True, "strip_accents": False},
            {"do_lower_case": False, "strip_accents": True},
            Normalization(False, True),
            ["(do_lower_case True there, False here, strip_accents False there, True here); the flags are followed"],
        ),
        ({"tokenizer_class": "BertJapaneseTokenizer"}, {}, Normalization(), ["the tokenizer is a BertJapaneseTokenizer"]),
        ({"tokenizer_class": "BertTokenizer", "do_basic_tokenize": False}, {}, Normalization(), ["do_basic_tokenize is false"]),
    ],
)
def test_what_lies_beside_the_vocabulary_is_followed_and_flags_are_above_it(
    tmp_path, rich_vocab_file, config, flags, expected, warnings
):
    vocab_file = shutil.copy(rich_vocab_file, tmp_path / "vocab.txt")
    write(tmp_path / "tokenizer_config.json", config)
    tokenizer = load_tokenizer(vocab_file=str(vocab_file), **flags)
    assert tokenizer.normalization == expected
    assert len(tokenizer.notices) == len(warnings)
    for notice, part in zip(tokenizer.notices, warnings):
        assert part in notice
    # What records were made with is above both.
    assert load_tokenizer(vocab_file=str(vocab_file), normalization=Normalization(False)).normalization == Normalization(False)


def test_both_files_may_disagree(folder):
    write(folder / "tokenizer_config.json", {"strip_accents": True})
    tokenizer = load_tokenizer(vocab_file=str(folder))
    assert tokenizer.normalization == Normalization(True, True)
    assert "disagree (strip_accents False there, True here); the latter is followed" in tokenizer.notices[0]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"do_lower_case": "no"}, "'do_lower_case' must be true, false or null; got 'no'"),
        ({"never_split": "[DATE]"}, "'never_split' must be a list of strings or null"),
        ([], "expected a JSON object, found list"),
    ],
)
def test_a_configuration_of_another_kind_is_refused(tmp_path, rich_vocab_file, config, message):
    vocab_file = shutil.copy(rich_vocab_file, tmp_path / "vocab.txt")
    write(tmp_path / "tokenizer_config.json", config)
    with pytest.raises(UserError) as error:
        load_tokenizer(vocab_file=str(vocab_file))
    assert message in str(error.value)


@pytest.mark.parametrize("add_prefix_space", [False, True])
def test_byte_level_bpe_is_read_back_by_transformers(byte_level_folder, tmp_path, add_prefix_space):
    source = dataclasses.replace(ByteLevelBPETokenizer(byte_level_folder).source, add_prefix_space=add_prefix_space)
    tokenizer = ByteLevelBPETokenizer(source)
    for name, content in tokenizer_files(tokenizer, 512).items():
        (tmp_path / name).write_bytes(content)
    assert (tmp_path / "merges.txt").read_bytes() == pathlib.Path(byte_level_folder, "merges.txt").read_bytes()
    again = load_tokenizer(vocab_file=str(tmp_path))
    assert (again.fingerprint, again.notices) == (tokenizer.fingerprint, ())
    # Without the serialized form both are made of RobertaTokenizer's own two files.
    for serialized in (True, False):
        if not serialized:
            (tmp_path / "tokenizer.json").unlink()
            assert load_tokenizer(vocab_file=str(tmp_path)).fingerprint == tokenizer.fingerprint
        fast, slow = AutoTokenizer.from_pretrained(tmp_path), RobertaTokenizer.from_pretrained(tmp_path)
        assert isinstance(fast, RobertaTokenizerFast)
        for theirs in (fast, slow):
            assert theirs.model_max_length == 512
            for first, second in itertools.pairwise(SENTENCES):
                expected = tokenizer.template.packed(tokenizer.encode(first), tokenizer.encode(second))
                assert theirs(first, second)["input_ids"] == expected
            expected = tokenizer.template.packed([*tokenizer.encode("a"), 499, *tokenizer.encode(" b")])
            assert theirs("a <mask> b")["input_ids"] == expected
            special = ("unk_token_id", "pad_token_id", "cls_token_id", "sep_token_id", "mask_token_id")
            assert [getattr(theirs, name) for name in special] == [3, 1, 0, 2, 499]
