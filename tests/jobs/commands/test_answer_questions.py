"""The command that answers questions, and the same from Python."""

import io
import json
import subprocess
import sys

import pytest
import tensorflow as tf

from bert_tf2 import cli
from bert_tf2.errors import JobError, UserError
from bert_tf2.inference.question_answerer import Answer, QuestionAnswerer
from bert_tf2.jobs.commands.answer_questions import AnswerQuestionsOptions, answer_questions, shown


class FirstCharacters(tf.Module):
    """Answers with as many characters from the beginning of the context as the question has, in the signature of an export."""

    def __init__(self, version_2: bool):
        super().__init__()
        self._version_2 = version_2
        # Gone with the loaded object, should nothing hold it.
        self._score = tf.Variable(0.5)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=name) for name in ("question", "context")])
    def answer(self, question, context):
        wanted, there = (tf.strings.length(text, unit="UTF8_CHAR") for text in (question, context))
        end = tf.minimum(wanted, there)
        start = tf.where(end > 0, 0, -1)
        outputs = {
            "answer": tf.strings.substr(context, tf.zeros_like(end), end, unit="UTF8_CHAR"),
            "score": self._score * tf.ones_like(end, tf.float32),
            "start": start,
            "end": tf.where(end > 0, end, -1),
        }
        return outputs | {"null_score_difference": tf.cast(wanted, tf.float32)} if self._version_2 else outputs


class Logits(tf.Module):
    """The signature of the token-ids export."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.int32, name=n) for n in ("input_word_ids", "input_mask", "input_type_ids")
        ]
    )
    def serve(self, input_word_ids, input_mask, input_type_ids):
        return {"start_positions": input_word_ids + input_mask, "end_positions": input_type_ids + 1}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with SavedModels: `squad_text`, `squad` (token ids beside it), `v2_text`, `ids` (alone)."""
    folder = tmp_path_factory.mktemp("models")
    for name, module in (("squad_text", FirstCharacters(False)), ("v2_text", FirstCharacters(True))):
        tf.saved_model.save(module, str(folder / name), {"serving_default": module.answer})
    module = Logits()
    for name in ("squad", "ids"):
        tf.saved_model.save(module, str(folder / name), {"serving_default": module.serve})
    return folder


def run(*arguments) -> int:
    return cli.run(answer_questions, AnswerQuestionsOptions, "Answers.", ["answer_questions", *arguments])


def test_the_python_call(models):
    answerer = QuestionAnswerer.from_saved_model(str(models / "squad_text"))
    assert answerer.answer("ab", "你🤷🏽x") == Answer("你🤷", 0.5, 0, 2)
    assert answerer.answer("", "x") == Answer("", 0.5, -1, -1)
    assert answerer.answer("abc", "\0\ud800b") == Answer("\0\ufffdb", 0.5, 0, 3)
    pairs = [("x" * (number % 5), "some context") for number in range(11)]
    found = answerer.answer_all(iter(pairs), batch_size=4)
    assert [answer.text for answer in found] == ["some context"[: number % 5] for number in range(11)]
    assert answerer.answer_all([]) == []
    assert QuestionAnswerer.from_saved_model(f"{models}/v2_text/").answer("ab", "c").null_score_difference == 2.0


def test_a_model_without_numbers(models):
    answerer = QuestionAnswerer.from_saved_model(str(models / "squad_text"))
    answerer._loaded._score.assign(float("nan"))
    with pytest.raises(JobError, match="not finite; its weights are not usable"):
        answerer.answer("a", "b")


def test_one_question(models, tmp_path, capsys):
    assert run(f"--model={models}/squad_text", "--question=four", "--context=wor\nd for word") == 0
    assert capsys.readouterr().out == "wor  [score 0.5000, characters 0 to 4]\n"
    # Line ends count, a byte-order mark does not.
    (tmp_path / "text.txt").write_bytes(b"\xef\xbb\xbfa\r\nb")
    assert run(f"--model={models}/squad_text", "--question=four", f"--context_file={tmp_path}/text.txt") == 0
    assert capsys.readouterr().out == "a b  [score 0.5000, characters 0 to 4]\n"
    assert shown(Answer("", 0.25, -1, -1)) == "(no answer)  [score 0.2500]"


def test_lines_of_standard_input(models, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"ab\n cd\n"), encoding="utf-8"))
    assert run(f"--model={models}/squad_text", "--context=word for word") == 0
    assert capsys.readouterr().out.splitlines() == ["wo  [score 0.5000, characters 0 to 2]"] * 2
    options = AnswerQuestionsOptions(model=f"{models}/squad_text", context="word")
    with pytest.raises(UserError, match="no question: give --question, or questions on standard input"):
        answer_questions(options, io.StringIO(""))
    with pytest.raises(UserError, match="standard input:2: a blank line; give a question on each line"):
        answer_questions(options, io.StringIO("a\n\nb\n"))
    capsys.readouterr()

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    assert answer_questions(options, Terminal("a\nab\n")) == 2
    written = capsys.readouterr()
    assert written.out.splitlines() == ["w  [score 0.5000, characters 0 to 1]", "wo  [score 0.5000, characters 0 to 2]"]
    assert "Ctrl-D ends" in written.err
    assert answer_questions(options, Terminal("")) == 0


def test_a_file_of_questions(models, tmp_path, capsys):
    rows = [{"id": number, "question": "x" * (number % 4), "context": f"你好 {number}"} for number in range(21)]
    del rows[3]["id"]
    rows[4]["id"] = "half \ud83d"
    source, target = tmp_path / "questions.jsonl", tmp_path / "out" / "answers.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    assert run(f"--model={models}/v2_text", f"--input_file={source}", f"--output_file={target}", "--batch_size=8") == 0
    assert f"wrote {target}: 21 questions in" in capsys.readouterr().out
    written = target.read_text(encoding="utf-8")
    assert '"answer": "你好"' in written
    found = [json.loads(line) for line in written.splitlines()]
    for row, answer in zip(rows, found, strict=True):
        text = row["context"][: len(row["question"])]
        place = {"start": 0, "end": len(text)} if text else {"start": -1, "end": -1}
        known = {"id": row["id"]} if "id" in row else {}
        expected = known | {"answer": text, "score": 0.5} | place | {"null_score_difference": float(len(row["question"]))}
        assert answer == expected
    assert [path.name for path in target.parent.iterdir()] == ["answers.jsonl"]


def test_bad_lines_are_left_out_where_that_is_asked_for(models, tmp_path, capsys):
    source, target = tmp_path / "questions.jsonl", tmp_path / "answers.jsonl"
    good = {"id": 7, "question": "what was good?", "context": "the movie"}
    source.write_text(f"{json.dumps(good)}\nnot JSON\n{json.dumps(good | {'id': 8})}\n" + '{"question": "?"}\n', encoding="utf-8")
    flags = [f"--model={models}/v2_text", f"--input_file={source}", f"--output_file={target}"]
    assert run(*flags) == 2
    assert f"{source}:2: expected a JSON object" in capsys.readouterr().err
    assert run(*flags, "--on_bad_row=skip") == 0
    assert [json.loads(line)["id"] for line in target.read_text().splitlines()] == [7, 8]
    assert "2 rows were left out; the first: " in capsys.readouterr().err
    rejects = [json.loads(line) for line in (tmp_path / "answers.jsonl.rejects.jsonl").read_text().splitlines()]
    assert [(row["line"], row["row"]) for row in rejects] == [(2, "not JSON"), (4, '{"question": "?"}')]
    source.write_text("nothing\n", encoding="utf-8")
    assert run(*flags, "--on_bad_row=skip") == 2
    assert "holds no questions that can be used; 1 row was left out" in capsys.readouterr().err
    assert run(f"--model={models}/v2_text", "--context=c", "--on_bad_row=skip") == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"expected a JSON object .* found '\{'"),
        ("", "found a blank line"),
        ("[1]", r"expected a JSON object .* found '\[1\]'"),
        ('{"question": "a"}', r"the key 'context' is missing \(found question\)"),
        ('{"question": 1, "context": "a"}', "'question' must be a text; got 1"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_answered(tmp_path, line, message):
    source, target = tmp_path / "questions.jsonl", tmp_path / "answers.jsonl"
    good = '{"question": "a", "context": "b"}'
    source.write_text(f"{good}\n{line}\n{good}\n")
    with pytest.raises(UserError, match=rf"questions\.jsonl:2: .*{message}"):
        answer_questions(AnswerQuestionsOptions(model="not looked at", input_file=str(source), output_file=str(target)))
    assert not target.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": None, "context": "a"}, "--model is required"),
        ({}, r"--context \(or --context_file, --input_file\) is required"),
        ({"question": "a"}, "is required: the text to answer from"),
        ({"context": "a", "context_file": "b"}, "--context and --context_file are two texts"),
        ({"context": "a", "output_file": "b"}, "--output_file is for --input_file"),
        ({"input_file": "a"}, "--output_file is required"),
        ({"input_file": "a", "output_file": "./a"}, "is --input_file; name another file"),
        ({"input_file": "a", "output_file": "b", "context": "c"}, "leave out --context"),
        ({"input_file": "nowhere.jsonl", "output_file": "b"}, "--input_file: no such file"),
        ({"context_file": "nowhere.txt"}, "--context_file: no such file"),
        ({"context": "a", "model": "nowhere"}, "--model: no such directory: nowhere; give the directory of the model that takes"),
    ],
)
def test_wrong_options(changes, message):
    with pytest.raises(UserError, match=message):
        answer_questions(AnswerQuestionsOptions(**({"model": "some"} | changes)))


def test_files_without_questions_or_text(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(UserError, match="holds no questions"):
        answer_questions(
            AnswerQuestionsOptions(model="m", input_file=f"{tmp_path}/empty.jsonl", output_file=f"{tmp_path}/out.jsonl")
        )
    with pytest.raises(UserError, match=r"latin\.txt: byte 3 is not UTF-8"):
        answer_questions(AnswerQuestionsOptions(model="m", context_file=f"{tmp_path}/latin.txt"))


def test_models_that_cannot_answer(models, tmp_path):
    def refused(path):
        with pytest.raises(UserError) as caught:
            QuestionAnswerer.from_saved_model(str(path))
        message = str(caught.value)
        assert "\n" not in message
        return message

    assert f"give the one beside it that takes text: --model={models}/squad_text" in refused(models / "squad")
    assert "takes token ids (input_word_ids, input_mask, input_type_ids), not text; give the directory" in refused(models / "ids")
    assert "is not a SavedModel (it holds no saved_model.pb)" in refused(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"not a model")
    assert "cannot be loaded as a SavedModel" in refused(tmp_path)
    other = tf.Module()
    other.serve = tf.function(
        lambda text: {"score": tf.strings.length(text)}, input_signature=[tf.TensorSpec([None], tf.string, "text")]
    )
    tf.saved_model.save(other, str(tmp_path / "other"), {"serving_default": other.serve})
    assert "is not a question answering model (it takes text and returns score)" in refused(tmp_path / "other")
    tf.saved_model.save(tf.Module(), str(tmp_path / "none"))
    assert "(it has no signature serving_default)" in refused(tmp_path / "none")


class Places(tf.Module):
    """A model that finds answers at the tokens with the highest ids."""

    def __call__(self, inputs, training):
        logits = tf.cast(inputs["input_word_ids"] * inputs["input_type_ids"], tf.float32)
        return {"start_positions": logits, "end_positions": logits}


@pytest.mark.slow
def test_the_command_with_an_export(tmp_path, tiny_vocab_file):
    from bert_tf2.tasks.question_answering.decoding import DecodingOptions
    from bert_tf2.tasks.question_answering.in_graph import answering_export
    from bert_tf2.tasks.question_answering.windows import WindowOptions
    from bert_tf2.text.wordpiece import WordPieceTokenizer
    from bert_tf2.training.export import save_module

    made = answering_export(Places(), WordPieceTokenizer(tiny_vocab_file), WindowOptions(32, 8, 10), DecodingOptions())
    save_module(made.module, str(tmp_path / "model"), made.signatures)
    context = "the movie was the, " * 50 + "was 🤷🏽 z?"
    (tmp_path / "text.txt").write_text(context, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "bert_tf2.answer_questions", f"--model={tmp_path}/model", f"--context_file={tmp_path}/text.txt"],
        input="what?\nwhich movie?\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    place = context.index("z")
    # Of the tokens in this text its id is the highest.
    assert [line.split("  [")[0] for line in done.stdout.splitlines()] == ["z", "z"]
    assert done.stdout.splitlines()[0].endswith(f"characters {place} to {place + 1}]")
