"""Where a run's scalars and results go besides its own directory: nowhere, unless somebody asks for it."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any


class Tracking:
    """Tells nobody. A context manager around a run; `bert_tf2.training.tracking` has the one that tells."""

    def start(self, config: Mapping[str, Any]) -> None:
        """Begins, once the run is known to be a rightful one.

        Args:
          config: what it was given, by the names of the flags.
        """

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Tells scalars of kind `train` or `eval`, as `Summaries` writes them."""

    def close(self) -> None:
        """The training is over; results may follow."""

    def results(self, step: int, scores: Mapping[str, Mapping[str, float]], paths: Sequence[str]) -> None:
        """Tells the results.

        Args:
          step: of the checkpoint.
          scores: metrics by data set.
          paths: files for people.
        """

    def end(self, failed: bool) -> None:
        """Nothing more follows."""

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end(failed=kind is not None)
