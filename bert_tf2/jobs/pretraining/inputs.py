"""The records of a pre-training job and what is known of them: from their metadata, or from flags for other writers' records."""

import dataclasses
import logging
from collections.abc import Mapping

from bert_tf2 import files
from bert_tf2.data.records.metadata import MetaData, RecordFile, read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.jobs.pretraining.options import DEFAULT_MAX_PREDICTIONS, DEFAULT_MAX_SEQ_LENGTH, PretrainingOptions
from bert_tf2.model_directory.metadata_checks import check_flags, check_model, check_vocabulary, described_vocabulary
from bert_tf2.model_directory.model_files import META_DATA, vocabulary_beside
from bert_tf2.models.config import BertConfig
from bert_tf2.options import required
from bert_tf2.tasks.pretraining.metadata import PretrainingSettings, from_meta_data
from bert_tf2.tasks.pretraining.shards import PROGRESS
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.tokenizer import Tokenizer, load_tokenizer, mask_id_of

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class PretrainingInputs:
    """What is known before the records are opened.

    Attributes:
      max_seq_length: longest record.
      max_predictions_per_seq: most masked tokens of a record.
      has_pairs: records hold `next_sentence_labels`; None where nothing tells.
      settings: the metadata's; None without metadata.
      shards: what the metadata says about the record files, by name; None without metadata.
      meta: the metadata; None where there is none.
      tokenizer: that made the records; None where no vocabulary is at hand.
    """

    max_seq_length: int
    max_predictions_per_seq: int
    has_pairs: bool | None
    settings: PretrainingSettings | None = None
    shards: Mapping[str, RecordFile] | None = None
    meta: MetaData | None = None
    tokenizer: Tokenizer | None = None

    @property
    def is_dynamic(self) -> bool:
        """Whether training chooses what to mask."""
        return self.settings is not None and self.settings.dynamic_masking

    @property
    def mask_id(self) -> int | None:
        """The id of [MASK]; None where neither metadata nor a vocabulary tell it.

        Raises:
          UserError: the vocabulary has none.
        """
        known = self.settings.mask_id if self.settings is not None else None
        return known if known is not None or self.tokenizer is None else mask_id_of(self.tokenizer)


def find_inputs(options: PretrainingOptions, config: BertConfig) -> PretrainingInputs:
    """What metadata and flags say of the records.

    Raises:
      UserError: they contradict each other, the configuration or the vocabulary.
    """
    pattern = required(options.files or options.eval_input_files)
    path = _meta_data_path(options, pattern)
    if path is None:
        _refuse_unfinished(pattern)
        logger.info(
            "no %s beside the records: taking them as they are, with --max_seq_length=%d and --max_predictions_per_seq=%d",
            META_DATA,
            options.max_seq_length or DEFAULT_MAX_SEQ_LENGTH,
            options.max_predictions_per_seq or DEFAULT_MAX_PREDICTIONS,
        )
        data = PretrainingInputs(
            options.max_seq_length or DEFAULT_MAX_SEQ_LENGTH,
            options.max_predictions_per_seq or DEFAULT_MAX_PREDICTIONS,
            options.use_next_sentence_label,
            tokenizer=_tokenizer(options, None, None),
        )
        _check_length(data, config, options)
        return data
    meta = read_meta_data(path)
    settings = from_meta_data(meta, path)
    check_model(meta, config, required(options.bert_config_file))
    check_flags(options, {"max_seq_length": meta.max_seq_length, "max_predictions_per_seq": settings.max_predictions_per_seq})
    if options.use_next_sentence_label and not settings.has_pairs:
        raise UserError(f"--use_next_sentence_label, but {path} says that the records hold no pairs; leave the flag out")
    if settings.dynamic_masking and settings.mask_id is None:
        raise UserError(f"{path}: dynamic masking needs 'mask_id'; make the records again with create_pretraining_data.py")
    tokenizer = _tokenizer(options, path, meta.normalization)
    if tokenizer is not None:
        check_vocabulary(meta, tokenizer)
    if options.eval_input_files and options.files:
        _check_same(path, settings, meta, _meta_data_path(options, options.eval_input_files, explicit=False))
    return PretrainingInputs(
        meta.max_seq_length,
        settings.max_predictions_per_seq,
        settings.has_pairs,
        settings,
        _shards(meta),
        meta,
        tokenizer,
    )


def check_exports(options: PretrainingOptions, data: PretrainingInputs, config: BertConfig) -> None:
    """Checks before the training that what it is to be exported as can be written.

    Raises:
      UserError: a Hugging Face folder is asked for, and the vocabulary that belongs into it is not known or of another kind.
    """
    if "huggingface" not in options.exports:
        return
    if data.tokenizer is None:
        raise UserError(
            "--also_export=huggingface needs the vocabulary, and there is none beside the records' metadata; give it with "
            "--vocab_file=vocab.txt"
        )
    if data.tokenizer.kind == "sentencepiece" and config.form.sentencepiece_tokenizer is None:
        raise UserError(
            f"--also_export=huggingface: {data.tokenizer.file} is a SentencePiece model, which transformers' {config.form.title} "
            "has not; leave huggingface out"
        )


def shards_of(options: PretrainingOptions, data: PretrainingInputs, pattern: str) -> Mapping[str, RecordFile] | None:
    """What metadata says of the files of a pattern: that which `find_inputs` took, or of held-out files the one beside them."""
    if pattern == (options.files or options.eval_input_files):
        return data.shards
    beside = _meta_data_path(options, pattern, explicit=False)
    return None if beside is None else _shards(read_meta_data(beside))


def _shards(meta: MetaData) -> Mapping[str, RecordFile] | None:
    return {shard.name: shard for shard in meta.shards or meta.files.values()} or None


def _meta_data_path(options: PretrainingOptions, pattern: str, explicit: bool = True) -> str | None:
    if explicit and options.input_meta_data_path:
        return options.input_meta_data_path
    first = files.expand(pattern.split(",")[0].strip())
    beside = f"{first.rsplit('/', 1)[0]}/{META_DATA}" if "/" in first else META_DATA
    return beside if files.exists(beside) else None


def _refuse_unfinished(pattern: str) -> None:
    """Records without metadata are another program's, or ours that are not finished."""
    paths = files.matching_files(pattern, "input_files")
    for path in paths:
        if path.endswith(PROGRESS) or files.exists(path + PROGRESS):
            raise UserError(
                f"{path.removesuffix(PROGRESS)} is of records that are not finished: there is no {META_DATA}; give the "
                "create_pretraining_data.py command again, which makes what is missing"
            )


def _check_length(data: PretrainingInputs, config: BertConfig, options: PretrainingOptions) -> None:
    if data.max_seq_length > config.longest_input:
        raise UserError(
            f"--max_seq_length={data.max_seq_length} is more than the model's {config.longest_input} positions "
            f"(max_position_embeddings in {options.bert_config_file})"
        )


def _tokenizer(options: PretrainingOptions, meta_data_path: str | None, normalization: Normalization | None) -> Tokenizer | None:
    """The records' tokenizer: of the vocabulary that the command names, or of the one beside the metadata; else None."""
    named = {"vocab_file": options.vocab_file} if options.vocab_file else {}
    known = named or (vocabulary_beside(meta_data_path) if meta_data_path else {})
    if not known:
        return None
    vocab_file, sp_model_file = known.get("vocab_file"), known.get("sp_model_file")
    kind = "SentencePiece" if sp_model_file else "WordPiece"
    return load_tokenizer(vocab_file=vocab_file, sp_model_file=sp_model_file, tokenization=kind, normalization=normalization)


def _check_same(path: str, settings: PretrainingSettings, meta: MetaData, eval_path: str | None) -> None:
    """Checks that held-out records can go through the same model and parser."""
    if eval_path is None or eval_path == path:
        return
    eval_meta = read_meta_data(eval_path)
    eval_settings = from_meta_data(eval_meta, eval_path)
    for what, one, other in (
        ("the vocabulary", *(described_vocabulary(m.vocab_size, m.vocab_fingerprint) for m in (meta, eval_meta))),
        ("the preparation of the text", meta.normalization, eval_meta.normalization),
        ("sentence_pairs", settings.sentence_pairs, eval_settings.sentence_pairs),
        ("dynamic_masking", settings.dynamic_masking, eval_settings.dynamic_masking),
    ):
        if one != other:
            raise UserError(
                f"the held-out records are of another kind than the training records: {what} is {other} in {eval_path} and "
                f"{one} in {path}; make both with the same flags"
            )
    if eval_meta.max_seq_length > meta.max_seq_length or (
        eval_settings.max_predictions_per_seq > settings.max_predictions_per_seq
    ):
        raise UserError(
            f"the held-out records have up to {eval_meta.max_seq_length} tokens and {eval_settings.max_predictions_per_seq} "
            f"predictions, the training records {meta.max_seq_length} and {settings.max_predictions_per_seq}; make both with "
            "the same flags"
        )
