"""Labels or a number for a text or a pair of texts: the kinds `classification`, `regression`, `multi_label` and
`prompt_classification`."""

import dataclasses
import logging
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2.data.records.metadata import CLASSIFICATION, MULTI_LABEL, PROMPT_CLASSIFICATION, REGRESSION
from bert_tf2.errors import UserError
from bert_tf2.options import Options, refuse_given
from bert_tf2.tasks.classification.label_numbers import BALANCED
from bert_tf2.tasks.classification.long_texts.options import DECIDED_BY_DATA, MEAN, LongTextRunOptions
from bert_tf2.tasks.classification.long_texts.rule import MOST_WINDOWS, LongText
from bert_tf2.tasks.classification.options import (
    PER_LABEL,
    ClassificationDataOptions,
    ClassificationRunOptions,
    MultiLabelRunOptions,
    RegressionDataOptions,
    SingleLabelRunOptions,
    check_data_options,
    threshold_of,
)
from bert_tf2.tasks.classification.prompting.options import PromptDataOptions, PromptRunOptions
from bert_tf2.tasks.classification.reading.source import preparation_of, processor_of
from bert_tf2.tasks.kind import Kind, given_files, kind_of, kinds
from bert_tf2.tasks.row_options import label_names

if TYPE_CHECKING:
    from bert_tf2.data.records.metadata import MetaData
    from bert_tf2.models.config import BertConfig
    from bert_tf2.tasks.base import Task
    from bert_tf2.tasks.classification.label_loss import LabelLoss
    from bert_tf2.tasks.classification.long_texts.model import Windowed
    from bert_tf2.tasks.classification.preparation import ClassificationPreparation
    from bert_tf2.tasks.classification.text_task import TextTask

logger = logging.getLogger(__name__)


@kinds.register("classification")
class Classification(Kind):
    """One label of several for a text or a pair."""

    task_type = CLASSIFICATION
    data_options: type[Options] = ClassificationDataOptions
    run_options: type[Options] | None = SingleLabelRunOptions

    def needed(self, options: Any) -> dict[str, str]:
        """Own files with their outputs, or a task with its directory."""
        from bert_tf2.tasks.classification.reading.glue import PUBLISHED

        own = given_files(options)
        if own and options.classification_task_name:
            raise UserError(f"--{own[0]} and --classification_task_name exclude each other; give your own files or a task")
        if own:
            return super().needed(options)
        needed = {
            "classification_task_name or train_file or eval_file or test_file": "a task with its files, or files of your own",
            "train_data_output_path or eval_data_output_path or test_data_output_path": "the records to write",
        }
        # Processors that were registered may know where their data are.
        if (options.classification_task_name or "").lower() in map(str.lower, PUBLISHED):
            needed["input_data_dir"] = "the directory that holds the task's files"
        return needed

    def check(self, options: Any) -> None:
        """See `check_data_options`."""
        check_data_options(options, given_files(options))

    def preparation(self, options: Any, tokenizer: Any, trained: "MetaData | None") -> "ClassificationPreparation":
        """See `ClassificationPreparation`."""
        processor = processor_of(options, () if trained is None else trained.label_list)
        if trained is not None:
            processor.metrics = trained.metrics or None
        return preparation_of(processor, options, tokenizer, None if trained is None else LongText.of(trained))

    def as_prepared(self, options: Any, meta: "MetaData") -> Any:
        """What the records say of long texts, and how their windows are pooled where nobody said it."""
        rule = LongText.of(meta)
        rule.check_flags(options, "the records were made", "leave it out, or prepare the data so")
        if not rule.has_windows:
            refuse_given(
                options,
                ("window_pooling", "windows_at_once"),
                f"is for texts in windows, and the records were made with {rule.flags}; prepare them with --long_text=windows",
            )
            return dataclasses.replace(options, **(dict.fromkeys(DECIDED_BY_DATA) | rule.facts))
        return dataclasses.replace(options, **rule.facts, window_pooling=options.window_pooling or MEAN)

    def task(self, meta: "MetaData", config: "BertConfig", options: Any) -> "Task":
        """See `ClassificationTask`."""
        from bert_tf2.tasks.classification.label_loss import ClassLoss, label_loss
        from bert_tf2.tasks.classification.task import ClassificationTask

        names = names_of_labels(meta)
        settings = _settings(meta, config, options) | _of_training(options, names, label_loss(options, names, ClassLoss))
        return ClassificationTask(names, meta.metrics, fits_temperature=options.fit_temperature, **settings)

    def check_trained(self, options: Any, meta: "MetaData", named: str) -> dict[str, Any]:
        """The labels of the training, which the rows' are told by."""
        if options.classification_task_name:
            raise UserError(
                f"{named} is for rows of your own (--test_file, --eval_file, --train_file), which it gives the labels of a "
                "training; leave it out"
            )
        LongText.of(meta).check_flags(options, f"the model of {named} was trained", "leave it out")
        if meta.is_regression:
            return {}
        for flag in ("multi_label", "label_separator", "label_columns"):
            if getattr(options, flag) and meta.task_type != MULTI_LABEL:
                raise UserError(
                    f"--{flag} is for several labels of a row, and the model of {named} gives each text one; leave it out"
                )
        given = label_names(options)
        if given and meta.label_list and given != meta.label_list:
            raise UserError(
                f"--labels={options.labels}, but the model of {named} was trained with {','.join(meta.label_list)}; leave it out"
            )
        if given and meta.num_labels and len(given) != meta.num_labels:
            raise UserError(f"--labels={options.labels} are {len(given)}, but {named} is of {meta.num_labels} classes; name all")
        if not given and not meta.label_list:
            raise UserError(f"{named} holds no label names; name them with --labels, in the order of their ids")
        return {"labels": ",".join(meta.label_list)} if meta.label_list else {}


@kinds.register("regression")
class Regression(Classification):
    """A number for a text or a pair."""

    task_type = REGRESSION
    data_options = RegressionDataOptions
    run_options = LongTextRunOptions

    def task(self, meta: "MetaData", config: "BertConfig", options: Any) -> "Task":
        """See `RegressionTask`."""
        from bert_tf2.tasks.classification.task import RegressionTask

        return RegressionTask(meta.metrics, **_settings(meta, config, options))


@kinds.register("multi_label")
class MultiLabel(Classification):
    """Any number of labels for a text or a pair. Rows may say by themselves that they are such: see `--multi_label`."""

    task_type = MULTI_LABEL
    run_options = MultiLabelRunOptions

    def check(self, options: Any) -> None:
        """As of one label, without the flag that says so."""
        if options.multi_label is False:
            raise UserError(
                "--nomulti_label and --fine_tuning_task_type=multi_label contradict each other; leave one of them out"
            )
        super().check(options)

    def task(self, meta: "MetaData", config: "BertConfig", options: Any) -> "Task":
        """See `MultiLabelTask`."""
        from bert_tf2.tasks.classification.label_loss import LabelSetLoss, label_loss
        from bert_tf2.tasks.classification.multi_label_task import MultiLabelTask

        names, threshold = names_of_labels(meta), threshold_of(options.label_threshold)
        settings = _settings(meta, config, options) | _of_training(options, names, label_loss(options, names, LabelSetLoss))
        return MultiLabelTask(names, meta.metrics, threshold=threshold, **settings)


@kinds.register("prompt_classification")
class PromptClassification(Classification):
    """One label of several for a text or a pair, by the words that a masked-LM head finds likely in a pattern."""

    task_type = PROMPT_CLASSIFICATION
    data_options = PromptDataOptions
    run_options = PromptRunOptions

    def needed(self, options: Any) -> dict[str, str]:
        """As of other labels; and what is put around texts, unless it is a model's."""
        needed = super().needed(options)
        if options.input_meta_data_path is None:
            needed["prompt_file"] = "the file with patterns and verbalizers"
        return needed

    def check_trained(self, options: Any, meta: "MetaData", named: str) -> dict[str, Any]:
        """As of other labels; patterns and verbalizers are the model's."""
        told = super().check_trained(options, meta, named)
        if options.prompt_file is not None:
            raise UserError(
                f"--prompt_file={options.prompt_file}: {named} holds the patterns and verbalizers of the model that the rows are "
                "for; leave it out"
            )
        return told

    def preparation(self, options: Any, tokenizer: Any, trained: "MetaData | None") -> "ClassificationPreparation":
        """See `PromptPreparation`."""
        from bert_tf2.tasks.classification.reading.prompt_source import prompt_preparation

        return prompt_preparation(options, tokenizer, trained)

    def as_prepared(self, options: Any, meta: "MetaData") -> Any:
        """Refuses a pattern that the records have not."""
        from bert_tf2.tasks.classification.prompting.rule import PromptRule

        patterns = PromptRule.of(meta).prompts.patterns
        if options.pattern is not None and options.pattern > len(patterns):
            raise UserError(f"--pattern={options.pattern}, but the records have {len(patterns)} patterns; count them from 1")
        return options

    def task(self, meta: "MetaData", config: "BertConfig", options: Any) -> "Task":
        """See `PromptTask`."""
        from bert_tf2.tasks.classification.label_loss import ClassLoss, label_loss
        from bert_tf2.tasks.classification.prompting.rule import PromptRule
        from bert_tf2.tasks.classification.prompting.task import PromptTask

        names = names_of_labels(meta)
        return PromptTask(
            names,
            meta.metrics,
            config,
            PromptRule.of(meta),
            options.pattern or meta.extra.get("pattern"),
            has_sample_weights=meta.has_sample_weights,
            best_metric=options.best_metric,
            label_loss=label_loss(options, names, ClassLoss),
            fits_temperature=options.fit_temperature,
        )


TASK_TYPES = (CLASSIFICATION, REGRESSION, MULTI_LABEL, PROMPT_CLASSIFICATION)
"""What the kinds here are called in metadata: what a text is given is known from the text, or pair, as a whole."""


def for_predictions(meta: "MetaData", config: "BertConfig") -> "TextTask":
    """The task of a trained model, to predict with. Its thresholds or temperature are those that were found, if they are
    (`Task.tuning`)."""
    usual = {field.name: field.default for field in dataclasses.fields(ClassificationRunOptions)}
    options = types.SimpleNamespace(**usual, best_metric=None, label_threshold=PER_LABEL, fit_temperature=True, pattern=None)
    task: Any = kind_of(meta.task_type).task(meta, config, options)
    return task


def _settings(meta: "MetaData", config: "BertConfig", options: Any) -> dict[str, Any]:
    """What every task here is made with."""
    return {
        "dropout_rate": config.head_dropout_prob,
        "initializer_range": config.initializer_range,
        "has_sample_weights": meta.has_sample_weights,
        "best_metric": options.best_metric,
        "windowed": _windowed(meta, options),
    }


def _of_training(options: Any, names: Sequence[str], loss: "LabelLoss | None") -> dict[str, Any]:
    """What only a training asks of a task with labels: its loss, and which rows it is to see several times in an epoch.

    Raises:
      UserError: rare labels are to count for more in two ways, or factors are of other labels than these.
    """
    from bert_tf2.tasks.classification.oversampling import Oversampling

    if options.oversample is None:
        return {"label_loss": loss}
    if (options.class_weights or "").lower() == BALANCED:
        raise UserError(
            f"--oversample={options.oversample} and --class_weights={BALANCED}: the rows of rare labels would count for more in "
            "both ways, and so for more than the frequent ones'; leave one of them out"
        )
    return {"label_loss": loss, "oversampling": Oversampling(options.oversample, names)}


def _windowed(meta: "MetaData", options: Any) -> "Windowed | None":
    from bert_tf2.tasks.classification.long_texts.model import Windowed

    rule = LongText.of(meta)
    if not rule.has_windows:
        return None
    return Windowed(rule, options.window_pooling or meta.extra.get("window_pooling") or MEAN, meta.extra.get(MOST_WINDOWS))


def names_of_labels(meta: "MetaData") -> list[str]:
    """The label names in id order, the ids themselves where the metadata's writer did not store names.

    Raises:
      UserError: the metadata do not even say how many there are.
    """
    if meta.label_list:
        return list(meta.label_list)
    if not meta.num_labels:
        raise UserError("the metadata names neither labels nor their number (num_labels); it is not of a trained classifier")
    logger.warning("the metadata holds no label names (it was not written by bert_tf2); predictions will show label ids")
    return [str(label) for label in range(meta.num_labels)]
