"""What a report says where texts have any number of labels: each label's scores, how many labels there are, the worst errors."""

from collections.abc import Sequence

import numpy as np

from bert_tf2.tasks.classification.label_scores import LabelCounts, average_precision
from bert_tf2.tasks.classification.report import MOST_ERRORS, Text, table_of_examples, table_of_labels
from bert_tf2.tasks.written_tables import escaped


def label_set_sections(
    names: Sequence[str],
    gold: np.ndarray,
    probabilities: np.ndarray,
    thresholds: np.ndarray,
    example_ids: Sequence[object] | np.ndarray,
    texts: Sequence[Text] | None = None,
) -> list[tuple[str, str]]:
    """Headings and Markdown for `bert_tf2.training.reporting.report.write_report`.

    Args:
      names: of the labels, in id order.
      gold: bool [N, C].
      probabilities: float64 [N, C].
      thresholds: float64 [C]: from which on a label is chosen.
      example_ids: what identifies each example.
      texts: text and second text (or None) of each example; None when only records are at hand.
    """
    chosen = probabilities >= thresholds
    further = {"average_precision": average_precision(gold, probabilities), "threshold": thresholds}
    sections = [
        ("Labels", table_of_labels(names, LabelCounts.of_sets(gold, chosen), **further)),
        ("Labels of a text", _numbers_of_labels(gold, chosen)),
    ]
    wrong = np.flatnonzero((gold != chosen).any(axis=1))
    if len(wrong):
        # How far the probabilities are from gold where the choice is wrong.
        distance = np.where(gold != chosen, np.abs(gold - probabilities), 0).max(axis=1)
        worst = wrong[np.argsort(-distance[wrong], kind="stable")[:MOST_ERRORS]]
        rows = [
            (_listed(names, gold[row]), _listed(names, chosen[row]), *_furthest(names, gold, probabilities, chosen, row))
            for row in worst
        ]
        said = f"{len(wrong):,} of {len(gold):,} examples are wrong in at least one label; the most certain of them:\n\n"
        columns = ("gold", "predicted", "wrong label", "its probability")
        sections.append(("Worst errors", said + table_of_examples(worst, columns, rows, example_ids, texts)))
    return sections


def _numbers_of_labels(gold: np.ndarray, chosen: np.ndarray) -> str:
    most = int(max(gold.sum(axis=1).max(), chosen.sum(axis=1).max())) + 1
    given, predicted = (np.bincount(labels.sum(axis=1), minlength=most) for labels in (gold, chosen))
    lines = ["| labels of a text | gold | predicted |", "|---|---|---|"]
    lines += [
        f"| {number} | {given[number]:,} | {predicted[number]:,} |" for number in range(most) if given[number] + predicted[number]
    ]
    return "\n".join(lines)


def _furthest(names: Sequence[str], gold: np.ndarray, probabilities: np.ndarray, chosen: np.ndarray, row: int) -> tuple[str, str]:
    """The label that is wrong with most certainty, and its probability."""
    label = int(np.argmax(np.where(gold[row] != chosen[row], np.abs(gold[row] - probabilities[row]), -1)))
    return escaped(names[label]), f"{probabilities[row, label]:.3f}"


def _listed(names: Sequence[str], labels: np.ndarray) -> str:
    return ", ".join(escaped(names[label]) for label in np.flatnonzero(labels).tolist()) or "–"
