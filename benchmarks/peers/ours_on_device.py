"""bert_tf2 on a GPU (or a CPU), by the jobs behind its commands with their defaults; stopped when enough was measured.

The device is not waited for in every step, as the jobs themselves do not. What is compiled for a length is compiled in the first
step with it; all lengths of a job have had their first step before the measurement, or else `warm_up_s` has passed.
"""

import contextlib
import time
from unittest import mock

import clock  # first: its time begins here
import device_memory
import measure
import ours  # first of those that import the project: it puts it on the path
import ours_pretraining
import ours_squad

from bert_tf2.data.batches.pipeline import Padding, Records
from bert_tf2.data.batches.plans import LengthSortedPlan, Plan
from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.training import distribution, steps
from bert_tf2.training.train_step import LoopResult, TrainStep

TRAINERS = {"mrpc": ours, "squad": ours_squad, "pretraining": ours_pretraining}


class Enough(Exception):
    """All was measured; the job need not go on."""


class Batches:
    """What the batches of a job hold, as its own plan says."""

    def __init__(self):
        self._known: tuple[Records, Plan, Padding] | None = None
        make = vars(steps)["distributed_batches"]

        def watched_make(strategy, records, plan, first_step, padding, *more) -> object:
            self._known = records, plan, padding
            return make(strategy, records, plan, first_step, padding, *more)

        mock.patch.object(steps, "distributed_batches", watched_make).start()

    @property
    def lengths(self) -> int:
        """How many lengths there are that steps are compiled for."""
        return len(self._known[2].lengths) or 1

    def of_step(self, step: int) -> tuple[int, int, int]:
        """Rows, slots of each, and slots that are not padding."""
        records, plan, padding = self._known
        rows = plan.rows(step)
        tokens = records.sizes_of(rows)[TOKENS]
        return len(rows), padding.fixed.get(TOKENS) or padding.size(TOKENS, tokens), int(tokens.sum())


class Watched:
    """Counts and times the steps of a job, and ends it.

    Args:
      job: how long; see `train`.
    """

    def __init__(self, job: dict):
        self.times, self.is_measuring = clock.Clock(job), False
        self._job, self._batches, self._run = job, Batches(), TrainStep.run
        self._seen: set[int] = set()
        self._begin = time.perf_counter()
        self._loss: object = 0.0
        TrainStep.run = lambda *arguments: self._step(*arguments)

    def _step(self, step: TrainStep, iterator: object, number: int, steps: int) -> LoopResult:
        batch = self._batches.of_step(number)
        is_new = batch[1] not in self._seen
        if is_new and self.is_measuring:
            # What was measured so far ends here; this step does not count.
            self._wait()
            self.times.waited()
        begin = time.perf_counter()
        result = self._run(step, iterator, number, steps)
        self._loss = result.loss_sum
        if is_new:
            self._wait()
            self._seen.add(batch[1])
            self.times.first_step(batch[1], time.perf_counter() - begin, lengths=self._batches.lengths)
            self.times.begin()
        elif not self.is_measuring:
            self._wait()
        elif self.times.step(*batch):
            self._wait()
            if self.times.waited():
                raise Enough
        if not self.is_measuring and self._is_warm(number):
            if self._job["measure_s"] == 0:
                raise Enough
            self.is_measuring = True
            device_memory.forget_peak()
            self.times.begin()
        return result

    def _is_warm(self, number: int) -> bool:
        has_all = len(self._seen) >= self._batches.lengths
        return (has_all and number >= 5) or time.perf_counter() - self._begin > self._job["warm_up_s"]

    def _wait(self) -> None:
        float(self._loss)


def train(job: dict) -> None:
    """Trains until enough was measured.

    Args:
      job: what the drivers of the commands take, and `num_gpus`, `enable_xla`, `bucket_by_length`; `measure_s` (0: only the first
        steps), `chunk` and `most_chunks` of the clock; `warm_up_s`.
    """
    watched = Watched(job)
    options = {name: job[name] for name in ("num_gpus", "enable_xla", "bucket_by_length")}
    # Nothing is saved on the way.
    options["save_checkpoints_steps"] = 10**9
    if job["task"] != "pretraining":
        options["num_train_epochs"] = 1000.0
    with contextlib.suppress(Enough):
        TRAINERS[job["task"]].train(job, **options)
    if watched.is_measuring:
        watched.times.tell(peak_mb=device_memory.peak_mb())


def predict(job: dict) -> None:
    """Computes the outputs for all rows again and again, after a first time that compiles."""
    from bert_tf2.data.records.record_set import RecordSet
    from bert_tf2.jobs.training.training_setup import POLICIES
    from bert_tf2.models.config import BertConfig
    from bert_tf2.models.encoder import build_encoder
    from bert_tf2.tasks.classification.features import classification_features
    from bert_tf2.tasks.classification.task import ClassificationTask
    from bert_tf2.training.evaluation import predict_all

    times, compiles = clock.Clock(job), job["num_gpus"] > 0 if job["enable_xla"] is None else job["enable_xla"]
    strategy = distribution.create_strategy("mirrored", num_gpus=job["num_gpus"])
    task = ClassificationTask(["0", "1"])
    with strategy.scope():
        config = BertConfig.from_json_file(job["config"])
        model = task.build_model(build_encoder(config, POLICIES[job["dtype"]], output_range=task.output_range))
    records = RecordSet.open(job["records"], classification_features())
    padding = Padding(most={TOKENS: job["max_seq_length"]}, full_batches=compiles)
    plan, fitted = LengthSortedPlan(records.lengths, job["batch_size"]), padding.fitted(records)
    lengths = [fitted.size(TOKENS, records.lengths[plan.rows(step)]) for step in range(plan.steps)]

    def predict_once() -> None:
        predict_all(task, model, strategy, records, job["batch_size"], padding, enable_xla=compiles)

    begin = time.perf_counter()
    predict_once()
    times.first_step(0, time.perf_counter() - begin, lengths=len(set(lengths)))
    device_memory.forget_peak()
    times.begin()
    is_enough = False
    while not is_enough:
        predict_once()
        for step, length in enumerate(lengths):
            times.step(len(plan.rows(step)), length, int(records.lengths[plan.rows(step)].sum()))
        is_enough = times.waited()
    times.tell(peak_mb=device_memory.peak_mb())


if __name__ == "__main__":
    asked = measure.job()
    (predict if asked["part"] == "prediction" else train)(asked)
