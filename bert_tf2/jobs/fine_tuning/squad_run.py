"""One run of the question-answering job, once data, configuration and devices are settled."""

import dataclasses
import itertools
import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.pipeline import check_divisible
from bert_tf2.data.records.metadata import SQUAD, MetaData
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning import no_answer_threshold
from bert_tf2.jobs.fine_tuning.question_data import QuestionData
from bert_tf2.jobs.fine_tuning.squad_checks import answer_prefixes, check_answers, why_no_score
from bert_tf2.jobs.fine_tuning.squad_options import Phases, SquadOptions
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.training_run import TrainingRun
from bert_tf2.model_directory.metadata_checks import facts_of
from bert_tf2.models.config import BertConfig
from bert_tf2.progress import during
from bert_tf2.tasks.question_answering.character_scores import chosen
from bert_tf2.tasks.question_answering.decoding import DecodedAnswers, DecodingOptions
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.files import ANSWER_FILES, write_answers
from bert_tf2.tasks.question_answering.report import report_sections
from bert_tf2.tasks.question_answering.squad import read_paragraphs
from bert_tf2.tasks.question_answering.task import SpanTask
from bert_tf2.tasks.question_answering.windows import QuestionSet
from bert_tf2.text.normalization import Normalization
from bert_tf2.training import checkpointing, export, report, weights
from bert_tf2.training.evaluation import predict_all
from bert_tf2.training.question_answering_export import export_question_answering_model
from bert_tf2.training.result_files import ResultInput, make_room
from bert_tf2.training.run_directory import RunDirectory
from bert_tf2.training.trainer import TrainingResult

logger = logging.getLogger(__name__)


class SquadRun(TrainingRun):
    """Trains, answers, scores, exports and reports.

    Args:
      options: what was asked.
      phases: what of it is to be done.
      config: the encoder's configuration.
      data: training records, and how questions are read.
      question_paths: the files of `--predict_file`; see `question_files`.
      strategy: where the model lives.
      directory: `--model_dir`.
    """

    heads = ("span",)

    def __init__(
        self,
        options: SquadOptions,
        phases: Phases,
        config: BertConfig,
        data: QuestionData,
        question_paths: list[str],
        strategy: tf.distribute.Strategy,
        directory: RunDirectory,
    ):
        decoding = DecodingOptions(
            n_best_size=options.n_best_size,
            max_answer_length=options.max_answer_length,
            version_2=data.version_2,
            null_score_diff_threshold=options.threshold or 0.0,
            google_text=options.answer_text == "google",
            normalization=Normalization() if data.tokenizer is None else data.tokenizer.normalization,
        )
        self._language = self._language_of_scores(options, question_paths)
        task = SpanTask(
            decoding,
            initializer_range=config.initializer_range,
            best_metric=options.best_metric,
            language=self._language,
        )
        super().__init__(options, config, strategy, directory, task, data.windows.max_seq_length)
        self._phases, self._data, self._question_paths = phases, data, question_paths
        self._question_records: dict[int, RecordSet] = {}
        # None until the one that is asked for is found, or read.
        self._threshold = options.threshold
        # The files whose answers are written each for itself, as far as there are any.
        self._asked: list[QuestionSet] = []
        # Scores by name, and what the report says of them.
        self._evaluations: dict[str, dict[str, float]] = {}
        self._sections: list[tuple[str, str]] = []

    @staticmethod
    def _language_of_scores(options: SquadOptions, paths: list[str]) -> str:
        """What answers are scored by; decided before the training, whose best checkpoint the scores choose."""
        read = (question for paragraph in read_paragraphs(paths[:1]) for question in paragraph.questions)
        questions = list(itertools.islice(read, 1000))
        language, line = chosen(questions, options.answer_language)
        if any(question.answers for question in questions):
            logger.info("%s", line)
        return language

    def complete(self) -> dict[str, Any]:
        """Does everything in turn; see `bert_tf2.jobs.fine_tuning.squad.run_squad`."""
        options, results = self._options, {}
        finds_threshold = self._has_to_find_threshold()
        phases = dataclasses.replace(self._phases, evaluate=True) if finds_threshold else self._phases
        self._settle_exports()
        check_divisible(options.predict_batch_size, self._strategy.num_replicas_in_sync, flag="predict_batch_size")
        # Read before training: a file that cannot be used must not be found after hours.
        paths = self._question_paths
        self._all = self._data.read_questions(paths) if phases.evaluate or phases.evaluate_while_training else None
        if self._all is not None:
            check_answers(self._all.questions, self._data.version_2, options.predict_file, finds_threshold)
        # Several files have their predictions in several files, with the threshold that is known by then.
        if phases.predict and not (phases.evaluate and len(paths) == 1):
            self._asked = [self._all] if self._all and len(paths) == 1 else [self._data.read_questions([path]) for path in paths]
        if phases.train:
            records = RecordSet.open(self._data.train_path, self._task.features, self._data.expected)
            records.check_longest(self._data.windows.max_seq_length)
            _check_positions(records)
            results["training"] = self._train(records, training_setup.rounding_identity(options), phases.evaluate_while_training)
        else:
            self._build_model(seed=0)
        self._load(results.get("training"))
        exports_text = options.model_export_path and self._data.tokenizer is not None
        if self._threshold is None and not phases.evaluate and (phases.predict or exports_text):
            # Before anything is written: there may be none.
            self._threshold = no_answer_threshold.read(self._directory.path, self._step)
        if phases.evaluate:
            results["predictions"] = self._evaluate()
        if self._asked:
            results["predictions"] = self._predict()
        if "eval" in self._evaluations:
            results["evaluation"] = self._evaluations["eval"]
        if self._chief:
            if self._exports:
                self._export()
            self._write_report(results.get("training"))
        return results

    def _google_steps(self) -> int | None:
        options, meta = self._options, self._data.meta
        if options.steps_rounding != "google":
            return None
        examples = meta.extra["questions"] if options.is_tf1_dialect else meta.train_data_size
        return training_setup.google_train_steps(examples, options, options.is_tf1_dialect)

    def _has_to_find_threshold(self) -> bool:
        """Whether predictions need a threshold that only this run can find.

        Raises:
          UserError: so does an export, and there are no questions to find it with.
        """
        phases, options = self._phases, self._options
        if options.threshold is not None or phases.evaluate:
            return False
        if phases.train and not phases.predict and options.model_export_path:
            raise UserError(
                "--null_score_diff_threshold=auto: this run exports a model without an evaluation that finds the threshold; use "
                "--mode=train_and_eval, or give a number"
            )
        if phases.train or not phases.predict:
            return phases.predict
        # google-research/bert's dialect has no evaluation that could find it beforehand.
        return options.is_tf1_dialect and not no_answer_threshold.is_kept(self._directory.path, self._known_step())

    def _known_step(self) -> int | None:
        """The step of the checkpoint of this directory that will be loaded; None of one that is named."""
        if self._options.predict_checkpoint_path:
            return None
        directory = self._directory.path
        return weights.best_step(directory) if self._options.load_checkpoint == "best" else checkpointing.latest_step(directory)

    def _model_facts(self) -> dict[str, Any]:
        tokenizer = self._data.tokenizer
        if tokenizer is None:
            return facts_of(self._data.meta)
        return {"task": SQUAD, "vocabulary": tokenizer.fingerprint, "do_lower_case": tokenizer.normalization.fact}

    def _meta_and_tokenizer(self) -> tuple[MetaData | None, Any]:
        return self._data.meta, self._data.tokenizer

    def _collect_evaluation(self, model: tf_keras.Model) -> DecodedAnswers:
        return self._answers(self._all, model)

    def _scores(self, collected: DecodedAnswers) -> dict[str, float]:
        return {name: value for name, value in self._task.scores(self._all, collected).items() if isinstance(value, float)}

    def _answers(self, questions: QuestionSet, model: tf_keras.Model) -> DecodedAnswers:
        if not questions.records:
            empty = np.zeros((0, 1), np.float32)
            return self._task.answers(questions, {"start_positions": empty, "end_positions": empty})
        known = id(questions)
        if known not in self._question_records:
            specs = squad_features(training=False)
            self._question_records[known] = RecordSet.in_memory(questions.records, specs, "the windows of --predict_file")
        collected = predict_all(
            self._task,
            model,
            self._strategy,
            self._question_records[known],
            self._options.predict_batch_size,
            self._padding,
            what="answering",
        )
        return self._task.answers(questions, collected)

    def _evaluate(self) -> dict[str, str]:
        answers = self._last_evaluation or self._collect_evaluation(self._model)
        directory = self._directory.path
        if self._options.threshold is None:
            threshold = no_answer_threshold.find(
                self._all.questions, answers, self._step, self._options.predict_file, self._language
            )
            self._threshold = threshold.value
            no_answer_threshold.apply(answers, threshold.value)
            if self._chief:
                no_answer_threshold.write(directory, threshold)
        if self._chief:
            self._make_room(ANSWER_FILES, self._question_paths)
            write_answers(directory, answers, self._data.version_2)
        self._score(self._all, answers, self._question_paths)
        return answers.predictions

    def _make_room(self, names: Sequence[str], paths: Sequence[str]) -> None:
        """Moves results of other questions aside before those of the files at `paths` are written."""
        make_room(self._directory.path, names, ResultInput.of_files(paths))

    def _score(self, questions: QuestionSet, answers: DecodedAnswers, paths: Sequence[str], prefix: str = "") -> None:
        """Scores answers and writes the scores; `prefix` stands before the names of what belongs to one of several files."""
        scores = self._task.scores(questions, answers)
        self._evaluations[prefix.rstrip("-") or "eval"] = scores
        if self._chief:
            self._make_room(report.eval_results_files(file_prefix=prefix), paths)
            report.write_eval_results(self._directory.path, scores, self._step, file_prefix=prefix)
            contexts = [questions.contexts[index].text for index in questions.context_of_question]
            sections = report_sections(
                questions.questions, contexts, answers.predictions, self._data.version_2, language=self._language
            )
            of_file = f", {prefix.rstrip('-')}" if prefix else ""
            self._sections += [(f"{heading}{of_file}", text) for heading, text in sections]
        shown = ", ".join(f"{name} {value:.2f}" for name, value in scores.items() if isinstance(value, float))
        logger.info("%s questions, %s: %s", f"{len(questions.questions):,}", self._used, shown)

    def _predict(self) -> dict[str, str]:
        predictions: dict[str, str] = {}
        paths = self._question_paths
        for path, prefix, questions in zip(paths, answer_prefixes(paths), self._asked):
            known = self._last_evaluation if questions is self._all else None
            answers = known or self._answers(questions, self._model)
            if self._options.threshold is None:
                no_answer_threshold.apply(answers, self._threshold)
            if self._chief:
                self._make_room([prefix + name for name in ANSWER_FILES], [path])
                write_answers(self._directory.path, answers, self._data.version_2, prefix)
            predictions |= answers.predictions
            logger.info(
                "answered the %s questions of %s with %s: %s",
                f"{len(questions.questions):,}",
                path,
                self._used,
                os.path.join(self._directory.path, f"{prefix}predictions.json"),
            )
            if reason := why_no_score(questions.questions, self._data.version_2):
                logger.info("no score: %s", reason)
            else:
                self._score(questions, answers, [path], prefix)
        return predictions

    def _export(self) -> None:
        path, text_path = self._exports[""], self._exports["_text"]
        model = self._model_to_export()
        export.export_token_ids_model(model, self._task.serving_outputs, path)
        logger.info("exported %s (token ids in, logits out)", path)
        if self._data.tokenizer is None:
            logger.info("give --vocab_file to also export a model that takes questions and contexts as text")
            return
        decoding, windows = self._task.decoding, self._data.windows
        export_question_answering_model(
            model,
            self._data.tokenizer,
            text_path,
            max_seq_length=windows.max_seq_length,
            doc_stride=windows.doc_stride,
            max_query_length=windows.max_query_length,
            n_best_size=decoding.n_best_size,
            max_answer_length=decoding.max_answer_length,
            version_2=decoding.version_2,
            null_score_diff_threshold=self._threshold,
        )
        logger.info("exported %s (question and context in, answer, score and its place out)", text_path)

    def _write_report(self, training: TrainingResult | None) -> None:
        if training is None and not self._evaluations:
            return
        if training is not None:
            self._save_encoder()
        name = self._options.train_data_path or self._options.train_file or self._options.predict_file
        self._report(name, training, self._evaluations, sections=self._sections)


@during("checking records")
def _check_positions(records: RecordSet) -> None:
    """Checks that every answer lies inside its row.

    Raises:
      UserError: a position is outside.
    """
    for first in range(0, len(records), _AT_ONCE):
        rows = range(first, min(first + _AT_ONCE, len(records)))
        features = records.parse(rows)
        lengths = records.lengths[rows.start : rows.stop]
        for name in ("start_positions", "end_positions"):
            wrong = (features[name] < 0) | (features[name] >= lengths)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise UserError(
                    f"{records.location(first + row)}: {name} must be from 0 to {lengths[row] - 1}, the row's last token; "
                    f"got {features[name][row]}; prepare the data again"
                )


_AT_ONCE = 2048
