"""The files that hold a classifier's predictions."""

from collections.abc import Sequence

import numpy as np

from bert_tf2.errors import UserError
from bert_tf2.files import write_text
from bert_tf2.tasks.classification.outputs import Labelling, log_softmax


def write_test_results(path: str, task: Labelling, logits: np.ndarray) -> None:
    """Writes Google's `test_results.tsv`: one row per example, its class probabilities (or value), tab-separated, no header."""
    values = logits if task.is_regression else np.exp(log_softmax(logits))
    write_text(path, "".join("\t".join(str(float(value)) for value in row) + "\n" for row in values))


def write_predictions(
    path: str,
    task: Labelling,
    logits: np.ndarray,
    *,
    example_ids: Sequence[object],
    gold: np.ndarray | None = None,
    texts: Sequence[tuple[str, str | None]] | None = None,
) -> None:
    """Writes `predictions.tsv`: a header, then per example its id, text, gold label, prediction and named probabilities.

    Args:
      path: the file.
      task: gives the label names.
      logits: float32 [N, C].
      example_ids: what identifies each example, in the order of the logits.
      gold: label ids or numbers [N]; None when the data has none.
      texts: text and second text (or None) per example; None when only records are at hand.

    Raises:
      UserError: there are more or fewer texts than examples.
    """
    if texts is not None and len(texts) != len(logits):
        raise UserError(
            f"cannot write {path}: {len(logits)} records but {len(texts)} texts; did the data change after the records were "
            "made? Run the command again"
        )
    has_pairs = texts is not None and any(text_b is not None for _, text_b in texts)
    header = ["id"]
    if texts is not None:
        header += ["text_a", "text_b"] if has_pairs else ["text"]
    header += (["label"] if gold is not None else []) + ["prediction"]
    predicted = task.predicted_values(logits)
    probabilities = None
    if not task.is_regression:
        header += [f"probability_{_cell(name)}" for name in task.label_list]
        probabilities = np.exp(log_softmax(logits))
    lines = ["\t".join(header)]
    for row, value in enumerate(predicted):
        cells = [_cell(example_ids[row])]
        if texts is not None:
            text_a, text_b = texts[row]
            cells += [_cell(text_a), _cell(text_b or "")] if has_pairs else [_cell(text_a)]
        if gold is not None:
            cells.append(_readable(task, gold[row]))
        cells.append(_readable(task, value))
        if probabilities is not None:
            cells += [f"{probability:.6f}" for probability in probabilities[row]]
        lines.append("\t".join(cells))
    write_text(path, "\n".join(lines) + "\n")


def _readable(task: Labelling, value: float) -> str:
    return f"{float(value):.6g}" if task.is_regression else _cell(task.label_list[int(value)])


def _cell(value: object) -> str:
    """A value as one cell: what would break a row of the table becomes a space."""
    return " ".join(str(value).replace("\0", " ").split("\t")).replace("\r", " ").replace("\n", " ")
