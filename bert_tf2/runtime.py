"""What surrounds a job: its messages, what must be set before TensorFlow's first operation, how a job without steps ends."""

import contextlib
import functools
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from bert_tf2.errors import Interrupted
from bert_tf2.progress import lines_between_bars

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def job(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Makes a function a job: called from Python, it tells what the command tells (see `at_work`)."""

    @functools.wraps(function)
    def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        with at_work():
            return function(*args, **kwargs)

    return call


@contextlib.contextmanager
def at_work() -> Iterator[None]:
    """Shows this project's messages on standard error while a job runs, one plain line each; warnings are marked.

    Only where nobody else does: a handler of the logger `bert_tf2` or its level, when above INFO, is the user's word, and so is
    a root logger that takes INFO. Afterwards everything is as it was; the root logger is never touched.
    """
    _quieten_tensorflow()
    logger = logging.getLogger("bert_tf2")
    is_silenced = logger.level > logging.INFO
    is_heard = bool(logger.handlers) or (logger.isEnabledFor(logging.INFO) and logger.hasHandlers())
    if is_silenced or is_heard:
        yield
        return
    handler = _LineHandler(sys.stderr)
    handler.setFormatter(_LineFormatter())
    former = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(former[0] or logging.INFO)
    # What also reached a handler of the root would be shown twice.
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(former[0])
        logger.propagate = former[1]


def _quieten_tensorflow() -> None:
    """Keeps TensorFlow's native start-up chatter off the screen unless the user asked for it."""
    # Without a driver TensorFlow reports the failed start of CUDA as an error, at the level of real ones.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if os.path.exists("/dev/nvidiactl") else "3")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    # From google.api_core on Python 3.10, which comes with TensorFlow's data sets and is not used.
    warnings.filterwarnings("ignore", "You are using a non-supported Python version", FutureWarning)


class _LineHandler(logging.StreamHandler):
    def emit(self, record: logging.LogRecord) -> None:
        with lines_between_bars():
            super().emit(record)


class _LineFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        prefix = "" if record.levelno < logging.WARNING else f"{record.levelname}: "
        return prefix + record.getMessage()


class _Terminated(BaseException):
    """SIGTERM arrived; no `except Exception` on the way out holds it up."""


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Makes SIGTERM end what is done here as Ctrl-C does, so that what is half written is removed on the way out.

    Outside the main thread, where Python delivers no signals, nothing is changed.

    Raises:
      Interrupted: SIGTERM arrived.
    """

    def stop(number: int, frame: object) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except _Terminated:
        raise Interrupted("stopped by SIGTERM before anything was saved; run the command again", 128 + signal.SIGTERM) from None
    finally:
        signal.signal(signal.SIGTERM, former)
