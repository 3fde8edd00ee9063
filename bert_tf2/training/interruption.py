"""SIGTERM and Ctrl-C: the step is finished and saved before the process ends."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class StoppedNow(BaseException):
    """A signal arrived while nothing that could be lost was going on."""


class StopRequest:
    """Remembers that the process was asked to stop; a context manager that puts the former handlers back.

    A second Ctrl-C ends the process at once. Outside the main thread, where Python delivers no signals, nothing is changed.

    Attributes:
      signal: number of the signal that arrived, or None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._may_raise = False
        self._former: dict[int, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._former[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def immediate(self) -> Iterator[None]:
        """While this is entered, a signal raises `StoppedNow` instead of waiting: for evaluation, which has no state."""
        self._may_raise = True
        try:
            if self.signal is not None:
                raise StoppedNow
            yield
        finally:
            self._may_raise = False

    def _handle(self, number: int, _: object) -> None:
        again = self.signal is not None
        self.signal = number
        if again and number == signal.SIGINT:
            raise KeyboardInterrupt
        if self._may_raise:
            self._may_raise = False
            raise StoppedNow
