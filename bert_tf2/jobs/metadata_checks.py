"""What must agree before anything heavy starts: metadata, configuration, flags and vocabulary."""

from collections.abc import Mapping
from typing import Any

from bert_tf2.data.metadata import MetaData
from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig


def check_model(meta: MetaData, config: BertConfig, bert_config_file: str) -> None:
    """Checks that a model of this configuration can take the records.

    Raises:
      UserError: the records are longer than its positions, or of another vocabulary.
    """
    if meta.max_seq_length > config.max_position_embeddings:
        raise UserError(
            f"the records have up to {meta.max_seq_length} tokens, the model {config.max_position_embeddings} positions "
            f"(max_position_embeddings in {bert_config_file}); prepare the data with a smaller --max_seq_length"
        )
    if meta.vocab_size is not None and meta.vocab_size != config.vocab_size:
        raise UserError(
            f"the records were made with a vocabulary of {meta.vocab_size} entries; vocab_size in {bert_config_file} is "
            f"{config.vocab_size}: vocabulary and configuration of different models? Prepare the data with the model's vocabulary"
        )


def facts_of(meta: MetaData) -> dict[str, Any]:
    """What a trained model and its data must agree in, of the metadata; None where they say nothing."""
    return {"task": meta.task_type, "vocabulary": meta.vocab_fingerprint, "do_lower_case": meta.do_lower_case}


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


def check_vocabulary(meta: MetaData, tokenizer) -> None:
    """Checks that the records were made with this tokenizer's vocabulary.

    Raises:
      UserError: they were made with another.
    """
    if meta.vocab_fingerprint is not None and meta.vocab_fingerprint != tokenizer.fingerprint:
        raise UserError(
            f"--vocab_file={tokenizer.file} is not the vocabulary the records were made with (their fingerprints differ); "
            "give that one or prepare the data again"
        )
