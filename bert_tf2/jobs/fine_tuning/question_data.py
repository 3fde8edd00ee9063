"""What the question-answering job works on: training records, how contexts are cut, and the questions to answer."""

import itertools
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.data.records.metadata import SQUAD, MetaData, RecordFile, read_meta_data
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.data import RunData
from bert_tf2.jobs.fine_tuning.question_files import answer_prefixes, check_answers
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.preparation.reusable_records import SOURCE_FINGERPRINT, fingerprint, reusable
from bert_tf2.jobs.training import training_setup
from bert_tf2.model_directory.metadata_checks import (
    check_flags,
    check_model,
    check_size,
    check_vocabulary,
    facts_of,
    flags_of,
    records_of,
)
from bert_tf2.models.config import BertConfig
from bert_tf2.options import required
from bert_tf2.tasks.base import ExampleSet, Task
from bert_tf2.tasks.question_answering.character_scores import chosen
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.squad import read_paragraphs
from bert_tf2.tasks.question_answering.task import SpanTask
from bert_tf2.tasks.question_answering.windows import QuestionSet, WindowOptions, read_questions
from bert_tf2.text.normalization import Normalization
from bert_tf2.training.result_files import ResultInput

if TYPE_CHECKING:
    from bert_tf2.text.wordpiece import WordPieceTokenizer
    from bert_tf2.training.run_directory import RunDirectory

logger = logging.getLogger(__name__)

# Google's, for what neither the command nor the records say.
_DEFAULTS = {
    "max_seq_length": 384,
    "doc_stride": 128,
    "max_query_length": 64,
    "version_2_with_negative": False,
    "answer_labels": "exact",
}
_OF_WINDOWS = ("max_seq_length", "doc_stride", "max_query_length")


class QuestionData(RunData):
    """Training records, and questions from SQuAD files.

    Args:
      windows: how contexts are cut.
      version_2: questions may have no answer.
      question_paths: the files of `--predict_file`; see `question_files`.
      predict_file: how the command names them.
      title: what the report calls the data.
      tokenizer: None when the command names no vocabulary.
      train_path: the training records; None without training.
      meta: the metadata of the records that are or were trained on; None when nothing was prepared.
    """

    def __init__(
        self,
        windows: WindowOptions,
        version_2: bool,
        question_paths: list[str],
        predict_file: str | None,
        title: str,
        tokenizer: Any = None,
        train_path: str | None = None,
        meta: MetaData | None = None,
    ):
        self.meta, self.tokenizer, self.title, self.max_seq_length = meta, tokenizer, title, windows.max_seq_length
        self._windows, self._version_2, self._paths = windows, version_2, question_paths
        self._predict_file, self._train_path = predict_file, train_path
        self._opened: RecordSet | None = None

    def task(self, config: BertConfig, options: SquadOptions) -> SpanTask:
        """The task; what answers are scored by goes by the first questions."""
        decoding = DecodingOptions(
            n_best_size=options.n_best_size,
            max_answer_length=options.max_answer_length,
            version_2=self._version_2,
            null_score_diff_threshold=options.threshold or 0.0,
            google_text=options.answer_text == "google",
            normalization=Normalization() if self.tokenizer is None else self.tokenizer.normalization,
        )
        return SpanTask(
            decoding,
            initializer_range=config.initializer_range,
            best_metric=options.best_metric,
            language=self._language_of_scores(options),
            windows=self._windows,
            finds_threshold=options.threshold is None,
        )

    def _language_of_scores(self, options: SquadOptions) -> str:
        """What answers are scored by; decided before the training, whose best checkpoint the scores choose."""
        read = (question for paragraph in read_paragraphs(self._paths[:1]) for question in paragraph.questions)
        questions = list(itertools.islice(read, 1000))
        language, line = chosen(questions, options.answer_language)
        if any(question.answers for question in questions):
            logger.info("%s", line)
        return language

    def training_records(self, task: Task) -> RecordSet:
        """The records of `--train_data_path`, or those made of `--train_file`."""
        if self._opened is None:
            self._opened = RecordSet.open(required(self._train_path), task.features, self._expected())
        return self._opened

    def _expected(self) -> RecordFile | None:
        """What the metadata says about the training file; None for several files and where it says nothing."""
        path = required(self._train_path)
        if self.meta is None or any(sign in path for sign in ",*?["):
            return None
        return self.meta.files.get(self.meta.split_of(path, "train") or "train")

    def evaluation_sets(self, task: Task, finds_tuning: bool) -> list[ExampleSet]:
        """All questions of `--predict_file` together."""
        examples = self._example_set("eval", self._paths, "")
        check_answers(examples.source.questions, self._version_2, required(self._predict_file), finds_tuning)
        return [examples]

    def prediction_sets(self, task: Task, evaluated: list[ExampleSet]) -> list[ExampleSet]:
        """The questions of each file: several files have their predictions in several files."""
        if evaluated and len(self._paths) == 1:
            return evaluated
        prefixes = answer_prefixes(self._paths)
        return [self._example_set(prefix.rstrip("-") or "eval", [path], prefix) for path, prefix in zip(self._paths, prefixes)]

    def _example_set(self, name: str, paths: list[str], prefix: str) -> ExampleSet:
        questions = self.read_questions(paths)
        records = RecordSet.in_memory(questions.records, squad_features(training=False), "the windows of --predict_file")
        origin = required(self._predict_file) if paths == self._paths else paths[0]
        return ExampleSet(name, records, source=questions, origin=origin, prefix=prefix)

    def input_of(self, examples: ExampleSet) -> ResultInput:
        """The files, byte for byte."""
        by_prefix = dict(zip(answer_prefixes(self._paths), self._paths))
        return ResultInput.of_files([by_prefix[examples.prefix]] if examples.prefix else self._paths)

    def model_facts(self) -> dict[str, Any]:
        """Of the tokenizer at hand, or of the training's metadata."""
        if self.tokenizer is None:
            return facts_of(required(self.meta))
        return {"task": SQUAD, "vocabulary": self.tokenizer.fingerprint, "do_lower_case": self.tokenizer.normalization.fact}

    def google_train_steps(self, options: SquadOptions, records: RecordSet) -> int:
        """By questions as google-research/bert, or by windows as the garden."""
        del records
        meta = required(self.meta)
        examples = meta.extra["questions"] if options.is_tf1_dialect else meta.train_data_size
        return training_setup.google_train_steps(examples, options, options.is_tf1_dialect)

    def read_questions(self, paths: list[str]) -> QuestionSet:
        """The questions of some SQuAD files.

        Raises:
          UserError: a file cannot be used.
        """
        window = self._windows
        questions = read_questions(
            paths,
            self.tokenizer,
            max_seq_length=window.max_seq_length,
            doc_stride=window.doc_stride,
            max_query_length=window.max_query_length,
        )
        for notice in questions.notices:
            logger.warning("%s", notice)
        if questions.version_2 and not self._version_2:
            reason = "the model was trained, and is asked, without --version_2_with_negative"
            if self.meta is None:
                reason = "--version_2_with_negative is not given; give it if the model was trained with it"
            logger.warning("%s has questions without an answer, but every question will get one: %s", ", ".join(paths), reason)
        return questions


def given_records(options: SquadOptions, config: BertConfig, question_paths: list[str], trains: bool) -> QuestionData:
    """The data of a command in the model garden's dialect.

    Raises:
      UserError: the metadata is unusable, or flags, vocabulary or configuration contradict it.
    """
    meta, stored = _read(required(options.input_meta_data_path))
    check_model(meta, config, required(options.bert_config_file))
    check_flags(options, stored)
    settled = _settled(options, stored)
    _check_threshold(options, settled)
    tokenizer = None
    if options.vocab_file:
        tokenizer = _tokenizer(options, config, meta)
        check_vocabulary(meta, tokenizer)
    train_path = files.expand(required(options.train_data_path)) if trains else None
    return QuestionData(
        _windows(settled),
        settled["version_2_with_negative"],
        question_paths,
        options.predict_file,
        _title(options),
        tokenizer,
        train_path,
        meta,
    )


def made_records(
    options: SquadOptions, config: BertConfig, question_paths: list[str], run_directory: "RunDirectory"
) -> QuestionData:
    """The data of a command in google-research/bert's dialect.

    With `--do_train` records are made in `--output_dir`, unless those there are of the same data, vocabulary and flags. Without
    it, what the command leaves open is what the records there were made with, if there are any: the model was trained on them.

    Raises:
      UserError: data or flags that cannot be used, or the directory is of another training; then it is left as it was.
    """
    directory = files.expand(required(options.directory))
    meta_path, train_path = (os.path.join(directory, name) for name in ("meta_data.json", "train.tf_record"))
    meta, stored = (None, {}) if options.do_train or not files.exists(meta_path) else _read(meta_path)
    _check_trained_with(options, stored, meta_path)
    settled = _settled(options, stored)
    _check_threshold(options, settled)
    tokenizer = _tokenizer(options, config, meta)
    if meta is not None:
        check_vocabulary(meta, tokenizer)
    windows, version_2 = _windows(settled), settled["version_2_with_negative"]
    if windows.max_seq_length > config.max_position_embeddings:
        raise UserError(
            f"--max_seq_length={windows.max_seq_length} is more than the model's {config.max_position_embeddings} positions "
            f"(max_position_embeddings in {options.bert_config_file})"
        )
    questions = (question_paths, options.predict_file, _title(options))
    if not options.do_train:
        return QuestionData(windows, version_2, *questions, tokenizer, meta=meta)
    from bert_tf2.tasks.question_answering.preparation import SquadPreparation
    from bert_tf2.tasks.record_making import RecordOptions, prepare

    train_files = files.matching_files(required(options.train_file), "train_file")
    labels, skips = settled["answer_labels"], options.on_bad_row == "skip"
    settings = (windows, version_2, tokenizer.normalization.fact, tokenizer.fingerprint, labels, skips)
    facts = {"task": SQUAD, "vocabulary": tokenizer.fingerprint, "do_lower_case": tokenizer.normalization.fact}
    run_directory.require_run({"bert_config": config.to_dict(), "data": facts})
    source = fingerprint(settings, train_files)
    meta = reusable(meta_path, source, ["train"])
    if meta is None:
        preparation = SquadPreparation(train_files, tokenizer, windows, version_2_with_negative=version_2, answer_labels=labels)
        extra = {SOURCE_FINGERPRINT: source}

        def accept(made: MetaData) -> None:
            # The records of a finished run go with it.
            run_directory.require_run({"data": records_of(made)})

        prepared = prepare(preparation, {"train": train_path}, meta_path, RecordOptions(skip_bad_rows=skips), extra, accept)
        for warning in prepared.warnings:
            logger.warning("%s", warning)
        meta = prepared.meta_data
    else:
        logger.info("using the records in %s: data, vocabulary and flags are the same", directory)
    return QuestionData(windows, version_2, *questions, tokenizer, train_path, meta)


def _title(options: SquadOptions) -> str:
    return options.train_data_path or options.train_file or options.predict_file or ""


def _read(path: str) -> tuple[MetaData, dict[str, Any]]:
    """The metadata of question-answering records, and what they say of flags; None of one they do not know.

    Raises:
      UserError: they are unusable.
    """
    meta = read_meta_data(path)
    if meta.task_type != SQUAD:
        raise UserError(f"{path} describes {meta.task_type} records; run_squad.py takes {SQUAD}")
    for key in ("doc_stride", "max_query_length"):
        if not isinstance(meta.extra.get(key), int):
            raise UserError(
                f"{path}: the key '{key}' is missing; prepare the data again with "
                "create_finetuning_data.py --fine_tuning_task_type=squad"
            )
    stored = {flag: meta.extra.get(flag) for flag in _DEFAULTS} | flags_of(meta)
    # Records that do not say, the model garden's among them, have Google's labels.
    return meta, stored | {"answer_labels": meta.extra.get("answer_labels", "google")}


def _settled(options: SquadOptions, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The flags of `_DEFAULTS`: as they are given, else as the records say, else Google's."""
    settled = dict(_DEFAULTS)
    for known in (stored, {flag: getattr(options, flag) for flag in _DEFAULTS}):
        settled |= {flag: value for flag, value in known.items() if value is not None}
    return settled


def _check_trained_with(options: SquadOptions, stored: Mapping[str, Any], meta_path: str) -> None:
    """Says how the command differs from the training, or what of the training it is completed with.

    Windows may be cut otherwise than in training, which Google's program never minded.

    Raises:
      UserError: it asks for what the model has not learned.
    """
    check_flags(options, {flag: value for flag, value in stored.items() if flag not in _OF_WINDOWS})
    for flag in _OF_WINDOWS:
        given = getattr(options, flag)
        if stored and given not in (None, stored[flag]):
            logger.warning("--%s=%s, but the model was trained with %s (%s)", flag, given, stored[flag], meta_path)
    google = {**_DEFAULTS, "do_lower_case": True, "strip_accents": stored.get("do_lower_case")}
    unlike_google = {flag: value for flag, value in stored.items() if value not in (None, google[flag])}
    taken = [f"--{flag}={value}" for flag, value in unlike_google.items() if getattr(options, flag) is None]
    if taken:
        logger.info("as in training (%s): %s", meta_path, " ".join(taken))


def _check_threshold(options: SquadOptions, settled: Mapping[str, Any]) -> None:
    """Checks that a threshold that is to be found is one for something.

    Raises:
      UserError: every question gets an answer.
    """
    if options.threshold is None and not settled["version_2_with_negative"]:
        raise UserError(
            f"--null_score_diff_threshold={options.null_score_diff_threshold} is for questions without an answer, but without "
            "--version_2_with_negative every question gets one; leave it out, or train with that flag"
        )


def _windows(settled: Mapping[str, Any]) -> WindowOptions:
    return WindowOptions(**{flag: settled[flag] for flag in _OF_WINDOWS})


def _tokenizer(options: SquadOptions, config: BertConfig, meta: MetaData | None) -> "WordPieceTokenizer":
    """The tokenizer of the records, if there are any, else what flags and vocabulary ask for."""
    from bert_tf2.text.tokenizer import load_tokenizer, warnings_of
    from bert_tf2.text.wordpiece import WordPieceTokenizer

    tokenizer = load_tokenizer(
        vocab_file=options.vocab_file,
        do_lower_case=options.do_lower_case,
        strip_accents=options.strip_accents,
        normalization=None if meta is None else meta.normalization,
    )
    assert isinstance(tokenizer, WordPieceTokenizer), "--vocab_file is of no other"
    what = f"--vocab_file={tokenizer.file} has {tokenizer.vocab_size}"
    check_size(what, tokenizer.vocab_size, config, required(options.bert_config_file))
    for warning in warnings_of(tokenizer):
        logger.warning("%s", warning)
    return tokenizer
