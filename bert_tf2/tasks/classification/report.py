"""What a report says of a classifier beyond its scores: each label's own, and the worst errors."""

from collections.abc import Sequence

import numpy as np

from bert_tf2.tasks.classification.label_scores import LabelCounts
from bert_tf2.tasks.written_tables import escaped, markdown_table, shortened

_MOST_LABELS = 200
MOST_ERRORS = 20

Text = tuple[str, str | None]


def label_sections(
    names: Sequence[str],
    gold: np.ndarray,
    probabilities: np.ndarray,
    example_ids: Sequence[object] | np.ndarray,
    texts: Sequence[Text] | None = None,
) -> list[tuple[str, str]]:
    """Headings and Markdown for `bert_tf2.training.reporting.report.write_report`, where each text has one label.

    Args:
      names: of the labels, in id order.
      gold: label ids [N].
      probabilities: float64 [N, C].
      example_ids: what identifies each example.
      texts: text and second text (or None) of each example; None when only records are at hand.
    """
    predicted, gold = np.argmax(probabilities, axis=1), np.asarray(gold)
    sections = [("Labels", table_of_labels(names, LabelCounts.of_labels(gold, predicted, len(names))))]
    wrong = np.flatnonzero(gold != predicted)
    if len(wrong):
        certain = probabilities.max(axis=1)
        worst = wrong[np.argsort(-certain[wrong], kind="stable")[:MOST_ERRORS]]
        shown = [escaped(name) for name in names]
        rows = [(shown[int(gold[row])], shown[int(predicted[row])], f"{certain[row]:.3f}") for row in worst]
        said = f"{len(wrong):,} of {len(gold):,} examples are wrong; the most certain of them:\n\n"
        table = table_of_examples(worst, ("gold", "predicted", "probability"), rows, example_ids, texts)
        sections.append(("Worst errors", said + table))
    return sections


def difference_sections(
    gold: np.ndarray, predicted: np.ndarray, example_ids: Sequence[object] | np.ndarray, texts: Sequence[Text] | None = None
) -> list[tuple[str, str]]:
    """As `label_sections`, where each text has a number: gold and predicted ones [N]."""
    residuals = np.asarray(predicted, np.float64) - np.asarray(gold, np.float64)
    worst = np.argsort(-np.abs(residuals), kind="stable")[:MOST_ERRORS]
    rows = [(f"{gold[row]:.4g}", f"{predicted[row]:.4g}", f"{residuals[row]:+.4g}") for row in worst]
    table = table_of_examples(worst, ("gold", "predicted", "difference"), rows, example_ids, texts)
    return [("Largest differences", table)]


def table_of_labels(names: Sequence[str], counts: LabelCounts, **further: np.ndarray) -> str:
    """Precision, recall, F1 and number of examples of each label, those that most examples have first.

    Args:
      names: in id order.
      counts: how often they are right and wrong.
      further: more columns float64 [C], by heading with _ for blanks.
    """
    columns = {"precision": counts.precision(), "recall": counts.recall(), "F1": counts.f1(), **further}
    shown = np.argsort(-counts.gold, kind="stable")[:_MOST_LABELS]
    header = ["number", "label", *(heading.replace("_", " ") for heading in columns), "examples"]
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for label in shown:
        cells = " | ".join("–" if np.isnan(column[label]) else f"{column[label]:.4f}" for column in columns.values())
        lines.append(f"| {label} | {escaped(names[label])} | {cells} | {counts.gold[label]:,} |")
    if len(shown) < len(names):
        lines = [f"The {len(shown)} of {len(names):,} labels that most examples have:", "", *lines]
    return "\n".join(lines)


def table_of_examples(
    chosen: np.ndarray,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    example_ids: Sequence[object] | np.ndarray,
    texts: Sequence[Text] | None,
) -> str:
    """A row for each of the chosen examples: its id, cells and text."""
    header = ["id", *columns, *(["text"] if texts is not None else [])]
    lines = []
    for row, cells in zip(chosen, rows):
        shown = [str(example_ids[row]), *cells]
        if texts is not None:
            shown.append(" ⟂ ".join(escaped(shortened(text)) for text in texts[row] if text is not None))
        lines.append(shown)
    return markdown_table(header, lines)
