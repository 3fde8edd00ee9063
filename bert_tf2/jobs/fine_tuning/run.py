"""One run of fine-tuning, once data, configuration and devices are settled; the same for every kind of task."""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf2 import files
from bert_tf2.data.batches.packed_plan import PackedPlan
from bert_tf2.data.batches.pipeline import Records
from bert_tf2.data.batches.plans import BatchPlan
from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.data.records.metadata import MetaData
from bert_tf2.data.records.mixed_records import MixedRecords
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.data.run_data import RunData
from bert_tf2.jobs.fine_tuning.evaluating_run import EvaluatingRun, FineTuningOptions, inputs_of
from bert_tf2.jobs.fine_tuning.layers.lora import LoraTraining
from bert_tf2.jobs.fine_tuning.layers.options import layers_asked
from bert_tf2.jobs.fine_tuning.layers.prompts import (
    PromptTraining,
    check_prompt,
    prompt_told,
    trains_vectors_alone,
    with_beginnings,
)
from bert_tf2.jobs.fine_tuning.layers.treatment import rate_factors, values_of_last
from bert_tf2.jobs.fine_tuning.model_card import write_card
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.presets import check_preset, comparison
from bert_tf2.jobs.fine_tuning.regularisation import adversary_of, check_task
from bert_tf2.jobs.fine_tuning.regularisation_options import regularisation_asked
from bert_tf2.jobs.fine_tuning.teaching.base import Training
from bert_tf2.jobs.fine_tuning.teaching.choice import teaching_of
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.course import Schedule, TrainingData, TrainingPlan
from bert_tf2.jobs.training.micro_batch import bounded_parts
from bert_tf2.jobs.training.named_weights import require_heads
from bert_tf2.model_directory import model_files
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder_layers import freeze
from bert_tf2.options import info, not_default
from bert_tf2.tasks.base import Task
from bert_tf2.tasks.kind_options import kinds_of
from bert_tf2.training import checkpointing
from bert_tf2.training.regularisation.adversarial import Adversary
from bert_tf2.training.regularisation.rdrop import RDropTask
from bert_tf2.training.reporting.history import why_loss_never_fell
from bert_tf2.training.run_directory import RunDirectory
from bert_tf2.training.trainer_config import TrainingResult

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class RunResult:
    """What a run leaves besides its files.

    Attributes:
      training: None without training.
      scores: metrics by set of examples.
      outcomes: by set of examples what `Task.outcome` gave of those that were predicted or evaluated.
      best_metric: which of the metrics ranks runs.
      higher_is_better: whether more of it is better.
      degenerate: why the training has learnt nothing, a clause; None where it has.
      task: what was trained.
      data: what it was done with.
      collected: by set of examples what the model gave for each of them, `predict_all`'s.
    """

    training: TrainingResult | None
    scores: dict[str, dict[str, float]]
    outcomes: dict[str, Any]
    best_metric: str
    higher_is_better: bool
    degenerate: str | None
    task: Task | None = None
    data: RunData | None = None
    collected: Mapping[str, dict[str, np.ndarray]] = dataclasses.field(default_factory=dict)


class FineTuningRun(EvaluatingRun):
    """Trains, evaluates, predicts, exports and reports.

    Args:
      options: what was asked.
      phases: what of it is to be done.
      config: the encoder's configuration.
      data: what it is done with.
      strategy: where the model lives.
      directory: `--model_dir`.
      given: the options as the command gave them.
      share: of the training's steps after which it pauses, at the evaluation that is next.
    """

    def __init__(
        self,
        options: FineTuningOptions,
        phases: Phases,
        config: BertConfig,
        data: RunData,
        strategy: tf.distribute.Strategy,
        directory: RunDirectory,
        given: FineTuningOptions,
        share: float = 1.0,
    ):
        check_preset(options.preset, data.meta)
        task = data.task(config, options)
        if phases.train:
            check_prompt(options, task)
        check_task(options, task, data.title if data.meta is None else data.meta.task_type)
        if task.needs_trained_heads and options.init_checkpoint and checkpointing.latest_step(directory.path) is None:
            require_heads(options.init_checkpoint, "init_checkpoint", task.heads, config)
        super().__init__(options, phases, config, data, task, strategy, directory, given, share)
        self._teaching = teaching_of(options, task, config, data.model_facts(), data.max_seq_length)
        # What is trained beside the model's own weights, until it is merged with them.
        self._beside: LoraTraining | PromptTraining | None = None
        # Examples in an epoch where that holds some rows several times.
        self._repeated: int | None = None
        # Examples that are learned from a teacher alone.
        self._unlabelled = 0

    def complete(self) -> RunResult:
        """Does everything in turn."""
        with self._tracking:
            return self._complete()

    def _complete(self) -> RunResult:
        if self._phases.train:
            training = self._train(self.data_of_training())
            self._teaching.end(self._model)
        else:
            training = None
            self._open_sets()
            self._build_model(seed=0)
        self._load(training)
        self._use_all()
        if self._chief:
            self._save_encoder()
            if self._exports:
                self._export()
            if self._options.preset and self._scores_by_set:
                told = comparison(self._options.preset, next(iter(self._scores_by_set.values())), self._model.count_params())
                self._sections.insert(0, ("Beside published scores", told))
            if training is not None or self._scores_by_set:
                self._report(self._data.title, training, self._scores_by_set, self._pictures, self._sections)
                if self._origin is None and not self._is_quantized:
                    size, scores = self._model.count_params(), self._scores_by_set
                    write_card(self._directory.path, self._task.hub_task, self._step, size, scores, self._data.meta)
        metric, loss = self._task.best_metric, None if training is None else why_loss_never_fell(training.history)
        higher_is_better = self._task.higher_is_better(metric)
        return RunResult(
            training, self._scores_by_set, self._outcomes, metric, higher_is_better, loss or self._degenerate, self._task,
            self._data, self._collected,
        )  # fmt: skip

    def _bounded(self, options: Any, records: RecordSet, plan: TrainingPlan, steps: int) -> Any:
        inputs = inputs_of(self._task, records)
        if inputs is None:
            return options
        if self._padding.full_batches:
            # In fixed shapes those that are not there are computed too.
            inputs = np.full_like(inputs, inputs.max())
        replicas, at_once = self._strategy.num_replicas_in_sync, getattr(options, "windows_at_once", None)
        return bounded_parts(options, replicas, map(plan.rows, range(steps)), inputs, at_once)

    @property
    def makes_records(self) -> bool:
        return self._options.is_tf1_dialect

    @property
    def starts_elsewhere(self) -> bool:
        return self._teaching.initial_weights is not None

    def raw_texts(self, number: int) -> list[tuple[str, str | None]] | None:
        return self._data.raw_texts(number)

    def told_rows(self, split: str, records: Records, rows: Sequence[int]) -> list[tuple[str, str]]:
        return self._data.told_rows(split, records, rows)

    def data_of_training(self) -> TrainingData[RecordSet]:
        self._open_sets()
        records = self._data.training_records(self._task)
        records.check_longest(self._data.max_seq_length)
        self._task.check_records(records)
        watched = [] if self._watched is None else [self._watched]
        identity = training_setup.length_identity(self._options) | kinds_identity(self._options)
        identity |= self._task.begin_training(records) | self._data.part_of_training()
        records = self._data.with_unlabelled(records, self._task)
        sets = list(dict.fromkeys([*watched, *self._evaluated, *self._predicted]))
        return TrainingData(records, identity, bool(watched) and self._phases.evaluate_while_training, sets)

    @property
    def _output_range(self) -> int | None:
        return self._teaching.output_range

    def _why_not_packed(self) -> str | None:
        if self._options.adversarial:
            return f"--adversarial={self._options.adversarial} moves every input by the norm of its own gradient"
        return self._teaching.why_not_packed()

    def _identity(self, seed: int, records: RecordSet, data: dict[str, Any]) -> dict[str, Any]:
        return super()._identity(seed, records, data) | self._teaching.identity() | self._asked

    def _build_model(self, seed: int) -> None:
        super()._build_model(seed)
        self._built_from = seed
        if self._options.freeze_layers is not None:
            freeze(self._encoder, self._options.freeze_layers)

    def _initialise(self, begins: bool) -> None:
        layers = self._options.reinit_layers
        random = values_of_last(self._encoder, layers) if begins and layers else []
        if self._teaching.initial_weights is None:
            super()._initialise(begins)
        elif begins:
            self._teaching.initialise(self._model, self._encoder, self._strategy)
        for variable, value in random:
            variable.assign(value)
        if random:
            last = "the last layer" if layers == 1 else f"the last {layers} layers"
            logger.info("%s and the pooler start from random values", last)
        if self._options.lora_rank is not None:
            self._beside = LoraTraining(self._options, self._config, self._model, self._encoder, self._task, self._strategy)
        elif self._task.prompt is not None and self._task.prompt.groups:
            self._beside = PromptTraining(self._options, self._model, self._encoder, self._task.prompt, self._strategy)

    def _derived(self) -> Callable[[], None] | None:
        return None if self._beside is None else self._beside.merge

    @property
    def _trained_weights(self) -> str:
        return super()._trained_weights if self._beside is None else self._beside.trained_weights

    @property
    def _highest_usual_rate(self) -> float:
        # Lester et al. 2021 train vectors at 0.3.
        return 0.5 if trains_vectors_alone(self._options) else super()._highest_usual_rate

    def _rate_factors(self) -> Sequence[tuple[tf.Variable, float]]:
        return rate_factors(self._options, self._options.learning_rate, self._model, self._encoder)

    def _begin(self, records: RecordSet, end: int) -> tuple[Task, Records]:
        training = Training(
            self._model, self._encoder, records, self._fingerprint(records), self._strategy, self._directory.path,
            self._batch_size(True, records), self._padding, end,
        )  # fmt: skip
        task, trained_on = self._teaching.begin(training)
        return (RDropTask(task, self._options.rdrop_alpha) if self._options.rdrop_alpha else task), trained_on

    @property
    def _adversary(self) -> Adversary | None:
        return adversary_of(self._options)

    @property
    def _asked(self) -> dict[str, Any]:
        """The options of layers and of regularisation that are asked for, by flag."""
        return layers_asked(self._options) | regularisation_asked(self._options)

    @property
    def _initial_weights(self) -> str:
        return self._teaching.initial_weights or super()._initial_weights

    @property
    def _more_facts(self) -> Sequence[tuple[str, object]]:
        facts: list[tuple[str, object]] = [(name.replace("_", " "), value) for name, value in self._asked.items()]
        facts += prompt_told(self._options, self._task)
        if self._unlabelled:
            facts.append(("unlabelled examples", f"{self._unlabelled:,} beside those with labels"))
        if self._repeated is not None:
            facts.append(("examples in an epoch", f"{self._repeated:,} (some rows several times)"))
        return facts

    def _plan(self, records: RecordSet, seed: int) -> BatchPlan:
        options, lengths, repeats = self._options, records.lengths, self._task.repeats(_labelled(records))
        self._unlabelled = len(records) - len(_labelled(records))
        if repeats is not None and self._unlabelled:
            repeats = repeats.with_single(self._unlabelled)
        self._repeated = None if repeats is None else len(repeats)
        if options.pack_sequences:
            slots = self._padding.most[TOKENS]
            return PackedPlan(lengths, options.train_batch_size, seed, slots, self._parts, repeats)
        return BatchPlan(lengths, options.train_batch_size, seed, options.bucket_by_length, repeats)

    def _fingerprint(self, records: RecordSet) -> dict[str, Any]:
        if isinstance(records, MixedRecords):
            unlabelled = [files.sha256_of_file(path) for path in records.unlabelled.paths]
            return {**self._fingerprint(records.labelled), "unlabelled": unlabelled}
        return {"train": [files.sha256_of_file(path) for path in records.paths], "train_data_size": len(records)}

    def _described(self, records: RecordSet) -> str:
        lengths, repeated = records.lengths, "" if self._repeated is None else f", {self._repeated:,} in an epoch"
        of_them = f", {self._unlabelled:,} of them without label" if self._unlabelled else ""
        return f"{len(records):,} examples{of_them}{repeated} (mean {lengths.mean():.0f} tokens, longest {lengths.max()})"

    def _schedule(self, plan: TrainingPlan) -> Schedule:
        schedule, steps = super()._schedule(plan), self._options.num_train_steps
        return schedule if steps is None else dataclasses.replace(schedule, train_steps=steps)

    def _google_steps(self) -> int | None:
        if self._options.steps_rounding != "google":
            return None
        if self._unlabelled:
            raise UserError(
                "--steps_rounding=google counts rows with labels, and an epoch holds others besides (--unlabelled_data_path); "
                "leave one of them out"
            )
        if self._repeated is not None:
            raise UserError(
                "--steps_rounding=google counts the rows of the files, and an epoch holds some several times (--oversample); "
                "leave one of them out"
            )
        return self._data.google_train_steps(self._options, self._data.training_records(self._task))

    def _model_facts(self) -> dict[str, Any]:
        return self._data.model_facts()

    def _meta_and_tokenizer(self) -> tuple[MetaData | None, Any]:
        meta, facts = self._data.meta, self._task.facts
        kept = meta if meta is None or not facts else dataclasses.replace(meta, extra={**meta.extra, **facts})
        return kept, self._data.tokenizer

    def _fitted(self, source: Source, begins: bool) -> tuple[Source, dict[str, str]]:
        if self._task.prompt is not None:
            source = with_beginnings(source, self._task.prompt, self._built_from)
        return self._data.fitted(source, self._task, begins)

    def _load(self, training: TrainingResult | None) -> None:
        flag = self._flag_of_named_model(training)
        named = None if flag is None else model_files.directory_of(files.expand(getattr(self._options, flag)))
        if named is not None or training is None:
            self._data.check_model_of(self._directory, named)
        super()._load(training)
        if self._beside is not None:
            self._beside.end(self._directory.path if self._chief else None)


def _labelled(records: RecordSet) -> RecordSet:
    return records.labelled if isinstance(records, MixedRecords) else records


def kinds_identity(options: Any) -> dict[str, Any]:
    """What a run's identity says of the options of its kind of task."""
    decisive = (field.name for field in dataclasses.fields(options) if kinds_of(field) and not info(field).may_change)
    return not_default(options, decisive)
