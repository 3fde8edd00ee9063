"""What a report says of how a classifier does on short and on long texts."""

from collections.abc import Sequence

import numpy as np

from bert_tf2.tasks.written_tables import escaped, markdown_table

_PARTS = 5


def length_section(
    names: Sequence[str], gold: np.ndarray, probabilities: np.ndarray, lengths: np.ndarray, unit: str = "tokens"
) -> tuple[str, str] | None:
    """Heading and Markdown for `bert_tf2.training.reporting.report.write_report`; None where all texts are of one length.

    Args:
      names: of the labels, in id order.
      gold: label ids [N].
      probabilities: float64 [N, C].
      lengths: int [N], of what the model is shown of each example.
      unit: what they count.
    """
    predicted = np.argmax(probabilities, axis=1)
    rows = []
    for within in parts_by_length(lengths):
        shown, right = lengths[within], gold[within] == predicted[within]
        cells = (f"{len(shown):,}", f"{np.mean(right):.4f}", f"{probabilities[within].max(axis=1).mean():.4f}")
        rows.append((_range(shown), *cells, _most_confused(names, gold[within], predicted[within])))
    if len(rows) < 2:
        return None
    columns = (unit, "examples", "accuracy", "mean probability", "most frequent error (gold → predicted)")
    return "By length", markdown_table(columns, rows)


def parts_by_length(lengths: np.ndarray) -> list[np.ndarray]:
    """About equal numbers of examples from the shortest to the longest, those of one length together: bool [N] of each."""
    if not len(lengths):
        return []
    edges = np.unique(np.quantile(lengths, np.arange(1, _PARTS + 1) / _PARTS, method="inverted_cdf"))
    part = np.searchsorted(edges, lengths, side="left")
    return [part == number for number in range(len(edges))]


def _range(lengths: np.ndarray) -> str:
    low, high = int(lengths.min()), int(lengths.max())
    return f"{low}" if low == high else f"{low} to {high}"


def _most_confused(names: Sequence[str], gold: np.ndarray, predicted: np.ndarray) -> str:
    wrong = gold != predicted
    if not wrong.any():
        return "–"
    pairs, counts = np.unique(np.stack([gold[wrong], predicted[wrong]], axis=1), axis=0, return_counts=True)
    one, other = pairs[np.argmax(counts)]
    return f"{escaped(names[one])} → {escaped(names[other])} ({counts.max():,})"
