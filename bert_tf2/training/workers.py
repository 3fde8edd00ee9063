"""Several workers: waiting for each other has an end, and one that is lost is named.

TensorFlow itself waits for an hour, in a call that no signal ends, and tells of a lost worker in a traceback.
"""

import contextlib
import json
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import tensorflow as tf

from bert_tf2.errors import JobError
from bert_tf2.progress import Progress

logger = logging.getLogger(__name__)

_TRY_SECONDS = 2.0
_PAUSE = 0.3
_Result = TypeVar("_Result")


class Workers:
    """The workers of `TF_CONFIG`, as `name (host:port)`.

    Attributes:
      own: this one.
      others: addresses `host:port` of the others, by name.
    """

    def __init__(self, tf_config: str):
        config = json.loads(tf_config)
        kind, index = config["task"]["type"], int(config["task"]["index"])
        named = {
            (job, number): (f"{job} {number} ({host})", host)
            for job, hosts in config["cluster"].items()
            if job in ("chief", "worker", kind)
            for number, host in enumerate(hosts)
        }
        self.own, self._own_address = named.pop((kind, index))
        self.others = dict(named.values())
        self._by_task = {f"/job:{job}/replica:0/task:{number}": name for (job, number), (name, _) in named.items()}

    @classmethod
    def of_environment(cls) -> "Workers":
        """Those that `TF_CONFIG` describes."""
        return cls(os.environ["TF_CONFIG"])

    def meet(self, timeout: float) -> None:
        """Waits until every other worker can be reached; meanwhile this one can be.

        Args:
          timeout: the longest wait in seconds.

        Raises:
          JobError: some did not come in time, or this worker's port is in use.
        """
        end = time.monotonic() + timeout
        with self._reachable():
            missing = self._unreachable(list(self.others))
            if not missing:
                return
            logger.info("%s waits for %s, up to %g s (--worker_timeout)", self.own, ", ".join(missing), timeout)
            there = len(self.others) - len(missing)
            with Progress(f"{self.own} waits", len(self.others), "workers", done=there) as progress:
                while missing:
                    if time.monotonic() > end:
                        raise _absent(missing, timeout)
                    with progress.doing(f"for {', '.join(missing)}"):
                        time.sleep(_PAUSE)
                        still = self._unreachable(missing)
                    progress.advance(len(missing) - len(still))
                    missing = still

    def connect(self, function: Callable[[], _Result], timeout: float) -> _Result:
        """Calls what TensorFlow cannot be interrupted in on a thread of its own, so that signals and time end the wait.

        Raises:
          JobError: it took longer than `timeout` seconds, or the connection failed.
        """
        found: list[_Result] = []
        failed: list[BaseException] = []

        def call() -> None:
            try:
                found.append(function())
            except BaseException as error:
                failed.append(error)

        thread, end = threading.Thread(target=call, name="connecting", daemon=True), time.monotonic() + timeout
        thread.start()
        with Progress(f"{self.own} connects with {len(self.others)} other worker(s)"):
            while thread.is_alive():
                if time.monotonic() > end:
                    raise _absent(self._unreachable(list(self.others)) or list(self.others), timeout)
                thread.join(_PAUSE)
        if failed and isinstance(failed[0], tf.errors.OpError):
            raise JobError(f"the workers could not connect: {_first_line(failed[0])}") from failed[0]
        if failed:
            raise failed[0]
        return found[0]

    def lost(self, error: tf.errors.OpError) -> list[str]:
        """The other workers that an error names, or else that cannot be reached any more."""
        named = [name for task, name in self._by_task.items() if re.search(rf"{task}(?!\d)", error.message)]
        gone = self._unreachable(list(self.others))
        return [name for name in gone if name in named] or gone or named

    def _unreachable(self, names: list[str]) -> list[str]:
        return [name for name in names if not _answers(self.others[name])]

    @contextlib.contextmanager
    def _reachable(self) -> Iterator[None]:
        """Listens on this worker's port until TensorFlow does, since every worker waits for all."""
        port = int(self._own_address.rpartition(":")[2])
        both = socket.has_dualstack_ipv6()
        try:
            listening = socket.create_server(
                ("", port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both, backlog=128
            )
        except OSError as error:
            raise JobError(
                f"{self.own} cannot listen on port {port}: {error.strerror}; does another worker run with the same --task_index, "
                "or an earlier one still?"
            ) from error
        with listening:
            yield


@contextlib.contextmanager
def lost_workers_named(saved: Callable[[], str]) -> Iterator[None]:
    """Turns what TensorFlow raises when a worker is gone into one line.

    Args:
      saved: says which state there is to go on from.

    Raises:
      JobError: a worker is gone.
    """
    try:
        yield
    except tf.errors.OpError as error:
        lost = Workers.of_environment().lost(error)
        if not lost:
            raise
        raise JobError(f"lost {', '.join(lost)}: no answer any more, and no worker can go on alone; {saved()}") from error


def _absent(names: list[str], timeout: float) -> JobError:
    return JobError(
        f"{', '.join(names)} did not come within {timeout:g} s (--worker_timeout): start every worker with the same "
        "--worker_hosts (or TF_CONFIG) and its own --task_index, and let the ports through"
    )


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_TRY_SECONDS).close()
    except OSError:
        return False
    return True


def _first_line(error: tf.errors.OpError) -> str:
    return (error.message.strip().splitlines() or [type(error).__name__])[0][:200]
