"""The files that hold a classifier's predictions and what can be seen in them."""

import logging
import os
from collections.abc import Sequence

import numpy as np

from bert_tf2.errors import UserError
from bert_tf2.files import write_text, written_whole
from bert_tf2.tasks.classification import ClassificationTask, log_softmax
from bert_tf2.tasks.metrics import confusion_matrix

logger = logging.getLogger(__name__)

_LARGEST_ANNOTATED_MATRIX = 20


def write_test_results(path: str, task: ClassificationTask, logits: np.ndarray) -> None:
    """Writes Google's `test_results.tsv`: one row per example, its class probabilities (or value), tab-separated, no header."""
    values = logits if task.is_regression else np.exp(log_softmax(logits))
    write_text(path, "".join("\t".join(str(float(value)) for value in row) + "\n" for row in values))


def write_predictions(
    path: str,
    task: ClassificationTask,
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


def draw_evaluation(directory: str, task: ClassificationTask, logits: np.ndarray, gold: np.ndarray) -> str | None:
    """Draws the confusion matrix, or gold against predicted values for regression, as a PNG.

    Returns:
      Its path; None where it could not be drawn, for which no run must end.
    """
    try:
        return _draw_evaluation(directory, task, logits, gold)
    except Exception as error:
        logger.warning("no picture of the predictions in %s: %s", directory, error)
        return None


def _draw_evaluation(directory: str, task: ClassificationTask, logits: np.ndarray, gold: np.ndarray) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    predicted = task.predicted_values(logits)
    if task.is_regression:
        axes.scatter(gold, predicted, s=8, alpha=0.4)
        low, high = float(min(gold.min(), predicted.min())), float(max(gold.max(), predicted.max()))
        axes.plot([low, high], [low, high], color="grey", linewidth=1)
        axes.set(xlabel="gold value", ylabel="predicted value", title=f"{len(gold):,} examples")
        path = os.path.join(directory, "predicted_against_gold.png")
    else:
        _draw_confusion(axes, figure, confusion_matrix(gold, predicted, task.num_labels), task.label_list)
        path = os.path.join(directory, "confusion_matrix.png")
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    return path


def _draw_confusion(axes, figure, matrix: np.ndarray, names: list[str]) -> None:
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the gold label's examples")
    axes.set(xlabel="predicted label", ylabel="gold label", title=f"{matrix.sum():,} examples")
    ticks = np.arange(len(names))
    short = [name if len(name) <= 20 else name[:19] + "…" for name in _drawable(names)]
    # A label is not mathematics, whatever dollar signs it holds.
    text = {"parse_math": False}
    axes.set_xticks(ticks, short, rotation=45 if len(names) > 4 else 0, ha="right" if len(names) > 4 else "center", **text)
    axes.set_yticks(ticks, short, **text)
    if len(names) <= _LARGEST_ANNOTATED_MATRIX:
        for row in ticks:
            for column in ticks:
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, f"{matrix[row, column]:,}", ha="center", va="center", color=color)


def _drawable(names: Sequence[str]) -> list[str]:
    """The names; the id instead of one that the font has no glyphs for, which would be a row of boxes."""
    from matplotlib import font_manager

    glyphs = font_manager.get_font(font_manager.findfont(font_manager.FontProperties())).get_charmap()
    return [name if all(ord(sign) in glyphs for sign in name) else str(label) for label, name in enumerate(names)]


def _readable(task: ClassificationTask, value: float) -> str:
    return f"{float(value):.6g}" if task.is_regression else _cell(task.label_list[int(value)])


def _cell(value: object) -> str:
    """A value as one cell: what would break a row of the table becomes a space."""
    return " ".join(str(value).replace("\0", " ").split("\t")).replace("\r", " ").replace("\n", " ")
