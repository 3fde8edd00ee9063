"""Pictures of predictions: any label, any number of labels; and no picture ends a run."""

import numpy as np
import pytest

from bert_tf2.tasks.classification.label_scores import LabelCounts
from bert_tf2.tasks.classification.pictures import (
    MOST_DRAWN,
    _confusion,
    _drawable,
    draw_confusion,
    draw_differences,
    draw_label_scores,
    most_confused,
)


def test_labels_that_no_font_holds_are_numbered_and_others_named():
    # Egyptian hieroglyphs are in no font of a usual machine but that of last resort, which has boxes for all.
    short, fonts = _drawable(["\U00013000\U00013001", "да", "x" * 30], [7, 8, 9])
    assert short == ["7", "да", "x" * 19 + "…"]
    assert not any("Last" in font for font in fonts)


def test_a_font_that_is_installed_is_found(monkeypatch):
    from matplotlib import font_manager

    # The usual font is made to lack everything but Latin; another of those installed takes over.
    real = font_manager.get_font

    class Latin:
        family_name = "DejaVu Sans"

        def get_charmap(self):
            return {code: code for code in range(32, 127)}

    usual = font_manager.findfont(font_manager.FontProperties())
    monkeypatch.setattr(font_manager, "get_font", lambda path: Latin() if path == usual else real(path))
    short, fonts = _drawable(["да"], [0])
    assert short == ["да"]
    assert len(fonts) == 2


def test_of_many_labels_the_most_confused_are_drawn():
    matrix = np.diag(np.full(60, 10))
    matrix[50, 3] = 7
    assert most_confused(matrix, 2).tolist() == [3, 50]
    figure = _confusion(matrix, [f"label {i}" for i in range(60)])
    axes = figure.axes[0]
    assert len(axes.get_xticklabels()) == MOST_DRAWN
    assert f"the {MOST_DRAWN} of 60 labels with most errors" in axes.get_title()
    assert {"label 3", "label 50"} <= {tick.get_text() for tick in axes.get_yticklabels()}


def test_any_label_can_be_drawn(tmp_path, caplog):
    names, labels = [r"$\frac$", "好", "a_b^c"], np.arange(3)
    assert draw_confusion(str(tmp_path), names, labels, labels).endswith("confusion_matrix.png")
    assert draw_label_scores(str(tmp_path), names, LabelCounts.of_labels(labels, labels, 3)).endswith("label_scores.png")
    assert not caplog.records


def test_a_picture_ends_no_run(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    assert draw_confusion(str(tmp_path / "file"), ["no", "yes"], np.array([0, 1]), np.array([0, 1])) is None
    assert "no picture of the predictions" in caplog.text


@pytest.mark.parametrize("num_labels", [2, 30])
def test_pictures_are_written(tmp_path, num_labels):
    rng = np.random.default_rng(0)
    names = [f"label {i}" for i in range(num_labels)]
    gold, predicted = rng.integers(0, num_labels, (2, 40))
    values = rng.random(40).astype(np.float32)
    paths = [
        draw_confusion(str(tmp_path), names, gold, predicted),
        draw_label_scores(str(tmp_path), names, LabelCounts.of_labels(gold, predicted, num_labels)),
        draw_differences(str(tmp_path), values, rng.normal(size=40)),
    ]
    for path in paths:
        with open(path, "rb") as file:
            assert file.read(8) == b"\x89PNG\r\n\x1a\n"
