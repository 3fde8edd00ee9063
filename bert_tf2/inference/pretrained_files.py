"""Configuration and tokenizer of a checkpoint that is used as it is: as the command names them, or beside it."""

import logging
import os
from typing import TYPE_CHECKING, Any

from bert_tf2 import files, saved_models
from bert_tf2.errors import UserError
from bert_tf2.model_directory.model_files import CONFIG_NAMES
from bert_tf2.text.vocabulary import FILE_NAMES, sentencepiece_model_in, vocabulary_in
from bert_tf2.training.run_directory import RUN_CONFIG

if TYPE_CHECKING:
    from bert_tf2.text.tokenizer import Tokenizer

logger = logging.getLogger(__name__)


def config_and_tokenizer(
    source_path: str,
    *,
    vocab_file: str | None = None,
    bert_config_file: str | None = None,
    do_lower_case: bool | None = None,
    strip_accents: bool | None = None,
    sp_model_file: str | None = None,
) -> "tuple[Any, Tokenizer]":
    """The configuration and the tokenizer that belong to a checkpoint. What a person should know of the latter is logged.

    Args:
      source_path: `Source.path` of the checkpoint.
      vocab_file: the vocabulary; None for the one beside the checkpoint, a SentencePiece model if there is no other.
      bert_config_file: the configuration; None for the one beside the checkpoint, or its run's own.
      do_lower_case, strip_accents: how the text is prepared; None for what `load_tokenizer` finds beside the vocabulary.
      sp_model_file: a SentencePiece model instead of a vocabulary.

    Raises:
      UserError: something is not there or does not fit together.
    """
    from bert_tf2.model_directory.metadata_checks import check_size, check_symbols
    from bert_tf2.text.tokenizer import load_tokenizer, warnings_of

    config, directory = _config(bert_config_file, source_path), directory_of_source(source_path)
    if vocab_file is None and sp_model_file is None:
        vocab_file, sp_model_file = vocabulary_in_or_below(directory)
    _require_both(config is not None, bool(vocab_file or sp_model_file), directory)
    tokenizer = load_tokenizer(
        vocab_file=vocab_file,
        sp_model_file=sp_model_file,
        tokenization="SentencePiece" if sp_model_file else "WordPiece",
        do_lower_case=do_lower_case,
        strip_accents=strip_accents,
    )
    for warning in warnings_of(tokenizer):
        logger.warning("%s", warning)
    check_symbols(tokenizer, config)
    check_size(f"{tokenizer.file} has {tokenizer.vocab_size}", tokenizer.vocab_size, config, bert_config_file)
    return config, tokenizer


def _config(bert_config_file: str | None, source_path: str) -> Any:
    from bert_tf2.models.checkpoints.configuration import read_configuration

    return config_beside(source_path) if bert_config_file is None else read_configuration(bert_config_file)


def config_beside(source_path: str) -> Any:
    """The configuration beside a checkpoint, or its run's own; None where there is none.

    Args:
      source_path: as for `config_and_tokenizer`.

    Raises:
      UserError: it cannot be used.
    """
    from bert_tf2.models.checkpoints.configuration import read_configuration
    from bert_tf2.models.families.base import config_of, read_config

    directory = directory_of_source(source_path)
    for name in CONFIG_NAMES:
        if files.exists(os.path.join(directory, name)):
            return read_config(os.path.join(directory, name))
    run = files.read_object(directory, RUN_CONFIG).get("run", {})
    known = run.get("bert_config") if isinstance(run, dict) else None
    if isinstance(known, dict):
        return config_of(known)
    return read_configuration(directory) if saved_models.is_saved_model(directory) else None


def vocabulary_in_or_below(directory: str) -> tuple[str | None, str | None]:
    """The vocabulary beside a checkpoint, or the SentencePiece model; None for what there is not.

    Args:
      directory: as `directory_of_source` gives it; that of a pre-training run may have it in `pretrained`.
    """
    places = (directory, os.path.join(directory, "pretrained"))
    vocabulary = next(filter(None, map(vocabulary_in, places)), None)
    return vocabulary, None if vocabulary else next(filter(None, map(sentencepiece_model_in, places)), None)


def _require_both(has_config: bool, has_vocabulary: bool, directory: str) -> None:
    missing: dict[str, tuple[str, ...]] = {} if has_config else {"--bert_config_file": CONFIG_NAMES}
    missing |= {} if has_vocabulary else {"--vocab_file (or --sp_model_file)": FILE_NAMES}
    if missing:
        listed = (f"{flag} is required: there is no {' or '.join(names)} in {directory}" for flag, names in missing.items())
        raise UserError("; ".join(listed))


def directory_of_source(source_path: str) -> str:
    """Where the files of a checkpoint's model lie.

    Args:
      source_path: as for `config_and_tokenizer`.
    """
    if (folder := saved_models.folder_of(source_path)) is not None:
        return folder
    return source_path if not files.is_remote(source_path) and os.path.isdir(source_path) else os.path.dirname(source_path) or "."
