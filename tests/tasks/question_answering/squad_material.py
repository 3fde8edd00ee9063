"""Small SQuAD files for tests."""

import json
import pathlib
from typing import Any


def question(id: str = "q1", text: str = "who was good ?", answer: tuple[str, int] | None = ("movie", 4), **more: Any) -> dict:
    """A question of version 1.1; without `answer` it lacks the key."""
    value = {"id": id, "question": text} | more
    return value if answer is None else {"answers": [{"text": answer[0], "answer_start": answer[1]}]} | value


def squad(*questions: dict, context: str = "the movie was very good .", version: str = "1.1") -> dict:
    """A file with one paragraph."""
    return {"version": version, "data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(questions)}]}]}


def write(path: pathlib.Path, value: Any) -> str:
    """Writes JSON, or a text as it is."""
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


def with_first_answers(source: pathlib.Path, path: pathlib.Path) -> str:
    """Copies a file for evaluation with one answer to a question, as training data have."""
    value = json.loads(source.read_text(encoding="utf-8"))
    for article in value["data"]:
        for paragraph in article["paragraphs"]:
            for found in paragraph["qas"]:
                found["answers"] = found["answers"][:1]
    return write(path, value)
