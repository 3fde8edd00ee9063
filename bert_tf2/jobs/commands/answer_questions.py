"""The job of `python -m bert_tf2.answer_questions`."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any, TextIO

from bert_tf2 import cli, file_kinds, files
from bert_tf2.errors import UserError
from bert_tf2.inference.question_answerer import Answer, QuestionAnswerer
from bert_tf2.jobs.commands.asking import Answers, Row, answer_file, answer_lines, check_one_or_many, loading
from bert_tf2.options import Options, at_least, option, require_given, required
from bert_tf2.runtime import job


@dataclasses.dataclass(frozen=True)
class AnswerQuestionsOptions(Options):
    """Which model, and where questions come from."""

    model: str | None = option(
        None,
        "The SavedModel that takes questions and contexts as text: run_squad.py --model_export_path=NAME with --vocab_file "
        "writes it as NAME_text. A SavedModel is a program that runs with your rights: only this one is loaded, so give one "
        "that you trust.",
    )
    question: str | None = option(None, "One question. Without it questions are read from standard input, one a line.")
    context: str | None = option(None, "The text to answer from.")
    context_file: str | None = option(None, "A UTF-8 file with the text to answer from; of any length.")
    input_file: str | None = option(
        None, 'Many questions: a file with a JSON object {"question": …, "context": …} on each line, and "id" if you like.'
    )
    output_file: str | None = option(
        None,
        "Where their answers go, in the same order: a JSON object on each line with the id, if there is one, answer, score, "
        "start, end (characters of the context, from 0; -1 for no answer) and null_score_difference of a SQuAD 2.0 model. It "
        "appears when it is complete.",
    )
    on_bad_row: str = option(
        "fail",
        "What to do with a line of --input_file that holds no question: end before any is answered, or leave it out, count it "
        "and list it in <output_file>.rejects.jsonl.",
        choices=("fail", "skip"),
    )
    batch_size: int = option(16, "How many questions of --input_file are answered at a time.", check=at_least(1))


def command(description: str = "Answers questions from texts with an exported model.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(answer_questions, AnswerQuestionsOptions, description)


@job
def answer_questions(options: AnswerQuestionsOptions, questions: TextIO | None = None) -> int:
    """Answers one question, the lines of a stream, or a file of questions.

    Args:
      options: what to answer.
      questions: where questions are read from when the options name none; standard input when None.

    Returns:
      How many questions were answered.

    Raises:
      UserError: an option or a file cannot be used; no answer was written.
      JobError: the answers could not be written; nothing is left of them.
    """
    _check(options)
    if options.input_file is not None:
        return answer_file(options, ["question", "context"], "questions", functools.partial(_answers, options), doing="answering")
    context = required(options.context) if options.context_file is None else _read_text(options.context_file)
    answerer = _load(required(options.model))
    if options.question is not None:
        print(shown(answerer.answer(options.question, context)))
        return 1
    return answer_lines(lambda line: shown(answerer.answer(line, context)), questions, "question", "question")


def shown(answer: Answer) -> str:
    """An answer as one line for people."""
    place = f", characters {answer.start} to {answer.end}" if answer.text else ""
    return f"{' '.join(answer.text.split()) or '(no answer)'}  [score {answer.score:.4f}{place}]"


def _check(options: AnswerQuestionsOptions) -> None:
    needed = {"model": "an exported question-answering model for text"}
    if options.input_file is None:
        needed["context or context_file or input_file"] = "the text to answer from, or many questions with theirs"
    else:
        needed["output_file"] = "where the answers go"
    require_given(options, needed)
    check_one_or_many(options, ["question", "context", "context_file"], ["on_bad_row", "output_file"], "questions and contexts")
    if options.context is not None and options.context_file is not None:
        raise UserError("--context and --context_file are two texts to answer from; give one of them")


def _load(path: str) -> QuestionAnswerer:
    with loading(path):
        answerer = QuestionAnswerer.from_saved_model(path)
        # The first call costs much more than the others.
        answerer.answer("who", "somebody")
    return answerer


def _read_text(path: str) -> str:
    path = files.require_file(path, "context_file")
    try:
        if files.is_remote(path):
            import tensorflow as tf

            with files.remote_errors(path), tf.io.gfile.GFile(path, "rb") as file:
                data = file.read()
        else:
            with open(path, "rb") as file:
                data = file.read()
        # Without the byte-order mark, but with the line ends as they are: places count them.
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        if (other := file_kinds.explained(path, "a text file", wants_text=True)) is not None:
            raise other from None
        raise UserError(f"{path}: byte {error.start} is not UTF-8 (latin-1 or GBK?); save the file as UTF-8") from None


def _answers(options: AnswerQuestionsOptions) -> Answers:
    answerer = _load(required(options.model))

    def answers(rows: Iterator[Row]) -> Iterator[Row]:
        pairs = ((row["question"], row["context"]) for row in rows)
        return map(_as_json, answerer.answers(pairs, options.batch_size))

    return answers


def _as_json(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {"answer": answer.text, "score": answer.score, "start": answer.start, "end": answer.end}
    if answer.null_score_difference is not None:
        found["null_score_difference"] = answer.null_score_difference
    return found
