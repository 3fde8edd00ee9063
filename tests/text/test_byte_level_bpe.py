"""`ByteLevelBPETokenizer` gives the ids of `transformers.RobertaTokenizer`, the slow and the fast one, and of `tokenizers`."""

import itertools
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from byte_level_material import SENTENCES
from tokenizers import Tokenizer

from bert_tf2.errors import UserError
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer, alphabet, token_text
from bert_tf2.text.byte_level.vocabulary import load_byte_level_vocabulary
from bert_tf2.text.tokenizer import load_tokenizer, mask_id_of, warnings_of

SPACES = [
    "", " ", "  ", "   a", "a   ", "a  b   c", " a b ", "a \n b", "a\n \nb", "a\n\n b", "\ta \u3000b", "a \u00a0 b",
    "a\x1c\x1db \x85c",
    "it's 'quoted' ''s I'd've THEY'LL we're'm x'sy 's 're' ''", "a1b2 ½½ ²x", "\x00\x01 \x7f", "\u2028\u2029 a\u200b b\ufeff",
]  # fmt: skip


@pytest.fixture(scope="module")
def transformers():
    # Looking for torch and such it warns of this and that.
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers

        yield transformers


def theirs_of(transformers, folder: str, **options):
    """Functions from a text to ids, of transformers' slow and fast tokenizer."""
    paths = [os.path.join(folder, name) for name in ("vocab.json", "merges.txt")]
    both = [cls(*paths, **options) for cls in (transformers.RobertaTokenizer, transformers.RobertaTokenizerFast)]
    return [lambda text, one=one: one.encode(text, add_special_tokens=False) for one in both]


def without_special(lines) -> list[str]:
    """Lines in which transformers finds no special token."""
    names = ("<s>", "</s>", "<pad>", "<unk>", "<mask>")
    return [line for line in lines if not any(name in line for name in names)]


def test_equals_transformers_on_hand_made_and_random_lines(transformers, byte_level_folder, nasty_lines):
    ours = ByteLevelBPETokenizer(byte_level_folder)
    slow, fast = theirs_of(transformers, byte_level_folder)
    for line in without_special([*SENTENCES, *SPACES, *nasty_lines]):
        assert ours.encode(line) == fast(line), ascii(line)
    # What a letter is they know from another version of Unicode each; random lines hold the newest.
    for line in without_special([*SENTENCES, *SPACES]):
        assert ours.encode(line) == slow(line), ascii(line)


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore")
def test_equals_transformers_on_real_lines(transformers, real_data, real_lines):
    folder = str(real_data / "vocab" / "roberta")
    ours, theirs = ByteLevelBPETokenizer(folder), theirs_of(transformers, folder)
    for line in without_special([*real_lines[::100], *SENTENCES, *SPACES]):
        for encode in theirs:
            assert ours.encode(line) == encode(line), ascii(line)


def test_a_prefix_space_is_as_in_transformers(transformers, byte_level_folder, tmp_path):
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(os.path.join(byte_level_folder, name), tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"add_prefix_space": true}')
    ours, plain = ByteLevelBPETokenizer(str(tmp_path)), ByteLevelBPETokenizer(byte_level_folder)
    _, fast = theirs_of(transformers, byte_level_folder, add_prefix_space=True)
    for line in without_special([*SENTENCES, *SPACES]):
        assert ours.encode(line) == fast(line), ascii(line)
    assert ours.fingerprint != plain.fingerprint
    assert ours.encode("movie") == plain.encode(" movie") == plain.encode_word("movie") != plain.encode("movie")
    ids, starts, ends = ours.place("movie was")
    assert ids.tolist() == ours.encode("movie was")
    assert (starts[0], ends[-1]) == (0, 9)


def test_one_file_holds_all(transformers, byte_level_folder, tmp_path):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    path = tmp_path / "tokenizer.json"
    path.write_bytes(tokenizer.vocabulary_file())
    again = load_tokenizer(vocab_file=str(path))
    assert (again.kind, again.fingerprint, again.vocab_size) == ("bytelevelbpe", tokenizer.fingerprint, 500)
    assert again.vocabulary_file() == tokenizer.vocabulary_file()
    library = Tokenizer.from_file(str(path))
    theirs = transformers.RobertaTokenizerFast(tokenizer_file=str(path))
    template = tokenizer.template
    for first, second in itertools.pairwise(SENTENCES):
        expected = template.packed(tokenizer.encode(first), tokenizer.encode(second))
        assert library.encode(first, second).ids == theirs(first, second)["input_ids"] == expected
        assert template.packed(tokenizer.encode(first)) == theirs(first)["input_ids"]
    assert theirs("a <mask>")["input_ids"][-2] == mask_id_of(tokenizer) == 499


def test_special_tokens_are_robertas(byte_level_folder):
    tokenizer = load_tokenizer(vocab_file=os.path.join(byte_level_folder, "vocab.json"))
    assert (tokenizer.cls_id, tokenizer.pad_id, tokenizer.sep_id, tokenizer.unk_id) == (0, 1, 2, 3)
    assert tokenizer.template.packed([7], [8]) == [0, 7, 2, 2, 8, 2]
    assert tokenizer.template.segment_ids(4, 6) == [0] * 6
    assert warnings_of(tokenizer) == []
    assert 2 not in tokenizer.encode("a</s>b")
    assert tokenizer.tokenize(" was movie") == [tokenizer.id_to_token(id) for id in tokenizer.encode(" was movie")]


def test_a_list_of_ids_is_new(byte_level_folder):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    for encode in (tokenizer.encode, tokenizer.encode_word):
        encode("movie").clear()
        assert encode("movie")


def test_half_a_surrogate_pair_is_a_replacement_character(byte_level_folder):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    assert tokenizer.encode("a\ud800b") == tokenizer.encode("a\ufffdb")


def test_bytes_that_the_vocabulary_lacks_are_unknown(tmp_path):
    (tmp_path / "vocab.json").write_text('{"<s>": 0, "</s>": 1, "<unk>": 2, "a": 3, "b": 4, "ab": 5}')
    (tmp_path / "merges.txt").write_text("a b\n")
    tokenizer = ByteLevelBPETokenizer(str(tmp_path))
    assert tokenizer.encode("abc!a") == [5, 2, 2, 3]
    with pytest.raises(UserError, match="lacks <mask>"):
        mask_id_of(tokenizer)


def test_the_alphabet_is_gpt2s(transformers):
    from transformers.models.gpt2.tokenization_gpt2 import bytes_to_unicode

    assert alphabet() == {character: byte for byte, character in bytes_to_unicode().items()}
    texts = {"Ġmovie": " movie", "Ã©": "é", "ðŁĺ": "\ufffd", "Ċ": "\n", "<mask>": "<mask>", "你": "你"}
    assert {token: token_text(token) for token in texts} == texts


def test_places_are_those_of_the_fast_tokenizer(transformers, byte_level_folder):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    paths = [os.path.join(byte_level_folder, name) for name in ("vocab.json", "merges.txt")]
    theirs = transformers.RobertaTokenizerFast(*paths)
    for line in without_special([*SENTENCES, *SPACES]):
        ids, starts, ends = tokenizer.place(line)
        expected = np.array(theirs(line, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]).reshape(-1, 2)
        assert ids.tolist() == tokenizer.encode(line)
        assert (np.diff([starts, ends]) >= 0).all(), ascii(line)
        # A token of nothing but space has a place here, and none there.
        visible = [bool(token_text(tokenizer.id_to_token(id)).strip(" ")) for id in ids.tolist()]
        assert np.array_equal(np.stack([starts, ends], 1)[visible], expected[visible]), ascii(line)


@pytest.mark.parametrize("flag", ["do_lower_case", "strip_accents"])
def test_text_is_not_changed(byte_level_folder, flag):
    with pytest.raises(UserError, match=f"^--{flag} does not fit .* takes text as it is") as error:
        load_tokenizer(vocab_file=byte_level_folder, **{flag: True})
    assert "\n" not in str(error.value)
    assert load_tokenizer(vocab_file=byte_level_folder, **{flag: False}).kind == "bytelevelbpe"


def test_a_wordpiece_vocabulary_is_none(tiny_vocab_file):
    assert load_byte_level_vocabulary(tiny_vocab_file) is None
    with pytest.raises(UserError, match="of no byte-level BPE"):
        ByteLevelBPETokenizer(tiny_vocab_file)


def test_the_library_is_imported_when_it_is_needed():
    code = "import sys, bert_tf2.text.byte_level.tokenizer; sys.exit('tokenizers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
