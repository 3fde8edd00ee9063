"""Long work speaks in time, short work not at all; a bar on a terminal, lines elsewhere."""

import dataclasses
import io
import itertools
import logging
import pathlib
import subprocess
import sys
import time
import types

import pytest

from bert_tf2 import cli
from bert_tf2 import progress as module
from bert_tf2.options import Options
from bert_tf2.progress import Progress, during, silence, track
from bert_tf2.runtime import at_work


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch, caplog):
    """A clock that tests set, while the watching thread sleeps; lines are captured."""
    now = types.SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(Progress, "clock", staticmethod(lambda: now.seconds))
    monkeypatch.setattr(module, "_start_watching", lambda: None)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    caplog.set_level(logging.INFO)
    return now


def test_short_work_is_silent(clock, caplog):
    for _ in track(range(1000), "reading", 1000, "rows"):
        clock.seconds += 0.0025
    assert caplog.messages == []


def test_the_first_line_comes_within_five_seconds_and_then_one_in_ten(clock, caplog):
    spoke = []
    with Progress("reading", 100, "rows") as progress:
        for _ in range(100):
            clock.seconds += 0.5
            before = len(caplog.messages)
            progress.advance()
            spoke += [clock.seconds] * (len(caplog.messages) - before)
    assert spoke[0] <= 5
    assert max(after - before for before, after in itertools.pairwise(spoke)) <= 10
    assert len(spoke) <= 50 / 5
    assert caplog.messages[0] == "reading: 6/100 rows, 0:03 so far, 0:47 left"
    assert caplog.messages[-1] == "reading: 100/100 rows in 0:50"


def test_a_call_that_does_not_return_is_watched_over(clock, caplog):
    with Progress("training", 100, "steps") as progress, progress.doing("compiling"):
        for _ in range(30):
            clock.seconds += 0.5
            progress._watch()
    assert caplog.messages[:2] == [
        "training: 0/100 steps, compiling, 0:04 so far",
        "training: 0/100 steps, compiling, 0:13 so far",
    ]


def test_only_the_innermost_work_speaks(clock, caplog):
    with Progress("training", 100, "steps") as outer:
        clock.seconds = 8
        with Progress("evaluating", 10, "examples"):
            assert module._open[-1] is not outer
            clock.seconds = 12
            module._open[-1]._watch()
        assert caplog.messages == ["evaluating: 0/10 examples, 0:04 so far", "evaluating: 0/10 examples in 0:04"]
        assert not outer.is_due()
    assert module._open == []


def test_a_worker_that_is_not_the_chief_is_silent(clock, caplog):
    with Progress("training", 100, "steps", shown=False) as progress:
        clock.seconds = 60
        progress.advance(50)
        progress.say("a line")
        assert module._open == []
    assert caplog.messages == []


def test_a_bar_on_a_terminal(clock, caplog, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Progress("reading", 100, "rows") as progress:
        progress.advance(10)
        assert terminal.getvalue() == ""
        clock.seconds = 4
        progress.advance(10)
    assert "reading:  20%" in terminal.getvalue()
    assert "20/100" in terminal.getvalue()
    assert caplog.messages == []


def test_a_level_silences_the_bar_too(clock, monkeypatch, caplog):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    caplog.set_level(logging.WARNING, "bert_tf2")
    with Progress("reading", 100, "rows") as progress:
        clock.seconds = 4
        progress.advance(10)
    assert terminal.getvalue() == ""


def test_lines_of_the_log_stand_above_the_bar(monkeypatch, clock):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with at_work(), Progress("reading", 100, "rows") as progress:
        progress.say("now")
        logging.getLogger("bert_tf2").info("a line of its own")
    before = terminal.getvalue().split("a line of its own\n")[0]
    assert "\r" in before
    assert before.endswith("\r")


def test_a_function_says_what_takes_so_long(clock, caplog):
    @during("reading")
    def read(seconds):
        clock.seconds += seconds
        module._open[-1]._watch()
        return seconds

    assert [read(1), read(5)] == [1, 5]
    assert caplog.messages == ["reading: 0:05 so far"]


def test_waiting_for_a_person_is_silent(clock, caplog):
    with Progress("answering", 10, "questions"), silence():
        clock.seconds = 100
        module._open[-1]._watch()
    assert caplog.messages == []


def test_a_command_is_never_silent_for_long(clock, caplog):
    @dataclasses.dataclass(frozen=True)
    class Empty(Options):
        pass

    def job(_):
        for clock.seconds in (8.5, 9.5):
            module._open[-1]._watch()

    assert cli.run(job, Empty, "Waits.", ["wait.py"]) == 0
    assert caplog.messages == ["wait.py: 0:10 so far"]


PROGRAM = """
import time
from bert_tf2 import progress
progress.SILENCE_AT_FIRST = 0.2
{setting}
with progress.Progress("sleeping"):
    time.sleep(1.2)
"""


@pytest.mark.parametrize(
    ("setting", "spoken"),
    [("", True), ("import logging; logging.getLogger('bert_tf2').setLevel('WARNING')", False)],
)
def test_the_thread_speaks_in_a_program_without_logging(setting, spoken):
    program, root = PROGRAM.format(setting=setting), pathlib.Path(module.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert ("sleeping: 0:0" in done.stderr) == spoken, done.stderr
    assert done.stdout == ""


def test_counting_costs_next_to_nothing():
    with Progress("reading", unit="rows") as progress:
        started = time.perf_counter()
        for _ in range(100_000):
            progress.advance()
        assert time.perf_counter() - started < 1
