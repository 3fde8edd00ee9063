"""One run of the classifier job, once data, configuration and devices are settled."""

import logging
import os
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2 import files
from bert_tf2.data.batches.pipeline import check_divisible
from bert_tf2.data.records.metadata import MetaData, read_meta_data
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_checks import check_task, model_facts, other_task
from bert_tf2.jobs.fine_tuning.classifier_data import ClassifierData
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.training_run import TrainingRun
from bert_tf2.model_directory import model_files
from bert_tf2.model_directory.checkpoint_origin import fit_classes
from bert_tf2.model_directory.model_files import META_DATA
from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.config import BertConfig
from bert_tf2.progress import during
from bert_tf2.tasks.classification.files import write_predictions, write_test_results
from bert_tf2.tasks.classification.pictures import draw_evaluation
from bert_tf2.tasks.classification.report import report_sections
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.training import export, report
from bert_tf2.training.evaluation import predict_all
from bert_tf2.training.result_files import ResultInput, called, make_room
from bert_tf2.training.run_directory import RunDirectory
from bert_tf2.training.trainer import TrainingResult

logger = logging.getLogger(__name__)


class ClassifierRun(TrainingRun):
    """Trains, evaluates, predicts, exports and reports.

    Args:
      options: what was asked.
      phases: what of it is to be done (`bert_tf2.jobs.fine_tuning.classifier.Phases`).
      config: the encoder's configuration.
      data: the records.
      strategy: where the model lives.
      directory: `--model_dir`.
      labels: label names in id order; None for regression.
    """

    heads = ("classifier",)
    # The head looks at the pooled output only.
    output_range = 1

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
        task = ClassificationTask(
            labels,
            list(data.meta.metrics) or None,
            dropout_rate=config.hidden_dropout_prob,
            initializer_range=config.initializer_range,
            has_sample_weights=data.meta.has_sample_weights,
            best_metric=options.best_metric,
        )
        super().__init__(options, config, strategy, directory, task, data.meta.max_seq_length)
        self._phases, self._data = phases, data
        self._opened: dict[str, RecordSet] = {}

    def complete(self) -> dict[str, Any]:
        """Does everything in turn; see `bert_tf2.jobs.fine_tuning.classifier.run_classifier`."""
        options, results = self._options, {}
        self._settle_exports()
        check_divisible(options.eval_batch_size, self._strategy.num_replicas_in_sync, flag="eval_batch_size")
        if self._phases.predict and options.predict_batch_size:
            check_divisible(options.predict_batch_size, self._strategy.num_replicas_in_sync, flag="predict_batch_size")
        self._warn_of_other_texts()
        if self._phases.train:
            results["training"] = self._train_on_records()
        else:
            self._build_model(seed=0)
        self._load(results.get("training"))
        if self._phases.evaluate:
            results["evaluation"] = {split: self._evaluate(split) for split in self._data.paths if split.startswith("eval")}
        if self._phases.predict:
            kind = "test" if "test" in self._data.paths else "eval"
            for split in self._data.paths:
                if split.split("_")[0] == kind:
                    self._predict(split, split.removeprefix(kind))
        if self._chief:
            self._save_encoder()
            if self._exports:
                self._export()
            self._write_report(results)
        return results

    def _warn_of_other_texts(self) -> None:
        """Tells of records of pairs for a model of single texts, or the other way round."""
        path = os.path.join(self._directory.path, META_DATA)
        if self._phases.train or not files.exists(path):
            return
        trained, given = read_meta_data(path).has_pairs, self._data.meta.has_pairs
        if None not in (trained, given) and trained != given:
            kinds = ("single texts", "pairs of texts")
            logger.warning(
                "the records hold %s, but %s was trained on %s; its answers to them mean little", kinds[given],
                self._directory.path, kinds[trained],
            )  # fmt: skip

    def _records(self, split: str) -> RecordSet:
        if split not in self._opened:
            self._opened[split] = self._open(split)
        return self._opened[split]

    def _open(self, split: str) -> RecordSet:
        flag, expected = self._data.flag(split), self._data.expected(split)
        records = RecordSet.open(self._data.paths[split], self._task.features, expected, flag)
        size = self._data.meta.sizes.get(split)
        if expected is None and size is not None and len(self._data.paths[split].split(",")) == 1 and size != len(records):
            raise UserError(
                f"--{flag}={self._data.paths[split]} holds {len(records)} records, but the metadata says {size}; "
                "give the records and the metadata of one preparation"
            )
        records.check_longest(self._data.meta.max_seq_length)
        # Otherwise the metadata answers for the vocabulary.
        if expected is None or self._data.meta.vocab_size is None:
            records.check_token_ids(self._config.vocab_size)
        check_labels(records, self._task.num_labels, self._task.is_regression)
        return records

    def _train_on_records(self) -> TrainingResult:
        options = self._options
        records = self._records("train")
        if options.train_data_size is not None:
            if options.train_data_size > len(records):
                raise UserError(
                    f"--train_data_size={options.train_data_size}, but there are only {len(records)} training examples"
                )
            records = records.take(options.train_data_size)
        evaluates = self._phases.evaluate_while_training and "eval" in self._data.paths
        if evaluates:
            self._records("eval")
        return self._train(records, training_setup.rounding_identity(options), evaluates)

    def _google_steps(self) -> int | None:
        options = self._options
        if options.steps_rounding != "google":
            return None
        examples, limit = len(self._records("train")), options.train_data_size
        return training_setup.google_train_steps(examples, options, options.is_tf1_dialect, options.num_eval_per_epoch, limit)

    def _model_facts(self) -> dict[str, Any]:
        return model_facts(self._data.meta)

    def _load(self, training: TrainingResult | None) -> None:
        flag = self._flag_of_named_model(training)
        if flag is not None:
            place = model_files.directory_of(files.expand(getattr(self._options, flag)))
            if (there := other_task(place, self._data.meta)) is not None:
                task = self._data.meta.processor_type
                logger.warning("%s holds a model of the task %s, and the data are %s's", place, there, task)
        elif training is None:
            check_task(self._directory.path, self._data.meta)
        super()._load(training)

    def _meta_and_tokenizer(self) -> tuple[MetaData, Any]:
        return self._data.meta, self._data.tokenizer

    def _fitted(self, source: Source) -> tuple[Source, dict[str, str]]:
        source, reason = fit_classes(source, self._data.meta.label_list or None, self._task.num_labels)
        return source, {} if reason is None else {"classifier": reason}

    def _collect_evaluation(self, model: tf_keras.Model) -> dict[str, np.ndarray]:
        return self._collect("eval", model)

    def _scores(self, collected: dict[str, np.ndarray]) -> dict[str, float]:
        return self._task.metrics(collected)

    def _collect(self, split: str, model: tf_keras.Model, batch_size: int | None = None) -> dict[str, np.ndarray]:
        size = batch_size or self._options.eval_batch_size
        records, what = self._records(split), f"predicting {split}"
        return predict_all(self._task, model, self._strategy, records, size, self._padding, what=what)

    def _evaluate(self, split: str) -> dict[str, float]:
        collected = self._last_evaluation if split == "eval" else None
        if collected is None:
            collected = self._collect(split, self._model)
        metrics = self._task.metrics(collected)
        directory, suffix = self._directory.path, split.removeprefix("eval")
        if self._chief:
            predictions = f"eval_predictions{suffix}.tsv"
            make_room(directory, [*report.eval_results_files(suffix), predictions], self._input_of(split))
            report.write_eval_results(directory, metrics, self._step, suffix)
            write_predictions(
                os.path.join(directory, predictions),
                self._task,
                collected["logits"],
                example_ids=collected["example_id"],
                gold=collected["label_ids"],
            )
            if split == "eval":
                logits, gold, ids = collected["logits"], collected["label_ids"], collected["example_id"]
                self._picture = draw_evaluation(directory, self._task, logits, gold)
                self._sections = report_sections(self._task, logits, gold, ids, self._data.texts(split, ids))
        values = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        logger.info("%s: %s examples, %s: %s", split, f"{len(collected['logits']):,}", self._used, values)
        return metrics

    def _predict(self, split: str, suffix: str) -> None:
        collected = self._collect(split, self._model, self._options.predict_batch_size)
        if not self._chief:
            return
        directory, ids = self._directory.path, collected["example_id"]
        names = [f"{name}{suffix}.tsv" for name in ("test_results", "predictions")]
        make_room(directory, names, self._input_of(split))
        paths = [os.path.join(directory, name) for name in names]
        write_test_results(paths[0], self._task, collected["logits"])
        write_predictions(
            paths[1],
            self._task,
            collected["logits"],
            example_ids=ids,
            gold=collected["label_ids"] if self._data.is_labelled(split) else None,
            texts=self._data.texts(split, ids) if split.startswith("test") else None,
        )
        logger.info("predicted %s examples with %s: %s", f"{len(collected['logits']):,}", self._used, paths[1])

    def _input_of(self, split: str) -> ResultInput:
        """What the results of a split are made of; records made on the way have the same names whatever the data."""
        records, data_dir = self._records(split), self._data.data_dir
        name = called(records.paths) if data_dir is None else os.path.basename(os.path.abspath(data_dir))
        return ResultInput.of(name, map(records.read, range(len(records))))

    def _export(self) -> None:
        path, text_path = self._exports[""], self._exports["_text"]
        model = self._model_to_export()
        export.export_token_ids_model(model, self._task.serving_outputs, path)
        logger.info("exported %s (token ids in, logits out)", path)
        if self._data.tokenizer is None:
            logger.info("give --vocab_file to also export a model that takes raw text")
            return
        from bert_tf2.text.in_graph import InGraphTokenizer

        tokenize = InGraphTokenizer(self._data.tokenizer, self._data.meta.max_seq_length)
        export.export_text_model(model, tokenize, self._task.readable_outputs, text_path, self._data.meta.has_pairs)
        logger.info("exported %s (raw text in, labels and probabilities out)", text_path)

    def _write_report(self, results: dict[str, Any]) -> None:
        training, evaluation = results.get("training"), results.get("evaluation", {})
        if training is None and not evaluation:
            return
        pictures = [("Predictions", self._picture)] if "eval" in evaluation and self._picture else []
        sections = self._sections if "eval" in evaluation else []
        self._report(self._data.meta.processor_type, training, evaluation, pictures, sections)


@during("checking records")
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
