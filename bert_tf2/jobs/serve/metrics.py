"""Counters and histograms in Prometheus' text form (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

import threading
from collections.abc import Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_Labels = tuple[tuple[str, str], ...]


class Family:
    """Numbers of one name, one for each combination of labels.

    Args:
      name: of the metric; what a counter is called ends in `_total`.
      help: one line of what it counts.
      bounds: of a histogram's buckets; none for a counter.
    """

    def __init__(self, name: str, help: str, bounds: Sequence[float] = ()):
        self._name, self._help, self._bounds = name, help, tuple(bounds)
        self._counts: dict[_Labels, list[float]] = {}
        self._lock = threading.Lock()

    def add(self, value: float = 1, **labels: str) -> None:
        """Adds to a counter, or an observation to a histogram."""
        key = tuple(labels.items())
        with self._lock:
            if not self._bounds:
                self._counts.setdefault(key, [0])[0] += value
                return
            # One for each bound, then all of them, then their sum.
            counts = self._counts.setdefault(key, [0] * (len(self._bounds) + 2))
            for place, bound in enumerate(self._bounds):
                counts[place] += value <= bound
            counts[-2] += 1
            counts[-1] += value

    def lines(self) -> list[str]:
        """The family in Prometheus' form."""
        kind = "histogram" if self._bounds else "counter"
        lines = [f"# HELP {self._name} {self._help}", f"# TYPE {self._name} {kind}"]
        with self._lock:
            for labels, counts in self._counts.items():
                lines += self._histogram(labels, counts) if self._bounds else [line(self._name, labels, counts[0])]
        return lines

    def _histogram(self, labels: _Labels, counts: list[float]) -> list[str]:
        bounds = [*map("{:g}".format, self._bounds), "+Inf"]
        found = [line(f"{self._name}_bucket", (*labels, ("le", bound)), count) for bound, count in zip(bounds, counts)]
        return [*found, line(f"{self._name}_sum", labels, counts[-1]), line(f"{self._name}_count", labels, counts[-2])]


class Metrics:
    """What the server counts."""

    def __init__(self) -> None:
        self.requests = Family("bert_tf2_requests_total", "Requests by what was asked and the status of the answer.")
        self.seconds = Family("bert_tf2_request_seconds", "Seconds from a request to its answer.", SECONDS)
        self.texts = Family("bert_tf2_texts_total", "Texts that were answered.")
        self.batches = Family("bert_tf2_batch_texts", "Texts of a batch.", SIZES)
        self.computing = Family("bert_tf2_batch_seconds", "Seconds that a batch took.", SECONDS)

    def page(self, waiting: dict[str, int]) -> str:
        """All of it as text; `waiting` is how many texts wait, by model."""
        families = (self.requests, self.seconds, self.texts, self.batches, self.computing)
        lines = [one for family in families for one in family.lines()]
        lines += ["# HELP bert_tf2_waiting_texts Texts that wait now.", "# TYPE bert_tf2_waiting_texts gauge"]
        lines += [line("bert_tf2_waiting_texts", (("model", name),), count) for name, count in waiting.items()]
        return "\n".join(lines) + "\n"


def line(name: str, labels: _Labels, value: float) -> str:
    """One number with its labels, which hold neither quotes nor line breaks."""
    listed = ",".join(f'{key}="{text}"' for key, text in labels)
    return f"{name}{{{listed}}} {value:.10g}"
