"""The encoders of further families through the commands, each with every kind of task between them."""

import json
import pathlib

import pytest
from squad_workplace import SquadWorkplace
from xlnet_material import train_xlnet_pieces

from bert_tf2.api import check_task
from bert_tf2.inference.question_answerer import QuestionAnswerer
from bert_tf2.models.checkpoints import open_source
from bert_tf2.models.families.base import families, read_config
from bert_tf2.text.sentencepiece import SentencePieceTokenizer

pytestmark = pytest.mark.slow

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}
ELECTRA = {"model_type": "electra", "embedding_size": 8, **SIZES}
ROBERTA = {"model_type": "roberta", "type_vocab_size": 1, **SIZES}
DISTILBERT = {
    "model_type": "distilbert",
    "dim": 16,
    "hidden_dim": 32,
    "n_heads": 2,
    "n_layers": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
}
ALBERT = {"model_type": "albert", "embedding_size": 8, "num_hidden_groups": 1, "inner_group_num": 1, **SIZES}
XLNET = {"model_type": "xlnet", "d_model": 16, "d_inner": 32, "n_head": 2, "n_layer": 2, "initializer_range": 0.3}
WORDS = ("awful", "poor", "fair", "good", "superb")


def rows_of_choices(path: pathlib.Path) -> str:
    rows = []
    for row in range(18):
        choices = ["no", "so so", "yes"][: 2 + row % 2]
        rows.append({"context": f"a {WORDS[row % 5]} film", "question": "good?", "choices": choices, "answer": row % 2})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def tagged_sentences(path: pathlib.Path) -> str:
    sentences = [f"a O\n{word} B-WORD\n{'x' * (1 + row % 7)} O\n" for row, word in enumerate(WORDS * 4)]
    path.write_text("\n".join(sentences))
    return str(path)


def test_electra_chooses(tmp_path):
    path = rows_of_choices(tmp_path / "rows.jsonl")
    assert check_task("multiple_choice", path, test_file=path, encoder=ELECTRA)


def test_distilbert_tags(tmp_path):
    path = tagged_sentences(tmp_path / "rows.conll")
    assert check_task("tagging", path, test_file=path, encoder=DISTILBERT)


@pytest.fixture(params=[ALBERT, XLNET], ids=["albert", "xlnet"])
def of_pieces(request, tmp_path, word_pieces_model_file) -> tuple[dict, str]:
    """An encoder, and a SentencePiece model of its family."""
    if request.param is ALBERT:
        return ALBERT, word_pieces_model_file
    lines = ["the Movie was good bad very what which so yes no", *WORDS, "abcdefghijklmnopqrstuvwxyz .?"] * 20
    return XLNET, train_xlnet_pieces(tmp_path / "xlnet.model", lines, 120)


@pytest.mark.parametrize("kind", ["multiple_choice", "tagging"])
def test_tasks_from_sentencepiece(tmp_path, of_pieces, kind):
    encoder, model = of_pieces
    write = {"multiple_choice": rows_of_choices, "tagging": tagged_sentences}[kind]
    path = write(tmp_path / ("rows.jsonl" if kind == "multiple_choice" else "rows.conll"))
    assert check_task(kind, path, test_file=path, data_options={"sp_model_file": model}, encoder=encoder)


def test_roberta_finds_several_labels(tmp_path):
    lines = [f"a {WORDS[row % 5]} film {'x' * (row % 7)}\t{('a', 'a,b', 'b', 'c')[row % 4]}" for row in range(18)]
    path = tmp_path / "rows.tsv"
    path.write_text("\n".join(["text\tlabel", *lines]) + "\n")
    options = {"label_separator": ","}
    assert check_task("multi_label", str(path), test_file=str(path), data_options=options, encoder=ROBERTA)


def test_xlnet_gives_numbers(tmp_path):
    lines = [f"a {WORDS[row % 5]} film {'x' * (row % 7)}\t{row % 5}.5" for row in range(18)]
    path = tmp_path / "rows.tsv"
    path.write_text("\n".join(["text\tlabel", *lines]) + "\n")
    assert check_task("regression", str(path), test_file=str(path), encoder=XLNET)


@pytest.mark.parametrize("encoder", [ELECTRA, DISTILBERT, ROBERTA, XLNET], ids=lambda encoder: encoder["model_type"])
def test_answers_to_questions(tmp_path, tiny_vocab_file, encoder):
    place = SquadWorkplace(tmp_path, tiny_vocab_file, encoder)
    size = len(pathlib.Path(tiny_vocab_file).read_text().splitlines())
    place.config_file.write_text(json.dumps(encoder | {"vocab_size": size}))
    assert place.prepare() == 0
    assert place.run("--mode=train_and_eval") == 0
    assert place.read("eval_results.json")["exact_match"] > 95
    before = place.read("predictions.json")
    # What the training has put beside its checkpoints is all that a later command needs.
    assert place.run("--mode=predict", "--predict_batch_size=3") == 0
    assert place.read("predictions.json") == before
    assert_of_family(place, encoder)


def test_answers_from_sentencepiece(tmp_path, of_pieces):
    encoder, model = of_pieces
    place = SquadWorkplace(tmp_path, model, encoder)
    place.config_file.write_text(json.dumps(encoder | {"vocab_size": SentencePieceTokenizer(model).vocab_size}))
    export = tmp_path / "export"
    assert place.prepare() == 0
    assert place.run("--mode=train_and_eval", f"--model_export_path={export}") == 0
    assert place.read("eval_results.json")["exact_match"] > 95
    before = place.read("predictions.json")
    # Answers are cut from the contexts, as they are written there.
    assert set(before.values()) >= {"Movie"}
    assert place.run_as_given("--mode=predict", f"--predict_file={tmp_path / 'dev.json'}", f"--model_dir={place.model_dir}") == 0
    assert place.read("predictions.json") == before
    assert_of_family(place, encoder)
    answerer = QuestionAnswerer.from_saved_model(f"{export}_text")
    for article in json.loads((tmp_path / "dev.json").read_text())["data"]:
        for paragraph in article["paragraphs"]:
            question = paragraph["qas"][0]
            answer = answerer.answer(question["question"], paragraph["context"])
            assert answer.text == before[question["id"]] == paragraph["context"][answer.start : answer.end]


def assert_of_family(place: SquadWorkplace, encoder: dict) -> None:
    family = families.get(encoder["model_type"])
    assert type(read_config(str(place.model_dir / "bert_config.json"))) is family.config
    last = max(place.model_dir.glob("ckpt-*.index"))
    assert open_source(str(last)).of_family(family).family is family
