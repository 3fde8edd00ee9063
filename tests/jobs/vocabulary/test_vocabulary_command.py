"""`python -m bert_tf2.vocabulary`, beside `transformers` and with models of every format."""

import json

import numpy as np
import pytest

from bert_tf2 import cli
from bert_tf2.jobs.vocabulary.job import vocabulary
from bert_tf2.jobs.vocabulary.options import VocabularyOptions

TEXT = "The movie was very good.\nThe movie was bad, very bad!\n\nA [E1] movie [/E1] was good.\n"


def run(*flags):
    return cli.run(vocabulary, VocabularyOptions, "", ["vocabulary", *flags])


def refused(capsys, *flags):
    """The one line that a wrong command prints."""
    assert run(*flags) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert captured.out == ""
    return line


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return str(path)


def _save(folder, config, form):
    """A model with its masked-LM head, its configuration and the vocabulary that lies in the folder above."""
    from bert_tf2.models.checkpoints.convert import convert
    from bert_tf2.models.checkpoints.source import Source, StoredTensor
    from bert_tf2.models.config import BertConfig
    from bert_tf2.models.families import names
    from bert_tf2.models.families.bert.family import WEIGHTS
    from bert_tf2.text.wordpiece import WordPieceTokenizer

    rng, tensors, sizes = np.random.default_rng(0), {}, BertConfig.from_dict(config)
    for weight in (*WEIGHTS.encoder(2), *names.MASKED_LM):
        array = rng.normal(size=[getattr(sizes, field) for field in weight.shape]).astype(np.float32)
        tensors[weight.name] = StoredTensor(weight.name, array.shape, lambda array=array: array)
    vocab_file = folder.parent / "vocab.txt"
    path = folder if form == "huggingface" else folder / "bert_model.ckpt"
    tokenizer = WordPieceTokenizer(str(vocab_file))
    convert(Source("tf1", "memory", tensors), BertConfig(**config), str(path), form, tokenizer=tokenizer)
    if form != "huggingface":
        (folder / "bert_config.json").write_text(json.dumps(config))
        (folder / "vocab.txt").write_bytes(vocab_file.read_bytes())
    return str(path)


@pytest.fixture(params=["tf2", "tf1", "huggingface"])
def model(request, tmp_path, tiny_config_dict, tiny_vocab_file):
    return _save(tmp_path / "model", tiny_config_dict, request.param)


@pytest.fixture
def tf1_model(tmp_path, tiny_config_dict, tiny_vocab_file):
    return _save(tmp_path / "model", tiny_config_dict, "tf1")


def _path(folder):
    return str(folder if (folder / "config.json").is_file() else folder / "bert_model.ckpt")


def _encoded(path, folder, texts):
    """The tokens of texts and what a model's encoder makes of them."""
    from bert_tf2.models.checkpoints import load_encoder_weights
    from bert_tf2.models.encoder import build_encoder
    from bert_tf2.models.families.base import read_config
    from bert_tf2.text.tokenizer import load_tokenizer

    config = read_config(str(next(file for file in (folder / "bert_config.json", folder / "config.json") if file.is_file())))
    encoder = build_encoder(config)
    load_encoder_weights(encoder, path, config)
    tokenizer = load_tokenizer(vocab_file=str(folder))
    outputs = []
    for text in texts:
        ids = np.array([[tokenizer.cls_id, *tokenizer.encode(text), tokenizer.sep_id]], np.int32)
        inputs = {"input_word_ids": ids, "input_mask": np.ones_like(ids), "input_type_ids": np.zeros_like(ids)}
        outputs.append(encoder(inputs)["sequence_output"].numpy())
    return outputs


def test_transformers_reads_a_trained_vocabulary(text, tmp_path, capsys):
    from transformers import AutoTokenizer, BertTokenizer

    from bert_tf2.text.tokenizer import load_tokenizer

    folder = tmp_path / "made"
    flags = [f"--text_files={text}", "--vocab_size=52", "--keep_tokens=[E1],[/E1]", f"--output_dir={folder}"]
    assert run("--mode=train", *flags) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"wrote {folder}/vocab.txt: 52 tokens"
    assert lines[1].endswith("[UNK] 0.000%")
    ours = load_tokenizer(vocab_file=str(folder))
    for theirs in (BertTokenizer.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)):
        for line in [*TEXT.splitlines(), "[E1] unheard [/E1] of, Café"]:
            assert theirs.encode(line, add_special_tokens=False) == ours.encode(line), (type(theirs), line)
    assert ours.tokenize("a [E1] movie [/E1]")[1] == "[E1]"
    again = tmp_path / "again"
    assert run("--mode=train", *flags[:-1], f"--output_dir={again}") == 0
    assert [path.read_bytes() for path in sorted(again.iterdir())] == [path.read_bytes() for path in sorted(folder.iterdir())]


def test_transformers_reads_a_trained_sentencepiece_model(text, tmp_path):
    from transformers import AlbertTokenizer

    from bert_tf2.text.tokenizer import load_tokenizer

    folder = tmp_path / "made"
    flags = ["--mode=train", "--tokenization=SentencePiece", f"--text_files={text}", "--vocab_size=45"]
    assert run(*flags, f"--output_dir={folder}") == 0
    ours = load_tokenizer(sp_model_file=f"{folder}/spiece.model", tokenization="SentencePiece")
    theirs = AlbertTokenizer.from_pretrained(folder)
    assert (ours.pad_id, ours.unk_id, ours.cls_id, ours.sep_id) == (0, 1, 2, 3)
    for line in TEXT.splitlines():
        assert theirs.encode(line, add_special_tokens=False) == ours.encode(line)


def test_json_lines_are_texts_too(tmp_path, text):
    rows = [{"body": line} for line in TEXT.splitlines()]
    (tmp_path / "text.jsonl").write_text("\n".join(map(json.dumps, rows)))
    flags = ["--mode=train", "--vocab_size=60"]
    assert run(*flags, f"--text_files={text}", f"--output_dir={tmp_path}/one") == 0
    assert run(*flags, f"--text_files={tmp_path}/text.jsonl", "--text_field=body", f"--output_dir={tmp_path}/other") == 0
    assert (tmp_path / "one" / "vocab.txt").read_bytes() == (tmp_path / "other" / "vocab.txt").read_bytes()


def test_a_grown_model_gives_the_same_for_what_it_knew(model, tmp_path, capsys):
    from bert_tf2.models.checkpoints.formats import open_source

    folder = tmp_path / "grown"
    assert run("--mode=add", f"--init_checkpoint={model}", "--add_tokens=covid,[E1]", f"--output_dir={folder}") == 0
    printed = capsys.readouterr().out
    assert "covid (id 86) was c ##o ##v ##i ##d: its row is the mean of theirs" in printed
    texts = ["the movie was good", "unheard of"]
    before, after = (_encoded(*place, texts) for place in ((model, tmp_path / "model"), (_path(folder), folder)))
    assert all(np.array_equal(one, other) for one, other in zip(before, after))
    old, new = open_source(model), open_source(_path(folder))
    assert new.format == old.format
    table, grown = (source.tensors["bert/embeddings/word_embeddings"].read() for source in (old, new))
    pieces = [(folder / "vocab.txt").read_text().split("\n").index(piece) for piece in ("c", "##o", "##v", "##i", "##d")]
    np.testing.assert_array_equal(grown[:86], table)
    np.testing.assert_allclose(grown[86], table[pieces].mean(axis=0), rtol=1e-6)
    bias, grown_bias = (source.tensors["cls/predictions/output_bias"].read() for source in (old, new))
    np.testing.assert_array_equal(grown_bias[:86], bias)
    np.testing.assert_allclose(grown_bias[86], bias[pieces].mean(), rtol=1e-6)
    assert json.loads((folder / "tokenizer_config.json").read_text())["never_split"] == ["[E1]"]


def test_a_trimmed_model_gives_the_same_on_the_text(model, tmp_path, capsys):
    (tmp_path / "plain.txt").write_text("The movie was very good.\nbad, 7 !")
    flags = [f"--text_files={tmp_path}/plain.txt", "--nokeep_characters", f"--output_dir={tmp_path}/small"]
    assert run("--mode=trim", f"--init_checkpoint={model}", *flags) == 0
    printed = capsys.readouterr().out
    assert "15 tokens instead of 86" in printed
    assert "table of 15 rows instead of 86" in printed
    assert "0 have other tokens than before" in printed
    texts, small = ["The movie was very good.", "bad, 7 !"], tmp_path / "small"
    before, after = (_encoded(*place, texts) for place in ((model, tmp_path / "model"), (_path(small), small)))
    for one, other in zip(before, after):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_transformers_gives_the_same_with_a_grown_folder(tmp_path, tiny_config_dict, tiny_vocab_file):
    from safetensors.numpy import load_file
    from transformers import AutoConfig, TFBertForMaskedLM
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    def logits(path):
        theirs = TFBertForMaskedLM(AutoConfig.from_pretrained(path))
        load_pytorch_state_dict_in_tf2_model(theirs, load_file(f"{path}/model.safetensors"), allow_missing_keys=True)
        return theirs(np.array([[2, 5, 6, 4, 8, 3]])).logits.numpy()

    model, folder = _save(tmp_path / "model", tiny_config_dict, "huggingface"), tmp_path / "grown"
    assert run("--mode=add", f"--init_checkpoint={model}", "--add_tokens=covid", f"--output_dir={folder}") == 0
    before, after = logits(model), logits(folder)
    assert after.shape[-1] == 87
    np.testing.assert_allclose(after[..., :86], before, rtol=1e-5, atol=1e-5)


def test_unused_slots_keep_the_table(tmp_path, tiny_config_dict, tiny_vocabulary, capsys):
    tokens = [*tiny_vocabulary[:-2], "[unused0]", "[unused1]"]
    (tmp_path / "vocab.txt").write_text("\n".join(tokens))
    (tmp_path / "words.txt").write_text("covid\n\nfever\n")
    model, folder = _save(tmp_path / "model", tiny_config_dict, "tf1"), tmp_path / "grown"
    flags = [f"--init_checkpoint={model}", f"--add_tokens_file={tmp_path}/words.txt", "--use_unused", f"--output_dir={folder}"]
    assert run("--mode=add", *flags) == 0
    assert "table of 86 rows instead of 86" in capsys.readouterr().out
    assert (folder / "vocab.txt").read_text().split()[-2:] == ["covid", "fever"]


def test_a_vocabulary_alone(tiny_vocab_file, text, tmp_path, capsys):
    assert run("--mode=add", f"--vocab_file={tiny_vocab_file}", "--keep_tokens=[E1]", f"--output_dir={tmp_path}/a") == 0
    assert run("--mode=trim", f"--vocab_file={tmp_path}/a", f"--text_files={text}", f"--output_dir={tmp_path}/b") == 0
    assert "[E1]" in (tmp_path / "b" / "vocab.txt").read_text().split()
    capsys.readouterr()
    flags = [f"--vocab_file={tiny_vocab_file}", f"--other_vocab_file={tmp_path}/a", f"--text_files={text}"]
    assert run("--mode=compare", *flags, f"--output_file={tmp_path}/found.json") == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["sizes"], found["shared"], found["other_id"], found["only"]) == ([86, 87], 86, 0, [0, 1])
    assert found["text"][0]["unknown_share"] > found["text"][1]["unknown_share"]
    assert capsys.readouterr().out.splitlines()[0] == f"{tiny_vocab_file}: 86 tokens; {tmp_path}/a: 87"


def test_byte_level_bpe_is_compared_and_nothing_else(tiny_vocab_file, byte_level_folder, text, tmp_path, capsys):
    both = [f"--vocab_file={tiny_vocab_file}", f"--other_vocab_file={byte_level_folder}"]
    assert run("--mode=compare", *both, f"--text_files={text}") == 0
    capsys.readouterr()
    line = refused(capsys, "--mode=add", f"--vocab_file={byte_level_folder}", "--add_tokens=a", f"--output_dir={tmp_path}/o")
    assert line.startswith("ERROR: --mode=add takes WordPiece vocabularies; ")
    assert line.endswith(" is a byte-level BPE")


ADD, TRAIN, TRIM = "--mode=add --output_dir={new}", "--mode=train --output_dir={new}", "--mode=trim --output_dir={new}"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("", "--mode is required: train, add, trim or compare"),
        ("--mode=train --text_files={text}", "--output_dir is required: the folder to write"),
        (f"{TRAIN} --text_files={{empty}}", "--text_files: there is no text in {empty}"),
        (f"{TRAIN} --text_files={{text}} --vocab_size=9", "--vocab_size=9 is smaller than 5 special tokens and"),
        ("--mode=train --text_files={text} --output_dir={there}", "{there} exists already and is not empty"),
        (f"{TRAIN} --text_files={{text}} --add_tokens=a", "--add_tokens belongs to --mode=add; leave it out"),
        (f"{TRAIN} --text_files={{array}}", "{array} holds a JSON array; give plain text"),
        (f"{ADD} --init_checkpoint={{model}} --add_tokens=movie", "--add_tokens: 'movie' is in"),
        (
            f"{ADD} --init_checkpoint={{model}} --vocab_file={{short}} --add_tokens=a",
            "--vocab_file: {short} has 5 entries, the table",
        ),
        (f"{ADD} --vocab_file={{model}}.index --add_tokens=a", "--vocab_file: "),
        (f"{TRIM} --init_checkpoint={{model}} --text_files={{empty}}", "--text_files: there is no text in"),
        ("--mode=compare --vocab_file={short} --other_vocab_file={new}", "--other_vocab_file: no such file: {new}"),
    ],
)
def test_wrong_input_is_one_line(flags, message, text, tmp_path, tiny_config_dict, tiny_vocab_file, capsys, monkeypatch):
    monkeypatch.setattr("bert_tf2.jobs.vocabulary.changes._PADDING", 8)
    names = {"text": text, "new": f"{tmp_path}/new", "there": f"{tmp_path}/there", "model": f"{tmp_path}/model/bert_model.ckpt"}
    for name, content in (("empty", "\n"), ("array", '[{"a": 1}]'), ("short", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")):
        (tmp_path / name).write_text(content)
        names[name] = f"{tmp_path}/{name}"
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("")
    if "{model}" in flags:
        _save(tmp_path / "model", tiny_config_dict, "tf1")
    line = refused(capsys, *flags.format(**names).split())
    assert line.startswith("ERROR: " + message.format(**names))
    assert not (tmp_path / "new").exists()
