"""One run of a training job, whatever its task: builds, trains, loads, exports and reports."""

import abc
import dataclasses
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic

import tensorflow as tf
import tf_keras

from bert_tf2 import files
from bert_tf2.data.batches.packed_plan import PackedPlan
from bert_tf2.data.batches.pipeline import Padding, Records, check_divisible
from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.data.records.metadata import MetaData
from bert_tf2.jobs.training import extension, kept_configuration, packed_training, training_setup
from bert_tf2.jobs.training.course import Assembled, Course, Schedule, TrainedOn, TrainingData, TrainingPlan
from bert_tf2.jobs.training.micro_batch import parts_of_batch, whole_batches
from bert_tf2.jobs.training.model_of_run import ModelOfRun
from bert_tf2.jobs.training.run_report import write_run_report
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.model_directory import model_files
from bert_tf2.models.config import BertConfig
from bert_tf2.tasks.base import Task
from bert_tf2.training import checkpointing, export
from bert_tf2.training.agreement import Agreement
from bert_tf2.training.distribution import describe, is_chief
from bert_tf2.training.regularisation.adversarial import Adversary
from bert_tf2.training.reporting import report
from bert_tf2.training.run_directory import RunDirectory
from bert_tf2.training.trainer import Trainer
from bert_tf2.training.trainer_config import TrainingResult

logger = logging.getLogger(__name__)

_HIGHEST_USUAL_RATE = 0.02


class TrainingRun(ModelOfRun, Generic[TrainedOn]):
    """What every training job does once data, configuration and devices are settled.

    A job's own class says what records it trains on, and how it evaluates, predicts and exports.

    Args:
      options: what was asked.
      config: the encoder's configuration.
      strategy: where the model lives.
      directory: `--model_dir`.
      task: loss, metrics, head.
      max_seq_length: the longest row.
      given: the options before anything was derived from them.
      share: of the training's steps after which it pauses, at the evaluation that is next.
    """

    def __init__(
        self,
        options: TrainingOptions,
        config: BertConfig,
        strategy: tf.distribute.Strategy,
        directory: RunDirectory,
        task: Task,
        max_seq_length: int,
        given: TrainingOptions,
        share: float = 1.0,
    ):
        super().__init__(options, config, strategy, directory, task)
        self._given, self._share = given, share
        self._chief = is_chief(strategy)
        self.max_seq_length = max_seq_length
        self._tracking = training_setup.tracking(options, directory.path, self._chief)
        self._padding = training_setup.padding(options, {TOKENS: max_seq_length, **task.most})
        # The steps at which the training had ended before it was made longer.
        self._earlier_ends: list[int] = []

    @property
    def meta(self) -> MetaData | None:
        """The metadata of the training data; None where there is none."""
        return self._meta_and_tokenizer()[0]

    @property
    def tokenizer(self) -> Any:
        """What made the training data; None where it is not at hand."""
        return self._meta_and_tokenizer()[1]

    @property
    def makes_records(self) -> bool:
        """Whether the command makes the records that it trains on."""
        return False

    @property
    def starts_elsewhere(self) -> bool:
        """Whether the first weights are those of something else than `--init_checkpoint`."""
        return False

    def raw_texts(self, number: int) -> list[tuple[str, str | None]] | None:
        """Texts, or pairs, of the first training examples as they stand in their files; None where only records are at hand."""
        del number
        return None

    def told_rows(self, split: str, records: Records, rows: Sequence[int]) -> list[tuple[str, str]]:
        """Where some rows of a set come from, and what they say, for people; an empty text where only ids are known."""
        del split
        return [(records.location(int(row)), "") for row in rows]

    @abc.abstractmethod
    def _collect_evaluation(self, model: tf_keras.Model) -> Any:
        """What the evaluation data's scores are computed from."""

    @abc.abstractmethod
    def _scores(self, collected: Any) -> dict[str, float]:
        """The metrics, from what `_collect_evaluation` gave."""

    def _settle_exports(self) -> None:
        """Decides, before any work, where each SavedModel goes, and refuses to export over what is there."""
        self._exports: dict[str, str] = {}
        if self._options.model_export_path and self._chief:
            base = files.expand(self._options.model_export_path).rstrip("/")
            paths = export.versioned([base + suffix for suffix in self._task.export_suffixes], self._options.export_version)
            self._exports = dict(zip(self._task.export_suffixes, paths))

    def _why_not_packed(self) -> str | None:
        """Why examples cannot be packed, a clause for messages; None where they can."""
        return self._task.why_not_packed()

    @abc.abstractmethod
    def data_of_training(self) -> TrainingData[TrainedOn]:
        """What a training works on, opened and checked: what cannot be used must not be found after hours.

        Raises:
          UserError: files or records that cannot be used.
        """

    def require_its_directory(self, data: TrainingData[TrainedOn], course: Course) -> None:
        """Makes sure that the directory is that of this training, or can become it; writes nothing.

        Raises:
          UserError: it is not.
        """
        kept_configuration.require_no_other(self._directory.path)
        identity = self._identity(course.seed, data.records, data.identity)
        self._earlier_ends = extension.earlier_ends(self._directory, identity, self._length(course))

    def course(self, records: TrainedOn) -> Course:
        """How a training goes, settled before anything is written.

        Raises:
          UserError: a batch that cannot be divided as was asked, or examples that cannot be packed.
        """
        self._options = packed_training.settled(self._options, self._why_not_packed(), self._directory)
        replicas = self._strategy.num_replicas_in_sync
        if self._task.sees_whole_batch:
            self._options = whole_batches(self._options, replicas, training_setup.is_tpu(self._options))
        options = self._options
        check_divisible(options.train_batch_size, replicas, parts_of_batch(options, replicas))
        seed = Agreement(self._strategy).of_chief(training_setup.settle_seed(options, self._directory.path), self._chief)
        plan = self._plan(records, seed)
        schedule = self._schedule(plan)
        self._options = options = self._bounded(options, records, plan, schedule.train_steps)
        padding = self._padding
        if isinstance(plan, PackedPlan):
            padding = packed_training.packed_padding(padding, plan.pack_shape(schedule.train_steps))
        return Course(seed, plan, schedule, padding)

    def assemble(self, records: TrainedOn, course: Course) -> Assembled:
        """Makes the model with the weights that it starts from, its optimizer, and what is trained on.

        Raises:
          UserError: the checkpoint is of another model.
        """
        self._build_model(course.seed)
        if self._options.pack_sequences:
            packed_training.require_its_end(self._encoder, self._model)
        self._initialise(begins=checkpointing.latest_step(self._directory.path) is None)
        ends = Agreement(self._strategy).all_of_chief(self._earlier_ends, self._chief)
        task, taught = self._begin(records, [*ends, course.schedule.train_steps][0])
        with self._strategy.scope():
            optimizer = training_setup.create_optimizer(self._options, course.schedule.train_steps, self._rate_factors(), ends)
        return Assembled(task, taught, self._model, optimizer, self._adversary)

    def _train(self, data: TrainingData[TrainedOn]) -> TrainingResult:
        """Trains from where the directory stands to the end."""
        records, evaluates = data.records, data.evaluates
        course = self.course(records)
        options, model_dir, replicas = self._options, self._directory.path, self._strategy.num_replicas_in_sync
        seed, plan, schedule, padding = course.seed, course.plan, course.schedule, course.padding
        if self._chief:
            kept = model_files.planned(
                model_dir, self._config, *self._meta_and_tokenizer(), replaces=self._directory.is_left_empty()
            )
            kept_configuration.require_no_other(model_dir)
            identity, about = self._identity(seed, records, data.identity), training_setup.run_circumstances(self._strategy)
            self._earlier_ends = extension.identify(self._directory, identity, about, self._length(course))
            for path, content in kept.items():
                model_files.write_whole(path, content)
            kept_configuration.keep(model_dir, self._given, options, seed, self._meta_and_tokenizer()[0], self._earlier_ends)
            self._tracking.start(kept_configuration.flags_of(options, seed, self._meta_and_tokenizer()[0]))
        assembled = self.assemble(records, course)
        self._announce(records, plan, schedule.train_steps, padding)
        config = training_setup.trainer_config(
            options,
            model_dir,
            replicas=replicas,
            seed=seed,
            train_steps=schedule.train_steps,
            pause_step=schedule.step_after(self._share),
            eval_every_steps=schedule.eval_every_steps if evaluates else 0,
            save_every_steps=schedule.save_every_steps,
            metric=self._task.best_metric,
            adversary=assembled.adversary,
        )
        trainer = Trainer(
            assembled.task, self._model, assembled.optimizer, self._strategy, config, self._derived(), [self._tracking]
        )
        return trainer.train(assembled.records, plan, self._evaluate_while_training if evaluates else None, padding)

    def _rate_factors(self) -> Sequence[tuple[tf.Variable, float]]:
        """What the learning rate of single variables is multiplied with."""
        return ()

    def _derived(self) -> Callable[[], None] | None:
        """What brings variables up to date that follow from the trained ones; None where there are none."""
        return None

    def _begin(self, records: TrainedOn, end: int) -> tuple[Task, Records]:
        """What the loss is of and what is trained on, where a job adds something to them for the training.

        Args:
          records: what is trained on.
          end: how many steps the training has; of one that was made longer, had at first.
        """
        del end
        return self._task, records

    @property
    def _adversary(self) -> Adversary | None:
        """What moves word embeddings while training; None for nothing."""
        return None

    def _bounded(self, options: Any, records: TrainedOn, plan: TrainingPlan, steps: int) -> Any:
        """The options with batches divided where examples are many inputs each."""
        del records, plan, steps
        return options

    @abc.abstractmethod
    def _plan(self, records: TrainedOn, seed: int) -> TrainingPlan:
        """Which rows each step takes."""

    def _schedule(self, plan: TrainingPlan) -> Schedule:
        """How long the training is."""
        options, steps = self._options, self._google_steps()
        if steps is not None:
            per_evaluation = max(1, int(steps / (options.num_train_epochs * options.num_eval_per_epoch)))
        else:
            steps = training_setup.train_steps(plan.steps_per_epoch, options.num_train_epochs)
            per_evaluation = -(-plan.steps_per_epoch // options.num_eval_per_epoch)
        return Schedule(steps, per_evaluation, per_evaluation)

    def _length(self, course: Course) -> extension.Length:
        return extension.Length(course.schedule.train_steps, lambda former: self._steps_of(former, course.plan))

    def _steps_of(self, former: Mapping[str, Any], plan: TrainingPlan) -> int:
        """How many steps a training has that differs from this one in its length alone.

        Args:
          former: its identity.
          plan: which rows each step takes.
        """
        options = self._options
        lengths = {name: former.get(name) or former["data"].get(name) for name in ("num_train_epochs", "num_train_steps")}
        given = {field.name for field in dataclasses.fields(options)}
        self._options = dataclasses.replace(options, **{name: value for name, value in lengths.items() if name in given})
        try:
            return self._schedule(plan).train_steps
        finally:
            self._options = options

    def _google_steps(self) -> int | None:
        """How long the training is with `--steps_rounding=google`; None where steps are rounded up."""
        return None

    def _evaluate_while_training(self, model: tf_keras.Model) -> dict[str, float]:
        self._last_evaluation = self._collect_evaluation(model)
        return self._scores(self._last_evaluation)

    def _identity(self, seed: int, records: TrainedOn, data: dict[str, Any]) -> dict[str, Any]:
        data = self._fingerprint(records) | self._model_facts() | data
        return training_setup.run_identity(self._options, seed=seed, config=self._config, data=data)

    @abc.abstractmethod
    def _fingerprint(self, records: TrainedOn) -> dict[str, Any]:
        """What identifies the records."""

    @abc.abstractmethod
    def _meta_and_tokenizer(self) -> tuple[MetaData | None, Any]:
        """The metadata of the training data, and the tokenizer that made it; None for what is not known."""

    @property
    def _parts(self) -> int:
        """Into how many parts a batch is divided, which are computed each for itself."""
        replicas = self._strategy.num_replicas_in_sync
        return replicas * parts_of_batch(self._options, replicas)

    def _announce(self, records: TrainedOn, plan: TrainingPlan, steps: int, padding: Padding) -> None:
        options = self._options
        if options.learning_rate > self._highest_usual_rate:
            logger.warning("--learning_rate=%g is far above what BERT is trained with (5e-5, LAMB 2e-3)", options.learning_rate)
        if options.train_batch_size > len(records):
            logger.warning(
                "--train_batch_size=%d is more than the %d training examples: every step takes all of them",
                options.train_batch_size,
                len(records),
            )
        logger.info(
            "training: %s, %d steps of %d examples, %d steps an epoch; %s weights, %s, %s%s%s",
            self._described(records),
            steps,
            plan.batch_size,
            plan.steps_per_epoch,
            self._trained_weights,
            self._options.dtype,
            describe(self._strategy),
            ", compiled" if self._options.enable_xla else "",
            packed_training.told(padding.packs, self._parts, plan.batch_size),
        )

    @property
    def _highest_usual_rate(self) -> float:
        """The learning rate above which a warning is due."""
        return _HIGHEST_USUAL_RATE

    @abc.abstractmethod
    def _described(self, records: TrainedOn) -> str:
        """How many examples there are, for the log."""

    def _report(
        self,
        data: str,
        training: TrainingResult | None,
        scores: dict[str, dict[str, float]],
        pictures: Sequence[tuple[str, str]] = (),
        sections: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Writes the report, and after training the summary and the loss curve; otherwise it tells of the training before.

        Args:
          data: what the data is called.
          training: the training's result, when there was training.
          scores: metrics by data set.
          pictures: captions and paths of more pictures.
          sections: headings and Markdown of more sections.
        """
        facts: list[tuple[str, object]] = [
            ("data", data),
            ("configuration", self._options.bert_config_file),
            ("checkpoint", self._used.removeprefix("checkpoint of ")),
        ]
        if training is not None:
            facts += [
                ("training steps", training.final_step),
                ("initial weights", self._initial_weights),
                ("trained weights", self._trained_weights),
                *([("made longer after step", ", ".join(map(str, self._earlier_ends)))] if self._earlier_ends else []),
                *self._more_facts,
                ("learning rate", self._options.learning_rate),
                ("batch size", self._options.train_batch_size),
                *([("ema decay", self._options.ema_decay)] if self._options.ema_decay else []),
            ]
        more = self._more_summary([entry for entry in training.history if entry["kind"] == "train"]) if training else {}
        metric = self._task.best_metric
        path = write_run_report(self._directory.path, facts, metric, training, scores, list(pictures), list(sections), more)
        # Where nothing was trained, the tracking begins here.
        self._tracking.start(kept_configuration.flags_of(self._options, self._options.seed, self._meta_and_tokenizer()[0]))
        self._tracking.results(self._step, scores, [path, os.path.join(os.path.dirname(path), report.PAGE)])

    @property
    def _more_facts(self) -> Sequence[tuple[str, object]]:
        """What a job adds to the facts of a training, for the report."""
        return ()

    def _more_summary(self, train: Sequence[dict[str, float]]) -> dict[str, object]:
        """What a job adds to the summary, from the training's entries in the history."""
        del train
        return {}
