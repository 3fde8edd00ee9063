"""A question with its choices: what a row of a data set says, checked, and the texts that a model sees of it."""

import dataclasses
import re
from typing import Any

FEWEST_CHOICES = 2
_BLANK = re.compile("_+")
# What publishers put in the place of answers that they hide.
_HIDDEN = ("", "-1")


class UnusableRow(Exception):
    """A row cannot be used; the message says why."""


@dataclasses.dataclass(frozen=True)
class ChoiceExample:
    """A question with its choices.

    Attributes:
      number: of the question in its file, from 0.
      id: the row's own, or the number.
      context: what the question is about; empty where nothing is given.
      question: what is asked, or the beginning that the choices end; empty where the context asks it.
      choices: the texts to choose from, at least two.
      answer: the right choice's number from 0; None where the row does not say.
      where: `file:line`, for messages.
      fills_blank: the choices stand where `question` has a blank (`_`), as in RACE.
    """

    number: int
    id: str
    context: str
    question: str
    choices: tuple[str, ...]
    answer: int | None
    where: str
    fills_blank: bool = False

    def inputs(self) -> tuple[str, list[str], bool]:
        """What the model sees: one first text, a second text for each choice, and whether the first is a context.

        A context stands first, question and choice behind it; without a context the question stands first.
        """
        if not self.context:
            return self.question, list(self.choices), False
        if self.fills_blank and "_" in self.question:
            return self.context, [choice.join(_BLANK.split(self.question)) for choice in self.choices], True
        return self.context, [f"{self.question} {choice}" if self.question else choice for choice in self.choices], True


def name_of(choice: int) -> str:
    """What people call a choice: A, B, … Z, AA, AB, …"""
    name, choice = "", choice + 1
    while choice:
        choice, letter = divmod(choice - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


@dataclasses.dataclass(frozen=True)
class ChoiceRow:
    """What a row says, not yet checked; see `checked`.

    Attributes:
      context, question, choices, id: as they stand there; None for what is absent.
      answer: as it stands there.
      names: what the answer calls the choices, where the row says so itself.
      first_number: what the answer calls the first choice where it is a number; None where it is none.
      by_text: the answer may be a choice's text or letter too.
      fills_blank: see `ChoiceExample`.
    """

    context: Any
    question: Any
    choices: Any
    answer: Any
    id: Any = None
    names: tuple[Any, ...] | None = None
    first_number: int | None = None
    by_text: bool = False
    fills_blank: bool = False


def checked(row: ChoiceRow, number: int, where: str, answer_needed: bool) -> ChoiceExample:
    """The example that a row gives.

    Args:
      row: what the row says.
      number: of the question in its file, from 0.
      where: its file and line.
      answer_needed: a row without an answer cannot be used.

    Raises:
      UnusableRow: a text is missing or no text, there are fewer than two choices, or the answer is none of them.
    """
    context, question = _text("context", row.context), _text("question", row.question)
    choices = _choices(row.choices)
    if not context and not question:
        raise UnusableRow("neither a context nor a question")
    if row.fills_blank and not context:
        raise UnusableRow("the article is empty")
    answer = _answer(row, choices)
    if answer is None and answer_needed:
        raise UnusableRow("the answer is missing")
    own_id = row.id if isinstance(row.id, str | int) and not isinstance(row.id, bool) else ""
    id = str(own_id) or str(number)
    return ChoiceExample(number, id, context, question, choices, answer, where, row.fills_blank)


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UnusableRow(f"the {name} must be a text; found {value!r:.60}")
    return value if value.strip() else ""


def _choices(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise UnusableRow(f"the choices must be a list of texts; found {values!r:.60}")
    if len(values) < FEWEST_CHOICES:
        raise UnusableRow(f"{len(values)} {'choice' if len(values) == 1 else 'choices'}; at least {FEWEST_CHOICES} are needed")
    for number, value in enumerate(values):
        if value is None or (isinstance(value, str) and not value.strip()):
            raise UnusableRow(f"choice {name_of(number)} of {len(values)} is missing")
        if not isinstance(value, str):
            raise UnusableRow(f"choice {name_of(number)} must be a text; found {value!r:.60}")
    return tuple(values)


def _answer(row: ChoiceRow, choices: tuple[str, ...]) -> int | None:
    """The number of the right choice; None where the row does not say."""
    given, said = row.answer, "" if row.answer is None else str(row.answer).strip()
    places = range(len(choices))
    if not isinstance(given, bool | list | dict):
        names = [name_of(place) for place in places] if row.names is None else [str(name).strip() for name in row.names]
        numbers = [] if row.first_number is None else [str(row.first_number + place) for place in places]
        texts = [choice.strip() for choice in choices] if row.by_text and not isinstance(given, int) else []
        for known in (texts, names, numbers):
            if said in known:
                return _only(said, known)
        if said in _HIDDEN:
            return None
    raise UnusableRow(f"the answer {given!r:.60} is no choice; {_expected(row, len(choices))}")


def _only(said: str, known: list[str]) -> int:
    if known.count(said) > 1:
        raise UnusableRow(f"{known.count(said)} choices are called {said[:60]!r}, which is the answer; say which by its number")
    return known.index(said)


def _expected(row: ChoiceRow, count: int) -> str:
    if row.names is not None:
        return f"they are called {', '.join(str(name) for name in row.names)}"
    ways = [f"{name_of(0)} to {name_of(count - 1)}"]
    if row.first_number is not None:
        ways.append(f"{row.first_number} to {row.first_number + count - 1}")
    return f"give {' or '.join(ways)}{', or the text of a choice' if row.by_text else ''}"
