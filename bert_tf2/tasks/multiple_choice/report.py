"""What a report says of answers beyond their scores: by number of choices and by length, and the worst errors."""

from collections.abc import Iterator

import numpy as np

from bert_tf2.tasks.multiple_choice.examples import name_of
from bert_tf2.tasks.multiple_choice.files import QuestionTexts
from bert_tf2.tasks.multiple_choice.outcome import Answers
from bert_tf2.tasks.written_tables import escaped, markdown_table, shortened

_MOST_ERRORS = 20
_SHORTEST_BAND = 32

Group = tuple[str, np.ndarray]


def report_sections(answers: Answers, lengths: np.ndarray, texts: QuestionTexts) -> list[tuple[str, str]]:
    """Headings and Markdown for `bert_tf2.training.reporting.report.write_report`.

    Args:
      answers: to questions whose right answers are known.
      lengths: int32 [N], how many tokens the longest input of each question has.
      texts: the questions' texts.
    """
    sections = [
        ("By number of choices", _shares(answers, "choices", _by_count(answers.counts))),
        ("By length", _shares(answers, "tokens", _by_length(lengths))),
    ]
    wrong = np.flatnonzero(~answers.is_right)
    if len(wrong):
        said = f"{len(wrong):,} of {len(answers.gold):,} questions are answered wrongly; the most certain of these answers:\n\n"
        sections.append(("Worst errors", said + _errors(answers, wrong, texts)))
    return sections


def _by_count(counts: np.ndarray) -> Iterator[Group]:
    for count in np.unique(counts):
        yield f"{count}", counts == count


def _by_length(lengths: np.ndarray) -> Iterator[Group]:
    """Bands of lengths, each twice as wide as the one before."""
    lower, upper = 0, _SHORTEST_BAND
    while lower < lengths.max(initial=0):
        within = (lengths > lower) & (lengths <= upper)
        if within.any():
            yield f"{lower + 1} to {upper}", within
        lower, upper = upper, 2 * upper


def _shares(answers: Answers, name: str, groups: Iterator[Group]) -> str:
    rows = []
    for shown, within in groups:
        chance = f"{np.mean(1 / answers.counts[within]):.4f}"
        rows.append((shown, f"{within.sum():,}", f"{np.mean(answers.is_right[within]):.4f}", chance))
    return markdown_table((name, "questions", "accuracy", "by chance"), rows)


def _errors(answers: Answers, wrong: np.ndarray, texts: QuestionTexts) -> str:
    predicted = answers.predicted
    certain = np.exp(answers.log_probabilities[np.arange(len(predicted)), predicted])
    worst = wrong[np.argsort(-certain[wrong], kind="stable")[:_MOST_ERRORS]]
    columns, rows = ["id", "right", "predicted", "probability", *(["context", "question"] if texts.are_there else [])], []
    for row in worst.tolist():
        cells = [escaped(texts.id(row, int(answers.example_ids[row])))]
        for choice in (int(answers.gold[row]), int(predicted[row])):
            text = texts.choice(row, choice)
            cells.append(name_of(choice) + (f": {escaped(shortened(text))}" if text else ""))
        cells.append(f"{certain[row]:.3f}")
        cells += [escaped(shortened(text)) for text in (texts.context(row), texts.question(row))] if texts.are_there else []
        rows.append(cells)
    return markdown_table(columns, rows)
