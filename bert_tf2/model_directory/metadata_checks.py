"""What must agree before anything heavy starts: metadata, configuration, flags and vocabulary."""

import logging
from collections.abc import Mapping
from typing import Any

from bert_tf2.data.records.metadata import MetaData
from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

_MOST_PADDING = 128
_TRAINING_ONLY = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout_prob", "initializer_range")


def check_model(meta: MetaData, config: BertConfig, bert_config_file: str) -> None:
    """Checks that a model of this configuration can take the records.

    Raises:
      UserError: the records are longer than its positions, or of another vocabulary.
    """
    if meta.max_seq_length > config.longest_input:
        raise UserError(
            f"the records have up to {meta.max_seq_length} tokens, the model {config.longest_input} positions "
            f"(max_position_embeddings in {bert_config_file}); prepare the data with a smaller --max_seq_length"
        )
    if meta.vocab_size is not None:
        check_size(f"the records were made with a vocabulary of {meta.vocab_size}", meta.vocab_size, config, bert_config_file)


def facts_of(meta: MetaData) -> dict[str, Any]:
    """What a trained model and its data must agree in, of the metadata; None where they say nothing."""
    lower_case = None if meta.normalization is None else meta.normalization.fact
    return {"task": meta.task_type, "vocabulary": meta.vocab_fingerprint, "do_lower_case": lower_case}


def decisive(config: BertConfig) -> dict[str, Any]:
    """A configuration without what a trained model does not depend on."""
    fields = config.form.keys
    return {key: value for key, value in config.to_dict().items() if fields.get(key, key) not in _TRAINING_ONLY}


def records_of(meta: MetaData) -> dict[str, Any]:
    """What identifies the training records that metadata tell of, in the words of a run's identity."""
    train = meta.files.get("train")
    return {} if train is None else {"train": [train.sha256]}


def flags_of(meta: MetaData) -> dict[str, Any]:
    """What the metadata say of the flags that every command on text has, for `check_flags`."""
    known = meta.normalization
    said = {"do_lower_case": None, "strip_accents": None} if known is None else vars(known)
    return {"max_seq_length": meta.max_seq_length, **{flag: said[flag] for flag in ("do_lower_case", "strip_accents")}}


def agreed_normalization(options: Any, meta: MetaData) -> Normalization | None:
    """How the metadata say that text was prepared; None where they say nothing or flags say something else."""
    said = flags_of(meta)
    differs = any(getattr(options, flag) not in (None, said[flag]) for flag in ("do_lower_case", "strip_accents"))
    return None if differs else meta.normalization


def check_flags(options: Any, stored: Mapping[str, Any]) -> None:
    """Checks that flags which repeat what the metadata says repeat it rightly.

    Args:
      options: the command's.
      stored: the metadata's values by flag; None where it says nothing.

    Raises:
      UserError: a flag says something else.
    """
    for flag, value in stored.items():
        given = getattr(options, flag)
        if given is not None and value is not None and given != value:
            raise UserError(
                f"--{flag}={given}, but the records were made with {value}; leave the flag out or prepare the data again"
            )


def check_size(what: str, size: int, config: BertConfig, source: str | None) -> None:
    """Checks that the model's embedding table has a row for every token of a vocabulary.

    Published tables are often padded with rows that no token belongs to, as a rule to a multiple of up to 128; when there are
    more of them it is said.

    Args:
      what: the beginning of the message, up to the number of tokens.
      size: of the vocabulary.
      config: the model's.
      source: the file of the configuration; None for the one that is known with the checkpoint.

    Raises:
      UserError: the vocabulary has more tokens.
    """
    rows = f"vocab_size in {source}" if source else "the model's vocab_size"
    if size > config.vocab_size:
        raise UserError(
            f"{what} entries; {rows} is only {config.vocab_size}: vocabulary and configuration of different models? Use the "
            "vocabulary that was published with the model"
        )
    if config.vocab_size - size >= _MOST_PADDING:
        logger.warning("%s entries; %s is %d: of another model, or has it so many unused rows?", what, rows, config.vocab_size)


def check_symbols(tokenizer: Tokenizer, config: BertConfig) -> None:
    """Checks that a SentencePiece model is of the encoder's family, where that has models of its own.

    Raises:
      UserError: it has the control symbols of another.
    """
    symbols, form = getattr(tokenizer, "symbols", None), config.form
    if symbols is not None and form.sentencepiece_tokenizer is not None and symbols.family != form.title:
        raise UserError(
            f"{tokenizer.file} is a SentencePiece model of {symbols.family} (it has {symbols.classification} and "
            f"{symbols.separator}), the configuration is one of {form.title}; give the .model file that was published with the "
            "checkpoint"
        )


def described_vocabulary(size: int | None, fingerprint: str | None) -> str:
    """A vocabulary for a message: its size, and the first digits of the fingerprint that tell it from another of that size."""
    entries = "an unknown number of entries" if size is None else f"{size:,} entries"
    return f"{entries} (SHA-256 {'unknown' if fingerprint is None else fingerprint[:8] + '…'})"


def check_vocabulary(meta: MetaData, tokenizer: Tokenizer) -> None:
    """Checks that the records were made with this tokenizer's vocabulary.

    Raises:
      UserError: they were made with another.
    """
    if meta.vocab_fingerprint is not None and meta.vocab_fingerprint != tokenizer.fingerprint:
        flag = "sp_model_file" if tokenizer.kind == "sentencepiece" else "vocab_file"
        raise UserError(
            f"--{flag}={tokenizer.file} is not the vocabulary the records were made with: it is of "
            f"{described_vocabulary(tokenizer.vocab_size, tokenizer.fingerprint)}, theirs of "
            f"{described_vocabulary(meta.vocab_size, meta.vocab_fingerprint)}; "
            "give that one or prepare the data again"
        )
