"""Where the data of a question-answering run come from: records that a command names, or files it makes records of."""

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.data.records.metadata import SQUAD, MetaData, read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.data.question_data import QuestionData
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.preparation.reusable_records import SOURCE_FINGERPRINT, fingerprint, reusable
from bert_tf2.model_directory.metadata_checks import (
    check_flags,
    check_model,
    check_size,
    check_symbols,
    check_vocabulary,
    flags_of,
    records_of,
)
from bert_tf2.models.config import BertConfig
from bert_tf2.options import required
from bert_tf2.tasks.question_answering.windows import WindowOptions

if TYPE_CHECKING:
    from bert_tf2.text.tokenizer import Tokenizer
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
    if options.vocab_file or options.sp_model_file:
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
    directory = run_directory.path
    meta_path, train_path = (os.path.join(directory, name) for name in ("meta_data.json", "train.tf_record"))
    meta, stored = (None, {}) if options.do_train or not files.exists(meta_path) else _read(meta_path)
    _check_trained_with(options, stored, meta_path)
    settled = _settled(options, stored)
    _check_threshold(options, settled)
    tokenizer = _tokenizer(options, config, meta)
    if meta is not None:
        check_vocabulary(meta, tokenizer)
    windows, version_2 = _windows(settled), settled["version_2_with_negative"]
    if windows.max_seq_length > config.longest_input:
        raise UserError(
            f"--max_seq_length={windows.max_seq_length} is more than the model's {config.longest_input} positions "
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
    return QuestionData(windows, version_2, *questions, tokenizer, train_path, meta, train_files)


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


def _tokenizer(options: SquadOptions, config: BertConfig, meta: MetaData | None) -> "Tokenizer":
    """The tokenizer of the records, if there are any, else what flags and vocabulary ask for."""
    from bert_tf2.text.tokenizer import load_tokenizer, warnings_of

    tokenizer = load_tokenizer(
        vocab_file=options.vocab_file,
        sp_model_file=options.sp_model_file,
        tokenization="SentencePiece" if options.sp_model_file else "WordPiece",
        do_lower_case=options.do_lower_case,
        strip_accents=options.strip_accents,
        keep_tokens=options.keep_tokens,
        normalization=None if meta is None else meta.normalization,
    )
    if options.answer_text == "google" and tokenizer.kind != "wordpiece":
        raise UserError(
            f"--answer_text=google glues WordPiece tokens together as Google's program does, and {tokenizer.file} has none; "
            "leave it out"
        )
    flag = "sp_model_file" if options.sp_model_file else "vocab_file"
    what = f"--{flag}={tokenizer.file} has {tokenizer.vocab_size}"
    check_size(what, tokenizer.vocab_size, config, required(options.bert_config_file))
    check_symbols(tokenizer, config)
    for warning in warnings_of(tokenizer):
        logger.warning("%s", warning)
    return tokenizer
