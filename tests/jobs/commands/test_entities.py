"""The command that finds entities, and the same from Python, with a model that takes every first word for one."""

import io
import json

import pytest
import tensorflow as tf

from bert_tf2 import cli
from bert_tf2.errors import JobError, UserError
from bert_tf2.inference.entity_tagger import Entity, EntityTagger
from bert_tf2.jobs.commands.entities import EntitiesOptions, find_entities, shown


class FirstWords(tf.Module):
    """In the signature of an export."""

    def __init__(self):
        super().__init__()
        self._probability = tf.Variable(0.5)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def tag(self, text):
        words = tf.strings.split(text).to_tensor()
        first = tf.pad(words, [[0, 0], [0, 1]])[:, 0]
        row = tf.where(tf.strings.length(first) > 0)[:, 0]
        found = tf.gather(first, row)
        return {
            "text_number": tf.cast(row, tf.int32),
            "type": tf.fill(tf.shape(found), "FIRST"),
            "text": found,
            "start": tf.zeros(tf.shape(found), tf.int32),
            "end": tf.strings.length(found, unit="UTF8_CHAR"),
            "probability": tf.fill(tf.shape(found), self._probability),
        }


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("models") / "export_text")
    module = FirstWords()
    tf.saved_model.save(module, path, {"serving_default": module.tag.get_concrete_function()})
    return path


def run(*arguments):
    return cli.run(find_entities, EntitiesOptions, "Finds.", ["entities", *arguments])


def test_the_python_call(model):
    tagger = EntityTagger.from_saved_model(model)
    assert tagger.tag("你🤷🏽 x") == [Entity("FIRST", "你🤷🏽", 0, 3, 0.5)]
    assert tagger.tag(" ") == []
    assert tagger.tag("\ud800b") == [Entity("FIRST", "\ufffdb", 0, 2, 0.5)]
    found = tagger.tag_all((f"w{number} x" if number % 3 else "" for number in range(11)), batch_size=4)
    assert [[entity.text for entity in entities] for entities in found] == [
        [f"w{number}"] if number % 3 else [] for number in range(11)
    ]
    tagger._loaded._probability.assign(float("nan"))
    with pytest.raises(JobError, match="not finite; its weights are not usable"):
        tagger.tag("a")


def test_texts_from_the_command_line_and_standard_input(model, monkeypatch, capsys):
    assert run(f"--model={model}", "--text=Ada wrote") == 0
    assert capsys.readouterr().out == "Ada  [FIRST 0.5000, characters 0 to 3]\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"ab c\nd\n"), encoding="utf-8"))
    assert run(f"--model={model}") == 0
    assert capsys.readouterr().out.splitlines() == [
        "ab  [FIRST 0.5000, characters 0 to 2]", "d  [FIRST 0.5000, characters 0 to 1]"
    ]  # fmt: skip
    assert shown([]) == "(no entity)"
    with pytest.raises(UserError, match="standard input:2: a blank line"):
        find_entities(EntitiesOptions(model=model), io.StringIO("a\n\nb\n"))


def test_a_file_of_texts(model, tmp_path, capsys):
    source, target = tmp_path / "texts.jsonl", tmp_path / "found.jsonl"
    source.write_text('{"id": 7, "text": "Ada wrote"}\n{"text": ""}\n{"txt": "a"}\n')
    assert run(f"--model={model}", f"--input_file={source}", f"--output_file={target}") == 2
    assert f"{source}:3: the key 'text' is missing (found txt)" in capsys.readouterr().err
    assert not target.exists()
    assert run(f"--model={model}", f"--input_file={source}", f"--output_file={target}", "--on_bad_row=skip") == 0
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    entity = {"type": "FIRST", "text": "Ada", "start": 0, "end": 3, "probability": 0.5}
    assert rows == [{"id": 7, "text": "Ada wrote", "entities": [entity]}, {"text": "", "entities": []}]
    assert json.loads((tmp_path / "found.jsonl.rejects.jsonl").read_text())["line"] == 3


WRONG = [
    (["--text=a"], "--model is required: an exported tagging model for text"),
    (["--model={there}/no", "--text=a"], "--model: no such directory"),
    (["--model={there}", "--text=a"], "is not a SavedModel"),
    (["--model={model}", "--input_file={there}/x"], "--output_file is required"),
    (["--model={model}", "--output_file={there}/x"], "--output_file is for --input_file"),
    (["--model={model}", "--input_file={there}/x", "--output_file={there}/x"], "name another file"),
    (
        ["--model={model}", "--text=a", "--input_file={there}/x", "--output_file={there}/y"],
        "leave out --text",
    ),
]


@pytest.mark.parametrize(("flags", "message"), WRONG)
def test_wrong_commands_are_told_in_one_line(model, tmp_path, capsys, flags, message):
    assert run(*(flag.format(there=tmp_path, model=model) for flag in flags)) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert message in errors[-1]
    assert errors[-1].startswith("ERROR: ")
