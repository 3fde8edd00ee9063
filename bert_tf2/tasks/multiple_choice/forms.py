"""The forms in which questions with choices are published, each told by the keys that its rows have."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

from bert_tf2.tasks.multiple_choice.examples import ChoiceRow, UnusableRow

Row = dict[str, Any]
# `ending0`, `choice_1` or `answerA`.
_NUMBERED = re.compile(r"(ending|choice|answer)_?(\d+|[A-Z])")


@dataclasses.dataclass(frozen=True)
class Form:
    """A form of rows.

    Attributes:
      title: what people call it.
      fits: whether a row is of this form; for a table a row of its names.
      read: gives what a row says: one question, or several on one text.
    """

    title: str
    fits: Callable[[Row], bool]
    read: Callable[[Row], list[ChoiceRow]]


def form_of(row: Row) -> Form | None:
    """The form of a row, which may lack its answer; None where it is of none."""
    return next((form for form in FORMS if form.fits(row)), None)


def _has(*keys: str) -> Callable[[Row], bool]:
    """What tells whether a row has some keys; `ending*` is a numbered one."""

    def has(row: Row) -> bool:
        numbered = {match[1] + "*" for match in map(_NUMBERED.fullmatch, row) if match}
        return all(key in row or key in numbered for key in keys)

    return has


def _swag(row: Row) -> list[ChoiceRow]:
    """SWAG (Zellers et al. 2018): `sent1` goes before, `sent2` begins the sentence that one of the endings ends."""
    choices = _numbered(row, "ending")
    return [ChoiceRow(row.get("sent1"), row.get("sent2"), choices, row.get("label"), first_number=0)]


def _social_iqa(row: Row) -> list[ChoiceRow]:
    """SocialIQA (Sap et al. 2019): `answerA` and so on; `correct` is a letter, or `label` a number from 1."""
    answer = row.get("correct") if "correct" in row else row.get("label")
    choices = _numbered(row, "answer")
    return [ChoiceRow(row.get("context"), row.get("question"), choices, answer, row.get("id"), first_number=1)]


def _race(row: Row) -> list[ChoiceRow]:
    """RACE (Lai et al. 2017): an article with a list of questions, of options and of answers."""
    questions, options, answers = row["questions"], row["options"], row.get("answers")
    for name, values in (("questions", questions), ("options", options), ("answers", answers)):
        if not isinstance(values, list) and (name != "answers" or values is not None):
            raise UnusableRow(f"'{name}' must be a list; found {values!r:.60}")
        if isinstance(values, list) and len(values) != len(questions):
            raise UnusableRow(f"{len(questions)} questions but {len(values)} {name}; each question needs its own")
    if not questions:
        raise UnusableRow("the article has no questions")
    id = row.get("id")
    return [
        ChoiceRow(
            row["article"],
            question,
            options[number],
            None if answers is None else answers[number],
            None if id is None else f"{id}-{number}",
            fills_blank=True,
        )
        for number, question in enumerate(questions)
    ]


def _has_list(row: Row) -> bool:
    return "choices" in row or (isinstance(row.get("question"), dict) and "choices" in row["question"])


def _listed(row: Row) -> list[ChoiceRow]:
    """A list of choices. Where they have labels, as in ARC (Clark et al. 2018), OpenBookQA and CommonsenseQA, the answer
    (`answerKey`) is one of these; else the answer is a choice's text, its letter or its number from 0."""
    question, choices = row.get("question"), row.get("choices")
    if isinstance(question, dict):
        choices, question = question.get("choices"), question.get("stem")
    if isinstance(choices, list) and choices and all(isinstance(choice, dict) for choice in choices):
        choices = {key: [choice.get(key) for choice in choices] for key in ("text", "label")}
    answer = row.get("answerKey") if "answerKey" in row else row.get("answer")
    if not isinstance(choices, dict):
        return [_own(row, choices, answer)]
    texts, labels = choices.get("text"), choices.get("label")
    if not isinstance(texts, list) or not isinstance(labels, list) or len(texts) != len(labels) or None in labels:
        raise UnusableRow("choices that are objects must have a 'text' and a 'label' each")
    return [ChoiceRow(row.get("context"), question, texts, answer, row.get("id"), names=tuple(labels))]


def _in_columns(row: Row) -> list[ChoiceRow]:
    """As `_listed`, with the choices in columns of their own."""
    return [_own(row, _numbered(row, "choice"), row.get("answer"))]


def _own(row: Row, choices: Any, answer: Any) -> ChoiceRow:
    context, question, id = row.get("context"), row.get("question"), row.get("id")
    return ChoiceRow(context, question, choices, answer, id, first_number=0, by_text=True)


def _numbered(row: Row, name: str) -> list[Any]:
    """The values of `ending0`, `ending1`, … or of `answerA`, `answerB`, …; those at the end may be absent.

    Raises:
      UnusableRow: one is absent before another.
    """
    found = {match[2]: (key, row[key]) for key in row if (match := _NUMBERED.fullmatch(key)) and match[1] == name}
    places = sorted(found, key=lambda place: (len(place), place))
    values = [found[place] for place in places]
    while values and values[-1][1] is None:
        values.pop()
    numbers = [int(place) if place.isdecimal() else ord(place) - ord("A") for place in places[: len(values)]]
    # Some count from 1.
    for expected, number in enumerate(numbers, start=numbers[0] == 1 if numbers else 0):
        if number != expected:
            raise UnusableRow(
                f"there is {values[-1][0]}, but a choice before it is missing: {', '.join(key for key, _ in values)}"
            )
    return [value for _, value in values]


RACE = Form("RACE", _has("article", "questions", "options"), _race)
FORMS = (
    Form("SWAG", _has("sent1", "ending*"), _swag),
    RACE,
    Form("SocialIQA", _has("question", "answer*"), _social_iqa),
    Form("choices in a list", _has_list, _listed),
    Form("choices in columns", _has("choice*"), _in_columns),
)
"""Those that tell most first."""

EXPECTED = (
    '{"context": …, "question": …, "choices": ["…", "…"], "answer": 0} on each line, a table with the columns context, question, '
    "choice0, choice1, …, answer, or the files of SWAG, RACE, SocialIQA or ARC"
)
"""What a file may hold, for messages."""
