"""What long work says while it lasts: a bar on a terminal, plain lines elsewhere, and nothing when it is soon over.

Any floor may open a `Progress`; only the innermost open one speaks. A line comes within `SILENCE_AT_FIRST` seconds and then every
`SILENCE` seconds at least, even while one call does not return (a compilation, a slow step): a thread watches over it as long as
something is open. Lines go to the logger `bert_tf2.progress`; in a program or notebook that has not set up logging they go to
standard error, and `logging.getLogger("bert_tf2.progress").setLevel("WARNING")` silences them.
"""

import contextlib
import functools
import logging
import math
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ParamSpec, TypeVar

logger = logging.getLogger(__name__)

SILENCE_AT_FIRST, SILENCE = 4.0, 9.0
"""The longest that work is silent, in seconds: before its first line, and between two. Five and ten are promised."""

# Work that moves speaks a little before the watching thread would, since it knows more.
_MOVING_AT_FIRST, _MOVING = 3.0, 7.0
_WATCH = 0.5

_open: list["Progress"] = []
_change = threading.RLock()
_watcher: threading.Thread | None = None
_Item = TypeVar("_Item")
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class Progress:
    """One piece of work; a context manager.

    Args:
      what: what is done, for example `predicting`.
      total: how many units there are; None when that is not known, or when there is nothing to count.
      unit: their name, in the plural; empty when there is nothing to count.
      done: how many were done before.
      shown: False for workers other than the chief.
      patience: seconds before the first line while nothing moves.

    Attributes:
      done: units done so far.
    """

    clock = staticmethod(time.monotonic)
    """Seconds; tests put their own in its place."""

    def __init__(
        self,
        what: str,
        total: int | None = None,
        unit: str = "",
        *,
        done: int = 0,
        shown: bool = True,
        patience: float | None = None,
    ):
        self.done, self._from, self._total, self._unit = done, done, total, unit
        self._phases, self._shown = [what], shown and multiprocessing.parent_process() is None
        self._bar: Any = None
        self._started = self.clock()
        self._said(_MOVING_AT_FIRST, SILENCE_AT_FIRST if patience is None else patience)
        self._has_spoken = False

    def __enter__(self) -> "Progress":
        if self._shown:
            with _change:
                if _open:
                    _open[-1]._give_way()
                _open.append(self)
                _start_watching()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with _change:
            if self in _open:
                _open.remove(self)
                if _open:
                    _open[-1]._said(_MOVING, SILENCE)
            if self._bar is not None:
                self._bar.close()
            elif self._has_spoken and kind is None and self._total is not None:
                _tell(f"{self._phases[0]}: {self._counted()} in {duration(self.clock() - self._started)}")

    def advance(self, number: int = 1) -> None:
        """Counts units and speaks when it is time to."""
        self.move(number)
        if self._shown and self.is_due():
            self.say(self._line())

    def move(self, number: int) -> None:
        """Counts units without speaking: for a caller that has more to say."""
        self.done += number
        if self._bar is not None:
            self._bar.update(number)

    def is_due(self) -> bool:
        """Whether it is time for a line."""
        return self._shown and self.clock() >= self._due

    def say(self, line: str, short: str = "") -> None:
        """Says a line now; on a terminal the bar shows `short` instead."""
        if not self._shown or _is_silenced():
            return
        with _change:
            self._said(_MOVING, SILENCE)
            self._has_spoken = True
            if is_drawn():
                self._draw(short)
            else:
                _tell(line)

    @contextlib.contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """While this is entered, a long silence is explained by `what`, for example `compiling`."""
        self._phases.append(what)
        try:
            yield
        finally:
            self._phases.remove(what)

    def _watch(self) -> None:
        """Called twice a second on the innermost open progress."""
        if self._bar is not None:
            self._draw("")
        elif self.clock() >= self._overdue:
            self.say(self._line())

    def _give_way(self) -> None:
        """Takes a bar that counts nothing off the terminal; it comes back when it is this work's turn again."""
        if self._bar is not None and not self._unit:
            self._bar.close()
            self._bar = None

    def _said(self, moving: float, waiting: float) -> None:
        now = self.clock()
        self._due, self._overdue = now + moving, now + waiting

    def _counted(self) -> str:
        unit = f" {self._unit}" if self._unit else ""
        return f"{self.done:,}{unit}" if self._total is None else f"{self.done:,}/{self._total:,}{unit}"

    def _line(self) -> str:
        seconds = self.clock() - self._started
        parts = [self._counted()] if self._total is not None or self.done else []
        if len(self._phases) > 1:
            parts.append(self._phases[-1])
        parts.append(f"{duration(seconds)} so far")
        moved = self.done - self._from
        if self._total and moved > 0 and self._total >= self.done:
            parts.append(f"{duration(seconds * (self._total - self.done) / moved)} left")
        return f"{self._phases[0]}: {', '.join(parts)}"

    def _stays(self) -> bool:
        """Whether the bar is left on the terminal at the end: the outermost one that counts something is."""
        return bool(self._unit) and not any(other._unit for other in _open if other is not self)

    def _draw(self, short: str) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=self._total, initial=self._from, unit=f" {self._unit}", desc=self._phases[0], dynamic_ncols=True,
                leave=self._stays(), file=sys.stderr, bar_format=None if self._unit else "{desc}, {elapsed}",
            )  # fmt: skip
            self._bar.start_t -= self.clock() - self._started
            self._bar.update(self.done - self._from)
        self._bar.set_description_str(": ".join(self._phases), refresh=False)
        if short:
            self._bar.set_postfix_str(short, refresh=False)
        self._bar.refresh()


def track(items: Iterable[_Item], what: str, total: int | None = None, unit: str = "", *, shown: bool = True) -> Iterator[_Item]:
    """The items one after the other, with a `Progress` that counts them."""
    with Progress(what, total, unit, shown=shown) as progress:
        for item in items:
            yield item
            progress.advance()


def during(what: str) -> Callable[[Callable[_Parameters, _Result]], Callable[_Parameters, _Result]]:
    """Decorates a function with a `Progress` that counts nothing: it only says what takes so long."""

    def decorate(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
        @functools.wraps(function)
        def watched(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
            with Progress(what):
                return function(*args, **kwargs)

        return watched

    return decorate


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """While this is entered nothing speaks but what is opened inside: for waiting for a person or for another program."""
    waiting = Progress("", patience=math.inf)
    with waiting:
        yield


def is_drawn() -> bool:
    """Whether progress is a bar: on a terminal and in a notebook, which overwrite a line."""
    try:
        return sys.stderr.isatty() or "ZMQInteractiveShell" in type(sys.modules["IPython"].get_ipython()).__name__
    except (AttributeError, KeyError):
        return False


@contextlib.contextmanager
def lines_between_bars() -> Iterator[None]:
    """While this is entered, a line may be written to the terminal; bars give way and come back under it.

    The line counts as one of the work that goes on.
    """
    with _change:
        if _open and not math.isinf(_open[-1]._overdue):
            _open[-1]._said(_MOVING, SILENCE)
    if not any(progress._bar is not None for progress in _open):
        yield
        return
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stderr):
        yield


def duration(seconds: float) -> str:
    """`1:02:03`, `2:03`, or `?` for what is not finite."""
    if not -1e9 < seconds < 1e9:
        return "?"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _tell(line: str) -> None:
    if logger.hasHandlers():
        logger.info(line)
    else:
        print(line, file=sys.stderr, flush=True)


def _is_silenced() -> bool:
    """Whether somebody wants warnings only, a level that nobody set aside."""
    return max(logger.level, logging.getLogger("bert_tf2").level) > logging.INFO


def _start_watching() -> None:
    """Starts the thread that looks after open work, unless it runs."""
    global _watcher
    if _watcher is None or not _watcher.is_alive():
        _watcher = threading.Thread(target=_watch_until_done, name="bert_tf2.progress", daemon=True)
        _watcher.start()


def _watch_until_done() -> None:
    global _watcher
    while True:
        time.sleep(_WATCH)
        with _change:
            if not _open:
                _watcher = None
                return
            _open[-1]._watch()
