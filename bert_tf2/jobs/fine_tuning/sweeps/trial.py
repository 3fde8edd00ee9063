"""One training of a search: its values, and what it came to."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Stage:
    """How a trial stood when it was evaluated.

    Attributes:
      share: of its training that it had done.
      step: the step that it was at.
      scores: of the evaluation, by metric; empty for a training that failed.
      failed: why it failed, a clause.
      degenerate: why it had learnt nothing, a clause; None where it had.
    """

    share: float
    step: int | None
    scores: Mapping[str, float]
    failed: str | None = None
    degenerate: str | None = None


@dataclasses.dataclass(frozen=True)
class Trial:
    """A training of a search.

    Attributes:
      number: from 1.
      values: of the flags that are searched.
      stages: each further than the one before; successive halving has several.
    """

    number: int
    values: Mapping[str, Any]
    stages: tuple[Stage, ...] = ()

    @property
    def directory(self) -> str:
        """Where it is, within the directory of the search."""
        return f"trial_{self.number}"

    @property
    def share(self) -> float:
        """Of its training that it has done."""
        return self.stages[-1].share if self.stages else 0.0

    @property
    def failed(self) -> str | None:
        """Why it cannot go on; None where it can."""
        return self.stages[-1].failed if self.stages else None

    @property
    def flags(self) -> str:
        """Its values, as the command line has them."""
        return " ".join(flag(name, value) for name, value in self.values.items())

    def score(self, metric: str, share: float | None = None) -> float | None:
        """Its value of a metric; None for a trial that has failed or was not evaluated.

        Args:
          metric: the name.
          share: of the training after which it is asked for; None for the last.
        """
        stages = [stage for stage in self.stages if share is None or stage.share == share]
        return stages[-1].scores.get(metric) if stages else None

    def rank(self, metric: str, higher_is_better: bool, share: float | None = None) -> float:
        """Greater is better; a trial without a value, or with one that is not defined, is worst."""
        value = self.score(metric, share)
        if value is None or math.isnan(value):
            return -math.inf
        return value if higher_is_better else -value

    def at(self, stage: Stage) -> "Trial":
        """The trial after one stage more, which takes the place of one of the same share."""
        stages = tuple(one for one in self.stages if one.share < stage.share)
        return dataclasses.replace(self, stages=(*stages, stage))


def flag(name: str, value: Any) -> str:
    """An option as the command line has it; what is not given is said so."""
    return f"{name} not given" if value is None else f"--{name}={value}"
