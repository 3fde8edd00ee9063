"""SQuAD's JSON, versions 1.1 and 2.0: questions on paragraphs, read one article at a time."""

import dataclasses
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bert_tf2.data.sources.json_stream import JsonStream
from bert_tf2.errors import UserError

# Called with the place, what is wrong there and what stands there; raises, or returns to have it left out.
Report = Callable[[str, str, Any], None]


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer and where it begins in the context, in code points; -1 where the file does not say."""

    text: str
    start: int


@dataclasses.dataclass(frozen=True)
class Question:
    """A question; `answers` is empty for unanswerable ones and where nothing is known."""

    id: str
    text: str
    answers: tuple[Answer, ...]
    is_impossible: bool


@dataclasses.dataclass(frozen=True)
class Paragraph:
    """A context with its questions; `where` is its place, as `dev.json: data[0].paragraphs[3]`."""

    context: str
    questions: tuple[Question, ...]
    where: str


def refuse(where: str, reason: str, found: Any) -> None:
    """The `Report` that ends the job.

    Raises:
      UserError: always.
    """
    raise UserError(f"{where}: {reason}")


@dataclasses.dataclass
class NotedIds:
    """How many questions something holds for, and the ids of the first five."""

    count: int = 0
    first: list[str] = dataclasses.field(default_factory=list)

    def add(self, id: str) -> None:
        """Counts a question."""
        self.count += 1
        if self.count <= 5:
            self.first.append(id)

    def __str__(self) -> str:
        return ("ids " if self.count > 1 else "id ") + ", ".join(self.first) + (", …" if self.count > 5 else "")


def noted(ids: NotedIds, what: str) -> list[str]:
    """A line that says for how many questions something holds; none where it holds for none."""
    return [f"{ids.count:,} question{'s' if ids.count > 1 else ''} {what} ({ids})"] if ids.count else []


@dataclasses.dataclass
class Reading:
    """What was met while reading; complete when the last paragraph was yielded.

    Attributes:
      says_version_2: a question is impossible, or a file's `version` begins with 2. (`is_impossible` alone says nothing: some
        tools write false at every question of version 1.1.)
      impossible_with_answers: questions that are impossible and have answers nevertheless; the answers do not count.
      empty_questions: questions without text.
      unusable_answers: questions with an answer that is malformed or outside the context, where answers are needed, beside one
        that can be used.
    """

    says_version_2: bool = False
    impossible_with_answers: NotedIds = dataclasses.field(default_factory=NotedIds)
    empty_questions: NotedIds = dataclasses.field(default_factory=NotedIds)
    unusable_answers: NotedIds = dataclasses.field(default_factory=NotedIds)

    def warnings(self) -> list[str]:
        """One line for each thing a user should know."""
        return [
            *noted(self.impossible_with_answers, "marked impossible with answers, which are not used"),
            *noted(self.empty_questions, "without text"),
            *noted(self.unusable_answers, "with an answer that cannot be used beside one that can; the latter is used"),
        ]


def read_paragraphs(
    paths: Sequence[str], *, answers_needed: bool = False, report: Report = refuse, reading: Reading | None = None
) -> Iterator[Paragraph]:
    """Yields the paragraphs of files, holding one article in memory at a time.

    Args:
      paths: local or remote files. Their question ids must differ.
      answers_needed: questions must have an answer with a place or say that they are impossible, as in training data;
        otherwise answers may be absent, and their places need not be right.
      report: told of every article, paragraph or question that cannot be used.
      reading: filled with what was met.

    Raises:
      UserError: a file cannot be read, is not JSON or not SQuAD's, holds no question, or two questions have the same id.
    """
    reading = Reading() if reading is None else reading
    # Eight bytes for a question; what looks like a duplicate is looked up in the files.
    hashes = array("q")
    for path in paths:
        count = len(hashes)
        for paragraph in _Reader(path, answers_needed, report, reading).paragraphs():
            hashes.extend([hash(question.id) for question in paragraph.questions])
            yield paragraph
        if len(hashes) == count:
            raise UserError(f"{path}: holds no question that can be used")
    _check_ids(paths, hashes)


def _check_ids(paths: Sequence[str], hashes: array) -> None:
    """Refuses ids that occur twice, naming both places."""
    ordered = np.sort(np.frombuffer(hashes, np.int64)) if hashes else np.zeros(0, np.int64)
    suspects = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if not suspects:
        return
    places: dict[str, str] = {}
    for path in paths:
        for paragraph in _Reader(path, False, lambda *_: None, Reading()).paragraphs():
            for index, question in enumerate(paragraph.questions):
                if hash(question.id) in suspects:
                    place = f"{paragraph.where}.qas[{index}]"
                    first = places.setdefault(question.id, place)
                    if first != place:
                        raise UserError(f"{place}: the id {question.id} is also that of {first}; give every question its own")


class _Reader:
    """Reads one file; see `read_paragraphs`."""

    def __init__(self, path: str, answers_needed: bool, report: Report, reading: Reading):
        self._path = path
        self._answers_needed = answers_needed
        self._report = report
        self._reading = reading

    def paragraphs(self) -> Iterator[Paragraph]:
        stream = JsonStream(self._path, "a file of questions", f"give SQuAD's JSON, {_SHAPE}")
        first = stream.next_character()
        if first != "{":
            raise UserError(f"{self._path}: {_kind_of_file(stream, first)}; expected SQuAD's {_SHAPE}")
        keys = []
        for key in stream.members():
            keys.append(key)
            if key != "data":
                value = stream.value()
                if key == "version" and re.match(r"v?2", str(value)):
                    self._reading.says_version_2 = True
                continue
            if stream.next_character() != "[":
                raise UserError(f"{self._path}: 'data' must be a list of articles; found {_kind(stream.value())}")
            count = 0
            for index, article in enumerate(stream.elements("data")):
                count += 1
                yield from self._article(f"{self._path}: data[{index}]", article)
            if not count:
                raise UserError(f"{self._path}: 'data' is empty; expected a list of articles")
        if "data" not in keys:
            what = f"keys {', '.join(keys[:8])}" if keys else "an empty object"
            flat = f"; {_FLAT}" if {"question", "context"} <= set(keys) else ""
            raise UserError(f"{self._path}: the key 'data' is missing (found {what}){flat}; expected SQuAD's {_SHAPE}")
        if stream.next_character():
            raise UserError(f"{self._path}: more follows the first object (JSON Lines?); expected one, SQuAD's {_SHAPE}")

    def _article(self, where: str, article: Any) -> Iterator[Paragraph]:
        if isinstance(article, dict) and "paragraphs" not in article and {"question", "context"} <= set(article):
            raise UserError(f"{where}: {_FLAT}; expected SQuAD's {_SHAPE}")
        paragraphs = self._part(where, article, "paragraphs", list)
        if paragraphs is not None and not paragraphs:
            self._report(where, "the article has no paragraphs", article)
        for index, paragraph in enumerate(paragraphs or ()):
            place = f"{where}.paragraphs[{index}]"
            context = self._part(place, paragraph, "context", str)
            if context is not None and self._answers_needed and not context.strip():
                self._report(f"{place}.context", "the context is empty", paragraph)
                context = None
            if context is not None:
                questions = self._part(place, paragraph, "qas", list) or ()
                found = [self._question(f"{place}.qas[{i}]", value, len(context)) for i, value in enumerate(questions)]
                yield Paragraph(context, tuple([question for question in found if question]), place)

    def _part(self, where: str, value: Any, key: str, kind: type, report: Report | None = None) -> Any:
        """The value under a key, or None when it cannot be used, which `report` or else the reader's is told."""
        if value.__class__ is dict:
            part = value.get(key)
            if part.__class__ is kind:
                return part
        report = report or self._report
        if not isinstance(value, dict):
            report(where, f"must be an object with '{key}'; found {_kind(value)}", value)
        elif key not in value:
            report(where, f"the key '{key}' is missing", value)
        else:
            report(f"{where}.{key}", f"must be {_KINDS[kind]}; found {_kind(value[key])}", value)
        return None

    def _question(self, where: str, value: Any, context_length: int) -> Question | None:
        if isinstance(value, dict) and isinstance(value.get("id"), int):
            # Predictions are JSON objects with the ids as keys, which are texts.
            value = value | {"id": str(value["id"])}
        id = self._part(where, value, "id", str)
        if id is None:
            return None
        where = f"{where} (id {id})"
        text = self._part(where, value, "question", str)
        if text is None:
            return None
        is_impossible = value.get("is_impossible", False)
        if not isinstance(is_impossible, bool):
            self._report(f"{where}.is_impossible", f"must be true or false; found {_kind(is_impossible)}", value)
            return None
        self._reading.says_version_2 |= is_impossible
        answers = self._answers(where, value, is_impossible, context_length)
        if answers is None:
            return None
        if not text.strip():
            self._reading.empty_questions.add(id)
        return Question(id, text, answers, is_impossible)

    def _answers(self, where: str, value: dict, is_impossible: bool, context_length: int) -> tuple[Answer, ...] | None:
        if is_impossible:
            if value.get("answers"):
                self._reading.impossible_with_answers.add(value["id"])
            return ()
        if "answers" not in value and not self._answers_needed:
            return ()
        answers = self._part(where, value, "answers", list)
        if answers is None:
            return None
        if not answers and self._answers_needed:
            self._report(where, 'has no answer; give one, or say "is_impossible": true as in version 2.0', value)
            return None
        problems: list[tuple[str, str, Any]] = []
        note: Report = lambda *problem: problems.append(problem)  # noqa: E731
        found = [self._answer(f"{where}.answers[{i}]", answer, context_length, note) for i, answer in enumerate(answers)]
        usable = tuple([answer for answer in found if answer])
        if not problems:
            return usable
        if not usable or not self._answers_needed:
            self._report(*problems[0])
            return None
        self._reading.unusable_answers.add(value["id"])
        return usable

    def _answer(self, where: str, value: Any, context_length: int, report: Report) -> Answer | None:
        text = self._part(where, value, "text", str, report)
        if text is None:
            return None
        if not self._answers_needed:
            start = value.get("answer_start")
            return Answer(text, start if start.__class__ is int else -1)
        start = self._part(where, value, "answer_start", int, report)
        if start is None:
            return None
        if not text.strip():
            report(f"{where}.text", "the answer is empty", value)
        elif start < 0 or start + len(text) > context_length:
            reason = f"{start} with an answer of {len(text)} is outside the context of {context_length} characters (code points)"
            report(f"{where}.answer_start", reason, value)
        else:
            return Answer(text, start)
        return None


_SHAPE = '{"data": [{"paragraphs": [{"context": …, "qas": [{"id": …, "question": …, "answers": […]}]}]}]}'
_FLAT = (
    "this is the flat format of Hugging Face's data sets, with the context repeated for every question; "
    "group the questions by context"
)
_KINDS = {list: "a list", str: "a text", int: "a whole number", dict: "an object", bool: "true or false", float: "a number"}


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    shown = f" {str(value)[:40]!r}" if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    return _KINDS.get(type(value), type(value).__name__) + shown


def _kind_of_file(stream: JsonStream, first: str) -> str:
    """What a file is that does not begin with an object."""
    if not first:
        return "the file is empty"
    if first != "[":
        return f"not an object but {_kind(stream.value())}"
    row = next(stream.elements("the list"), None)
    return f"a list; {_FLAT}" if isinstance(row, dict) and {"question", "context"} <= set(row) else "a list, not an object"
