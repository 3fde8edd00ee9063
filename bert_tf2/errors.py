"""The errors a person is meant to read: one line with the rule, the value received and the cure.

`bert_tf2.cli` prints the message of a `UserError` or a `JobError` without a traceback and ends the process with its
`exit_code`. Every other exception is a defect of this project and keeps its traceback.
"""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A wrong command, configuration or input file (exit code 2). Nothing was started."""

    exit_code = 2


class JobError(Exception):
    """A job that was rightly started and failed (exit code 1)."""

    exit_code = 1


class DirectoryInUseError(JobError):
    """Another process writes to the same directory."""

    exit_code = 11


class NonFiniteLossError(JobError):
    """The loss or the gradient became nan or infinite."""

    exit_code = 12


class Interrupted(JobError):
    """The job was asked to stop and did so in good order.

    Args:
      message: what was saved, if anything, and how to go on.
      exit_code: 128 + the number of the signal, as shells report it (130 for Ctrl-C, 143 for SIGTERM).
    """

    def __init__(self, message: str, exit_code: int):
        super().__init__(message)
        self.exit_code = exit_code


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Returns ` Did you mean 'x'?` for the known word nearest to `word`, or an empty string."""
    by_lower_case = {name.lower(): name for name in known}
    nearest = difflib.get_close_matches(word.lower(), by_lower_case, n=1, cutoff=cutoff)
    return f" Did you mean '{by_lower_case[nearest[0]]}'?" if nearest else ""
