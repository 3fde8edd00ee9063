"""What a job warns of while it is looked at: it is told in the report, and not between its lines."""

import contextlib
import logging
from collections.abc import Iterator

_PROGRESS = "bert_tf2.progress"


class _Ear(logging.Handler):
    """Keeps warnings, passes on what long work says of itself, and drops the rest."""

    def __init__(self, former: list[logging.Handler]):
        super().__init__(logging.INFO)
        self.heard: list[str] = []
        self._former = former

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == _PROGRESS:
            for handler in self._former:
                handler.handle(record)
        elif record.levelno >= logging.WARNING:
            self.heard.append(record.getMessage())


@contextlib.contextmanager
def hearing() -> Iterator[list[str]]:
    """A list that the warnings of the project's loggers come to while this is entered."""
    logger = logging.getLogger("bert_tf2")
    former, propagates = logger.handlers[:], logger.propagate
    ear = _Ear(former)
    logger.handlers, logger.propagate = [ear], False
    try:
        yield ear.heard
    finally:
        logger.handlers, logger.propagate = former, propagates
