"""XLNet's head for answers through run_squad: training, answers, exports, conversions, and a directory that knows its head."""

import json

import pytest
import tensorflow as tf
from squad_workplace import SquadWorkplace
from xlnet_material import train_xlnet_pieces

from bert_tf2 import cli
from bert_tf2.inference.question_answerer import QuestionAnswerer
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
from bert_tf2.models.checkpoints import open_source

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

XLNET = {"model_type": "xlnet", "d_model": 16, "d_inner": 32, "n_head": 2, "n_layer": 2, "dropout": 0.0}


class Place(SquadWorkplace):
    """Files of SQuAD 2.0 and an XLNet."""

    def __init__(self, directory):
        lines = ["the Movie was good bad very what which", "abcdefghijklmnopqrstuvwxyz .?"] * 20
        model, size = train_xlnet_pieces(directory / "xlnet.model", lines, 120), 200
        super().__init__(directory, model, XLNET | {"vocab_size": size}, impossible=True)
        self.config_file.write_text(json.dumps(XLNET | {"vocab_size": size, "initializer_range": 0.2}))


def read(path):
    return json.loads(path.read_text())


def test_xlnet_learns_answers_and_where_there_are_none(tmp_path, capsys):
    place = Place(tmp_path)
    assert place.prepare() == 0
    head = ["--answer_head=start_conditioned", "--start_n_top=4", "--end_n_top=70"]
    assert place.run("--mode=train_and_eval", *head, "--num_train_epochs=6") == 0
    scores = place.read("eval_results.json")
    assert scores["best_f1"] > 95
    predictions, odds, nbest = (place.read(f"{name}.json") for name in ("predictions", "null_odds", "nbest_predictions"))
    for id, entries in nbest.items():
        assert set(entries[0]) == {"text", "probability", "start_log_prob", "end_log_prob"}
        assert predictions[id] == ("" if odds[id] > 0 else entries[0]["text"])
        assert sum(entry["probability"] for entry in entries) == pytest.approx(1)
    # The directory knows the head.
    assert place.run("--mode=predict", *head[1:], f"--model_export_path={tmp_path / 'qa'}") == 0
    assert place.read("predictions.json") == predictions
    capsys.readouterr()
    assert place.run("--mode=predict", "--answer_head=independent") == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.endswith(
        f"--answer_head=independent, but the model in {place.model_dir} was trained with start_conditioned; leave the flag out"
    )
    # What is exported answers alike.
    paragraphs = [p for article in read(tmp_path / "dev.json")["data"] for p in article["paragraphs"]]
    pairs = [(p["qas"][0]["question"], p["context"]) for p in paragraphs]
    answers = QuestionAnswerer.from_saved_model(str(tmp_path / "qa_text")).answer_all(pairs)
    assert [answer.text for answer in answers] == list(predictions.values())
    assert [answer.null_score_difference for answer in answers] == pytest.approx(list(odds.values()), abs=1e-4)
    for answer, entries in zip(answers, nbest.values()):
        assert not answer.text or answer.score == pytest.approx(entries[0]["probability"], abs=1e-4)
    outputs = tf.saved_model.load(str(tmp_path / "qa")).signatures["serving_default"].structured_outputs
    assert {name: tuple(spec.shape)[1:] for name, spec in outputs.items()} == {
        "start_top_log_probs": (4,),
        "start_top_index": (4,),
        "end_top_log_probs": (4, 70),
        "end_top_index": (4, 70),
        "cls_logits": (),
    }
    # Every form of the checkpoint gives the same answers.
    source, place.model_dir = tf.train.latest_checkpoint(str(place.model_dir)), tmp_path / "elsewhere"
    for to in ("tf1", "huggingface", "tf2"):
        target = tmp_path / f"as_{to}" / "model"
        command = [f"--checkpoint_to_convert={source}", f"--converted_checkpoint_path={target}", f"--to={to}"]
        assert cli.run(convert_checkpoint, ConvertCheckpointOptions, "", ["convert", *command]) == 0
        assert open_source(str(target)).head("answerability")
        source = str(target)
    assert place.run("--mode=predict", *head, f"--init_checkpoint={source}") == 0
    assert place.read("predictions.json") == predictions
    capsys.readouterr()
    assert place.run("--mode=predict", f"--init_checkpoint={source}") == 2
    assert "has the head of --answer_head=start_conditioned, and not this one" in capsys.readouterr().err


def test_what_compares_outputs_is_refused(tmp_path, capsys):
    place = Place(tmp_path)
    assert place.prepare() == 0
    head = ["--mode=train", "--answer_head=start_conditioned", "--num_train_epochs=1"]
    assert place.run(*head) == 0
    teacher, place.model_dir = f"--teacher={place.model_dir}", tmp_path / "other"
    for command, complaint in (
        ([*head, "--rdrop_alpha=1"], "how far two outputs are from each other; leave it out, or give --answer_head=independent"),
        ([*head, teacher], "leave soft out of --distillation_losses, or give --answer_head=independent"),
        (
            ["--mode=train", "--num_train_epochs=1", teacher],
            "was trained with --answer_head=start_conditioned, and this is to be without --answer_head; give both the same",
        ),
    ):
        capsys.readouterr()
        assert place.run(*command) == 2
        (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR")]
        assert error.endswith(complaint)
        assert not place.model_dir.exists() or not list(place.model_dir.iterdir())
