"""Every kind of long work in the jobs counts what it has done."""

import itertools
import re

import pytest
from pretraining_material import arguments, run, write_text
from squad_workplace import SquadWorkplace

from bert_tf2 import progress
from bert_tf2.progress import Progress


@pytest.fixture
def slow_clock(monkeypatch):
    """Seconds fly: whatever looks at the clock finds it four further on. The watching thread sleeps."""
    now = itertools.count(step=4)
    monkeypatch.setattr(Progress, "clock", staticmethod(lambda: float(next(now))))
    monkeypatch.setattr(progress, "_start_watching", lambda: None)


def lines(capsys) -> str:
    return capsys.readouterr().err


def test_records_training_and_prediction_of_the_classifier(workplace, capsys, slow_clock):
    assert workplace.prepare() == 0
    told = lines(capsys)
    assert "writing train records: 64 examples" in told
    assert "writing test records: 23 examples" in told
    assert workplace.run("--mode=train_and_eval", "--num_train_epochs=1") == 0
    assert workplace.run("--mode=predict") == 0
    told = lines(capsys)
    assert re.search(r"step [1-9]/10  loss ", told)
    assert "predicting eval: 41/41 examples" in told
    assert "predicting test: 23/23 examples" in told


def test_records_and_answers_of_squad(tmp_path, tiny_vocab_file, tiny_config_dict, capsys, slow_clock):
    place = SquadWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    assert place.prepare() == 0
    assert "writing train records: 1 paragraphs" in lines(capsys)
    assert place.run("--mode=train_and_eval", "--num_train_epochs=1") == 0
    told = lines(capsys)
    assert "reading questions: 1 paragraphs" in told
    assert "predicting eval: " in told
    assert "decoding answers: 47/47 questions" in told


def test_records_of_pre_training(tmp_path, tiny_vocab_file, capsys, slow_clock):
    assert run(arguments(write_text(tmp_path / "text.txt"), tiny_vocab_file, tmp_path / "out")) == 0
    told = lines(capsys)
    assert "reading the text: 1/1 files" in told
    # Each shard is told of anyway; the thread speaks between two of them.
    assert "7 of 7 shards: " in told
