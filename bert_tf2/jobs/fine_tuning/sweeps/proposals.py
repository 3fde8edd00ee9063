"""Which values a search tries next: every combination, drawn ones, or those that a sampler proposes.

What is drawn depends on the search's seed and on the trial's number alone, and what is proposed on the trials before it too, so
that a search that was killed goes on as it would have.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.sweeps.space import GRID, TPE, Parameter, Space
from bert_tf2.jobs.fine_tuning.sweeps.trial import Trial


def check_sampler(space: Space) -> None:
    """Checks that what proposes the values is installed.

    Raises:
      UserError: it is not.
    """
    if space.method == TPE:
        try:
            import optuna  # noqa: F401
        except ImportError:
            raise UserError("method: tpe needs Optuna: pip install 'bert_tf2[optuna]', or use method: random") from None


def drawn(space: Space) -> list[dict[str, Any]]:
    """The values of all trials of a grid, in the order of the file with the last parameter changing first, or of a random search:
    distinct ones, uniform over a list or a range, or log-uniform over a range.

    Args:
      space: of a method that needs no scores.
    """
    names = list(space.parameters)
    if space.method == GRID:
        return [dict(zip(names, values)) for values in itertools.product(*(one.values for one in space.parameters.values()))]
    found: list[dict[str, Any]] = []
    for number in itertools.count():
        generator = np.random.default_rng((space.seed, number))
        values = {name: _draw(one, generator) for name, one in space.parameters.items()}
        if values not in found or math.isinf(space.combinations):
            found.append(values)
        if len(found) == space.trials:
            return found
    raise AssertionError("numbers do not end")


def _draw(parameter: Parameter, generator: np.random.Generator) -> Any:
    if parameter.values:
        return parameter.values[int(generator.integers(len(parameter.values)))]
    # Of whole numbers each has the half below and above it.
    margin = 0.5 if parameter.whole else 0.0
    low, high = parameter.low - margin, parameter.high + margin
    value = math.exp(generator.uniform(math.log(low), math.log(high))) if parameter.log else generator.uniform(low, high)
    return _within(parameter, value)


def proposed(space: Space, trials: Sequence[Trial], metric: str, higher_is_better: bool) -> dict[str, Any]:
    """The values of the next trial of a Tree-structured Parzen Estimator (Bergstra et al. 2011), Optuna's.

    Args:
      space: what is searched.
      trials: those before it, all of them finished or failed.
      metric: what ranks them.
      higher_is_better: whether more of it is better.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(one) for name, one in space.parameters.items()}
    study = optuna.create_study(
        direction="maximize" if higher_is_better else "minimize",
        sampler=optuna.samplers.TPESampler(seed=(space.seed + 1) * 100_003 + len(trials)),
    )
    for trial in trials:
        value = trial.score(metric)
        usable = value is not None and math.isfinite(value)
        study.add_trial(
            optuna.trial.create_trial(
                params={name: _index(space.parameters[name], trial.values[name]) for name in distributions},
                distributions=distributions,
                value=value if usable else None,
                state=optuna.trial.TrialState.COMPLETE if usable else optuna.trial.TrialState.FAIL,
            )
        )
    chosen = study.ask(distributions).params
    return {name: _at(space.parameters[name], chosen[name]) for name in space.parameters}


def _distribution(parameter: Parameter) -> Any:
    from optuna import distributions

    if parameter.values:
        # Optuna keeps texts, numbers and None; a position stands for any value.
        return distributions.CategoricalDistribution(tuple(range(len(parameter.values))))
    if parameter.whole:
        return distributions.IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
    return distributions.FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def _index(parameter: Parameter, value: Any) -> Any:
    return parameter.values.index(value) if parameter.values else value


def _at(parameter: Parameter, chosen: Any) -> Any:
    return parameter.values[chosen] if parameter.values else _within(parameter, chosen)


def _within(parameter: Parameter, value: float) -> float:
    """A value of a range as it is tried: in as many digits as a person would write."""
    rounded = round(value) if parameter.whole else float(f"{value:.3g}")
    return min(max(rounded, parameter.low), parameter.high)


def rungs(trials: int, reduction: int) -> list[tuple[float, int]]:
    """The rounds of successive halving (Jamieson and Talwalkar 2016, https://arxiv.org/abs/1502.07943): the share of its training
    that a trial has done at the end of each, and how many trials are in it.

        n trials, one of r goes on:  1 / r^k of the training for n,  1 / r^(k-1) for ceil(n / r), …,  the whole for the last,
        with k the number of times that n can be divided by r

    Args:
      trials: n.
      reduction: r.
    """
    times = 0
    while reduction ** (times + 1) <= trials:
        times += 1
    return [(1 / reduction ** (times - k), -(-trials // reduction**k)) for k in range(times + 1)]
