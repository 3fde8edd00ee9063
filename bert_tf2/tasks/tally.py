"""Metrics as functions of sums over examples, and how sure one can be of them."""

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np

_RESAMPLES = 2000
# Numbers that are drawn at a time.
_AT_ONCE = 4_000_000


@dataclasses.dataclass(frozen=True)
class Tally:
    """What each example adds to a metric.

    Attributes:
      metric: its name.
      values: float64 [N, K], what each of N examples adds to K sums.
      of_sums: the metric of sums: from float64 [..., K] to [...].
    """

    metric: str
    values: np.ndarray
    of_sums: Callable[[np.ndarray], np.ndarray]

    @property
    def value(self) -> float:
        """The metric of all examples."""
        return float(self.of_sums(self.values.sum(axis=0)))

    @property
    def is_right(self) -> np.ndarray | None:
        """Which examples are right, bool [N], where the metric is the share of them; None of other metrics."""
        if self.of_sums is share and np.isin(self.values[:, 0], (0, 1)).all():
            return self.values[:, 0] == 1
        return None


@dataclasses.dataclass(frozen=True)
class Difference:
    """How a metric of one model differs from another's on the same examples.

    Attributes:
      value: the second's less the first's.
      standard_error: of it.
      p_value: how often a difference at least as far from 0 would be drawn if there were none, by the paired bootstrap.
      mcnemar: the same by McNemar's exact test; None where examples are not right or wrong.
    """

    value: float
    standard_error: float
    p_value: float
    mcnemar: float | None


def share(sums: np.ndarray) -> np.ndarray:
    """The mean of examples that add themselves and 1."""
    return sums[..., 0] / sums[..., 1]


def of_means(metric: str, values: np.ndarray) -> Tally:
    """The tally of a metric that is the mean of a number for each example, [N]."""
    numbers = np.asarray(values, np.float64)
    return Tally(metric, np.stack([numbers, np.ones(len(numbers))], axis=1), share)


def f1(sums: np.ndarray) -> np.ndarray:
    """F1 of examples that add what was right, predicted and gold; 0 where nothing was right."""
    return np.divide(2 * sums[..., 0], sums[..., 1] + sums[..., 2], out=np.zeros(sums.shape[:-1]), where=sums[..., 0] > 0)


def pearson(sums: np.ndarray) -> np.ndarray:
    """Pearson's correlation of examples that add 1, x, y, x^2, y^2 and xy."""
    number, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = np.sqrt(np.maximum((number * xx - x * x) * (number * yy - y * y), 0))
    return np.divide(number * xy - x * y, spread, out=np.full(spread.shape, np.nan), where=spread > 0)


def of_pearson(gold: np.ndarray, predicted: np.ndarray) -> Tally:
    """The tally of Pearson's correlation of two arrays [N]."""
    # About their means, or squares would swallow the differences.
    x, y = (np.asarray(values, np.float64) - np.mean(values, dtype=np.float64) for values in (gold, predicted))
    return Tally("pearson", np.stack([np.ones(len(x)), x, y, x * x, y * y, x * y], axis=1), pearson)


def standard_error(tally: Tally) -> float:
    """The standard deviation of the metric over bootstrap samples of the examples (Efron 1979)."""
    drawn = [tally.of_sums(counts @ tally.values) for counts in _resamples(len(tally.values))]
    return float(np.nanstd(np.concatenate(drawn), ddof=1))


def difference(first: Tally, second: Tally) -> Difference:
    """Compares two models on the same examples.

    The p-value is that of the paired bootstrap (Efron and Tibshirani 1993, ch. 16): twice the share of samples in which the
    difference has the other sign.

    Raises:
      ValueError: the tallies are of different metrics or numbers of examples.
    """
    if first.metric != second.metric or len(first.values) != len(second.values):
        raise ValueError("only the same metric of the same examples can be compared")
    drawn = np.concatenate(
        [
            second.of_sums(counts @ second.values) - first.of_sums(counts @ first.values)
            for counts in _resamples(len(first.values))
        ]
    )
    drawn = drawn[~np.isnan(drawn)]
    less, more = (int(np.sum(sides)) for sides in (drawn <= 0, drawn >= 0))
    p_value = min(1.0, 2 * (min(less, more) + 1) / (len(drawn) + 1))
    rights = first.is_right, second.is_right
    test = None if rights[0] is None or rights[1] is None else mcnemar(rights[0], rights[1])
    return Difference(second.value - first.value, float(np.std(drawn, ddof=1)), p_value, test)


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """The two-sided p-value of McNemar's exact test (1947): of the examples that one alone has right, each is either's with 1/2.

    Args:
      first, second: bool [N], which examples a model has right.
    """
    one, other = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    total = one + other
    below = sum(math.comb(total, number) for number in range(min(one, other) + 1))
    return min(1.0, 2 * below / 2**total)


def _resamples(number: int) -> Iterator[np.ndarray]:
    """How often each example is drawn, float64 [some, N], the same for all models."""
    random = np.random.default_rng(0)
    for first in range(0, _RESAMPLES, step := max(1, _AT_ONCE // max(number, 1))):
        yield random.multinomial(number, np.full(number, 1 / number), min(step, _RESAMPLES - first)).astype(np.float64)
