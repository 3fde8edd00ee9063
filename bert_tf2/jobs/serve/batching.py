"""Texts of several requests go through a model together."""

import collections
import concurrent.futures
import dataclasses
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from bert_tf2.inference.served.served_model import ServedModel

logger = logging.getLogger(__name__)

# Of so many batches the speed is remembered.
_REMEMBERED = 20
# Characters that stand for the special tokens of a text, whatever its length.
_ALWAYS = 8
# So much of a batch is at least not padding. Measured by benchmarks/serving.py: 0.5 to 0.85 differ little, 0 is a fifth slower.
_LEAST_FILLED = 0.7


class QueueFull(Exception):
    """As many texts wait as may.

    Args:
      retry_after: in how many seconds they will be done, as far as that is known.
    """

    def __init__(self, retry_after: int):
        super().__init__(retry_after)
        self.retry_after = retry_after


class Stopped(Exception):
    """No more texts are taken."""


class _Request:
    """Instances that were asked together, and what is known of their answers."""

    def __init__(self, count: int):
        self.answers: list[Any] = [None] * count
        self.missing = count
        self.future: concurrent.futures.Future[list[Any]] = concurrent.futures.Future()


@dataclasses.dataclass(frozen=True)
class _Waiting:
    """An instance that waits; `since` is of `time.monotonic`."""

    request: _Request
    place: int
    instance: Any
    length: int
    since: float


class Batcher:
    """A queue before a model, and the thread that empties it.

    A batch is what has waited longest and, of the others, those nearest to it in length, as long as little of it is padding; so
    nobody waits for ever.

    Args:
      model: answers the batches.
      max_batch_size: the most instances of a batch.
      max_wait: how many seconds the first waits for others while the model has nothing to do.
      max_queue: the most instances that wait.
      observe: is told the size of every batch and its seconds.
    """

    def __init__(
        self,
        model: ServedModel,
        max_batch_size: int,
        max_wait: float,
        max_queue: int,
        observe: Callable[[int, float], None] = lambda size, seconds: None,
    ):
        self._model, self._size, self._wait, self._most = model, max_batch_size, max_wait, max_queue
        self._observe = observe
        self._queue: list[_Waiting] = []
        self._changed = threading.Condition()
        self._stops = False
        self._speeds: collections.deque[tuple[int, float]] = collections.deque(maxlen=_REMEMBERED)
        self._thread = threading.Thread(target=self._work, name=f"model {model.name}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many instances wait."""
        with self._changed:
            return len(self._queue)

    def submit(self, instances: Sequence[Any]) -> "concurrent.futures.Future[list[Any]]":
        """Puts checked instances into the queue, all of them or none; the future has their answers in their order.

        Raises:
          QueueFull: there is no place for all.
          Stopped: `stop` was called.
        """
        now, request = time.monotonic(), _Request(len(instances))
        items = [
            _Waiting(request, place, instance, self._model.length(instance), now) for place, instance in enumerate(instances)
        ]
        with self._changed:
            if self._stops:
                raise Stopped
            if len(self._queue) + len(items) > self._most:
                raise QueueFull(self._seconds_left())
            self._queue += items
            self._changed.notify()
        return request.future

    def stop(self) -> None:
        """Takes no more, answers what waits, and returns when that is done."""
        with self._changed:
            self._stops = True
            self._changed.notify()
        self._thread.join()

    def _seconds_left(self) -> int:
        count, seconds = (sum(values) for values in zip(*self._speeds)) if self._speeds else (0, 0.0)
        return max(1, math.ceil(len(self._queue) * seconds / count)) if count else 1

    def _work(self) -> None:
        while batch := self._next_batch():
            self._answer(batch)

    def _next_batch(self) -> list[_Waiting]:
        """The next instances, when it is time; none when all is done."""
        with self._changed:
            while True:
                # Whoever asked may be gone.
                self._queue = [one for one in self._queue if not one.request.future.done()]
                if not self._queue:
                    if self._stops:
                        return []
                    self._changed.wait()
                    continue
                left = self._queue[0].since + self._wait - time.monotonic()
                if len(self._queue) >= self._size or left <= 0 or self._stops:
                    return self._taken()
                self._changed.wait(left)

    def _taken(self) -> list[_Waiting]:
        lengths = [one.length + _ALWAYS for one in self._queue]
        nearest = sorted(range(1, len(lengths)), key=lambda place: abs(lengths[place] - lengths[0]))
        chosen, total, longest = {0}, lengths[0], lengths[0]
        for place in nearest[: self._size - 1]:
            total, longest = total + lengths[place], max(longest, lengths[place])
            if total < _LEAST_FILLED * longest * (len(chosen) + 1):
                break
            chosen.add(place)
        batch = [self._queue[place] for place in sorted(chosen)]
        self._queue = [one for place, one in enumerate(self._queue) if place not in chosen]
        return batch

    def _answer(self, batch: list[_Waiting]) -> None:
        start = time.monotonic()
        try:
            answers = self._model.predict([one.instance for one in batch])
        except Exception as error:
            # The thread goes on: the next batch may be a better one.
            logger.exception("model %s: a batch of %d failed", self._model.name, len(batch))
            for one in batch:
                _settle(one.request.future, error=error)
            return
        seconds = time.monotonic() - start
        with self._changed:
            self._speeds.append((len(batch), seconds))
        self._observe(len(batch), seconds)
        for one, answer in zip(batch, answers):
            one.request.answers[one.place] = answer
            one.request.missing -= 1
            if not one.request.missing:
                _settle(one.request.future, one.request.answers)


def _settle(future: "concurrent.futures.Future[list[Any]]", answers: Any = None, error: Exception | None = None) -> None:
    # Of a request in several batches one may have failed before, and whoever asked may be gone meanwhile.
    if future.done() or not (future.running() or future.set_running_or_notify_cancel()):
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(answers)
