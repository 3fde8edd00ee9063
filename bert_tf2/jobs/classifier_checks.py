"""What must agree before anything heavy starts: flags, configuration, metadata and vocabulary."""

import logging

from bert_tf2.data.metadata import CLASSIFICATION, REGRESSION, MetaData
from bert_tf2.errors import UserError
from bert_tf2.jobs.classifier_options import ClassifierOptions
from bert_tf2.models.config import BertConfig

logger = logging.getLogger(__name__)


def check_metadata(options: ClassifierOptions, meta: MetaData, config: BertConfig) -> None:
    """Checks the records' metadata against the configuration and the flags.

    Raises:
      UserError: they contradict each other.
    """
    source = options.input_meta_data_path or "the prepared data"
    if meta.task_type not in (CLASSIFICATION, REGRESSION):
        raise UserError(f"{source} describes {meta.task_type} records; run_classifier.py takes {CLASSIFICATION} and {REGRESSION}")
    if meta.max_seq_length > config.max_position_embeddings:
        raise UserError(
            f"the records have up to {meta.max_seq_length} tokens, the model {config.max_position_embeddings} positions "
            f"(max_position_embeddings in {options.bert_config_file}); prepare the data with a smaller --max_seq_length"
        )
    if meta.vocab_size is not None and meta.vocab_size != config.vocab_size:
        raise UserError(
            f"the records were made with a vocabulary of {meta.vocab_size} entries; vocab_size in {options.bert_config_file} is "
            f"{config.vocab_size}: vocabulary and configuration of different models? Prepare the data with the model's vocabulary"
        )
    for flag, stored in (("max_seq_length", meta.max_seq_length), ("do_lower_case", meta.do_lower_case)):
        given = getattr(options, flag)
        if given is not None and stored is not None and given != stored:
            raise UserError(
                f"--{flag}={given}, but the records were made with {stored}; leave the flag out or prepare the data again"
            )
    if not meta.is_regression and not meta.num_labels:
        raise UserError(f"{source}: the key 'num_labels' is missing; prepare the data again with create_finetuning_data.py")


def label_names(meta: MetaData) -> list[str] | None:
    """The label names in id order, the ids themselves where the metadata's writer did not store names; None for regression."""
    if meta.is_regression:
        return None
    if meta.label_list:
        return list(meta.label_list)
    logger.warning("the metadata holds no label names (it was not written by bert_tf2); predictions will show label ids")
    return [str(label) for label in range(meta.num_labels)]


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
