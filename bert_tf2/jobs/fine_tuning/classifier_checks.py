"""What a classifier's metadata must say before anything heavy starts."""

import logging
import os
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.data.records.metadata import CLASSIFICATION, PRETRAINING, PROMPT_CLASSIFICATION, SQUAD, MetaData, read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.model_directory.metadata_checks import check_flags, check_model, decisive, facts_of, flags_of
from bert_tf2.model_directory.model_files import META_DATA
from bert_tf2.models.config import BertConfig
from bert_tf2.options import required
from bert_tf2.tasks.classification.long_texts.rule import LongText
from bert_tf2.tasks.kind import kind_of
from bert_tf2.tasks.kind_options import refuse_options_of_others

if TYPE_CHECKING:
    from bert_tf2.training.run_directory import RunDirectory

logger = logging.getLogger(__name__)

# GLUE's diagnostic set has no training data of its own.
_DIAGNOSTICS_OF = {"ax": "mnli"}


def check_metadata(options: ClassifierOptions, meta: MetaData, config: BertConfig) -> None:
    """Checks the records' metadata against the configuration and the flags.

    Raises:
      UserError: they contradict each other.
    """
    source = options.input_meta_data_path or "the prepared data"
    if meta.task_type == SQUAD:
        raise UserError(f"{source} describes {meta.task_type} records, which run_squad.py takes")
    if meta.task_type == PRETRAINING:
        raise UserError(f"{source} describes {meta.task_type} records, which run_pretraining.py takes")
    refuse_options_of_others(options, kind_of(meta.task_type))
    check_model(meta, config, required(options.bert_config_file))
    check_flags(options, flags_of(meta))
    if meta.task_type == CLASSIFICATION and not meta.num_labels:
        raise UserError(f"{source}: the key 'num_labels' is missing; prepare the data again with create_finetuning_data.py")


def model_facts(meta: MetaData) -> dict[str, Any]:
    """What a trained classifier and its data must agree in; None where the metadata say nothing."""
    facts = {**facts_of(meta), "labels": list(meta.label_list) or None}
    # What is put around texts, and the words of labels.
    return facts | ({"prompts": meta.extra["prompts"]} if meta.task_type == PROMPT_CLASSIFICATION else {})


def check_directory(directory: "RunDirectory", meta: MetaData, config: BertConfig, trains: bool) -> None:
    """Checks, before records are made in a run's directory, that they are for the model there: they replace its training's.

    Args:
      directory: where the records go.
      meta: of these, as far as it is known before the data are read.
      config: the model's.
      trains: whether they are for a training, which goes on in the directory or begins there.

    Raises:
      UserError: the model there is of other data or another configuration.
    """
    if trains:
        directory.require_run({"bert_config": config.to_dict(), "data": model_facts(meta)})
        return
    if not directory.has_checkpoints():
        return
    directory.require_same({"bert_config": decisive(config), "data": model_facts(meta)})
    check_task(directory.path, meta)
    path = os.path.join(directory.path, META_DATA)
    there = read_meta_data(path) if files.exists(path) else None
    if there is not None and there.max_seq_length != meta.max_seq_length:
        raise UserError(
            f"--max_seq_length={meta.max_seq_length}, but the model in {directory.path} was trained with "
            f"{there.max_seq_length} ({META_DATA}); leave it out, or name another --output_dir and "
            f"--init_checkpoint={directory.path}"
        )


def check_task(directory: str, meta: MetaData) -> None:
    """Checks that a run's directory is of the task of some records: equal labels do not make one task of two.

    Raises:
      UserError: it is of another.
    """
    if (there := other_task(directory, meta)) is not None:
        raise UserError(
            f"{directory} holds a model of the task {there}, and the data are {meta.processor_type}'s; to use it on them all the "
            f"same, name another directory for the results and --init_checkpoint={directory}"
        )


def other_task(directory: str, meta: MetaData) -> str | None:
    """The task that the training in a directory was of, where it is another than that of some records; else None.

    Only names of known tasks are compared: metadata of one's own files call the task after a file.
    """
    from bert_tf2.data.processors import processors
    from bert_tf2.tasks.classification.reading import glue  # noqa: F401 (registers the published tasks)

    path = os.path.join(directory, META_DATA)
    there = read_meta_data(path).processor_type if files.exists(path) else ""
    known = {name.lower() for name in processors.names()}
    both = {there.lower(), meta.processor_type.lower()}
    return there if both <= known and len({_DIAGNOSTICS_OF.get(name, name) for name in both}) > 1 else None


def check_long_text(directory: str, meta: MetaData) -> None:
    """Checks that a model was trained on texts that were cut as those of some records are.

    Raises:
      UserError: it saw another part of long texts, or they are in windows for one of the two alone.
    """
    path = os.path.join(directory, META_DATA)
    if not files.exists(path):
        return
    there, here = LongText.of(read_meta_data(path)), LongText.of(meta)
    if there != here:
        raise UserError(
            f"the model in {directory} was trained with {there.flags}, and the records were made with {here.flags}; prepare them "
            f"with --input_meta_data_path={path}"
        )


def warn_of_other_texts(directory: str, meta: MetaData) -> None:
    """Tells of records of pairs for a model of single texts, or the other way round."""
    path = os.path.join(directory, META_DATA)
    trained = read_meta_data(path).has_pairs if files.exists(path) else None
    if None not in (trained, meta.has_pairs) and trained != meta.has_pairs:
        kinds = ("single texts", "pairs of texts")
        logger.warning(
            "the records hold %s, but %s was trained on %s; its answers to them mean little", kinds[bool(meta.has_pairs)],
            directory, kinds[bool(trained)],
        )  # fmt: skip
