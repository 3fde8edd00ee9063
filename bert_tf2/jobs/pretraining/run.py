"""One run of the pre-training job, once data, configuration and devices are settled."""

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2 import files
from bert_tf2.data.batches.pipeline import Records, check_divisible
from bert_tf2.data.batches.striped_plan import StripedPlan
from bert_tf2.data.records.feature_spec import PREDICTIONS, TOKENS
from bert_tf2.data.records.metadata import PRETRAINING, MetaData
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.sharded_records import ShardedRecords
from bert_tf2.jobs.pretraining.companions import restored_companions
from bert_tf2.jobs.pretraining.inputs import PretrainingInputs
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.jobs.pretraining.records import TRAINING, PretrainingRecords
from bert_tf2.jobs.pretraining.teacher import PretrainedTeacher, learns_pairs
from bert_tf2.jobs.pretraining.teaching import teaching_of
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.course import Schedule, TrainingData, TrainingPlan
from bert_tf2.jobs.training.named_weights import Restored
from bert_tf2.jobs.training.training_run import TrainingRun
from bert_tf2.model_directory import model_files
from bert_tf2.models.checkpoints.convert import convert
from bert_tf2.models.checkpoints.formats import open_source
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import family_of
from bert_tf2.models.families.names import HEADS
from bert_tf2.options import required
from bert_tf2.tasks.base import ExampleSet, Task
from bert_tf2.tasks.pretraining.objective import Objective
from bert_tf2.tasks.pretraining.objectives import Circumstances, objective_of
from bert_tf2.training import checkpointing
from bert_tf2.training.distillation.names import SOFT
from bert_tf2.training.distribution import is_multi_worker, num_workers
from bert_tf2.training.evaluation import predict_all
from bert_tf2.training.reporting import report
from bert_tf2.training.reporting.result_files import ResultInput, called, make_room
from bert_tf2.training.run_directory import RunDirectory

logger = logging.getLogger(__name__)


class PretrainingRun(TrainingRun[ShardedRecords]):
    """Trains, evaluates, saves the encoder in the forms asked for, and reports.

    Args:
      options: what was asked, as `pretraining_options.settled` gave it.
      config: the encoder's configuration.
      data: what is known of the records.
      strategy: where the model lives.
      directory: `--model_dir`.
      given: the options as the command gave them.
      teacher: of `--teacher`, checked.
    """

    _options: PretrainingOptions
    _task: Objective

    # Pre-training is what makes weights.
    random_start = logging.INFO

    def __init__(
        self,
        options: PretrainingOptions,
        config: BertConfig,
        data: PretrainingInputs,
        strategy: tf.distribute.Strategy,
        directory: RunDirectory,
        given: PretrainingOptions,
        teacher: PretrainedTeacher | None = None,
    ):
        self._data = data
        made_for = Circumstances(
            has_pairs=learns_pairs(options, data),
            masked=not data.is_dynamic,
            mask_id=data.mask_id,
            policy=training_setup.POLICIES[options.dtype],
            static_shapes=training_setup.has_static_shapes(options),
            best_metric=options.best_metric,
            recompute=options.recompute,
            gives_logits=teacher is not None and SOFT in options.losses,
        )
        task = objective_of(config).task(config, options, made_for)
        super().__init__(options, config, strategy, directory, task, data.max_seq_length, given)
        self._teaching = teaching_of(options, config, teacher, made_for, data)
        self._records = PretrainingRecords(options, data, config, task)
        several = is_multi_worker(strategy)
        most = {TOKENS: data.max_seq_length, PREDICTIONS: data.max_predictions_per_seq}
        # A worker knows the lengths in its own files only.
        self._padding = training_setup.padding(options, most, several)
        resolver = strategy.cluster_resolver if several else None
        self._worker = (resolver.task_id, num_workers(strategy)) if resolver else (0, 1)

    def complete(self) -> dict[str, Any]:
        """Does everything in turn; see `bert_tf2.jobs.pretraining.job.run_pretraining`."""
        with self._tracking:
            return self._complete()

    def _complete(self) -> dict[str, Any]:
        results: dict[str, Any] = {}
        if self._options.trains:
            results["training"] = self._train(self.data_of_training())
            self._teaching.end(self._model)
        else:
            self._check_first()
            self._open_held_out()
            self._build_model(seed=0)
        self._load(results.get("training"))
        if self._held_out is not None:
            results["evaluation"] = self._evaluate(self._held_out)
        if self._chief:
            self._finish(results)
        return results

    def data_of_training(self) -> TrainingData[ShardedRecords]:
        self._check_first()
        records = self._records.training(*self._worker)
        sets = self._open_held_out()
        return TrainingData(records, self._identifying(), bool(self._options.eval_input_files), sets)

    def _open_held_out(self) -> list[ExampleSet]:
        """What is evaluated."""
        self._held_out = self._records.held_out() if self._options.evaluates else None
        if self._held_out is None:
            return []
        return [ExampleSet("eval", self._held_out, origin=required(self._options.eval_input_files or self._options.files))]

    def _check_first(self) -> None:
        """What takes no look at the records."""
        options = self._options
        if options.evaluates:
            check_divisible(options.eval_batch_size, self._strategy.num_replicas_in_sync, flag="eval_batch_size")
        if options.init_checkpoint and checkpointing.latest_step(self._directory.path) is None:
            self._task.check_source(open_source(options.init_checkpoint).of_family(family_of(self._config)))

    def _build_encoder(self, policy: str) -> tf_keras.Model:
        chosen, recompute = self._task.takes_places, self._options.recompute
        return family_of(self._config).build(self._config, policy, for_pretraining=chosen, recompute=recompute)

    @property
    def starts_elsewhere(self) -> bool:
        return self._teaching.initial_weights is not None

    @property
    def _initial_weights(self) -> str:
        return self._teaching.initial_weights or super()._initial_weights

    def _initialise(self, begins: bool) -> None:
        if not self.starts_elsewhere:
            super()._initialise(begins)
        elif begins:
            logger.info("the student begins as %s, with its embeddings and what it has of heads", self._initial_weights)
            self._begin_from(self._teaching.beginning())
        if begins:
            every = [f"the {HEADS[kind].title}" for kind in self._task.heads]
            self._teaching.tell_untrained(every if self._restored is None else list(self._restored.random))

    def _begin(self, records: ShardedRecords, end: int) -> tuple[Task, Records]:
        del end
        return self._teaching.begin(self._task, self._model, self._encoder, self._strategy), records

    def _identity(self, seed: int, records: ShardedRecords, data: dict[str, Any]) -> dict[str, Any]:
        return super()._identity(seed, records, data) | self._teaching.identity()

    @property
    def _more_facts(self) -> Sequence[tuple[str, object]]:
        return self._teaching.facts

    def _restore(self, source: Source, begins: bool = False) -> Restored:
        parts = self._task.companions(self._model)
        if not parts:
            return super()._restore(source, begins)
        source = source.of_family(family_of(self._config))
        restored = super()._restore(source.without_companions(), begins)
        return restored_companions(self._model, parts, source.companions, restored)

    def _save_encoder(self) -> None:
        # That of the training has an input more than the one that goes on to other tasks.
        trained, self._encoder = self._encoder, family_of(self._config).build(self._config)
        self._encoder.set_weights(trained.get_weights())
        super()._save_encoder()
        self._encoder = trained

    def _model_facts(self) -> dict[str, Any]:
        return {"task": PRETRAINING}

    def _meta_and_tokenizer(self) -> tuple[MetaData | None, Any]:
        return self._data.meta, self._data.tokenizer

    def _identifying(self) -> dict[str, Any]:
        return {
            "train_steps": self._options.total_steps,
            "max_seq_length": self._data.max_seq_length,
            "max_predictions_per_seq": self._data.max_predictions_per_seq,
            "next_sentence": self._task.next_sentence,
            # Several workers do not sort, and so cannot go on with the order of one that did.
            "sorted_by_length": TOKENS not in self._padding.fixed,
            **self._task.identifying(),
        }

    def _plan(self, records: ShardedRecords, seed: int) -> StripedPlan:
        self._records.finish(records, seed)
        by_length = TOKENS not in self._padding.fixed
        return StripedPlan(
            records.sizes, records.rows_of, self._options.train_batch_size, seed, records.lengths_of if by_length else None
        )

    def _schedule(self, plan: TrainingPlan) -> Schedule:
        options = self._options
        per_evaluation = options.eval_every_steps or -(-options.num_steps_per_epoch // options.num_eval_per_epoch)
        return Schedule(options.total_steps, per_evaluation, per_evaluation)

    def _steps_of(self, former: Mapping[str, Any], plan: TrainingPlan) -> int:
        return former["data"]["train_steps"]

    def _fingerprint(self, records: ShardedRecords) -> dict[str, Any]:
        # Names and sizes: to read all of a large corpus before every start would take longer than the start is worth.
        return {"train": [[os.path.basename(path), int(tf.io.gfile.stat(path).length)] for path in records.paths]}

    def _described(self, records: ShardedRecords) -> str:
        number = f"{len(records):,} examples in {len(records.paths)} file(s)"
        return number if len(records.own) == len(records.paths) else f"{number}, {len(records.own)} of them this worker's"

    def _collect_evaluation(self, model: tf_keras.Model) -> dict[str, np.ndarray]:
        size = self._options.eval_batch_size
        assert self._held_out is not None, "what is evaluated is opened beforehand"
        return predict_all(
            self._task, model, self._strategy, self._held_out, size, self._padding, bool(self._options.enable_xla), "evaluating"
        )

    def _scores(self, collected: dict[str, np.ndarray]) -> dict[str, float]:
        return self._task.metrics(collected)

    def _evaluate(self, records: RecordSet) -> dict[str, float]:
        collected = self._last_evaluation or self._collect_evaluation(self._model)
        metrics = self._scores(collected)
        if self._chief:
            directory, pattern = self._directory.path, required(self._options.eval_input_files or self._options.files)
            paths = files.matching_files(pattern, "input_files")
            source = ResultInput.of(called(paths), map(records.read, range(len(records))))
            make_room(directory, report.eval_results_files(), source)
            report.write_eval_results(directory, metrics, self._step, prefix="")
        values = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        what = self._records.evaluated_on()
        logger.info("%s %s examples, %s: %s", f"{len(records):,}", what, self._used, values)
        if what == TRAINING:
            logger.warning(
                "these are examples of the training: they do not tell how well the model does on other text; give "
                "held-out records with --eval_input_files"
            )
        return metrics

    def _finish(self, results: dict[str, Any]) -> None:
        training, scores = results.get("training"), results.get("evaluation")
        if training is not None:
            self._save_encoder()
            self._export()
        if training is not None or scores is not None:
            evaluation = {f"{self._records.evaluated_on()} records": scores} if scores is not None else {}
            train = [entry for entry in training.history if entry["kind"] == "train"] if training is not None else []
            data = required(self._options.files or self._options.eval_input_files)
            self._report(data, training, evaluation, sections=self._teaching.sections(train))

    def _more_summary(self, train: Sequence[dict[str, float]]) -> dict[str, object]:
        titles = self._task.summary_names
        told = {titles[name]: train[-1][name] for name in titles if name in train[-1]} if train else {}
        return told | self._teaching.last_measured(train)

    def _export(self) -> None:
        """Writes the further forms that were asked for from the run's own checkpoint, and what belongs beside them."""
        options, step = self._options, self._step
        prefix = os.path.join(self._directory.path, options.sub_model_export_name or "pretrained/bert_model")
        folder = os.path.dirname(prefix)
        files.make_directory(folder)
        for path, content in model_files.planned(folder, self._config, None, self._data.tokenizer, replaces=True).items():
            model_files.write_whole(path, content)
        source = None
        for form in options.exports:
            source = source or open_source(checkpointing.CheckpointDirectory(self._directory.path).prefix(step))
            if form == "tf1":
                path = os.path.join(folder, "tf1", f"{os.path.basename(prefix)}.ckpt-{step}")
                self._convert(source, self._config, path, form, self._task.kind)
                continue
            self._convert(source, self._config, os.path.join(folder, f"{form}-{step}"), form, self._task.kind)
            # A folder of transformers holds one model.
            for name, part in self._task.companions(self._model).items():
                beside = source.of_family(family_of(self._config)).companions[name]
                self._convert(beside, part.config, os.path.join(folder, f"{form}-{name}-{step}"), form, "pretrainer")

    def _convert(self, source: Source, config: BertConfig, path: str, form: str, kind: str) -> None:
        if tf.io.gfile.exists(f"{path}.index" if form == "tf1" else path):
            logger.info("%s is there already", path)
            return
        convert(source, config, path, form, kind=kind, tokenizer=self._data.tokenizer)
        logger.info("exported %s (%s)", path, form)
