"""What a pre-training learns from besides its text: nothing, or a teacher. The run knows no difference."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.jobs.pretraining.inputs import PretrainingInputs
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.jobs.pretraining.teacher import PretrainedTeacher, judges_pairs
from bert_tf2.jobs.training.distillation_checks import student_of, told_layers
from bert_tf2.jobs.training.distillation_options import described_options
from bert_tf2.jobs.training.teacher_losses import losses_of, with_projections, without_projections
from bert_tf2.models.block_loop import unlooped
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import family_of
from bert_tf2.tasks.base import Task
from bert_tf2.tasks.pretraining.objectives import Circumstances, objective_of
from bert_tf2.training.distillation.names import SOFT, measured_as
from bert_tf2.training.distillation.task import DistilledTask, Losses
from bert_tf2.training.distillation.teachers import TeacherInStep

logger = logging.getLogger(__name__)


class PretrainingTeaching:
    """The text alone."""

    initial_weights: str | None = None
    """Where the first weights come from instead of `--init_checkpoint`, for people; None for nowhere else."""
    facts: Sequence[tuple[str, object]] = ()
    """For the report."""

    def beginning(self) -> Source:
        """The first weights, where `initial_weights` says so."""
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        """What it adds to what identifies the run."""
        return {}

    def begin(self, task: Task, model: tf_keras.Model, encoder: tf_keras.Model, strategy: tf.distribute.Strategy) -> Task:
        """What the loss of a model is of that is to be trained."""
        del model, encoder, strategy
        return task

    def end(self, model: tf_keras.Model) -> None:
        """Takes out of a trained model what only its training needed."""

    def tell_untrained(self, heads: Sequence[str]) -> None:
        """Warns of heads that nothing trains.

        Args:
          heads: the titles of those that start from random values.
        """

    def sections(self, train: Sequence[Mapping[str, float]]) -> list[tuple[str, str]]:
        """What the report says of the losses: headings and Markdown.

        Args:
          train: the training's reports.
        """
        del train
        return []

    def last_measured(self, train: Sequence[Mapping[str, float]]) -> dict[str, object]:
        """The last report of each loss, for the summary; arguments as those of `sections`."""
        del train
        return {}


class PretrainingDistillation(PretrainingTeaching):
    """The text and a teacher.

    Args:
      options: what was asked, checked.
      config: the student's.
      teacher: the teacher.
      made_for: what the student's objective was made for.
      judges_pairs: whether the teacher's answers to pairs are learned.
    """

    def __init__(
        self,
        options: PretrainingOptions,
        config: BertConfig,
        teacher: PretrainedTeacher,
        made_for: Circumstances,
        judges_pairs: bool,
    ):
        self._options, self._config, self._teacher = options, config, teacher
        self._made_for = dataclasses.replace(made_for, has_pairs=judges_pairs)
        self._losses = losses_of(options, config, teacher.config)
        self._layers = student_of(options, teacher.config.num_hidden_layers)
        if self._layers is not None:
            self.initial_weights = told_layers(self._layers, teacher.named)
        self.facts = (("teacher", teacher.described), ("learned from it", self._learned))

    def beginning(self) -> Source:
        """The teacher's embeddings, heads and those of its layers that the student is made of."""
        assert self._layers is not None, "initial_weights says so"
        return self._teacher.source.with_layers(self._layers)

    def identity(self) -> dict[str, Any]:
        """The teacher's weights, and all options of distillation."""
        return {"teacher": self._teacher.fingerprint, **described_options(self._options)}

    def begin(self, task: Task, model: tf_keras.Model, encoder: tf_keras.Model, strategy: tf.distribute.Strategy) -> Task:
        """The task with the teacher's losses, for a model that is to be trained."""
        losses = self._losses
        if not losses.weights:
            logger.info("--distillation_alpha=0: nothing is learned from the teacher but what the student begins with")
            return task
        if losses.observes:
            unlooped(encoder)
        teacher = TeacherInStep(self._model(strategy), losses.observes)
        projections = with_projections(model, losses, self._config, self._teacher.config, strategy)
        logger.info("the teacher (%s) runs in every training step: %s", self._teacher.described, self._learned)
        return DistilledTask(task, losses, teacher, projections)

    def tell_untrained(self, heads: Sequence[str]) -> None:
        """Warns where the labels' losses are left out and there is no other."""
        losses = self._losses
        if heads and not losses.alpha and not losses.learns_labels:
            logger.warning(
                "--distillation_alpha=1 without soft: nothing is learned from the masked words, and %s random values; use the "
                "encoder that is left, not fill_mask",
                f"{' and '.join(heads)} stay{'s' * (len(heads) == 1)} at",
            )

    def end(self, model: tf_keras.Model) -> None:
        """Without the projections it is the task's model again."""
        without_projections(model)

    def sections(self, train: Sequence[Mapping[str, float]]) -> list[tuple[str, str]]:
        """A table of the losses at the beginning and at the end."""
        names = [name for name in self._losses.weights if train and all(measured_as(name) in entry for entry in train)]
        if not names:
            return []
        first, last = train[0], train[-1]
        lines = [f"| loss | weight | up to step {first['step']} | up to step {last['step']} |", "|---|---|---|---|"]
        for name in names:
            values = (f"{entry[measured_as(name)]:.4f}" for entry in (first, last))
            lines.append(f"| {name} | {self._losses.weights[name]:g} | {' | '.join(values)} |")
        return [("What was learned from the teacher", "\n".join(lines))]

    def last_measured(self, train: Sequence[Mapping[str, float]]) -> dict[str, object]:
        """Of each of the teacher's losses."""
        names = map(measured_as, self._losses.weights)
        return {name: train[-1][name] for name in names if train and name in train[-1]}

    @property
    def _learned(self) -> str:
        losses: Losses = self._losses
        told = []
        for name, weight in losses.weights.items():
            pairs = " of masked words and pairs" if self._made_for.has_pairs else " of masked words"
            more = f"{pairs} at temperature {losses.temperature:g}" if name == SOFT else ""
            told.append(f"{name} {weight:g}{more}")
        of_labels = 1 - losses.alpha if losses.learns_labels else 0
        return f"{', '.join(told)}; labels {of_labels:g}"

    def _model(self, strategy: tf.distribute.Strategy) -> tf_keras.Model:
        """The teacher with its weights: with the heads whose answers are learned, else its encoder."""
        config, made_for, teacher = self._teacher.config, self._made_for, self._teacher.source
        family = family_of(config)
        with strategy.scope():
            if not self._losses.alpha:
                model = encoder = family.build(config, made_for.policy)
            else:
                encoder = family.build(config, made_for.policy, for_pretraining=True)
                model = objective_of(config).task(config, self._options, made_for).build_model(encoder)
        loaded = load_encoder_weights(encoder, teacher, config, head_model=model)
        logger.info("teacher: %s", loaded.summary())
        return model


def teaching_of(
    options: PretrainingOptions,
    config: BertConfig,
    teacher: PretrainedTeacher | None,
    made_for: Circumstances,
    data: PretrainingInputs,
) -> PretrainingTeaching:
    """What a run learns from; arguments as those of `PretrainingDistillation`.

    Args:
      options, config, teacher, made_for: see there; None for no teacher.
      data: what is known of the records.
    """
    if teacher is None:
        return PretrainingTeaching()
    return PretrainingDistillation(options, config, teacher, made_for, judges_pairs(teacher, options, data))
