"""What a report says of SQuAD answers: scores by kind of question and by length of the answer, and some that are wrong."""

import re
from collections.abc import Callable, Mapping, Sequence

from bert_tf2.tasks.question_answering.character_scores import WORDS, scorer
from bert_tf2.tasks.question_answering.scores import QuestionScore, question_scores
from bert_tf2.tasks.question_answering.squad import Question
from bert_tf2.tasks.written_tables import escaped

_QUESTION_WORDS = {"whom": "who", "whose": "who"} | {
    word: word for word in ("who", "what", "when", "where", "which", "why", "how")
}
_COUNTED = "how many, how much"
QUESTION_KINDS = ("what", "who", "when", "where", "which", "why", _COUNTED, "how", "other")
# The longest of each class, in words.
_LENGTHS = {"1 word": 1, "2 words": 2, "3 to 4 words": 4, "5 to 8 words": 8}
_LONGER, _NO_ANSWER = "9 words or more", "no answer"
ANSWER_LENGTHS = (*_LENGTHS, _LONGER, _NO_ANSWER)
_CHARACTERS = {"1 or 2 characters": 2, "3 to 4 characters": 4, "5 to 8 characters": 8, "9 to 16 characters": 16}
_MANY = "17 characters or more"
ANSWER_LENGTHS_IN_CHARACTERS = (*_CHARACTERS, _MANY, _NO_ANSWER)
# Characters of context shown on either side of an answer.
_AROUND = 100
# A name, the number of questions, exact match and F1 in per cent.
Row = tuple[str, int, float, float]


def question_kind(question: Question) -> str:
    """The first question word of an English question, one of `QUESTION_KINDS`."""
    words = re.findall("[a-z]+", question.text.lower())
    for word, following in zip(words, [*words[1:], ""]):
        if word in _QUESTION_WORDS:
            return _COUNTED if word == "how" and following in ("many", "much") else _QUESTION_WORDS[word]
    return "other"


def answer_length(question: Question) -> str:
    """The class of the number of words in the shortest gold answer, one of `ANSWER_LENGTHS`."""
    if not question.answers:
        return _NO_ANSWER
    words = min(len(answer.text.split()) for answer in question.answers)
    return next((name for name, longest in _LENGTHS.items() if words <= longest), _LONGER)


def answer_length_in_characters(question: Question) -> str:
    """As `answer_length`, for languages without spaces: one of `ANSWER_LENGTHS_IN_CHARACTERS`."""
    if not question.answers:
        return _NO_ANSWER
    length = min(len(answer.text.strip()) for answer in question.answers)
    return next((name for name, longest in _CHARACTERS.items() if length <= longest), _MANY)


def breakdown(
    questions: Sequence[Question],
    scores: Mapping[str, QuestionScore],
    kind_of: Callable[[Question], str],
    kinds: Sequence[str],
) -> list[Row]:
    """Number and scores of the questions of each kind that occurs, in the order of `kinds`."""
    members: dict[str, list[QuestionScore]] = {kind: [] for kind in kinds}
    for question in questions:
        members[kind_of(question)].append(scores[question.id])
    return [
        (kind, len(found), 100 * sum(s.exact for s in found) / len(found), 100 * sum(s.f1 for s in found) / len(found))
        for kind, found in members.items()
        if found
    ]


def report_sections(
    questions: Sequence[Question],
    contexts: Sequence[str],
    predictions: Mapping[str, str],
    version_2: bool,
    wrong: int = 20,
    language: str = WORDS,
) -> list[tuple[str, str]]:
    """Headings and Markdown for `bert_tf2.training.reporting.report.write_report`.

    Args:
      questions: with their gold answers.
      contexts: the context of each.
      predictions: answers by question id.
      version_2: which scores are meant.
      wrong: how many wrong answers are shown.
      language: what answers are scored by; see `bert_tf2.tasks.question_answering.character_scores`.

    Raises:
      UserError: a question of version 1.1 has no gold answer.
    """
    scores = question_scores(questions, predictions, version_2, scorer(language))
    sections = []
    if language == WORDS:
        sections.append(("By question word", _table("question", breakdown(questions, scores, question_kind, QUESTION_KINDS))))
        lengths = breakdown(questions, scores, answer_length, ANSWER_LENGTHS)
    else:
        lengths = breakdown(questions, scores, answer_length_in_characters, ANSWER_LENGTHS_IN_CHARACTERS)
    sections.append(("By length of the answer", _table("shortest gold answer", lengths)))
    shown = wrong_answers(questions, scores, wrong)
    if shown:
        number = sum(not score.exact for score in scores.values())
        text = f"{len(shown)} of the {number:,} that are no exact match, spread evenly over the data.\n\n"
        items = [
            _wrong_answer(questions[index], contexts[index], predictions.get(questions[index].id), scores) for index in shown
        ]
        sections.append(("Wrong answers", text + "\n".join(items)))
    return sections


def wrong_answers(questions: Sequence[Question], scores: Mapping[str, QuestionScore], count: int) -> list[int]:
    """Places of at most `count` questions whose answer is no exact match, spread evenly over all of these."""
    wrong = [index for index, question in enumerate(questions) if not scores[question.id].exact]
    count = min(count, len(wrong))
    return [wrong[(2 * number + 1) * len(wrong) // (2 * count)] for number in range(count)]


def excerpt(context: str, text: str, start: int) -> str:
    """The text in its context as Markdown, in bold; the beginning of the context where it is not found.

    Args:
      context: the context.
      text: what to show.
      start: where it should stand in the context; -1 where that is not known.
    """
    if start < 0 or not context.startswith(text, start):
        start = context.find(text) if text else -1
    if start < 0:
        return escaped(context[: 2 * _AROUND]) + (" …" if len(context) > 2 * _AROUND else "")
    begin, end = max(start - _AROUND, 0), start + len(text)
    before, after = escaped(context[begin:start], strip=False), escaped(context[end : end + _AROUND], strip=False)
    front, back = "… " if begin else "", " …" if end + _AROUND < len(context) else ""
    return f"{front}{before.lstrip()}**{escaped(text)}**{after.rstrip()}{back}"


def _wrong_answer(question: Question, context: str, predicted: str | None, scores: Mapping[str, QuestionScore]) -> str:
    golds = list(dict.fromkeys(answer.text for answer in question.answers))
    gold = " / ".join(map(escaped, golds)) if golds else "(no answer)"
    answer = "(no prediction)" if predicted is None else escaped(predicted) or "(no answer)"
    first = question.answers[0] if question.answers else None
    shown = excerpt(context, first.text, first.start) if first else excerpt(context, predicted or "", -1)
    return (
        f"- **{escaped(question.text)}** (`{question.id}`)\n"
        f"    - gold: {gold}\n"
        f"    - predicted: {answer} (F1 {100 * scores[question.id].f1:.1f})\n"
        f"    - context: {shown}"
    )


def _table(name: str, rows: Sequence[Row]) -> str:
    lines = [f"| {name} | questions | exact match | F1 |", "|---|---:|---:|---:|"]
    lines += [f"| {kind} | {count:,} | {exact:.2f} | {f1:.2f} |" for kind, count, exact, f1 in rows]
    return "\n".join(lines)
