"""One run of the classifier job, once data, configuration and devices are settled."""

import logging
import os
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2 import files
from bert_tf2.data.pipeline import BatchPlan, check_divisible
from bert_tf2.data.record_set import RecordSet
from bert_tf2.data.records import parse_records
from bert_tf2.errors import UserError
from bert_tf2.jobs import training_setup
from bert_tf2.jobs.classifier_data import ClassifierData
from bert_tf2.jobs.classifier_options import ClassifierOptions
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.classification import ClassificationTask
from bert_tf2.tasks.classification_files import draw_evaluation, write_predictions, write_test_results
from bert_tf2.training import checkpointing, export, report, weights
from bert_tf2.training.distribution import describe, is_chief
from bert_tf2.training.evaluation import predict_all
from bert_tf2.training.run_directory import RunDirectory
from bert_tf2.training.trainer import Trainer, TrainingResult

logger = logging.getLogger(__name__)


class ClassifierRun:
    """Trains, evaluates, predicts, exports and reports.

    Args:
      options: what was asked.
      phases: what of it is to be done (`bert_tf2.jobs.classifier.Phases`).
      config: the encoder's configuration.
      data: the records.
      strategy: where the model lives.
      directory: `--model_dir`.
      labels: label names in id order; None for regression.
    """

    def __init__(
        self,
        options: ClassifierOptions,
        phases: Any,
        config: BertConfig,
        data: ClassifierData,
        strategy: tf.distribute.Strategy,
        directory: RunDirectory,
        labels: list[str] | None,
    ):
        self._options, self._phases, self._config, self._data = options, phases, config, data
        self._strategy, self._directory, self._chief = strategy, directory, is_chief(strategy)
        self._task = ClassificationTask(
            labels,
            list(data.meta.metrics) or None,
            dropout_rate=config.hidden_dropout_prob,
            initializer_range=config.initializer_range,
            has_sample_weights=data.meta.has_sample_weights,
            best_metric=options.best_metric,
        )
        self._padding = training_setup.padding(options, data.meta.max_seq_length)
        self._opened: dict[str, RecordSet] = {}
        self._last_evaluation: dict[str, np.ndarray] | None = None
        self._step = 0

    def complete(self) -> dict[str, Any]:
        """Does everything in turn; see `bert_tf2.jobs.classifier.run_classifier`."""
        options, results = self._options, {}
        if options.model_export_path and self._chief:
            for suffix in ("", "_text"):
                export.require_free_directory(files.expand(options.model_export_path).rstrip("/") + suffix)
        replicas = self._strategy.num_replicas_in_sync
        check_divisible(options.eval_batch_size, replicas, flag="eval_batch_size")
        if self._phases.train:
            results["training"] = self._train()
        else:
            self._build_model(seed=0)
        self._load(results.get("training"))
        if self._phases.evaluate:
            results["evaluation"] = {split: self._evaluate(split) for split in self._data.paths if split.startswith("eval")}
        if self._phases.predict:
            self._predict()
        if self._chief:
            if options.model_export_path:
                self._export(files.expand(options.model_export_path))
            self._report(results)
        return results

    def _build_model(self, seed: int) -> None:
        # Keras draws initial weights from its global generator.
        tf_keras.utils.set_random_seed(seed)
        with self._strategy.scope():
            self._encoder = build_encoder(self._config, training_setup.POLICIES[self._options.dtype], output_range=1)
            self._model = self._task.build_model(self._encoder)

    def _records(self, split: str) -> RecordSet:
        if split not in self._opened:
            self._opened[split] = self._open(split)
        return self._opened[split]

    def _open(self, split: str) -> RecordSet:
        flag = {"train": "train_data_path", "test": "test_data_path"}.get(split, "eval_data_path")
        expected = self._data.expected(split)
        records = RecordSet.open(self._data.paths[split], self._task.features, expected, flag)
        size = self._data.meta.sizes.get(split)
        if expected is None and size is not None and len(self._data.paths[split].split(",")) == 1 and size != len(records):
            raise UserError(
                f"--{flag}={self._data.paths[split]} holds {len(records)} records, but the metadata says {size}; "
                "give the records and the metadata of one preparation"
            )
        records.check_longest(self._data.meta.max_seq_length)
        check_labels(records, self._task.num_labels, self._task.is_regression)
        return records

    def _train(self) -> TrainingResult:
        options, model_dir = self._options, self._directory.path
        records = self._records("train")
        if options.train_data_size is not None:
            if options.train_data_size > len(records):
                raise UserError(
                    f"--train_data_size={options.train_data_size}, but there are only {len(records)} training examples"
                )
            records = records.take(options.train_data_size)
        seed = training_setup.settle_seed(options, model_dir)
        plan = BatchPlan(records.lengths, options.train_batch_size, seed, options.bucket_by_length)
        check_divisible(options.train_batch_size, self._strategy.num_replicas_in_sync, options.gradient_accumulation_steps)
        steps = training_setup.train_steps(plan.steps_per_epoch, options.num_train_epochs)
        per_evaluation = -(-plan.steps_per_epoch // options.num_eval_per_epoch)
        eval_splits = [split for split in self._data.paths if split == "eval"] if self._phases.evaluate_while_training else []
        if eval_splits:
            self._records("eval")
        if self._chief:
            self._directory.identify(self._identity(seed, records), training_setup.run_circumstances(self._strategy))
        self._build_model(seed)
        if options.init_checkpoint and checkpointing.latest_step(model_dir) is None:
            logger.info("%s", load_encoder_weights(self._encoder, options.init_checkpoint, self._config).summary())
        elif not options.init_checkpoint:
            logger.warning("no --init_checkpoint: training starts from random weights")
        with self._strategy.scope():
            optimizer = training_setup.create_optimizer(options, steps)
        self._announce(records, plan, steps)
        config = training_setup.trainer_config(
            options,
            model_dir,
            seed=seed,
            train_steps=steps,
            eval_every_steps=per_evaluation if eval_splits else 0,
            save_every_steps=per_evaluation,
            metric=self._task.best_metric,
        )
        trainer = Trainer(self._task, self._model, optimizer, self._strategy, config)
        return trainer.train(records, plan, self._evaluate_while_training if eval_splits else None, self._padding)

    def _evaluate_while_training(self, model: tf_keras.Model) -> dict[str, float]:
        self._last_evaluation = self._collect("eval", model)
        return self._task.metrics(self._last_evaluation)

    def _identity(self, seed: int, records: RecordSet) -> dict[str, Any]:
        data = {
            "train": [files.sha256_of_file(path) for path in records.paths],
            "train_data_size": len(records),
            "train_batch_size": self._options.train_batch_size,
            "labels": self._task.label_list,
        }
        return training_setup.run_identity(self._options, seed=seed, config=self._config, data=data)

    def _announce(self, records: RecordSet, plan: BatchPlan, steps: int) -> None:
        size = sum(int(np.prod(variable.shape)) for variable in self._model.trainable_variables)
        logger.info(
            "training: %s examples (mean %.0f tokens, longest %d), %d steps of %d examples, %d steps an epoch; "
            "%s weights, %s, %s",
            f"{len(records):,}",
            records.lengths.mean(),
            records.lengths.max(),
            steps,
            plan.batch_size,
            plan.steps_per_epoch,
            f"{size:,}",
            self._options.dtype,
            describe(self._strategy),
        )

    def _load(self, training: TrainingResult | None) -> None:
        """Gives the model the weights that scores, predictions and exports are made with."""
        directory, path = self._directory.path, self._options.predict_checkpoint_path
        if path:
            self._step = weights.restore_model_from(self._model, files.expand(path).removesuffix(".index"))
            return
        wanted = weights.best_step(directory) if self._options.load_checkpoint == "best" else None
        if training is None or wanted not in (None, training.final_step):
            self._last_evaluation = None
            self._step = checkpointing.restore_model(self._model, directory, wanted)
            return
        self._step = training.final_step
        if not any(entry["kind"] == "eval" and entry["step"] == self._step for entry in training.history):
            self._last_evaluation = None

    def _collect(self, split: str, model: tf_keras.Model, batch_size: int | None = None) -> dict[str, np.ndarray]:
        return predict_all(
            self._task, model, self._strategy, self._records(split), batch_size or self._options.eval_batch_size, self._padding
        )

    def _evaluate(self, split: str) -> dict[str, float]:
        collected = self._last_evaluation if split == "eval" else None
        if collected is None:
            collected = self._collect(split, self._model)
        metrics = self._task.metrics(collected)
        directory, suffix = self._directory.path, split.removeprefix("eval")
        if self._chief:
            report.write_eval_results(directory, metrics, self._step, suffix)
            write_predictions(
                os.path.join(directory, f"eval_predictions{suffix}.tsv"),
                self._task,
                collected["logits"],
                example_ids=collected["example_id"],
                gold=collected["label_ids"],
            )
            if split == "eval":
                self._picture = draw_evaluation(directory, self._task, collected["logits"], collected["label_ids"])
        values = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        logger.info("%s: %s examples, checkpoint of step %d: %s", split, f"{len(collected['logits']):,}", self._step, values)
        return metrics

    def _predict(self) -> None:
        split = "test" if "test" in self._data.paths else "eval"
        collected = self._collect(split, self._model, self._options.predict_batch_size)
        if not self._chief:
            return
        directory = self._directory.path
        labelled = self._data.is_labelled(split)
        paths = [os.path.join(directory, name) for name in ("test_results.tsv", "predictions.tsv")]
        write_test_results(paths[0], self._task, collected["logits"])
        write_predictions(
            paths[1],
            self._task,
            collected["logits"],
            example_ids=collected["example_id"],
            gold=collected["label_ids"] if labelled else None,
            texts=self._data.texts() if split == "test" else None,
        )
        logger.info(
            "predicted %s examples with the checkpoint of step %d: %s", f"{len(collected['logits']):,}", self._step, paths[1]
        )

    def _export(self, path: str) -> None:
        # Served in float32 whatever the training computed in, on one device.
        model = self._task.build_model(build_encoder(self._config, output_range=1))
        model.set_weights(self._model.get_weights())
        export.export_token_ids_model(model, self._task.serving_outputs, path)
        logger.info("exported %s (token ids in, logits out)", path)
        if self._data.tokenizer is None:
            logger.info("give --vocab_file to also export a model that takes raw text")
            return
        from bert_tf2.text.in_graph import InGraphTokenizer

        tokenize = InGraphTokenizer(self._data.tokenizer, self._data.meta.max_seq_length)
        text_path = f"{path.rstrip('/')}_text"
        export.export_text_model(model, tokenize, self._task.readable_outputs, text_path)
        logger.info("exported %s (raw text in, labels and probabilities out)", text_path)

    def _report(self, results: dict[str, Any]) -> None:
        directory, training = self._directory.path, results.get("training")
        evaluation = results.get("evaluation", {})
        if training is None and not evaluation:
            return
        pictures: list[tuple[str, str]] = []
        facts: list[tuple[str, object]] = [
            ("data", self._data.meta.processor_type),
            ("configuration", self._options.bert_config_file),
            ("checkpoint", f"step {self._step}"),
        ]
        if training is not None:
            if self._options.sub_model_export_name:
                name = os.path.join(directory, f"{self._options.sub_model_export_name}.ckpt-{training.final_step}")
                weights.save_whole(tf.train.Checkpoint(model=self._encoder), name)
            pictures.append(("Loss", self._summarize(training, evaluation)))
            facts += [
                ("training steps", training.final_step),
                ("initial weights", self._options.init_checkpoint or "random"),
                ("learning rate", self._options.learning_rate),
                ("batch size", self._options.train_batch_size),
            ]
            if training.best_step is not None:
                facts.append((f"best {self._task.best_metric}", f"{training.best_value:.4f} at step {training.best_step}"))
        if "eval" in evaluation:
            pictures.append(("Predictions", self._picture))
        path = report.write_report(
            directory, f"Report of {os.path.basename(os.path.abspath(directory))}", facts, list(evaluation.items()), pictures
        )
        logger.info("report: %s", path)

    def _summarize(self, training: TrainingResult, evaluation: dict[str, dict[str, float]]) -> str:
        train = [entry for entry in training.history if entry["kind"] == "train"]
        evaluations = [entry for entry in training.history if entry["kind"] == "eval"]
        summary = {
            "total_training_steps": training.final_step,
            "train_loss": train[-1]["loss"] if train else None,
            "stopped_early": training.stopped_early,
            "best_step": training.best_step,
            "best_metric": self._task.best_metric,
            "best_value": training.best_value,
            "eval_metrics": evaluation.get("eval"),
        }
        report.write_training_summary(self._directory.path, summary)
        return report.draw_loss_curve(self._directory.path, train, evaluations, self._task.best_metric)


def check_labels(records: RecordSet, num_labels: int, is_regression: bool) -> None:
    """Checks that every label is one the model has an output for.

    Raises:
      UserError: a record's label is not from 0 to `num_labels` - 1, or not finite.
    """
    spec = [spec for spec in records.specs if spec.name == "label_ids"]
    serialized = [records.read(row) for row in range(len(records))]
    labels = parse_records(tf.constant(serialized), spec)["label_ids"].numpy()
    wrong = ~np.isfinite(labels) if is_regression else (labels < 0) | (labels >= num_labels)
    if wrong.any():
        row = int(np.argmax(wrong))
        rule = "must be a finite number" if is_regression else f"must be from 0 to {num_labels - 1} (num_labels in the metadata)"
        raise UserError(
            f"{records.location(row)}: label_ids {rule}; got {labels[row]} ({int(wrong.sum())} of {len(labels)} records); "
            "prepare the data again"
        )
