"""Measures steps on a device that works behind the host: the device is waited for only now and then. Standard library only."""

import json
import time
from typing import Any

_BORN = time.perf_counter()


class Clock:
    """Times chunks of steps, and tells what it knows as it comes, so that a run that is cut off has said it.

    Args:
      job: `measure_s`, how long to measure; `chunk`, steps between two waits for the device; `most_chunks`.
    """

    def __init__(self, job: dict[str, Any]):
        self._seconds, self._chunk, self._most = job["measure_s"], job["chunk"], job.get("most_chunks", 1 << 30)
        self._known: dict[str, Any] = {"compiled": []}
        self._begin = 0.0
        self._measured = 0.0
        self._chunks = self._steps = 0
        self._sums = dict.fromkeys(("rows", "slots", "attention_slots", "tokens"), 0)

    def first_step(self, length: int, seconds: float, **more: Any) -> None:
        """Tells of the first step with a length, compilation included, and what else is known by then."""
        self._known["compiled"].append([length, seconds])
        self._known.setdefault("first_step_after_s", time.perf_counter() - _BORN)
        self.tell(**more)

    def begin(self) -> None:
        """To be called when all steps so far are done, on the device too."""
        self._begin = time.perf_counter()

    def step(self, rows: int, length: int, tokens: int) -> bool:
        """Counts a step that was started; says whether the device is to be waited for now, and then `waited` called.

        Args:
          rows: of the batch.
          length: slots of each of its rows.
          tokens: slots that are not padding.
        """
        self._steps += 1
        for name, number in (("rows", rows), ("slots", rows * length), ("attention_slots", rows * length**2), ("tokens", tokens)):
            self._sums[name] += number
        return self._steps % self._chunk == 0

    def waited(self) -> bool:
        """Ends a chunk and tells of all so far together; says whether that was all."""
        self._measured += time.perf_counter() - self._begin
        self._chunks += 1
        if self._steps:
            self.tell(
                seconds=self._measured,
                steps=self._steps,
                examples_per_second=self._sums["rows"] / self._measured,
                step_ms=1000 * self._measured / self._steps,
                **{f"{name}_per_step": number / self._steps for name, number in self._sums.items()},
            )
        self.begin()
        return self._measured >= self._seconds or self._chunks >= self._most

    def tell(self, **more: Any) -> None:
        """Tells what is known, and more, such as the peak of memory."""
        self._known |= more
        print("RESULT " + json.dumps(self._known), flush=True)
