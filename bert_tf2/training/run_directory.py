"""A run's directory: one trainer at a time, and one run for ever."""

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

from bert_tf2 import files, locks
from bert_tf2.errors import UserError

logger = logging.getLogger(__name__)

RUN_CONFIG = "run_config.json"
_LOCK = ".trainer.lock"


class RunDirectory:
    """The directory that a run owns.

    Args:
      path: `--model_dir`; made when it is not there.

    Raises:
      UserError: it cannot be made or written to.
    """

    def __init__(self, path: str):
        self.path = files.expand(path)
        files.make_directory(self.path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other trainers out. The lock belongs to the process: however that ends, the lock goes with it.

        Raises:
          DirectoryInUseError: another process holds it.
        """
        with locks.locked(self.path, _LOCK, "trainer", "model_dir"):
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
        path = os.path.join(self.path, RUN_CONFIG)
        run = json.loads(json.dumps(run))
        if not _exists(path):
            self._refuse_unknown_checkpoints()
            files.write_json(path, {"run": run, "about": dict(about or {})})
            return
        known = files.read_json(path)
        former = known.get("run", {}) if isinstance(known, dict) else {}
        differing = [key for key in sorted({*former, *run}) if former.get(key) != run.get(key)]
        # A run that failed before its first checkpoint left nothing that another could be mistaken for.
        if differing and self._checkpoints():
            shown = "; ".join(f"{key}: {_short(former.get(key))} there, {_short(run.get(key))} now" for key in differing[:6])
            more = f"; and {len(differing) - 6} more" if len(differing) > 6 else ""
            raise UserError(f"{self.path} belongs to another run ({shown}{more}); use another --model_dir, or the same flags")
        self._warn_of_changes(known.get("about", {}), dict(about or {}))
        files.write_json(path, {"run": run, "about": dict(about or {})})

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
        changed = [
            f"{key} {_short(former[key])} -> {_short(now[key])}" for key in former if key in now and former[key] != now[key]
        ]
        if changed:
            logger.warning(
                "%s: changed since the run began: %s; results may differ in the last bits", self.path, ", ".join(changed)
            )


def _exists(path: str) -> bool:
    if files.is_remote(path):
        import tensorflow as tf

        return tf.io.gfile.exists(path)
    return os.path.exists(path)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
