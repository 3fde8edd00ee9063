"""What can be seen in a classifier's predictions: a confusion matrix, each label's scores, gold against predicted values, how
far probabilities are what they say."""

import logging
import os
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bert_tf2.files import written_whole
from bert_tf2.tasks.classification.calibration import BINS, Calibration
from bert_tf2.tasks.classification.label_scores import LabelCounts
from bert_tf2.tasks.classification.metrics import confusion_matrix

logger = logging.getLogger(__name__)

MOST_DRAWN = 25
"""Labels of a picture that can still be read; of more, those with most errors or examples are drawn."""

CONFUSION, DIFFERENCES, LABEL_SCORES = "confusion_matrix.png", "predicted_against_gold.png", "label_scores.png"
CALIBRATION = "calibration.png"
_LONGEST_NAME = 20


def draw_confusion(directory: str, names: Sequence[str], gold: np.ndarray, predicted: np.ndarray) -> str | None:
    """Draws `confusion_matrix.png` of gold and predicted label ids [N].

    Returns (here and below):
      Its path; None where it could not be drawn, for which no run must end.
    """
    return _drawn(directory, CONFUSION, lambda: _confusion(confusion_matrix(gold, predicted, len(names)), names))


def draw_differences(directory: str, gold: np.ndarray, predicted: np.ndarray) -> str | None:
    """Draws `predicted_against_gold.png` of numbers [N]."""
    return _drawn(directory, DIFFERENCES, lambda: _differences(gold, predicted))


def draw_label_scores(directory: str, names: Sequence[str], counts: LabelCounts) -> str | None:
    """Draws `label_scores.png`: precision, recall and F1 of the labels that most examples have."""
    return _drawn(directory, LABEL_SCORES, lambda: _label_scores(names, counts))


def draw_calibration(directory: str, calibration: Calibration) -> str | None:
    """Draws `calibration.png`: the share of right labels over their probability, and how many examples have it."""
    return _drawn(directory, CALIBRATION, lambda: _calibration(calibration))


def _drawn(directory: str, name: str, draw: Callable[[], Any]) -> str | None:
    path = os.path.join(directory, name)
    try:
        with written_whole(path) as temporary:
            draw().savefig(temporary, format="png", dpi=120)
    except Exception as error:
        logger.warning("no picture of the predictions in %s: %s", directory, error)
        return None
    return path


def _differences(gold: np.ndarray, predicted: np.ndarray) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(gold, predicted, s=8, alpha=0.4)
    low, high = float(min(gold.min(), predicted.min())), float(max(gold.max(), predicted.max()))
    axes.plot([low, high], [low, high], color="grey", linewidth=1)
    axes.set(xlabel="gold value", ylabel="predicted value", title=f"{len(gold):,} examples")
    return figure


def _label_scores(names: Sequence[str], counts: LabelCounts) -> Any:
    from matplotlib.figure import Figure

    chosen = np.argsort(-counts.gold, kind="stable")[:MOST_DRAWN]
    number, rows = len(chosen), np.arange(len(chosen))
    figure = Figure(figsize=(7, 1.2 + 0.3 * number), layout="constrained")
    axes = figure.subplots()
    axes.barh(rows, np.nan_to_num(counts.f1())[chosen], color="tab:blue", alpha=0.6, label="F1")
    for what, sign in (("precision", "|"), ("recall", "x")):
        axes.scatter(np.nan_to_num(getattr(counts, what)())[chosen], rows, marker=sign, color="black", zorder=3, label=what)
    short, fonts = _drawable([names[label] for label in chosen], chosen)
    ticks = [f"{name} ({counts.gold[label]:,})" for name, label in zip(short, chosen)]
    axes.set_yticks(rows, ticks, fontfamily=fonts, parse_math=False)
    title = "" if number == len(names) else f"the {number} of {len(names)} labels that most examples have"
    axes.set(xlim=(0, 1), title=title)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def _calibration(calibration: Calibration) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    places, width = (np.arange(BINS) + 0.5) / BINS, 0.92 / BINS
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, label="as it should be")
    axes.bar(places, calibration.accuracy, width, alpha=0.6, label="right")
    some = calibration.counts > 0
    axes.plot(calibration.confidence[some], calibration.accuracy[some], "o", color="black", markersize=4, label="at their mean")
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="share of right ones", title=f"expected calibration error {calibration.error:.4f}")
    axes.legend(loc="upper left", frameon=False)
    below.bar(places, calibration.counts, width, color="grey")
    below.set(xlabel="probability of the predicted label", ylabel="examples")
    return figure


def most_confused(matrix: np.ndarray, number: int) -> np.ndarray:
    """The ids of the labels with most errors, given or missed, in the order of their ids: int64, at most `number`."""
    wrong = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * matrix.diagonal()
    return np.sort(np.argsort(-wrong, kind="stable")[:number])


def _confusion(matrix: np.ndarray, names: Sequence[str]) -> Any:
    """A picture of the counts [C, C], gold label by row."""
    from matplotlib.figure import Figure

    chosen = most_confused(matrix, MOST_DRAWN)
    number, ticks = len(chosen), np.arange(len(chosen))
    side = max(6.0, 2.5 + 0.42 * number)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    shares = (matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1))[np.ix_(chosen, chosen)]
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the gold label's examples", shrink=0.8)
    title = f"{matrix.sum():,} examples"
    if number < len(names):
        title += f": the {number} of {len(names)} labels with most errors"
    short, fonts = _drawable([names[label] for label in chosen], chosen)
    what = "label" if any(text != str(label) for text, label in zip(short, chosen)) else "label's number (report.md names them)"
    axes.set(xlabel=f"predicted {what}", ylabel=f"gold {what}", title=title)
    # A label is not mathematics, whatever dollar signs it holds.
    text: dict[str, Any] = {"parse_math": False, "fontfamily": fonts, "fontsize": 10 if number <= 12 else 8}
    slanted = number > 4 and any(len(name) > 2 for name in short)
    axes.set_xticks(ticks, short, rotation=45 if slanted else 0, ha="right" if slanted else "center", **text)
    axes.set_yticks(ticks, short, **text)
    for row, gold in enumerate(chosen):
        for column, label in enumerate(chosen):
            if number <= 12 or matrix[gold, label]:
                color = "white" if shares[row, column] > 0.5 else "black"
                count = f"{matrix[gold, label]:,}"
                axes.text(column, row, count, ha="center", va="center", color=color, fontsize=10 if number <= 12 else 7)
    return figure


def _drawable(names: Sequence[str], ids: Sequence[int] | np.ndarray) -> tuple[list[str], list[str]]:
    """What stands for the names, and the font families it is drawn with.

    A name whose signs are in no installed font would be a row of boxes: its id stands for it.
    """
    signs = {sign for name in names for sign in name if not unicodedata.category(sign).startswith("C")}
    fonts, glyphs = _fonts_for(signs)
    short = []
    for name, label in zip(names, ids):
        cut = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        short.append(cut if name and all(ord(sign) in glyphs for sign in name) else str(label))
    return short, fonts


def _fonts_for(signs: set[str]) -> tuple[list[str], set[int]]:
    """Font families that hold the signs between them, the usual one first and no more than needed; and their code points."""
    from matplotlib import font_manager

    usual = font_manager.FontProperties()
    families, glyphs = [usual.get_name()], set(font_manager.get_font(font_manager.findfont(usual)).get_charmap())
    lacking = {ord(sign) for sign in signs} - glyphs
    # The font of last resort has a box for everything.
    installed = [font for font in font_manager.fontManager.ttflist if not font.name.replace(" ", "").startswith("LastResort")]
    for font in sorted(installed, key=lambda font: (font.weight != 400, font.style != "normal", font.name)):
        if not lacking:
            break
        try:
            held = lacking & set(font_manager.get_font(font.fname).get_charmap())
        except (OSError, RuntimeError):
            continue
        if held and font.name not in families:
            families.append(font.name)
            glyphs |= held
            lacking -= held
    return families, glyphs
