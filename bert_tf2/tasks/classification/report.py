"""What a report says of a classifier beyond its scores: each label's own, and the worst errors."""

from collections.abc import Sequence

import numpy as np

from bert_tf2.tasks.classification.metrics import confusion_matrix
from bert_tf2.tasks.classification.outputs import Labelling, log_softmax
from bert_tf2.tasks.classification.pictures import most_confused

_MOST_LABELS = 200
_MOST_ERRORS = 20
_LONGEST_TEXT = 300

Text = tuple[str, str | None]


def report_sections(
    task: Labelling,
    logits: np.ndarray,
    gold: np.ndarray,
    example_ids: Sequence[object],
    texts: Sequence[Text] | None = None,
) -> list[tuple[str, str]]:
    """Headings and Markdown for `bert_tf2.training.report.write_report`.

    Args:
      task: gives the label names.
      logits: float32 [N, C].
      gold: label ids or numbers [N].
      example_ids: what identifies each example, in the order of the logits.
      texts: text and second text (or None) of each example; None when only records are at hand.
    """
    predicted = task.predicted_values(logits)
    if task.is_regression:
        residuals = np.asarray(predicted, np.float64) - np.asarray(gold, np.float64)
        worst = np.argsort(-np.abs(residuals), kind="stable")[:_MOST_ERRORS]
        rows = [(f"{gold[row]:.4g}", f"{predicted[row]:.4g}", f"{residuals[row]:+.4g}") for row in worst]
        table = _examples(worst, ("gold", "predicted", "difference"), rows, example_ids, texts)
        return [("Largest differences", table)]
    matrix = confusion_matrix(gold, predicted, task.num_labels)
    sections = [("Labels", _labels(matrix, task.label_list))]
    wrong = np.flatnonzero(np.asarray(gold) != predicted)
    if len(wrong):
        certain = np.exp(log_softmax(logits)).max(axis=1)
        worst = wrong[np.argsort(-certain[wrong], kind="stable")[:_MOST_ERRORS]]
        names = [_escaped(name) for name in task.label_list]
        rows = [(names[int(gold[row])], names[int(predicted[row])], f"{certain[row]:.3f}") for row in worst]
        said = f"{len(wrong):,} of {len(gold):,} examples are wrong; the most certain of them:\n\n"
        table = _examples(worst, ("gold", "predicted", "probability"), rows, example_ids, texts)
        sections.append(("Worst errors", said + table))
    return sections


def label_scores(matrix: np.ndarray) -> np.ndarray:
    """Precision, recall and F1 of each label, and how often it is gold: float64 [C, 4]; nan where there is nothing to divide by.

    Args:
      matrix: counts [C, C], gold label by row.
    """
    right, gold, predicted = matrix.diagonal().astype(np.float64), matrix.sum(axis=1), matrix.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.stack([right / predicted, right / gold, 2 * right / (gold + predicted), gold], axis=1)


def _labels(matrix: np.ndarray, names: Sequence[str]) -> str:
    shown, scores = most_confused(matrix, _MOST_LABELS), label_scores(matrix)
    lines = ["| number | label | precision | recall | F1 | examples |", "|---|---|---|---|---|---|"]
    for label in shown:
        cells = " | ".join("–" if np.isnan(value) else f"{value:.4f}" for value in scores[label, :3])
        lines.append(f"| {label} | {_escaped(names[label])} | {cells} | {int(scores[label, 3]):,} |")
    if len(shown) < len(names):
        lines = [f"The {len(shown)} of {len(names):,} labels with most errors:", "", *lines]
    return "\n".join(lines)


def _examples(
    chosen: np.ndarray,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    example_ids: Sequence[object],
    texts: Sequence[Text] | None,
) -> str:
    header = ["id", *columns, *(["text"] if texts is not None else [])]
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    for row, cells in zip(chosen, rows):
        shown = [str(example_ids[row]), *cells]
        if texts is not None:
            shown.append(" ⟂ ".join(_escaped(_cut(text)) for text in texts[row] if text is not None))
        lines.append(f"| {' | '.join(shown)} |")
    return "\n".join(lines)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _escaped(text: str) -> str:
    """The text as Markdown that shows it as it is, on one line of a table."""
    text = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in r"\`*_[]<>|$#" else sign for sign in text)
