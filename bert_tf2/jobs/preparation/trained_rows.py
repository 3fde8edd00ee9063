"""Rows for a model that is there: made into records as the training's metadata say, so that flags need not repeat them."""

import dataclasses
import logging
import os
from typing import TYPE_CHECKING

from bert_tf2 import files
from bert_tf2.data.records.metadata import CLASSIFICATION, REGRESSION, MetaData, read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.model_directory.metadata_checks import check_flags, flags_of
from bert_tf2.model_directory.model_files import BERT_CONFIG, completed

if TYPE_CHECKING:
    from bert_tf2.jobs.preparation.options import FinetuningDataOptions

logger = logging.getLogger(__name__)

_TASKS = {CLASSIFICATION: "classification", REGRESSION: "regression"}


def as_trained(options: "FinetuningDataOptions") -> tuple["FinetuningDataOptions", MetaData | None]:
    """The options completed with what `--input_meta_data_path` and the vocabulary beside it say, and these metadata.

    Raises:
      UserError: the metadata are unusable, or a flag contradicts them.
    """
    if options.input_meta_data_path is None:
        return options, None
    named = f"--input_meta_data_path={options.input_meta_data_path}"
    if options.classification_task_name or options.squad_data_file:
        raise UserError(
            f"{named} is for rows of your own (--test_file, --eval_file, --train_file), which it gives the labels of a training; "
            "leave it out"
        )
    meta = read_meta_data(options.input_meta_data_path)
    task = _TASKS.get(meta.task_type)
    if task is None:
        raise UserError(f"{named} describes {meta.task_type} records; give the meta_data.json of a classifier's training")
    if options.fine_tuning_task_type not in (task, "classification"):
        raise UserError(f"--fine_tuning_task_type={options.fine_tuning_task_type}, but {named} is of {task}; leave it out")
    check_flags(options, flags_of(meta))
    _check_labels(options, meta, named)
    place = os.path.dirname(files.expand(options.input_meta_data_path)) or "."
    settled = {"fine_tuning_task_type": task, "max_seq_length": meta.max_seq_length}
    if (meta.tokenization or "").lower() == "sentencepiece":
        settled["tokenization"] = "SentencePiece"
    options = dataclasses.replace(completed(options, [place]), **settled)
    said = settled | ({"labels": ",".join(meta.label_list)} if meta.label_list else {})
    shown = " ".join(f"--{flag}={value}" for flag, value in said.items())
    logger.info("as in training (%s): %s", options.input_meta_data_path, shown)
    return options, meta


def _check_labels(options: "FinetuningDataOptions", meta: MetaData, named: str) -> None:
    if meta.is_regression:
        return
    given = options.labels and tuple(name.strip() for name in options.labels.split(","))
    if given and meta.label_list and given != meta.label_list:
        raise UserError(
            f"--labels={options.labels}, but the model of {named} was trained with {','.join(meta.label_list)}; leave it out"
        )
    if given and meta.num_labels and len(given) != meta.num_labels:
        raise UserError(f"--labels={options.labels} are {len(given)}, but {named} is of {meta.num_labels} classes; name all")
    if not given and not meta.label_list:
        raise UserError(f"{named} holds no label names; name them with --labels, in the order of their ids")


def model_directory_of(meta_data_path: str) -> str | None:
    """The model directory that metadata lie in; None where they lie elsewhere."""
    place = os.path.dirname(meta_data_path) or "."
    return place if files.exists(os.path.join(files.expand(place), BERT_CONFIG)) else None
