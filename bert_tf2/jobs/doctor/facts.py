"""What examinations work from: what every training has, whatever its task."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.data.records.mixed_records import MixedRecords
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.jobs.doctor.measuring import DoesNotFit, Measured
from bert_tf2.jobs.training.course import Course, TrainingData
from bert_tf2.jobs.training.training_run import TrainingRun
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.tasks.base import ExampleSet, Task

MOST_COMPARED = 100_000
"""Rows of a set whose inputs are looked at: enough for most data sets, and bounded in time for the others."""

_PARSE_AT_ONCE = 2048
_LENGTHS_OF = 20_000
_RAW_TEXTS = 2_000


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What a model is shown of the first rows of a set.

    Attributes:
      name: of the set: `train`, `eval`, …
      records: all of them.
      keys: for each row what makes it the same input as another: its ids without padding.
      ids: for each row its ids, int32.
      first: for each row how many of them are of the first text; all where it is one.
      answers: what each row is given, in bytes; None where the task does not say, or the set has none.
      classes: the number of each row's class; None where rows have no class.
    """

    name: str
    records: RecordSet
    keys: list[bytes]
    ids: list[np.ndarray]
    first: list[int]
    answers: list[bytes] | None
    classes: np.ndarray | None


@dataclasses.dataclass
class Facts:
    """What is known of a training before its first step.

    Attributes:
      run: composed of the command's options and files.
      data: what is trained on and evaluated.
      course: how the training goes.
      place: the directory that the command names.
      times: how often it is repeated, with other seeds.
      said: what the job warned of.
      measured: what some real steps took; None where there were none.
      why_not_measured: why none were run, a clause.
      does_not_fit: the memory that a step would need.
    """

    run: TrainingRun
    data: TrainingData
    course: Course
    place: str
    times: int = 1
    said: Sequence[str] = ()
    measured: Measured | None = None
    why_not_measured: str = ""
    does_not_fit: DoesNotFit | None = None

    @property
    def options(self) -> Any:
        """The command's, settled."""
        return self.run.options

    @property
    def task(self) -> Task:
        """The run's."""
        return self.run.task

    @functools.cached_property
    def train_lengths(self) -> np.ndarray:
        """Tokens of training rows spread over all: int32."""
        records = self.data.records
        return np.asarray(records.sizes_of(records.spread(_LENGTHS_OF))[TOKENS])

    @property
    def evaluated(self) -> list[ExampleSet]:
        """The sets besides the training's that have labels."""
        return [examples for examples in self.data.sets if examples.is_labelled]

    @functools.cached_property
    def train_texts(self) -> list[tuple[str, str | None]] | None:
        """Texts of the first training rows as they stand in their files; None where only records are at hand."""
        return self.run.raw_texts(_RAW_TEXTS)

    @functools.cached_property
    def inputs(self) -> dict[str, Inputs]:
        """What the model is shown, of the training and the other sets; nothing where equal inputs are not one example."""
        if not self.task.equal_inputs_are_one:
            return {}
        records = self.data.records
        # What is learned from a teacher alone has no labels to look at.
        labelled = records.labelled if isinstance(records, MixedRecords) else records
        found = {"train": inputs_of("train", labelled, self.task, True)}
        return found | {one.name: inputs_of(one.name, one.records, self.task, one.is_labelled) for one in self.data.sets}


def inputs_of(name: str, records: RecordSet, task: Task, labelled: bool) -> Inputs:
    """What a model is shown of the first rows of a set."""
    number = min(len(records), MOST_COMPARED)
    given = task.answer_feature if labelled and task.answer_feature in {spec.name for spec in records.specs} else None
    keys, ids, first, answers = [], [], [], []
    classes: list[np.ndarray] = []
    for begin in range(0, number, _PARSE_AT_ONCE):
        batch = records.parse(range(begin, min(begin + _PARSE_AT_ONCE, number)))
        words, mask, types = (batch[key].reshape(len(batch[key]), -1) for key in INPUT_NAMES)
        for row_words, row_mask, row_types in zip(words, mask != 0, types):
            row = row_words[row_mask]
            ids.append(row)
            keys.append(row.tobytes())
            first.append(int((row_types[row_mask] == 0).sum()))
        if given is not None:
            values = batch[next(spec.key for spec in records.specs if spec.name == given)]
            # Lists are padded to the longest of some rows: what fills them up is no part of an answer.
            answers += [np.trim_zeros(np.atleast_1d(value + 1), "b").tobytes() for value in values]
            classes += [values] if values.ndim == 1 else []
    of_class = np.concatenate(classes) if classes and task.class_names else None
    return Inputs(name, records, keys, ids, first, answers if given is not None else None, of_class)
