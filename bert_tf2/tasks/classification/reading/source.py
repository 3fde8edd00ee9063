"""The data set that the options of data preparation name, and what makes records of it."""

import dataclasses
from typing import TYPE_CHECKING, Any

from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.options import label_columns
from bert_tf2.tasks.row_options import label_names

if TYPE_CHECKING:
    from bert_tf2.data.processors import DataProcessor
    from bert_tf2.tasks.classification.long_texts.rule import LongText
    from bert_tf2.tasks.classification.preparation import ClassificationPreparation


def preparation_of(
    processor: "DataProcessor", options: Any, tokenizer: Any, long_text: "LongText | None" = None
) -> "ClassificationPreparation":
    """What makes records of a processor's examples, as the options of data preparation say.

    Args:
      processor: gives the examples.
      options: checked.
      tokenizer: the model's.
      long_text: what happens to long texts where it is known without the options.
    """
    from bert_tf2.data.sources.bad_rows import BadRows
    from bert_tf2.tasks.classification.long_texts.rule import LongText
    from bert_tf2.tasks.classification.preparation import ClassificationPreparation

    # Rows that are left out while labels are collected are listed when they are written.
    processor.bad_rows = BadRows(options.on_bad_row == "skip", can_skip=True)
    length = options.max_seq_length or 128
    rule = long_text or LongText.of_options(options, length)
    return ClassificationPreparation(processor, options.input_data_dir, tokenizer, length, rule)


def processor_of(options: Any, names: tuple[str, ...] = ()) -> "DataProcessor":
    """What gives the examples of the task or of the files that the options of data preparation name.

    Args:
      options: checked.
      names: of the labels of own files, instead of `--labels`.

    Raises:
      UserError: there is no such task or file, or a file's columns are not what the options say.
    """
    is_regression = options.fine_tuning_task_type == "regression"
    if options.classification_task_name:
        from bert_tf2.tasks.classification.reading.glue import create_processor

        processor = create_processor(
            options.classification_task_name,
            mnli_type=options.mnli_type,
            xnli_language=options.xnli_language,
            pawsx_language=options.pawsx_language,
        )
        if is_regression and not processor.is_regression:
            raise UserError(f"{processor.name()} has classes, not numbers; leave --fine_tuning_task_type=regression out")
        if options.fine_tuning_task_type == "multi_label" and not processor.is_multi_label:
            raise UserError(f"{processor.name()} gives each text one label; leave --fine_tuning_task_type=multi_label out")
        return processor
    from bert_tf2.tasks.classification.reading.tabular import TabularProcessor
    from bert_tf2.tasks.classification.reading.tabular_options import TabularOptions

    given = {
        field.name: getattr(options, field.name) for field in dataclasses.fields(TabularOptions) if hasattr(options, field.name)
    }
    given |= {"labels": names or label_names(options), "label_columns": label_columns(options), "is_regression": is_regression}
    if options.fine_tuning_task_type == "multi_label":
        given["multi_label"] = True
    return TabularProcessor(TabularOptions(**given))
