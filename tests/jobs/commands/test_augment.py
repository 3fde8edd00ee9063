"""Copies of texts with other words, as a command and from Python."""

import csv
import json
import pathlib

import numpy as np
import pytest
from masked_lm_material import of_transformers, write_masked_lm

from bert_tf2 import cli
from bert_tf2.api import AugmentOptions, TextAugmenter
from bert_tf2.inference.masked_language_model import MaskedLanguageModel
from bert_tf2.jobs.commands.augment import AugmentCommandOptions, augment
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.pretraining.task import PretrainingTask
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer

TEXTS = ["The movie was very good!", "a bad, bad movie", "delightful 42 ...", "VERY good", "the movie was bad"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_vocabulary) -> pathlib.Path:
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = {"vocab_size": len(tiny_vocabulary), "max_position_embeddings": 64, "type_vocab_size": 2, **sizes}
    return write_masked_lm(tmp_path_factory.mktemp("augment") / "bert", config, tiny_vocabulary)


@pytest.fixture(scope="module")
def model(folder) -> MaskedLanguageModel:
    return MaskedLanguageModel.from_checkpoint(str(folder))


def run(folder: pathlib.Path, *flags: str) -> int:
    return cli.run(augment, AugmentCommandOptions, "", ["augment", f"--init_checkpoint={folder}", *flags])


def write_table(path: pathlib.Path, texts: list[str]) -> pathlib.Path:
    path.write_text("id\ttext\tlabel\n" + "".join(f"{row}\t{text}\t{row % 2}\n" for row, text in enumerate(texts)))
    return path


def read_table(path: pathlib.Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("pair", [("the movie was very good !", None), ("the movie", "a very bad movie")])
def test_words_are_the_guesses_of_transformers(folder, model, tiny_vocabulary, pair):
    """In each place stand the likeliest words of their model for the input with this one word masked, and no others."""
    found = next(iter(TextAugmenter(model, AugmentOptions(num_copies=300, top_k=3, replace_probability=1.0)).augmented([pair])))
    texts = [text.split() for text in pair if text is not None]
    drawn = [[set() for _ in words] for words in texts]
    for copy in found.copies:
        for places, text in zip(drawn, copy):
            for place, word in zip(places, text.split(), strict=True):
                place.add(word)
    number, theirs, input_ids, types = tiny_vocabulary.index, of_transformers(folder), [2], [0]
    for segment, words in enumerate(texts):
        input_ids += [*map(number, words), 3]
        types += [segment] * (len(words) + 1)
    place = 0
    for words, of_words in zip(texts, drawn):
        for word, candidates in zip(words, of_words):
            place += 1
            masked = np.array([[4 if at == place else id for at, id in enumerate(input_ids)]], np.int32)
            logits = theirs(input_ids=masked, token_type_ids=np.array([types], np.int32)).logits.numpy()[0, place]
            likely = [tiny_vocabulary[id] for id in np.argsort(-logits, kind="stable")]
            expected = [one for one in likely if one.isalpha() and one != word][:3]
            assert candidates == (set(expected) if word.isalpha() else {word})
        place += 1


def test_what_is_drawn(model):
    """Each word with the probability that was asked for, each guess as often as the others; the same with the same seed."""
    options = AugmentOptions(num_copies=4000, top_k=4, replace_probability=0.3)
    augmenter = TextAugmenter(model, options)
    draws, which = augmenter._draws(7, 5)
    assert draws.mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_allclose(np.bincount(which.reshape(-1)) / which.size, 0.25, atol=0.02)
    first = [one.copies for one in augmenter.augmented([(text, None) for text in TEXTS])]
    again = TextAugmenter(model, options, batch_size=3)
    assert [one.copies for one in again.augmented([(text, None) for text in TEXTS])] == first
    for text, copies in zip(TEXTS, first):
        assert (text, None) not in copies
        assert len(set(copies)) == len(copies)


def test_what_stays(model):
    """What is no word, words of several pieces, and what is beyond the longest input; capitals where the model knows none."""
    options = AugmentOptions(num_copies=50, replace_probability=1.0, max_seq_length=8)
    found = list(TextAugmenter(model, options).augmented([(text, None) for text in [*TEXTS, "very " * 9 + "good"]]))
    assert [(one.words, one.replaceable) for one in found] == [(5, 5), (4, 4), (1, 0), (2, 2), (4, 4), (10, 6)]
    assert all(copy[0][0].isupper() and copy[0][1:].islower() and copy[0].endswith("!") for copy in found[0].copies)
    assert all(copy[0].split(" ")[1].endswith(",") for copy in found[1].copies)
    assert found[2].copies == []
    assert all(copy[0].split()[0].isupper() and copy[0].split()[1].islower() for copy in found[3].copies)
    assert all(copy[0].split()[6:] == ["very", "very", "very", "good"] for copy in found[5].copies)


def test_byte_level_words_with_and_without_a_space(byte_level_folder):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    config = BertConfig(tokenizer.vocab_size, 16, 1, 2, intermediate_size=32, max_position_embeddings=64)
    encoder = build_encoder(config, for_pretraining=True)
    masked_lm = PretrainingTask(config, next_sentence=False).build_model(encoder).masked_lm
    model = MaskedLanguageModel(encoder, masked_lm, tokenizer, 64)
    found = next(iter(TextAugmenter(model, AugmentOptions(replace_probability=1.0)).augmented([("was movie, movie", None)])))
    assert found.replaceable
    assert found.copies
    for copy, _ in found.copies:
        first, second, third = copy.split(" ")
        assert second.endswith(",")
        assert (first + second[:-1] + third).isalpha()


def test_a_file_of_rows(folder, tmp_path, capsys):
    """Other columns go along, rows stay in their order, and the same command writes the same bytes."""
    source = write_table(tmp_path / "rows.tsv", TEXTS)
    flags = [f"--input_file={source}", "--num_copies=5", "--seed=3"]
    assert run(folder, *flags, f"--output_file={tmp_path / 'copies.tsv'}") == 0
    told = capsys.readouterr()
    rows = read_table(tmp_path / "copies.tsv")
    assert [int(row["id"]) for row in rows] == sorted(int(row["id"]) for row in rows)
    assert all(int(row["label"]) == int(row["id"]) % 2 and row["text"] != TEXTS[int(row["id"])] for row in rows)
    assert "2" not in {row["id"] for row in rows}
    assert f"{len(rows)} copies of 5 texts in" in told.out
    assert f"{20 - len(rows)} equal ones were left out" in told.out
    assert "15 of 16 words can be replaced" in told.out
    assert "1 of 5 texts have no word that can be replaced" in told.err
    assert run(folder, *flags, "--batch_size=2", f"--output_file={tmp_path / 'again.tsv'}") == 0
    assert (tmp_path / "again.tsv").read_bytes() == (tmp_path / "copies.tsv").read_bytes()
    flags[-1] = "--seed=4"
    assert run(folder, *flags, "--keep_original", f"--output_file={tmp_path / 'copies.tsv'}", "--overwrite") == 0
    with_originals = read_table(tmp_path / "copies.tsv")
    assert [row["text"] for row in with_originals if row["text"] in TEXTS] == TEXTS
    assert [row["text"] for row in with_originals if row["text"] not in TEXTS] != [row["text"] for row in rows]


def test_pairs_objects_and_lines(folder, tmp_path):
    pairs = [{"premise": "the movie was good", "hypothesis": "a bad movie", "label": ["x"], "n": 1.5}]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pairs))
    flags = [f"--input_file={tmp_path / 'pairs.jsonl'}", "--text_column=premise", "--text_b_column=hypothesis"]
    assert run(folder, *flags, f"--output_file={tmp_path / 'more.jsonl'}", "--num_copies=9") == 0
    rows = [json.loads(line) for line in (tmp_path / "more.jsonl").read_text().splitlines()]
    assert all((row["label"], row["n"], list(row)) == (["x"], 1.5, list(pairs[0])) for row in rows)
    assert {row["premise"] == pairs[0]["premise"] for row in rows} | {row["hypothesis"] == "a bad movie" for row in rows} == {
        True,
        False,
    }
    assert run(folder, *flags, f"--output_file={tmp_path / 'more.csv'}", "--num_copies=2") == 0
    assert (tmp_path / "more.csv").read_text().startswith("premise,hypothesis,label,n\n")
    (tmp_path / "lines.txt").write_text("the movie\nvery good\n")
    assert run(folder, f"--input_file={tmp_path / 'lines.txt'}", f"--output_file={tmp_path / 'lines.tsv'}") == 0
    assert (tmp_path / "lines.tsv").read_text().startswith("text\n")


def test_from_python(folder):
    augmenter = TextAugmenter.from_checkpoint(str(folder), AugmentOptions(num_copies=3, replace_probability=1.0))
    copies = augmenter.augment("the movie was very good")
    assert 0 < len(copies) <= 3
    assert all(len(copy.split()) == 5 for copy in copies)


def test_what_cannot_be_is_said_in_one_line(folder, tmp_path, capsys):
    source = write_table(tmp_path / "rows.tsv", TEXTS)
    (tmp_path / "blank.tsv").write_text("text\tlabel\nthe movie\t0\n \t1\n")
    (tmp_path / "there.tsv").write_text("text\n")
    given, out = f"--input_file={source}", f"--output_file={tmp_path / 'out.tsv'}"
    for flags, message in (
        ([given], "--output_file is required"),
        ([out], "--input_file is required"),
        ([given, f"--output_file={source}"], "is --input_file; name another file"),
        ([given, f"--output_file={tmp_path / 'there.tsv'}"], "is there already; name another file, or give --overwrite"),
        ([given, f"--output_file={tmp_path}/x.parquet"], "the name must say what to write: .tsv, .csv or .jsonl"),
        ([given, out, "--text_column=words"], "words"),
        ([f"--input_file={tmp_path / 'blank.tsv'}", out], "blank.tsv:3: empty text"),
        ([f"--input_file={tmp_path / 'none.tsv'}", out], "no such file"),
        ([given, out, "--replace_probability=0"], "must be greater than 0"),
        ([given, out, "--replace_probability=1.5"], "--replace_probability"),
        ([given, out, "--num_copies=0"], "--num_copies"),
        ([given, out, "--top_k=0"], "must be from 1 to 1000"),
        ([given, out, "--model_dir=x"], "--init_checkpoint and --model_dir are two models"),
    ):
        assert run(folder, *flags) == 2, flags
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.startswith("ERROR: "), told
        assert message in told, (flags, told)
    assert not (tmp_path / "out.tsv").exists()


def test_after_an_error_nothing_is_left(folder, tmp_path, capsys):
    """Found when rows before it are written already."""
    (tmp_path / "rows.jsonl").write_text('{"text": "the movie"}\n{"text": "very good", "more": 1}\n')
    assert run(folder, f"--input_file={tmp_path / 'rows.jsonl'}", f"--output_file={tmp_path / 'out.tsv'}") == 2
    assert "rows.jsonl:2: the key 'more' is not in the first object; write to a .jsonl file" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]
