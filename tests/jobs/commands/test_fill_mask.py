"""Filling [MASK] from a checkpoint, as a command and from Python."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from pretraining_workplace import PretrainingWorkplace
from transformers import RobertaTokenizerFast

from bert_tf2 import cli
from bert_tf2.errors import UserError
from bert_tf2.inference.filled_texts import with_token
from bert_tf2.inference.mask_filler import MaskFiller
from bert_tf2.jobs.commands.fill_mask import FillMaskOptions, fill_mask
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.pretraining.task import PretrainingTask
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer

TEXT = "the movie was very [MASK] !"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_vocabulary) -> PretrainingWorkplace:
    """A model that has learnt a little."""
    directory = tmp_path_factory.mktemp("trained")
    (directory / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n")
    config = {"vocab_size": len(tiny_vocabulary), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config |= {"intermediate_size": 32, "max_position_embeddings": 64, "type_vocab_size": 2}
    place = PretrainingWorkplace(directory, str(directory / "vocab.txt"), config)
    place.write("records", 3, 40)
    assert place.run("--num_train_steps=120", "--also_export=huggingface,tf1", f"--vocab_file={place.vocab_file}") == 0
    return place


def run(*flags: str) -> int:
    return cli.run(fill_mask, FillMaskOptions, "", ["fill_mask", *flags])


def test_the_likeliest_words(trained, capsys):
    # Configuration and vocabulary are found in the run's directory.
    filler = MaskFiller.from_checkpoint(str(trained.model_dir))
    (candidates,) = filler.fill(TEXT, top_k=4)
    assert {"good", "bad"} & {candidate.token for candidate in candidates[:2]}
    assert [candidate.probability for candidate in candidates] == sorted((c.probability for c in candidates), reverse=True)
    assert candidates[0].text == f"the movie was very {candidates[0].token} !"
    first, second = filler.fill("the [MASK] was very [MASK] !", top_k=1)
    assert first[0].text == f"the {first[0].token} was very [MASK] !"
    assert second[0].text == f"the [MASK] was very {second[0].token} !"
    # In a batch with others, and with all tokens, nothing changes.
    texts = ["[MASK]", TEXT, "the movie was very very very [MASK] !"]
    whole = filler.fill_all(texts, top_k=1000, batch_size=2)
    assert [(c.token, pytest.approx(c.probability, abs=1e-6)) for c in whole[1][0][:4]] == [
        (c.token, c.probability) for c in candidates
    ]
    assert len(whole[0][0]) == 86
    assert sum(candidate.probability for candidate in whole[0][0]) == pytest.approx(1, abs=1e-5)


def test_every_form_fills_alike(trained):
    pretrained = trained.model_dir / "pretrained"
    paths = [trained.model_dir / "ckpt-120", pretrained / "huggingface-120", pretrained / "tf1" / "bert_model.ckpt-120"]
    results = []
    for path in paths:
        filler = MaskFiller.from_checkpoint(str(path), vocab_file=trained.vocab_file, bert_config_file=str(trained.config_file))
        results.append([(c.token, round(c.probability, 5)) for c in filler.fill(TEXT)[0]])
    assert results[0] == results[1] == results[2]


def test_probabilities_are_the_gardens(tiny_vocab_file, tiny_config_dict, tmp_path):
    from official.nlp.modeling import models, networks

    config = BertConfig.from_dict(tiny_config_dict)
    encoder = networks.BertEncoder(
        config.vocab_size, hidden_size=16, num_layers=2, num_attention_heads=2, intermediate_size=32, max_sequence_length=64,
        type_vocab_size=2, activation=lambda x: tf.nn.gelu(x, approximate=True),
    )  # fmt: skip
    pretrainer = models.BertPretrainer(
        encoder, 2, 1, activation=lambda x: tf.nn.gelu(x, approximate=True), initializer="glorot_uniform"
    )
    for index, variable in enumerate(pretrainer.variables):
        variable.assign(variable + 0.3 * tf.random.stateless_normal(variable.shape, [index, 7]))
    tf.train.Checkpoint(model=encoder, encoder=encoder, masked_lm=pretrainer.masked_lm).write(str(tmp_path / "garden"))
    (tmp_path / "config.json").write_text(json.dumps(tiny_config_dict))
    filler = MaskFiller.from_checkpoint(
        str(tmp_path / "garden"), vocab_file=tiny_vocab_file, bert_config_file=str(tmp_path / "config.json")
    )
    ids = np.array([filler.encoded(TEXT)], np.int32)
    place = ids[0].tolist().index(4)
    logits = pretrainer([ids, np.ones_like(ids), np.zeros_like(ids), np.array([[place]], np.int32)])["masked_lm"]
    expected = tf.nn.softmax(logits[0, 0]).numpy()
    for candidate in filler.fill(TEXT, top_k=86)[0]:
        token = filler._tokenizer.vocabulary[candidate.token]
        assert candidate.probability == pytest.approx(expected[token], abs=1e-5)


def test_one_text_and_the_lines_of_a_stream(trained, capsys):
    model = [f"--model_dir={trained.model_dir}", "--top_k=2"]
    assert run(*model, f"--text={TEXT}") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    probability, token, *text = lines[0].split()
    assert 0 < float(probability) <= 1
    assert text == ["the", "movie", "was", "very", token, "!"]
    options = FillMaskOptions(model_dir=str(trained.model_dir), top_k=1)
    assert fill_mask(options, io.StringIO(f"{TEXT}\n[MASK] movie\n")) == 2
    assert len(capsys.readouterr().out.splitlines()) == 2
    for line, message in (("", "a blank line"), ("no word is missing", r"holds no \[MASK\]")):
        with pytest.raises(UserError, match=f"standard input:2: .*{message}"):
            fill_mask(options, io.StringIO(f"{TEXT}\n{line}\n"))


def test_a_file_of_texts(trained, tmp_path, capsys):
    rows = [{"id": 7, "text": TEXT}, {"text": "the [MASK] was [MASK]"}]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = [f"--input_file={tmp_path}/texts.jsonl", f"--output_file={tmp_path}/filled.jsonl"]
    assert run(f"--model_dir={trained.model_dir}", *flags, "--top_k=3", "--batch_size=1") == 0
    assert "2 texts" in capsys.readouterr().out
    filled = [json.loads(line) for line in (tmp_path / "filled.jsonl").read_text().splitlines()]
    assert filled[0]["id"] == 7
    assert "id" not in filled[1]
    assert [len(row["masks"]) for row in filled] == [1, 2]
    assert set(filled[0]["masks"][0][0]) == {"token", "probability", "text"}


def test_what_cannot_be_filled_is_said_in_one_line(trained, tmp_path, capsys):
    model = f"--model_dir={trained.model_dir}"
    (tmp_path / "bad.jsonl").write_text('{"text": "[MASK]"}\n{"text": "no mask"}\n')
    (tmp_path / "no.jsonl").write_text("no JSON\n")
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(82))]))
    out = f"--output_file={tmp_path}/out.jsonl"
    pretrained = trained.model_dir / "pretrained"
    for flags, message in (
        (["--text=[MASK]"], "--init_checkpoint (or --model_dir) is required"),
        ([model, "--text=no mask"], "--text holds no [MASK]"),
        ([model, "--text=" + "very " * 70 + "[MASK]"], "the text has 73 tokens, more than the model's 64"),
        ([model, "--text=[MASK]", f"--vocab_file={tmp_path}/vocab.txt"], "has 87 entries; the model's vocab_size is only 86"),
        ([model, "--text=[MASK]", "--vocab_file=none.txt"], "no such file"),
        ([model, f"--input_file={tmp_path}/bad.jsonl", out], "bad.jsonl:2: the text holds no [MASK]"),
        ([model, f"--input_file={tmp_path}/no.jsonl", out], 'expected a JSON object {"text": …}'),
        ([model, f"--input_file={tmp_path}/bad.jsonl"], "--output_file is required"),
        ([model, out], "--output_file is for --input_file"),
        ([f"--init_checkpoint={pretrained}/bert_model.ckpt-120", "--text=[MASK]"], "has no masked-LM head"),
        ([f"--init_checkpoint={tmp_path}/none", "--text=[MASK]"], "none"),
        (
            [f"--init_checkpoint={pretrained}/tf1/bert_model.ckpt-120", "--text=[MASK]"],
            "--bert_config_file is required: there is no",
        ),
    ):
        assert run(*flags) == 2, flags
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("ERROR: ")
        assert message in error, flags
    assert not (tmp_path / "out.jsonl").exists()


def test_byte_level_bpe_fills_its_mask(byte_level_folder):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    config = BertConfig(tokenizer.vocab_size, 16, 1, 2, intermediate_size=32, max_position_embeddings=64)
    encoder = build_encoder(config, for_pretraining=True)
    masked_lm = PretrainingTask(config, next_sentence=False).build_model(encoder).masked_lm
    filler = MaskFiller(encoder, masked_lm, tokenizer, 64)
    theirs = RobertaTokenizerFast(*(f"{byte_level_folder}/{name}" for name in ("vocab.json", "merges.txt")))
    for text in ("The movie was very <mask>!", "<mask> movie", "a  <mask><mask> b <mask>"):
        assert filler.encoded(text) == filler.encoded(text.replace("<mask>", "[MASK]")) == theirs(text)["input_ids"]
    (candidates,) = filler.fill("The movie was very <mask>!", top_k=500)
    texts = {candidate.token: candidate.text for candidate in candidates}
    assert (texts["Ġmovie"], texts["s"]) == ("The movie was very movie!", "The movie was verys!")
    first, _ = filler.fill("[MASK] movie [MASK]", top_k=500)
    assert {candidate.token: candidate.text for candidate in first}["Ġmovie"] == "movie movie [MASK]"
    with pytest.raises(UserError, match=r"holds no \[MASK\]"):
        filler.fill("a movie")


def test_a_continuation_joins_the_word_before():
    assert with_token("play [MASK] now [MASK]", 0, "##ing") == "playing now [MASK]"
    assert with_token("play [MASK] now [MASK]", 1, "!") == "play [MASK] now !"
    assert with_token("[MASK]", 0, "##") == "##"
    assert with_token("a [MASK]", 0, "▁b") == "a b"
