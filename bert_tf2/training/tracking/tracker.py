"""What a service that keeps trainings is to this package, and the names of those that are known.

    from bert_tf2.training.tracking.tracker import Tracker, register_tracker

    @register_tracker("mine")
    class MyTracker(Tracker):
        ...

A training takes it with `--track_with=mine`. An installed package announces its trackers in the entry-point group
`bert_tf2.trackers`.
"""

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from bert_tf2.registry import Registry


@dataclasses.dataclass(frozen=True)
class TrackedRun:
    """A run, as a service is to know it.

    Attributes:
      name: what people call it.
      project: what it belongs to; None leaves that to the service's own environment variables.
      directory: where it lies; local or remote.
      config: what it was given, by the names of the flags.
      id: what the service called it before, where it goes on; None for one that begins.
    """

    name: str
    project: str | None
    directory: str
    config: Mapping[str, Any]
    id: str | None = None


class Tracker(abc.ABC):
    """One run in one service. Whatever a method raises ends the tracking, and not the training.

    Attributes:
      package: what must be installed; empty for nothing.
      extra: of this package, that installs it.
    """

    package: ClassVar[str] = ""
    extra: ClassVar[str] = ""

    @abc.abstractmethod
    def start(self, run: TrackedRun) -> str:
        """Begins the run, or goes on with it; returns its id in the service."""

    @abc.abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keeps scalars, such as `train/loss`, of a step. After a resumption steps may come that came before."""

    @abc.abstractmethod
    def finish(self, step: int, results: Mapping[str, float], paths: list[str]) -> None:
        """Keeps the results of the checkpoint of a step, such as `results/eval/accuracy`, and local files for people."""

    @abc.abstractmethod
    def end(self, failed: bool) -> None:
        """Closes the run; it may be gone on with later."""


trackers: Registry[Callable[[], Tracker]] = Registry("tracker", "bert_tf2.trackers")
"""By name what makes a tracker."""


def register_tracker(name: str) -> Callable[[Any], Any]:
    """Decorator that makes a `Tracker` known as `--track_with=name`."""
    return trackers.register(name)
