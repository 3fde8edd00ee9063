"""The documents say what the commands do."""

import dataclasses
import json
import logging
import pathlib
import re
import runpy

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The example of architecture.md has flags of its own.
PAGES = {page.name for page in (ROOT / "docs").glob("*.md")} - {"flags.md", "architecture.md"}


@pytest.fixture(scope="module")
def flags_module():
    return runpy.run_path(str(ROOT / "docs" / "make_flags.py"))


def test_the_flags_page_is_current(flags_module):
    assert (ROOT / "docs" / "flags.md").read_text(encoding="utf-8") == flags_module["flags_page"](), (
        "run python docs/make_flags.py"
    )


@pytest.mark.parametrize("page", ["README.md", *sorted(f"docs/{name}" for name in PAGES)])
def test_every_flag_that_a_page_names_exists(flags_module, page):
    known = {field.name for options in flags_module["COMMANDS"].values() for field in dataclasses.fields(options.whole())} | {
        "help"
    }
    # The benchmarks have flags of their own, and so has Beam.
    known |= {"direct_running_mode", "direct_num_workers"}
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"`[^`]*`", lambda code: "" if "benchmark" in code[0] else code[0], text)
    named = set(re.findall(r"--([a-z][a-z0-9_]+)", text))
    assert {name for name in named if name not in known and name.removeprefix("no") not in known} == set()


def test_every_file_that_the_readme_names_exists():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:data_prep|docs|benchmarks)/[a-z_]+\.(?:py|md)", text)) | {"run_classifier.py", "Makefile"}
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_readmes_processor_runs(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = text.split("for rows of a label and a text:")[1].split("(and `get_dev_examples`")[0]
    (tmp_path / "train.tsv").write_text("game\tnew console\nfashion\tred shoes\n", encoding="utf-8")
    namespace: dict = {}
    exec(compile(re.sub(r"^    ", "", code, flags=re.M), "README.md", "exec"), namespace)
    examples = list(namespace["ShoppingProcessor"]().get_train_examples(str(tmp_path)))
    assert [(example.label, example.text_a) for example in examples] == [("game", "new console"), ("fashion", "red shoes")]


@pytest.mark.slow
def test_the_page_for_python_runs(tmp_path, monkeypatch, capsys, tiny_vocabulary, tiny_config_dict):
    """Every block of docs/python.md, in order, on a tiny model; what a comment says is printed is printed."""
    import tensorflow as tf

    from bert_tf2.models.config import BertConfig
    from bert_tf2.models.encoder import build_encoder
    from bert_tf2.tasks.pretraining.task import PretrainingTask

    (tmp_path / "bert").mkdir()
    config = tiny_config_dict | {"max_position_embeddings": 128}
    (tmp_path / "bert" / "bert_config.json").write_text(json.dumps(config))
    (tmp_path / "bert" / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n")
    model = PretrainingTask(BertConfig.from_dict(config), next_sentence=True).build_model(
        build_encoder(BertConfig.from_dict(config), for_pretraining=True)
    )
    tf.train.Checkpoint(model=model).write(str(tmp_path / "bert" / "bert_model.ckpt"))
    context = "The book was written by Mary Shelley."
    question = {"id": "1", "question": "Who wrote it?", "answers": [{"text": "Mary Shelley", "answer_start": 24}]}
    squad = {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": [question]}]}]}
    (tmp_path / "train-v1.1.json").write_text(json.dumps(squad))
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.S)
    assert len(blocks) >= 9
    names: dict = {}
    logger = logging.getLogger("bert_tf2")
    try:
        for block in blocks:
            exec(compile(block, "docs/python.md", "exec"), names)
            printed = capsys.readouterr().out
            for line in re.findall(r"print\(error\)  # (.*)", block):
                assert line in printed.splitlines()
        assert logger.level == logging.WARNING
    finally:
        logger.setLevel(logging.NOTSET)
    assert set(names["classifier"].labels) == {"negative", "positive"}
    assert not (tmp_path / "other").exists()
