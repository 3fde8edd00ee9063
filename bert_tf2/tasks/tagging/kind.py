"""One tag for every word, such as named entities and parts of speech: the kind `tagging`."""

import dataclasses
from typing import TYPE_CHECKING, Any

from bert_tf2.data.sources.row_files import delimiter_of
from bert_tf2.errors import UserError
from bert_tf2.options import refuse_given
from bert_tf2.tasks.kind import SPLITS, Kind, given_files, kinds
from bert_tf2.tasks.row_options import DataDirOptions, check_label_names, label_names
from bert_tf2.tasks.tagging.facts import facts_of
from bert_tf2.tasks.tagging.options import AUTO, TaggingDataOptions, TaggingRunOptions

if TYPE_CHECKING:
    from bert_tf2.data.records.metadata import MetaData
    from bert_tf2.models.config import BertConfig
    from bert_tf2.tasks.base import Task
    from bert_tf2.tasks.preparation import Preparation


@kinds.register("tagging")
class Tagging(Kind):
    """Token classification (Devlin et al. 2018, section 5.3), with or without a conditional random field."""

    task_type = "bert_tagging"
    data_options = TaggingDataOptions
    run_options = TaggingRunOptions

    def needed(self, options: Any) -> dict[str, str]:
        """Own files with their outputs, or a task of XTREME with its directory."""
        own = given_files(options)
        if not options.tagging_task_name:
            flags = ("input_data_dir", "tagging_only_use_en_train", "only_use_en_dev")
            refuse_given(options, flags, "belongs to --tagging_task_name; it can do nothing without")
            return super().needed(options)
        if own:
            raise UserError(f"--{own[0]} and --tagging_task_name exclude each other; give your own files or a task")
        fixed = {field.name for field in dataclasses.fields(TaggingDataOptions)} - {
            field.name for field in dataclasses.fields(DataDirOptions)
        }
        own_files = [name for name in fixed if "use_en" not in name and name not in ("tagging_task_name", "label_all_tokens")]
        refuse_given(options, sorted(own_files), "is for your own files; a task of XTREME knows its columns and tags")
        return {
            "input_data_dir": "the directory that holds the task's files",
            "train_data_output_path or eval_data_output_path or test_data_output_path": "the records to write",
        }

    def check(self, options: Any) -> None:
        """Names of tags must be some, each once; signs between cells must be signs."""
        check_label_names(options, "tag")
        if len(options.quotechar) > 1:
            raise UserError(f"--quotechar must be one character; got '{options.quotechar}'")
        delimiter_of(options.delimiter)

    def check_trained(self, options: Any, meta: "MetaData", named: str) -> dict[str, Any]:
        """Tags, scheme and pieces with tags are those of the training."""
        given, facts = label_names(options), facts_of(meta)
        if given and given != meta.label_list:
            raise UserError(
                f"--labels={options.labels}, but the model of {named} was trained with {','.join(meta.label_list)}; leave it out"
            )
        if options.tag_scheme not in (AUTO, facts.tag_scheme):
            raise UserError(
                f"--tag_scheme={options.tag_scheme}, but the model of {named} was trained with {facts.tag_scheme}; leave it out"
            )
        if options.label_all_tokens and not facts.label_all_tokens:
            raise UserError(f"--label_all_tokens, but the model of {named} was trained without; leave it out")
        return {"labels": ",".join(meta.label_list), "tag_scheme": facts.tag_scheme}

    def preparation(self, options: Any, tokenizer: Any, trained: "MetaData | None") -> "Preparation":
        """See `TaggingPreparation`."""
        from bert_tf2.tasks.tagging import xtreme
        from bert_tf2.tasks.tagging.forms import open_sentences
        from bert_tf2.tasks.tagging.preparation import TaggingPreparation

        labels = label_names(options) if trained is None else tuple(trained.label_list)
        scheme = None if options.tag_scheme == AUTO else options.tag_scheme
        if options.tagging_task_name:
            sources = xtreme.sources(options, tokenizer.normalization)
            labels, scheme = xtreme.TASKS[options.tagging_task_name]
        else:
            sources = {
                split: [open_sentences(path, f"{split}_file", options, labels, tokenizer.normalization)]
                for split in SPLITS
                if (path := getattr(options, f"{split}_file"))
            }
        made = TaggingPreparation(
            sources,
            tokenizer,
            options.max_seq_length or 128,
            labels,
            None if trained is None else facts_of(trained),
            scheme,
            options.label_all_tokens,
        )
        made.name = options.tagging_task_name or made.name
        return made

    def task(self, meta: "MetaData", config: "BertConfig", options: Any) -> "Task":
        """See `TaggingTask`."""
        from bert_tf2.tasks.tagging.task import TaggingTask

        facts = facts_of(meta)
        return TaggingTask(
            meta.label_list,
            facts.tag_scheme,
            use_crf=bool(options.use_crf),
            strict_entities=options.strict_entities,
            label_all_tokens=facts.label_all_tokens,
            words_of_text=facts.words_of_text,
            dropout_rate=config.head_dropout_prob,
            initializer_range=config.initializer_range,
            best_metric=options.best_metric,
        )
