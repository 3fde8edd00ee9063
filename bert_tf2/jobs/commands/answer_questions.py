"""The job of `python -m bert_tf2.answer_questions`."""

import dataclasses
import itertools
import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from bert_tf2 import cli, file_kinds, files
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.data.sources.text_files import read_jsonl
from bert_tf2.errors import UserError
from bert_tf2.inference.question_answerer import Answer, QuestionAnswerer
from bert_tf2.jobs.commands.asking import answer_lines, same_file, write_json_lines
from bert_tf2.memory import keep_freed_memory
from bert_tf2.options import Options, at_least, option, refuse_given, require_given, required
from bert_tf2.progress import during, track
from bert_tf2.runtime import job

logger = logging.getLogger(__name__)

_REQUIRED = ("question", "context")


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
        source, target = files.require_file(options.input_file, "input_file"), files.expand(required(options.output_file))
        bad_rows = BadRows(options.on_bad_row == "skip", target + files.REJECTS)
        try:
            # All of it is looked at before the model is loaded.
            count = sum(1 for _ in _rows(source, bad_rows.report))
            if not count:
                raise UserError(f"--input_file={source} holds no question that can be used; {bad_rows.summary()}")
            _answer_file(_load(required(options.model)), source, target, count, options.batch_size)
            bad_rows.publish()
        finally:
            bad_rows.discard()
        if bad_rows.count:
            logger.warning("%s", bad_rows.summary())
        return count
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
    single = [name for name in ("question", "context", "context_file") if getattr(options, name) is not None]
    if options.input_file is not None:
        if single:
            raise UserError(f"--input_file brings its own questions and contexts; leave out --{single[0]}")
        if same_file(options.input_file, required(options.output_file)):
            raise UserError(f"--output_file={options.output_file} is --input_file; name another file")
        return
    refuse_given(options, ("on_bad_row",), "is for the lines of --input_file")
    if options.output_file is not None:
        raise UserError("--output_file is for the answers to --input_file; give that too, or leave it out")
    if options.context is not None and options.context_file is not None:
        raise UserError("--context and --context_file are two texts to answer from; give one of them")


@during("loading the model")
def _load(path: str) -> QuestionAnswerer:
    start = time.monotonic()
    # Windows differ in length, so much memory is freed and asked for again.
    keep_freed_memory()
    answerer = QuestionAnswerer.from_saved_model(path)
    # The first call costs much more than the others.
    answerer.answer("who", "somebody")
    logger.info("loaded %s in %.1f s", path, time.monotonic() - start)
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


def _answer_file(answerer: QuestionAnswerer, source: str, target: str, count: int, batch_size: int) -> None:
    start = time.monotonic()
    # What is wrong in it is known by now.
    rows, again = itertools.tee(_rows(source, lambda *_: None))
    answers = answerer.answers(((row["question"], row["context"]) for row in again), batch_size)
    write_json_lines(
        target, (_as_json(row, answer) for row, answer in track(zip(rows, answers), "answering", count, "questions"))
    )
    seconds = time.monotonic() - start
    print(f"wrote {target}: {count:,} answers in {seconds:.1f} s ({count / max(seconds, 1e-9):.1f} a second)")


def _as_json(row: dict[str, Any], answer: Answer) -> dict[str, Any]:
    known = {"id": row["id"]} if "id" in row else {}
    found = {"answer": answer.text, "score": answer.score, "start": answer.start, "end": answer.end}
    if answer.null_score_difference is not None:
        found["null_score_difference"] = answer.null_score_difference
    return known | found


def _rows(path: str, report: Callable[[str, str, str], None]) -> Iterator[dict[str, Any]]:
    """The objects of a file of questions; `report` is told of every line that is no such object: place, reason and line.

    Raises:
      UserError: the file is empty.
    """
    empty = True
    for number, row, line in read_jsonl(path):
        empty = False
        reason = _why_unusable(row, line)
        if row is None or reason:
            report(f"{path}:{number}", reason, line)
        else:
            yield row
    if empty:
        raise UserError(f"--input_file={path} holds no questions")


def _why_unusable(row: dict[str, Any] | None, line: str) -> str:
    """What is wrong with a line; empty where it is a question with its context."""
    if row is None:
        found = f"'{line[:60]}'" if line.strip() else "a blank line"
        return f'expected a JSON object {{"question": …, "context": …}}; found {found}'
    for name in _REQUIRED:
        if name not in row:
            return f"the key '{name}' is missing (found {', '.join(row) or 'an empty object'})"
        if not isinstance(row[name], str):
            return f"'{name}' must be a text; got {json.dumps(row[name])[:60]}"
    return ""
