"""What a fine-tuning run evaluates, predicts and exports, whatever gave the model its weights."""

import dataclasses
import functools
import logging
import os
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.pipeline import check_divisible
from bert_tf2.data.records.feature_spec import CHOICES
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.data.run_data import RunData
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.prediction.options import NONE
from bert_tf2.jobs.fine_tuning.prediction.quantized import QuantizedModel
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.training.training_run import TrainingRun
from bert_tf2.model_directory import tuned
from bert_tf2.models.config import BertConfig
from bert_tf2.tasks.base import ExampleSet, Task
from bert_tf2.training import checkpointing, export, weights
from bert_tf2.training.evaluation import predict_all
from bert_tf2.training.reporting import report
from bert_tf2.training.reporting.result_files import make_room
from bert_tf2.training.run_directory import RunDirectory

logger = logging.getLogger(__name__)

FineTuningOptions: TypeAlias = ClassifierOptions | SquadOptions
_BATCH_SIZES = ("eval_batch_size", "predict_batch_size")


class EvaluatingRun(TrainingRun[RecordSet]):
    """Evaluates, predicts and exports.

    Args:
      options: what was asked.
      phases: what of it is to be done.
      config: the encoder's configuration.
      data: what it is done with.
      task: loss, metrics, head.
      strategy: where the model lives.
      directory: `--model_dir`.
      given: the options as the command gave them.
      share: of the training's steps after which it pauses, at the evaluation that is next.
    """

    _options: FineTuningOptions

    def __init__(
        self,
        options: FineTuningOptions,
        phases: Phases,
        config: BertConfig,
        data: RunData,
        task: Task,
        strategy: tf.distribute.Strategy,
        directory: RunDirectory,
        given: FineTuningOptions,
        share: float = 1.0,
    ):
        super().__init__(options, config, strategy, directory, task, data.max_seq_length, given, share)
        self._phases, self._data = phases, data
        # Whether an evaluation here finds what later predictions need, such as a threshold.
        self._finds_tuning = task.tuning is not None
        self._scores_by_set: dict[str, dict[str, float]] = {}
        self._outcomes: dict[str, Any] = {}
        self._collected: dict[str, dict[str, np.ndarray]] = {}
        self._degenerate: str | None = None
        self._pictures: list[tuple[str, str]] = []
        self._sections: list[tuple[str, str]] = []

    @property
    def _is_quantized(self) -> bool:
        return self._options.quantize != NONE

    @property
    def _used(self) -> str:
        return f"{super()._used} with weights of 8 bits" if self._is_quantized else super()._used

    def _use_all(self) -> None:
        """Evaluates and predicts what is to be evaluated and predicted."""
        self._use_tuned()
        for examples in self._evaluated:
            self._evaluate(examples)
        for examples in self._predicted:
            self._predict(examples)

    def _use_tuned(self) -> None:
        """Takes what an evaluation before has found, where none here finds it: of a model with 8 bits that of the whole one."""
        tuning, directory = self._task.tuning, self._directory.path
        if tuning is None:
            return
        uses = not self._evaluated and (self._predicted or self._exports_text())
        if uses or (self._is_quantized and tuned.is_kept(directory, tuning, self._step)):
            # Before anything is written: there may be none.
            tuned.use(self._task, tuning, directory, self._step)
            self._finds_tuning = False

    def _open_sets(self) -> None:
        """Opens what is looked at while training, what is evaluated after it, and what is predicted besides."""
        self._settle_exports()
        self._check_batch_sizes()
        finds_tuning = self._has_to_find_tuning()
        phases = dataclasses.replace(self._phases, evaluate=True) if finds_tuning else self._phases
        looked_at = self._data.evaluation_sets(self._task, finds_tuning) if phases.looks_at_evaluation else []
        self._watched = looked_at[0] if looked_at else None
        self._evaluated = looked_at if phases.evaluate else []
        predicted = self._data.prediction_sets(self._task, looked_at) if phases.predict else []
        # What is evaluated after the training has its predictions written then.
        self._predicted = [examples for examples in predicted if examples not in self._evaluated]

    def _has_to_find_tuning(self) -> bool:
        """Whether predictions need what only an evaluation in this run can find.

        Raises:
          UserError: so does an export, and there is nothing to find it with.
        """
        phases, options, tuning = self._phases, self._options, self._task.tuning
        if tuning is None or phases.evaluate:
            return False
        if phases.train and not phases.predict and options.model_export_path:
            raise UserError(
                f"{tuning.flag}: this run exports a model without an evaluation that finds the {tuning.what}; use "
                f"--mode=train_and_eval, or {tuning.without}"
            )
        if phases.train or not phases.predict:
            return phases.predict
        # google-research/bert's dialect has no evaluation that could find it beforehand.
        return options.is_tf1_dialect and not tuned.is_kept(self._directory.path, tuning, self._known_step())

    def _known_step(self) -> int | None:
        """The step of the checkpoint of this directory that will be loaded; None of one that is named."""
        if self._options.predict_checkpoint_path:
            return None
        directory = self._directory.path
        return weights.best_step(directory) if self._options.load_checkpoint == "best" else checkpointing.latest_step(directory)

    def _exports_text(self) -> bool:
        return bool(self._options.model_export_path and self._data.tokenizer is not None)

    def _check_batch_sizes(self) -> None:
        for flag in _BATCH_SIZES:
            if size := getattr(self._options, flag, None):
                check_divisible(size, self._strategy.num_replicas_in_sync, flag=flag)

    def _batch_size(self, predicts: bool, records: RecordSet) -> int:
        sizes = [getattr(self._options, flag, None) for flag in _BATCH_SIZES]
        size = next(size for size in (reversed(sizes) if predicts else sizes) if size)
        inputs = inputs_of(self._task, records)
        if inputs is None:
            return size
        replicas, at_once = self._strategy.num_replicas_in_sync, getattr(self._options, "windows_at_once", None)
        rows = size // replicas
        # Nothing is kept for a gradient.
        bound = at_once or 4 * rows
        return replicas * min(rows, max(bound // int(inputs.max()), 1))

    def _collect_evaluation(self, model: tf_keras.Model) -> Any:
        return self._outcome(self._known_watched(), model, predicts=False)

    def _scores(self, collected: Any) -> dict[str, float]:
        return self._task.scores(collected, self._known_watched())

    def _known_watched(self) -> ExampleSet:
        assert self._watched is not None, "nothing is evaluated while training without it"
        return self._watched

    def _outcome(self, examples: ExampleSet, model: tf_keras.Model, predicts: bool) -> Any:
        collected, what = {}, f"predicting {examples.name}"
        # A file of questions may be without any that has a window.
        if not len(examples.records):
            pass
        elif self._is_quantized:
            collected = self._quantized.collected(examples.records, self._batch_size(predicts, examples.records), what)
        else:
            collected = predict_all(
                self._task,
                model,
                self._strategy,
                examples.records,
                self._batch_size(predicts, examples.records),
                self._padding,
                enable_xla=bool(self._options.enable_xla),
                what=what,
            )
        self._collected[examples.name] = collected
        return self._task.outcome(collected, examples)

    @functools.cached_property
    def _quantized(self) -> QuantizedModel:
        return QuantizedModel(self._task, self._model_to_export(), self._meta_and_tokenizer()[0])

    def _outcome_so_far(self, examples: ExampleSet, predicts: bool) -> Any:
        """As `_outcome`, of the last evaluation while training where it was of these examples and these weights."""
        known = self._last_evaluation if examples is self._watched else None
        return self._outcome(examples, self._model, predicts) if known is None else known

    def _evaluate(self, examples: ExampleSet) -> None:
        outcome = self._outcome_so_far(examples, predicts=False)
        if self._task.tuning is not None and self._finds_tuning and examples is self._watched:
            found = self._task.tune(outcome, examples)
            if self._chief and not self._is_quantized:
                tuned.write(self._directory.path, self._task.tuning, found, self._step)
        if self._chief:
            directory = self._directory.path
            make_room(directory, self._task.evaluation_files(examples), self._data.input_of(examples))
            self._task.write_evaluation(directory, outcome, examples)
        self._score(examples, outcome)

    def _predict(self, examples: ExampleSet) -> None:
        outcome = self._outcome_so_far(examples, predicts=True)
        if self._chief:
            directory, names = self._directory.path, self._task.prediction_files(examples)
            make_room(directory, names, self._data.input_of(examples))
            self._task.write_predictions(directory, outcome, examples)
            path = os.path.join(directory, names[-1]) if names else directory
            logger.info("predicted %s with %s: %s", self._counted(examples), self._used, path)
        reason = self._task.why_no_score(examples)
        if reason is None:
            self._score(examples, outcome)
            return
        self._outcomes[examples.name] = outcome
        if reason:
            logger.info("no score: %s", reason)

    def _score(self, examples: ExampleSet, outcome: Any) -> None:
        """Scores examples, and writes and tells the scores."""
        self._outcomes[examples.name] = outcome
        self._scores_by_set[examples.name] = scores = self._task.scores(outcome, examples)
        self._degenerate = self._degenerate or self._task.why_degenerate(outcome, examples)
        if self._chief:
            directory, names = self._directory.path, report.eval_results_files(examples.suffix, examples.prefix)
            make_room(directory, names, self._data.input_of(examples))
            report.write_eval_results(directory, scores, self._step, examples.suffix, file_prefix=examples.prefix)
            # Of further sets the pictures would take the place of the first one's.
            if not examples.suffix:
                told = self._task.report(directory, outcome, examples)
                self._pictures += told.pictures
                self._sections += told.sections
        logger.info("%s: %s, %s: %s", examples.name, self._counted(examples), self._used, self._task.shown(scores))

    def _counted(self, examples: ExampleSet) -> str:
        return f"{self._task.count(examples):,} {self._task.unit}"

    def _export(self) -> None:
        exports = self._task.exports(self._model_to_export(), self._data.tokenizer, self._data.meta)
        for suffix, path in self._exports.items():
            if suffix in exports:
                export.save_module(exports[suffix].module, path, exports[suffix].signatures)
                logger.info("exported %s (%s)", path, exports[suffix].says)
            else:
                logger.info("give --vocab_file (or --sp_model_file) to also export a model that takes text (%s)", path)


def inputs_of(task: Task, records: RecordSet) -> np.ndarray | None:
    """How many inputs each record is; None where they need no bound."""
    if not task.bounds_inputs or not len(records):
        return None
    return records.sizes_of(np.arange(len(records)))[CHOICES]
