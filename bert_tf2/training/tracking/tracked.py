"""A run's trackers together: they never end a training, and find their run again when it is resumed."""

import functools
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.training.reporting.tracking import Tracking
from bert_tf2.training.tracking.known import make
from bert_tf2.training.tracking.tracker import TrackedRun, Tracker

logger = logging.getLogger(__name__)

FILE_NAME = "tracking.json"
"""In a run's directory: by tracker the id of the run there."""


class Tracked(Tracking):
    """What a run tells to some services.

    Args:
      names: of the trackers.
      directory: the run's.
      project: what the run belongs to there; None leaves it to the services.
    """

    def __init__(self, names: Sequence[str], directory: str, project: str | None):
        self._names, self._directory, self._project = names, directory, project
        self._open: dict[str, Tracker] = {}
        self._is_started = False

    def start(self, config: Mapping[str, Any]) -> None:
        if self._is_started:
            return
        self._is_started = True
        ids, name = self._ids(), os.path.basename(os.path.abspath(self._directory))
        for tracker in self._names:
            made = make(tracker)
            self._open[tracker] = made
            run = TrackedRun(name, self._project, self._directory, config, ids.get(tracker))
            self._try(tracker, "it did not start", functools.partial(self._start, tracker, made, run, ids))

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        named = {f"{kind}/{name}": float(value) for name, value in values.items()}
        self._each("it took no scalars", lambda tracker: tracker.log(step, named))

    def results(self, step: int, scores: Mapping[str, Mapping[str, float]], paths: Sequence[str]) -> None:
        named = {
            f"results/{split}/{name}": float(value) for split, of_split in scores.items() for name, value in of_split.items()
        }
        local = [path for path in paths if not files.is_remote(path) and os.path.isfile(path)]
        self._each("it took no results", lambda tracker: tracker.finish(step, named, local))

    def end(self, failed: bool) -> None:
        self._each("it was not closed", lambda tracker: tracker.end(failed))
        self._open.clear()

    def _start(self, name: str, tracker: Tracker, run: TrackedRun, ids: dict[str, str]) -> None:
        id = tracker.start(run)
        logger.info("%s %s %s", name, "goes on with run" if id == run.id else "begins run", id)
        if ids.get(name) != id:
            ids[name] = id
            files.write_json(os.path.join(self._directory, FILE_NAME), ids)

    def _each(self, what: str, do: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._open.items()):
            self._try(name, what, functools.partial(do, tracker))

    def _try(self, name: str, what: str, do: Callable[[], None]) -> None:
        """Does something with a tracker, which is left alone from then on where it fails."""
        try:
            do()
        except Exception as error:
            self._open.pop(name, None)
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
            logger.warning("--track_with=%s: %s, and gets nothing more of this run; the run goes on: %s", name, what, reason)

    def _ids(self) -> dict[str, str]:
        """The ids that are kept."""
        try:
            kept = files.read_object(self._directory, FILE_NAME)
        except UserError as error:
            logger.warning("%s; tracked runs begin anew", error)
            return {}
        return {name: id for name, id in kept.items() if isinstance(id, str)}
