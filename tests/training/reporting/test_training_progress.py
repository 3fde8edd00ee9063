"""A bar on a terminal, lines elsewhere, scalars always."""

import io
import logging

import tensorflow as tf

from bert_tf2.progress import Progress
from bert_tf2.training.reporting.progress import Summaries, TrainingProgress


def test_lines_when_not_on_a_terminal(caplog, monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with TrainingProgress(0, 100, 32) as progress, caplog.at_level(logging.INFO):
        progress.advance(10)
        progress.report(10, 0.5, 2e-5, 64.0)
    assert caplog.messages[0] == "step 10/100  loss 0.5000  lr 2.000e-05  64.0 examples/s  0:45 left"


def test_a_bar_on_a_terminal(caplog, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with TrainingProgress(40, 100, 32) as progress, caplog.at_level(logging.INFO):
        progress.advance(10)
        progress.report(50, 0.5, 2e-5, 64.0)
    assert "50/100" in terminal.getvalue()
    assert "loss=0.5000 lr=2.00e-05 64.0 examples/s" in terminal.getvalue()
    assert caplog.messages == []


def test_rate_counts_from_the_restart(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(Progress, "clock", staticmethod(lambda: now[0]))
    progress = TrainingProgress(0, 100, 32, shown=False)
    now[0] = 100.0  # compilation
    progress.restart_clock(1)
    now[0] = 102.0
    assert progress.rate(11) == 160.0
    assert progress.rate(1) == 160.0


def test_scalars(tmp_path):
    summaries = Summaries(str(tmp_path))
    summaries.write("train", 3, {"loss": 0.25})
    summaries.write("eval", 3, {"accuracy": 0.5})
    summaries.close()
    (events,) = (tmp_path / "summaries" / "train").iterdir()
    values = [value for event in tf.compat.v1.train.summary_iterator(str(events)) for value in event.summary.value]
    assert [(value.tag, float(tf.make_ndarray(value.tensor))) for value in values] == [("loss", 0.25)]
    Summaries(str(tmp_path / "other"), writes=False).write("train", 1, {"loss": 1.0})
    assert not (tmp_path / "other").exists()


def test_scalars_that_cannot_be_written_cost_a_warning(tmp_path, caplog):
    (tmp_path / "summaries").write_text("a file where the directory should be")
    summaries = Summaries(str(tmp_path))
    with caplog.at_level(logging.WARNING):
        summaries.write("train", 1, {"loss": 1.0})
        summaries.write("train", 2, {"loss": 1.0})
    assert caplog.text.count("TensorBoard scalars are no longer written") == 1
    summaries.close()
