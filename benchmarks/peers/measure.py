"""What every side of the benchmark shares: step times and peak memory, printed as one JSON line. Standard library only."""

import itertools
import json
import resource
import sys
import time


class Steps:
    """Collects the moments at which steps ended, and the processor time that was used until then."""

    def __init__(self):
        self._ends: list[float] = []
        self._tokens: list[int] = []
        self._cpu: list[float] = []

    def ended(self, padded_tokens: int) -> None:
        """To be called when a step's result is there, not only asked for.

        Args:
          padded_tokens: token slots of the step's batch, padding included.
        """
        self._ends.append(time.perf_counter())
        self._tokens.append(padded_tokens)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self._cpu.append(usage.ru_utime + usage.ru_stime)

    def report(self, warm_up: int, batch_size: int, **more: object) -> None:
        """Prints the result, and more results; the time from one step's end to the next holds the input pipeline too."""
        measured = self._ends[warm_up - 1 :]
        seconds = [after - before for before, after in itertools.pairwise(measured)]
        result = {
            "step_seconds": seconds,
            "examples_per_second": batch_size * len(seconds) / sum(seconds),
            "cpu_seconds_per_example": (self._cpu[-1] - self._cpu[warm_up - 1]) / (batch_size * len(seconds)),
            "tokens_per_step": sum(self._tokens[warm_up:]) / len(seconds),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            **more,
        }
        print("RESULT " + json.dumps(result), flush=True)


def job() -> dict:
    """What the benchmark asks of this child process: its only argument, in JSON."""
    return json.loads(sys.argv[1])
