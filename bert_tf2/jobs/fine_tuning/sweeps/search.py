"""A search for the best values of flags: trainings that differ in them, in one directory, and what they come to."""

import dataclasses
import gc
import json
import logging
import math
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from bert_tf2 import files
from bert_tf2.errors import NonFiniteLossError, UserError
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.sweeps import search_report
from bert_tf2.jobs.fine_tuning.sweeps.directory import SEARCH, check_sweep, name_best, placed
from bert_tf2.jobs.fine_tuning.sweeps.proposals import check_sampler, drawn, proposed, rungs
from bert_tf2.jobs.fine_tuning.sweeps.space import HALVING, TPE, read_space
from bert_tf2.jobs.fine_tuning.sweeps.trial import Stage, Trial
from bert_tf2.options import info, not_default
from bert_tf2.training.run_directory import RUN_CONFIG, shown

if TYPE_CHECKING:
    from bert_tf2.jobs.fine_tuning.run import RunResult

logger = logging.getLogger(__name__)

_SEED = 1


class Run(Protocol):
    """The job of one training."""

    def __call__(self, options: Any, share: float = 1.0) -> "RunResult":
        """Trains up to a share of the training's steps, and evaluates."""


def run_search(options: Any, phases: Phases, run: Run) -> dict[str, Any]:
    """Trains with the values that `--search` names, and tells which are the best.

    Args:
      options: of all; they hold `SweepOptions` too.
      phases: what is to be done with each.
      run: the job for one training.

    Returns:
      `trials`: a list of `Trial`; `best`: the one with the best score among those that were trained to their end.

    Raises:
      UserError: the options do not go together, the directory is of another search, or an evaluation gave no score.
    """
    search = _Search(options, phases, run)
    search.complete()
    return {"trials": search.trials, "best": search.best}


def first_trial(options: Any, phases: Phases) -> tuple[Any, int]:
    """The options of the first trial, and how many whole trainings the search comes to; raises as `run_search`."""
    search = _Search(options, phases, _no_run)
    return search.first()


def _no_run(options: Any, share: float = 1.0) -> "RunResult":
    raise AssertionError("nothing is to be trained")


class _Search:
    """One call of `run_search`."""

    def __init__(self, options: Any, phases: Phases, run: Run):
        asked = f"--search={options.search}"
        if options.num_seeds > 1:
            raise UserError(f"{asked} and --num_seeds={options.num_seeds}: search first, then repeat the best with --num_seeds")
        if getattr(options, "num_folds", None) is not None:
            raise UserError(
                f"{asked} and --num_folds={options.num_folds}: search with evaluation data, then cross-validate the best"
            )
        self._space = read_space(options.search, type(options))
        for name in self._space.parameters:
            if not_default(options, [name]):
                value = getattr(options, name)
                raise UserError(f"--{name}={value} is given, and {options.search} searches it; leave one of the two out")
        check_sampler(self._space)
        self._directory = check_sweep(asked, options, phases, SEARCH)
        # Trials differ in what is searched, and in nothing else.
        self._options = options if options.seed is not None else dataclasses.replace(options, seed=_SEED)
        self._run = run
        self._metric, self._higher_is_better = "", True
        self._trials: dict[int, Trial] = {}
        # The digests of the records that trials are trained on.
        self._data: Any = None
        self._known = self._former()

    @property
    def trials(self) -> list[Trial]:
        """Those that were begun, by number."""
        return [self._trials[number] for number in sorted(self._trials)]

    @property
    def best(self) -> Trial | None:
        """The best of those that were trained to their end; None where all failed."""
        whole = [trial for trial in self.trials if trial.share == 1.0 and trial.failed is None]
        return max(whole, key=self._rank, default=None)

    def _rank(self, trial: Trial, share: float | None = None) -> float:
        return trial.rank(self._metric, self._higher_is_better, share)

    def first(self) -> tuple[Any, int]:
        """The options of the first trial, and how many whole trainings there are to be."""
        space = self._space
        trial = next(self._next())[0]
        parts = rungs(space.trials, space.reduction) if space.method == HALVING else [(1.0, space.trials)]
        befores = [0.0, *(share for share, _ in parts)]
        trainings = sum(number * (share - before) for (share, number), before in zip(parts, befores))
        return dataclasses.replace(self._options, search=None, **trial.values), math.ceil(trainings)

    def complete(self) -> None:
        """Trains what is not trained yet, and writes after each what is known."""
        for trial, share, what in self._next():
            trial = self._trials.get(trial.number) or self._known.get(trial.number) or trial
            reached = [stage for stage in trial.stages if stage.share >= share]
            is_new = not reached and trial.failed is None
            self._trials[trial.number] = trial = self._trained(trial, share, what) if is_new else trial
            if is_new:
                self._write(finished=False)
        self._write(finished=True)
        search_report.tell(self._directory, self.trials, self.best, self._metric)

    def _next(self) -> Iterator[tuple[Trial, float, str]]:
        """What is trained, in turn: a trial, up to which share of its training, and how this is told."""
        space = self._space
        if space.method == TPE:
            for number in range(1, space.trials + 1):
                kept = self._known.get(number)
                values = kept.values if kept else proposed(space, self.trials, self._metric, self._higher_is_better)
                yield Trial(number, values), 1.0, f"trial {number} of {space.trials}"
            return
        trials = [Trial(number, values) for number, values in enumerate(drawn(space), 1)]
        if space.method != HALVING:
            for trial in trials:
                yield trial, 1.0, f"trial {trial.number} of {space.trials}"
            return
        for share, number in rungs(space.trials, space.reduction):
            trials.sort(key=lambda trial: trial.number)
            for place, trial in enumerate(trials, 1):
                yield trial, share, f"up to {share:.0%} of the training, {place} of {len(trials)}: trial {trial.number}"
            # As they stood then: one that was to go on may have failed since.
            standing = {trial.number: self._rank(self._trials[trial.number], share) for trial in trials}
            trials = [trial for trial in trials if standing[trial.number] > -math.inf]
            trials = sorted(trials, key=lambda trial: -standing[trial.number])[: -(-number // space.reduction)]

    def _trained(self, trial: Trial, share: float, what: str) -> Trial:
        logger.info("%s: %s: %s", what, trial.flags, os.path.join(self._directory, trial.directory))
        changes: dict[str, Any] = {"search": None, **placed(self._options, trial.directory), **trial.values}
        options = dataclasses.replace(self._options, **changes)
        try:
            result = self._run(options, share)
        except NonFiniteLossError as error:
            logger.warning("trial %d has failed: %s", trial.number, error)
            stage = Stage(share, None, {}, failed=str(error))
        else:
            if not result.scores:
                raise UserError(
                    f"--search={self._options.search} compares scores, and trial {trial.number} has none: give evaluation data "
                    "that have answers"
                )
            self._metric, self._higher_is_better = result.best_metric, result.higher_is_better
            self._check_data(trial)
            step = None if result.training is None else result.training.final_step
            stage = Stage(share, step, next(iter(result.scores.values())), degenerate=result.degenerate)
            del result
        # Models and graphs of a training hold each other; the next one needs their memory.
        gc.collect()
        trial = trial.at(stage)
        if stage.scores:
            search_report.write_hyperparameters(self._directory, trial, self._metric, stage)
        return trial

    def _check_data(self, trial: Trial) -> None:
        """Checks that a trial was trained on the data of those before it, which are not trained again.

        Raises:
          UserError: it was not.
        """
        if self._options.is_tf1_dialect:
            # Of raw files each trial makes its own records, which what is searched may decide.
            return
        place = os.path.join(self._directory, trial.directory)
        data = files.read_object(place, RUN_CONFIG).get("run", {}).get("data", {}).get("train")
        if self._data not in (None, data):
            raise UserError(
                f"{place} was trained on other data than the trials before it: the data have changed since; give another "
                "--model_dir"
            )
        self._data = data

    def _former(self) -> dict[int, Trial]:
        """The trials that the directory holds, by number.

        Raises:
          UserError: they are of another search.
        """
        path = os.path.join(self._directory, SEARCH)
        if not files.exists(path):
            return {}
        kept = files.read_object(self._directory, SEARCH)
        there, here = kept.get("search"), self._identity()
        if not isinstance(there, Mapping):
            raise UserError(f"{path} is no search's; rename it, or give another --model_dir")
        grown = ("trials",) if self._space.method != HALVING else ()
        for name in {**here, **there}:
            mine, theirs = here.get(name), there.get(name)
            has_grown = name in grown and isinstance(theirs, int) and here[name] >= theirs
            if mine != theirs and not has_grown:
                more = "; it may only grow" if name in grown else ""
                raise UserError(
                    f"{self._directory} holds another search ({name}: {shown(theirs)} there, {shown(mine)} here{more}); give "
                    "another --model_dir"
                )
        self._metric, self._higher_is_better = kept["metric"], kept["higher_is_better"]
        self._data = kept["data"]
        return {one["number"]: _trial(one) for one in kept["trials"]}

    def _identity(self) -> dict[str, Any]:
        """What a search is, as JSON gives it back."""
        options, space = self._options, self._space
        fields = [field for field in dataclasses.fields(options) if not info(field).may_change and field.name != "search"]
        identity = dataclasses.asdict(space) | {"flags": not_default(options, [field.name for field in fields])}
        if space.method != HALVING:
            del identity["reduction"]
        return json.loads(files.json_text(identity | {"space": identity.pop("parameters")}))

    def _write(self, finished: bool) -> None:
        """Writes what is known so far, so that a kill loses nothing."""
        # Those that the search has not come to again yet stay.
        trials = [*self.trials, *(trial for number, trial in self._known.items() if number not in self._trials)]
        best = self.best
        content = {
            "search": self._identity(),
            "metric": self._metric,
            "higher_is_better": self._higher_is_better,
            "best": best and best.directory,
            "data": self._data,
            "trials": [dataclasses.asdict(trial) for trial in trials],
        }
        files.write_json(os.path.join(self._directory, SEARCH), content)
        if best is not None:
            name_best(self._directory, best.directory)
        search_report.write_report(
            self._directory, self.trials, best, self._metric, self._higher_is_better, self._space, self._options.command, finished
        )


def _trial(kept: Mapping[str, Any]) -> Trial:
    return Trial(kept["number"], kept["values"], tuple(Stage(**stage) for stage in kept["stages"]))
