"""The page on multiple choice: every command and every line of Python in it runs."""

import json
import pathlib
import re
import shlex

import pytest
import tensorflow as tf

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "multiple_choice.md"
JOBS = {
    "data_prep/create_finetuning_data.py": (create_finetuning_data, FinetuningDataOptions),
    "run_classifier.py": (run_classifier, ClassifierOptions),
}


@pytest.mark.slow
def test_the_page_runs(tmp_path, monkeypatch, capsys, tiny_vocabulary, tiny_config_dict):
    (tmp_path / "bert").mkdir()
    config = tiny_config_dict | {"max_position_embeddings": 128}
    (tmp_path / "bert" / "bert_config.json").write_text(json.dumps(config))
    (tmp_path / "bert" / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n")
    encoder = build_encoder(BertConfig.from_dict(config))
    tf.train.Checkpoint(model=encoder).write(str(tmp_path / "bert" / "bert_model.ckpt"))
    blocks = dict.fromkeys(("json", "bash", "python"), "")
    for language, block in re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S):
        blocks[language] += block
    for name in ("train", "dev", "new"):
        (tmp_path / f"{name}.jsonl").write_text(blocks["json"] * 3)
    monkeypatch.chdir(tmp_path)
    commands = [shlex.split(command) for command in blocks["bash"].replace("\\\n", "").splitlines() if command]
    assert len(commands) == 5
    for python, program, *flags in commands:
        assert python == "python"
        job, options = JOBS[program]
        assert cli.run(job, options, "", [program, *flags]) == 0, capsys.readouterr().err
    predictions = (tmp_path / "model" / "predictions.tsv").read_text().splitlines()
    assert predictions[0].startswith("id\tquestion\t")
    assert len(predictions) == 4
    capsys.readouterr()
    exec(compile(blocks["python"], str(PAGE), "exec"), {})
    assert capsys.readouterr().out.split(" 0.")[0] in ("an hour", "two hours", "a day")
