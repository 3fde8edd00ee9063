"""The page on tagging: every command and every line of Python in it runs."""

import json
import pathlib
import re
import shlex

import pytest
import tensorflow as tf

from bert_tf2 import cli
from bert_tf2.jobs.commands.entities import EntitiesOptions, find_entities
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "tagging.md"
JOBS = {
    "data_prep/create_finetuning_data.py": (create_finetuning_data, FinetuningDataOptions),
    "run_classifier.py": (run_classifier, ClassifierOptions),
    "-m": (find_entities, EntitiesOptions),
}


@pytest.mark.slow
def test_the_page_runs(tmp_path, monkeypatch, capsys, tiny_vocabulary, tiny_config_dict):
    (tmp_path / "bert").mkdir()
    config = tiny_config_dict | {"max_position_embeddings": 128}
    (tmp_path / "bert" / "bert_config.json").write_text(json.dumps(config))
    (tmp_path / "bert" / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n")
    encoder = build_encoder(BertConfig.from_dict(config))
    tf.train.Checkpoint(model=encoder).write(str(tmp_path / "bert" / "bert_model.ckpt"))
    blocks = dict.fromkeys(("conll", "bash", "python"), "")
    for language, block in re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S):
        blocks[language] += block
    for name in ("train", "dev"):
        (tmp_path / f"{name}.conll").write_text(blocks["conll"])
    (tmp_path / "new.conll").write_text("Ann\nflew\n\n")
    monkeypatch.chdir(tmp_path)
    commands = [shlex.split(command) for command in blocks["bash"].replace("\\\n", "").splitlines() if command]
    assert len(commands) == 6
    for python, program, *flags in commands:
        assert python == "python"
        job, options = JOBS[program]
        assert cli.run(job, options, "", [program, *(flag for flag in flags if flag.startswith("--"))]) == 0, (
            capsys.readouterr().err
        )
    words = [line.split(" ")[0] for line in (tmp_path / "model" / "predictions.conll").read_text().splitlines()]
    assert words == ["Ann", "flew", ""]
    assert json.loads((tmp_path / "model" / "entities.jsonl").read_text())["text"] == "Ann flew"
    exec(compile(blocks["python"], str(PAGE), "exec"), {})
    # What the page says can be read again can.
    row = {"text": "Ann flew", "entities": [{"type": "PER", "text": "Ann", "start": 0, "end": 3, "probability": 0.9}]}
    (tmp_path / "again.jsonl").write_text(json.dumps(row) + "\n")
    flags = ["--fine_tuning_task_type=tagging", "--train_file=again.jsonl", "--train_data_output_path=again/train.tf_record"]
    flags += ["--meta_data_file_path=again/meta_data.json", "--vocab_file=bert/vocab.txt"]
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prog", *flags]) == 0
