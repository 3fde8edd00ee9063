"""Rows for a model that is there: made into records as the training's metadata say, so that flags need not repeat them."""

import dataclasses
import logging
import os
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.data.records.metadata import MetaData, read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.model_directory.metadata_checks import check_flags, flags_of
from bert_tf2.model_directory.model_files import BERT_CONFIG, completed
from bert_tf2.tasks.kind import kind_of

if TYPE_CHECKING:
    from bert_tf2.jobs.preparation.options import FinetuningDataOptions

logger = logging.getLogger(__name__)


def as_trained(options: "FinetuningDataOptions") -> tuple["FinetuningDataOptions", MetaData | None]:
    """The options completed with what `--input_meta_data_path` and the vocabulary beside it say, and these metadata.

    Raises:
      UserError: the metadata are unusable, or a flag contradicts them.
    """
    if options.input_meta_data_path is None:
        return options, None
    named = f"--input_meta_data_path={options.input_meta_data_path}"
    meta = read_meta_data(options.input_meta_data_path)
    kind = kind_of(meta.task_type)
    if options.fine_tuning_task_type not in (kind.name, "classification"):
        raise UserError(f"--fine_tuning_task_type={options.fine_tuning_task_type}, but {named} is of {kind.name}; leave it out")
    check_flags(options, flags_of(meta))
    told = kind.check_trained(options, meta, named)
    place = os.path.dirname(files.expand(options.input_meta_data_path)) or "."
    settled: dict[str, Any] = {"fine_tuning_task_type": kind.name, "max_seq_length": meta.max_seq_length}
    if (meta.tokenization or "").lower() == "sentencepiece":
        settled["tokenization"] = "SentencePiece"
    options = dataclasses.replace(completed(options, [place]), **settled)
    shown = " ".join(f"--{flag}={value}" for flag, value in (settled | told).items())
    logger.info("as in training (%s): %s", options.input_meta_data_path, shown)
    return options, meta


def model_directory_of(meta_data_path: str) -> str | None:
    """The model directory that metadata lie in; None where they lie elsewhere."""
    place = os.path.dirname(meta_data_path) or "."
    return place if files.exists(os.path.join(files.expand(place), BERT_CONFIG)) else None
