"""What a training consists of, once it is settled and before it begins: its data, its course, and what it works with."""

import dataclasses
import math
from typing import Any, Generic, TypeAlias, TypeVar

import tf_keras

from bert_tf2.data.batches.pipeline import Padding, Records
from bert_tf2.data.batches.plans import BatchPlan
from bert_tf2.data.batches.striped_plan import StripedPlan
from bert_tf2.tasks.base import ExampleSet, Task
from bert_tf2.training.optimization import Optimizer
from bert_tf2.training.regularisation.adversarial import Adversary

TrainingPlan: TypeAlias = BatchPlan | StripedPlan
TrainedOn = TypeVar("TrainedOn", bound=Records)


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How many steps a training has, and how many lie between two evaluations and two checkpoints."""

    train_steps: int
    eval_every_steps: int
    save_every_steps: int

    def step_after(self, share: float) -> int:
        """The step at which a share of the training is done, or the next one after it at which there may be an evaluation."""
        every = self.eval_every_steps
        # What is a whole number but for rounding is one.
        return min(self.train_steps, max(1, math.ceil(share * self.train_steps / every - 1e-9)) * every)


@dataclasses.dataclass(frozen=True)
class TrainingData(Generic[TrainedOn]):
    """What a training works on.

    Attributes:
      records: what is trained on.
      identity: what identifies the data besides the records' files.
      evaluates: whether there are evaluations on the way.
      sets: what is evaluated or predicted.
    """

    records: TrainedOn
    identity: dict[str, Any]
    evaluates: bool
    sets: list[ExampleSet]


@dataclasses.dataclass(frozen=True)
class Course:
    """How a training goes.

    Attributes:
      seed: of the run.
      plan: which rows each step takes.
      schedule: how many steps there are, and between what.
      padding: the sizes of batches.
    """

    seed: int
    plan: TrainingPlan
    schedule: Schedule
    padding: Padding


@dataclasses.dataclass(frozen=True)
class Assembled:
    """What a training works with.

    Attributes:
      task: gives the loss, of a teacher's answers too where there is one.
      records: what is trained on, with what a job adds to them.
      model: with the weights that it starts from.
      optimizer: made for it.
      adversary: moves word embeddings for a loss beside the task's; None for none.
    """

    task: Task
    records: Records
    model: tf_keras.Model
    optimizer: Optimizer
    adversary: Adversary | None = None
