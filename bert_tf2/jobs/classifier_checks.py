"""What a classifier's metadata must say before anything heavy starts."""

import logging
from typing import TYPE_CHECKING

from bert_tf2.data.metadata import CLASSIFICATION, REGRESSION, MetaData
from bert_tf2.errors import UserError
from bert_tf2.jobs.classifier_options import ClassifierOptions
from bert_tf2.jobs.metadata_checks import check_flags, check_model, flags_of
from bert_tf2.models.config import BertConfig

if TYPE_CHECKING:
    from bert_tf2.jobs.classifier import Phases
    from bert_tf2.jobs.classifier_data import ClassifierData

logger = logging.getLogger(__name__)


def check_metadata(options: ClassifierOptions, meta: MetaData, config: BertConfig) -> None:
    """Checks the records' metadata against the configuration and the flags.

    Raises:
      UserError: they contradict each other.
    """
    source = options.input_meta_data_path or "the prepared data"
    if meta.task_type not in (CLASSIFICATION, REGRESSION):
        raise UserError(f"{source} describes {meta.task_type} records; run_classifier.py takes {CLASSIFICATION} and {REGRESSION}")
    check_model(meta, config, options.bert_config_file)
    check_flags(options, flags_of(meta))
    if not meta.is_regression and not meta.num_labels:
        raise UserError(f"{source}: the key 'num_labels' is missing; prepare the data again with create_finetuning_data.py")


def check_labelled(data: "ClassifierData", phases: "Phases") -> None:
    """Checks that what is trained or evaluated on has labels: records for prediction hold placeholders.

    Raises:
      UserError: the metadata says that it has none.
    """
    for split, path in data.paths.items():
        wanted = phases.train if split == "train" else phases.evaluate or phases.evaluate_while_training
        if wanted and not split.startswith("test") and not data.is_labelled(split):
            raise UserError(
                f"--{data.flag(split)}={path}: these records have no labels (test_has_labels in the metadata is false); "
                "use --mode=predict"
            )


def label_names(meta: MetaData) -> list[str] | None:
    """The label names in id order, the ids themselves where the metadata's writer did not store names; None for regression."""
    if meta.is_regression:
        return None
    if meta.label_list:
        return list(meta.label_list)
    if not meta.num_labels:
        raise UserError("the metadata names neither labels nor their number (num_labels); it is not of a trained classifier")
    logger.warning("the metadata holds no label names (it was not written by bert_tf2); predictions will show label ids")
    return [str(label) for label in range(meta.num_labels)]
