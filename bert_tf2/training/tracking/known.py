"""The trackers that can be named: this package's own and those that others registered."""

import importlib.util
from typing import Any

from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.training.tracking import mlflow_tracker, wandb_tracker
from bert_tf2.training.tracking.tracker import Tracker, trackers

# Registered by being imported; their packages are not.
_OWN = (mlflow_tracker, wandb_tracker)


def names_of(given: str | None) -> list[str]:
    """The names in `--track_with`.

    Raises:
      UserError: one is not known or empty, or its package is not installed.
    """
    names = [name.strip() for name in given.split(",")] if given else []
    if not all(names):
        raise UserError(f"--track_with must be names with one comma between two; got '{given}'")
    for name in names:
        if name.lower() not in map(str.lower, trackers.names()):
            listed = trackers.names()
            raise UserError(f"--track_with: no tracker '{name}' is known.{did_you_mean(name, listed)} Known: {', '.join(listed)}")
        made: Any = trackers.get(name)
        package, extra = getattr(made, "package", ""), getattr(made, "extra", "")
        if package and importlib.util.find_spec(package) is None:
            raise UserError(
                f"--track_with={name} needs the package {package}, which is not installed: pip install -e '.[{extra}]'"
            )
    return list(dict.fromkeys(name.lower() for name in names))


def make(name: str) -> Tracker:
    """The tracker of a name that `names_of` gave."""
    return trackers.get(name)()
