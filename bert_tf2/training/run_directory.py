"""A run's directory: one trainer at a time, and one run for ever."""

import contextlib
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bert_tf2 import files, locks
from bert_tf2.errors import UserError

logger = logging.getLogger(__name__)

RUN_CONFIG = "run_config.json"
LOCK = ".trainer.lock"
_FOUND = "found"
_DIGEST = re.compile("[0-9a-f]{64}")


class RunDirectory:
    """The directory that a run owns.

    Args:
      path: `--model_dir`; made when it is not there.

    Raises:
      UserError: it cannot be made or written to, or checkpoints in it could not be read.
    """

    def __init__(self, path: str):
        self.path = files.expand(path)
        files.refuse_pattern(self.path)
        files.make_directory(self.path)

    @staticmethod
    def require_usable(path: str) -> None:
        """Makes sure, as far as that can be told without writing, that a run can own the directory at a path now.

        Raises:
          UserError: it cannot be made or written to.
          DirectoryInUseError: another process trains there.
        """
        path = files.expand(path)
        files.refuse_pattern(path)
        files.require_creatable(path)
        locks.require_free(path, LOCK, "model_dir")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other trainers out. The lock belongs to the process: however that ends, the lock goes with it.

        Raises:
          DirectoryInUseError: another process holds it.
        """
        with locks.locked(self.path, LOCK, "trainer", "model_dir"):
            yield

    def identify(self, run: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> None:
        """Makes this the directory of a run, or makes sure that it is.

        Args:
          run: what defines the result: data, initial weights, hyper-parameters. JSON values.
          about: what is worth knowing but may change when the run is resumed (versions, threads, paths); the last is kept.

        Raises:
          UserError: the directory belongs to another run (the message lists what differs), or holds checkpoints that
            nothing is known about.
        """
        is_same = self.require_this_run(run)
        known = self._known()
        if known["run"]:
            self._warn_of_changes(known["about"], dict(about or {}))
        self._write(json.loads(json.dumps(run)), about, known[_FOUND] if is_same else {})

    def require_this_run(self, run: Mapping[str, Any]) -> bool:
        """Makes sure that `identify` may make this the directory of a run; writes nothing.

        Args:
          run: as there.

        Returns:
          whether it is that run's already.

        Raises:
          UserError: as there.
        """
        if not files.exists(os.path.join(self.path, RUN_CONFIG)):
            self._refuse_unknown_checkpoints()
            return False
        differing = list(_changed(self._known()["run"], json.loads(json.dumps(run))))
        # A run that failed before its first checkpoint left nothing that another could be mistaken for.
        if differing and self._checkpoints():
            listed = "; ".join(f"{name}: {shown(there)} there, {shown(now)} now" for name, there, now in differing[:6])
            more = f"; and {len(differing) - 6} more" if len(differing) > 6 else ""
            raise UserError(f"{self.path} belongs to another run ({listed}{more}); use another --model_dir, or the same flags")
        return not differing

    def differing(self, run: Mapping[str, Any]) -> list[str]:
        """The names in which a run differs from the one that this is the directory of; none where it is of none yet."""
        if not files.exists(os.path.join(self.path, RUN_CONFIG)):
            return []
        return [name for name, _, _ in _changed(self.run(), json.loads(json.dumps(run)))]

    def run(self) -> dict[str, Any]:
        """What defines the run that this is the directory of; empty where there is none."""
        return self._known()["run"]

    def replace(self, run: Mapping[str, Any], about: Mapping[str, Any], noted: Mapping[str, Any]) -> None:
        """Makes this the directory of a run that goes on from the one that is here, and `note`s what it needs to know of that.

        Args:
          run, about: as for `identify`.
          noted: by name; what was noted besides stays.
        """
        known = self._known()
        self._warn_of_changes(known["about"], dict(about))
        self._write(json.loads(json.dumps(run)), about, known[_FOUND] | dict(noted))

    def is_left_empty(self) -> bool:
        """Whether a run began here that left no checkpoint, and so nothing that another could be mistaken for."""
        return files.exists(os.path.join(self.path, RUN_CONFIG)) and not self._checkpoints()

    def has_checkpoints(self) -> bool:
        """Whether a training left a checkpoint here."""
        return bool(self._checkpoints())

    def require_run(self, known: Mapping[str, Any]) -> None:
        """Makes sure, before `identify` can be asked, that a training may go on here; one that left no checkpoint does not count.

        Args:
          known: what is known so far of what `identify` will be given; compared as by `require_same`.

        Raises:
          UserError: as `identify`.
        """
        if not self.has_checkpoints():
            return
        if not files.exists(os.path.join(self.path, RUN_CONFIG)):
            self._refuse_unknown_checkpoints()
        if differing := self._differing(known):
            raise UserError(
                f"{self.path} belongs to another run ({'; '.join(differing[:6])}); use another --model_dir, or the same data "
                "and flags"
            )

    def require_same(self, facts: Mapping[str, Any]) -> None:
        """Makes sure that the model in this directory is what it is taken for.

        Args:
          facts: some of what `identify` was given by the training; None and what the training did not note is not compared,
            and of a mapping only the keys that are given.

        Raises:
          UserError: one of them was another.
        """
        if differing := self._differing(facts):
            raise UserError(
                f"{self.path} holds a model of other data or another configuration ({'; '.join(differing[:4])}); prepare the "
                "data as the training's were, and give its configuration"
            )

    def _differing(self, facts: Mapping[str, Any]) -> list[str]:
        """Where facts differ from what the training noted."""
        return [
            f"{name}: {shown(there)} there, {shown(now)} now"
            for name, there, now in _common(self._known()["run"], json.loads(json.dumps(facts)))
            if there != now
        ]

    def noted(self, option: str) -> Any:
        """What the training here was given for an option; None where there was none, or the option was not."""
        return self._known()["run"].get(option) if files.exists(os.path.join(self.path, RUN_CONFIG)) else None

    def found(self, name: str) -> Any:
        """What the training here `note`d under a name; None where it noted nothing."""
        return self._known()[_FOUND].get(name)

    def note(self, name: str, value: Any) -> None:
        """Keeps what the training found out on its way and needs when it is resumed; another run in the directory forgets it.

        Args:
          name: what it is called.
          value: a JSON value, which replaces a former one.
        """
        known = self._known()
        self._write(known["run"], known["about"], known[_FOUND] | {name: value})

    def _write(self, run: Mapping[str, Any], about: Mapping[str, Any] | None, found: Mapping[str, Any]) -> None:
        parts = {"run": run, "about": dict(about or {}), **({_FOUND: dict(found)} if found else {})}
        files.write_json(os.path.join(self.path, RUN_CONFIG), parts)

    def _known(self) -> dict[str, dict[str, Any]]:
        """What `identify` and `note` wrote; empty where they never did."""
        path = os.path.join(self.path, RUN_CONFIG)
        known = files.read_json(path) if files.exists(path) else {}
        parts = {name: known.get(name, {}) for name in ("run", "about", _FOUND)} if isinstance(known, dict) else {}
        if not parts or not all(isinstance(part, dict) for part in parts.values()):
            raise UserError(f"{path}: must hold the objects 'run' and 'about', which a training writes; use another --model_dir")
        return parts

    def _refuse_unknown_checkpoints(self) -> None:
        found = self._checkpoints()
        if found:
            raise UserError(
                f"{self.path} holds checkpoints ({found[0]}, …) of a run that is not known ({RUN_CONFIG} is missing); "
                "use another --model_dir, and --init_checkpoint to start from them"
            )

    def _checkpoints(self) -> list[str]:
        if files.is_remote(self.path):
            import tensorflow as tf

            names = tf.io.gfile.listdir(self.path)
        else:
            names = os.listdir(self.path)
        return sorted(name for name in names if name.endswith(".index"))

    def _warn_of_changes(self, former: dict[str, Any], now: dict[str, Any]) -> None:
        changed = [f"{key} {shown(former[key])} -> {shown(now[key])}" for key in former if key in now and former[key] != now[key]]
        if changed:
            logger.warning(
                "%s: changed since the run began: %s; results may differ in the last bits", self.path, ", ".join(changed)
            )


def _changed(there: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Names and values of what differs; of a part, such as `data`, what differs in it."""
    for name in sorted({*there, *now}):
        former, value = there.get(name), now.get(name)
        if isinstance(former, dict) and isinstance(value, dict):
            yield from (
                (key, former.get(key), value.get(key)) for key in sorted({*former, *value}) if former.get(key) != value.get(key)
            )
        elif former != value:
            yield name, former, value


def _common(there: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Names and values that both know, those of mappings one by one."""
    for name, value in now.items():
        if isinstance(value, dict) and isinstance(there.get(name), dict):
            yield from _common(there[name], value)
        elif value is not None and there.get(name) is not None:
            yield name, there[name], value


def shown(value: Any) -> str:
    """A value for a message: shortened, of a SHA-256 the first digits."""
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        # Its beginning tells it from another as well as the whole.
        value = value[:8] + "…"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
