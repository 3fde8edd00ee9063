"""What makes records of texts in patterns, as the options of data preparation say."""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from bert_tf2.options import required
from bert_tf2.tasks.classification.prompting.prompts import Prompts, read_prompts
from bert_tf2.tasks.classification.prompting.rule import PromptRule, rule_of
from bert_tf2.tasks.classification.reading.source import processor_of
from bert_tf2.tasks.kind import given_files
from bert_tf2.tasks.row_options import label_names

if TYPE_CHECKING:
    from bert_tf2.data.processors import DataProcessor
    from bert_tf2.data.records.metadata import MetaData
    from bert_tf2.tasks.classification.prompting.preparation import PromptPreparation

_USUAL_LENGTH = 128


def prompt_preparation(
    options: Any, tokenizer: Any, trained: "MetaData | None", processor: "DataProcessor | None" = None
) -> "PromptPreparation":
    """See `PromptPreparation`.

    The labels of own files are those of the verbalizers, in the file's order, unless `--labels` names them.

    Args:
      options: checked.
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      trained: metadata of the training for whose model the records are; None where there is none yet.
      processor: gives the examples; None for what the options name.

    Raises:
      UserError: files or options that cannot be used.
    """
    from bert_tf2.data.sources.bad_rows import BadRows
    from bert_tf2.tasks.classification.prompting.preparation import PromptPreparation

    length = options.max_seq_length or _USUAL_LENGTH
    if trained is None:
        prompts: Prompts = read_prompts(required(options.prompt_file))
        named, own = label_names(options), bool(given_files(options))
        labels = named or tuple(prompts.verbalizers)
        rule = functools.partial(_rule, prompts, tokenizer, length, options.prompt_file)
        absent = f"take it out of --prompt_file={options.prompt_file}, correct its name, or give --labels={','.join(labels)}"
        absent_label = absent if own and not named else None
    else:
        labels, absent_label = tuple(trained.label_list), None
        rule = functools.partial(_as_trained, PromptRule.of(trained))
    if processor is None:
        # A row has one label, whatever signs stand in it.
        processor = processor_of(dataclasses.replace(options, multi_label=False), labels)
        if trained is not None:
            processor.metrics = trained.metrics or None
    processor.bad_rows = BadRows(options.on_bad_row == "skip", can_skip=True)
    return PromptPreparation(processor, options.input_data_dir, tokenizer, length, rule, absent_label)


def _rule(prompts: Prompts, tokenizer: Any, length: int, path: str, labels: Any) -> PromptRule:
    return rule_of(prompts, tokenizer, labels, length, path)


def _as_trained(rule: PromptRule, labels: Any) -> PromptRule:
    del labels
    return rule
