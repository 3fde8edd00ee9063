"""A job called from Python tells what the command tells, unless the caller decided otherwise."""

import io
import logging

import pytest

from bert_tf2.runtime import job

OURS = logging.getLogger("bert_tf2")


@job
def work() -> str:
    """Says something."""
    logging.getLogger("bert_tf2.jobs.somewhere").info("step 1")
    logging.getLogger("bert_tf2.jobs.somewhere").warning("odd")
    return "done"


@job
def work_on_work() -> str:
    """A job that calls a job."""
    return work()


@pytest.fixture(autouse=True)
def everything_as_it_was():
    """Nobody has configured anything at first, and a job leaves nothing behind."""
    root = logging.getLogger()

    def state():
        return [(logger.level, logger.propagate, list(logger.handlers)) for logger in (root, OURS)]

    former = state()
    assert former[1] == (logging.NOTSET, True, [])
    yield state
    OURS.handlers.clear()
    OURS.setLevel(logging.NOTSET)
    OURS.propagate = True
    root.setLevel(former[0][0])
    root.handlers[:] = former[0][2]


@pytest.mark.parametrize("call", [work, work_on_work])
def test_messages_are_shown_once_and_the_root_logger_is_left_alone(capsys, everything_as_it_was, call):
    before = everything_as_it_was()
    for _ in range(2):
        assert call() == "done"
        captured = capsys.readouterr()
        assert (captured.err, captured.out) == ("step 1\nWARNING: odd\n", "")
    assert everything_as_it_was() == before


def test_a_failed_job_leaves_nothing_behind(everything_as_it_was):
    @job
    def fail():
        raise ValueError

    before = everything_as_it_was()
    with pytest.raises(ValueError):
        fail()
    assert everything_as_it_was() == before


def test_a_handler_of_the_callers_own_is_the_only_one(capsys):
    stream = io.StringIO()
    OURS.addHandler(logging.StreamHandler(stream))
    work()
    # No level was asked for, so it is Python's.
    assert (stream.getvalue(), capsys.readouterr().err) == ("odd\n", "")
    OURS.setLevel(logging.INFO)
    work()
    assert (stream.getvalue(), capsys.readouterr().err) == ("odd\nstep 1\nodd\n", "")


def test_a_level_silences_it(capsys):
    OURS.setLevel(logging.ERROR)
    work()
    assert capsys.readouterr().err == ""


def test_a_level_without_a_handler_is_a_wish_to_see(capsys):
    logging.getLogger().handlers.clear()
    OURS.setLevel(logging.INFO)
    work()
    assert capsys.readouterr().err == "step 1\nWARNING: odd\n"


def test_a_root_logger_that_listens_gets_the_messages(capsys):
    stream = io.StringIO()
    logging.getLogger().handlers[:] = [logging.StreamHandler(stream)]
    logging.getLogger().setLevel(logging.INFO)
    work()
    assert (stream.getvalue(), capsys.readouterr().err) == ("step 1\nodd\n", "")


def test_a_root_logger_of_the_notebook_that_hides_progress_hides_nothing(capsys):
    """Colab puts a handler on the root logger, whose level stays WARNING."""
    stream = io.StringIO()
    logging.getLogger().handlers[:] = [logging.StreamHandler(stream)]
    work()
    assert (stream.getvalue(), capsys.readouterr().err) == ("", "step 1\nWARNING: odd\n")
