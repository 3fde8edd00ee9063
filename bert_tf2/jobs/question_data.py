"""What the question-answering job works on: training records, how contexts are cut, and the questions to answer."""

import dataclasses
import logging
import os
from typing import Any

from bert_tf2 import files
from bert_tf2.data.metadata import SQUAD, MetaData, RecordFile, read_meta_data
from bert_tf2.data.squad_windows import QuestionSet, WindowOptions, read_questions
from bert_tf2.errors import UserError
from bert_tf2.jobs.metadata_checks import check_flags, check_model, check_vocabulary
from bert_tf2.jobs.reusable_records import SOURCE_FINGERPRINT, fingerprint, reusable
from bert_tf2.jobs.squad_options import SquadOptions
from bert_tf2.models.config import BertConfig

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class QuestionData:
    """The data of a run.

    Attributes:
      windows: how contexts are cut.
      version_2: questions may have no answer.
      tokenizer: None when the command names no vocabulary.
      train_path: the training records; None without training.
      meta: their metadata; None when nothing was prepared.
    """

    windows: WindowOptions
    version_2: bool
    tokenizer: Any = None
    train_path: str | None = None
    meta: MetaData | None = None

    @property
    def expected(self) -> RecordFile | None:
        """What the metadata says about the training file; None for several files and where it says nothing."""
        if self.meta is None or any(sign in self.train_path for sign in ",*?["):
            return None
        return self.meta.files.get(self.meta.split_of(self.train_path) or "train")

    def read_questions(self, paths: list[str]) -> QuestionSet:
        """The questions of some SQuAD files.

        Raises:
          UserError: a file cannot be used.
        """
        window = self.windows
        questions = read_questions(
            paths,
            self.tokenizer,
            max_seq_length=window.max_seq_length,
            doc_stride=window.doc_stride,
            max_query_length=window.max_query_length,
        )
        for notice in questions.notices:
            logger.warning("%s", notice)
        if questions.version_2 and not self.version_2:
            logger.warning(
                "%s has questions without an answer, but every question will get one: the model was trained, and is asked, "
                "without --version_2_with_negative",
                ", ".join(paths),
            )
        return questions


def given_records(options: SquadOptions, config: BertConfig, trains: bool) -> QuestionData:
    """The data of a command in the model garden's dialect.

    Raises:
      UserError: the metadata is unusable, or flags, vocabulary or configuration contradict it.
    """
    meta = read_meta_data(options.input_meta_data_path)
    if meta.task_type != SQUAD:
        raise UserError(f"{options.input_meta_data_path} describes {meta.task_type} records; run_squad.py takes {SQUAD}")
    check_model(meta, config, options.bert_config_file)
    stored = {key: meta.extra.get(key) for key in ("doc_stride", "max_query_length", "version_2_with_negative")}
    for key in ("doc_stride", "max_query_length"):
        if not isinstance(stored[key], int):
            raise UserError(
                f"{options.input_meta_data_path}: the key '{key}' is missing; prepare the data again with "
                "create_finetuning_data.py --fine_tuning_task_type=squad"
            )
    check_flags(options, stored | {"max_seq_length": meta.max_seq_length, "do_lower_case": meta.do_lower_case})
    tokenizer = None
    if options.vocab_file:
        lower_case = meta.do_lower_case if options.do_lower_case is None else options.do_lower_case
        tokenizer = _tokenizer(options, config, lower_case is not False)
        check_vocabulary(meta, tokenizer)
    windows = WindowOptions(meta.max_seq_length, stored["doc_stride"], stored["max_query_length"])
    train_path = files.expand(options.train_data_path) if trains else None
    return QuestionData(windows, bool(stored["version_2_with_negative"]), tokenizer, train_path, meta)


def made_records(options: SquadOptions, config: BertConfig) -> QuestionData:
    """The data of a command in google-research/bert's dialect.

    With `--do_train` records are made in `--output_dir`, unless those there are of the same data, vocabulary and flags.

    Raises:
      UserError: data or flags that cannot be used.
    """
    tokenizer = _tokenizer(options, config, options.do_lower_case is not False)
    windows = WindowOptions(options.max_seq_length or 384, options.doc_stride or 128, options.max_query_length or 64)
    if windows.max_seq_length > config.max_position_embeddings:
        raise UserError(
            f"--max_seq_length={windows.max_seq_length} is more than the model's {config.max_position_embeddings} positions "
            f"(max_position_embeddings in {options.bert_config_file})"
        )
    version_2 = bool(options.version_2_with_negative)
    if not options.do_train:
        return QuestionData(windows, version_2, tokenizer)
    from bert_tf2.data.squad_preparation import SquadRecordOptions, prepare_squad

    directory = files.expand(options.directory)
    meta_path, train_path = (os.path.join(directory, name) for name in ("meta_data.json", "train.tf_record"))
    train_files = files.matching_files(options.train_file, "train_file")
    source = fingerprint((windows, version_2, tokenizer.do_lower_case, tokenizer.fingerprint), train_files)
    meta = reusable(meta_path, source, ["train"])
    if meta is None:
        record_options = SquadRecordOptions(windows, version_2)
        extra = {SOURCE_FINGERPRINT: source}
        prepared = prepare_squad(train_files, tokenizer, train_path, meta_path, record_options, extra=extra)
        for warning in prepared.warnings:
            logger.warning("%s", warning)
        meta = prepared.meta_data
    else:
        logger.info("using the records in %s: data, vocabulary and flags are the same", directory)
    return QuestionData(windows, version_2, tokenizer, train_path, meta)


def _tokenizer(options: SquadOptions, config: BertConfig, do_lower_case: bool):
    from bert_tf2.text.tokenizer import casing_warning, load_tokenizer

    tokenizer = load_tokenizer(vocab_file=options.vocab_file, do_lower_case=do_lower_case)
    if tokenizer.vocab_size != config.vocab_size:
        raise UserError(
            f"--vocab_file={options.vocab_file} has {tokenizer.vocab_size} entries; vocab_size in {options.bert_config_file} is "
            f"{config.vocab_size}: vocabulary and configuration of different models?"
        )
    if advice := casing_warning(tokenizer):
        logger.warning("%s", advice)
    return tokenizer
