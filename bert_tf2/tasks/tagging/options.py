"""The options that tagging adds to data preparation and to training."""

import dataclasses

from bert_tf2.options import Options, option
from bert_tf2.tasks.row_options import PUBLISHED_TASK, DataDirOptions, LabelOptions, TextColumnOptions
from bert_tf2.tasks.tagging.schemes import SCHEMES

AUTO = "auto"
_SENTENCES = "Sentences and their tags"


@dataclasses.dataclass(frozen=True)
class TaggingDataOptions(TextColumnOptions, LabelOptions, DataDirOptions):
    """Where words and tags are, and how tags are written."""

    tagging_task_name: str | None = option(
        None,
        "A task of XTREME, whose files train-en.tsv, dev-en.tsv and test-LANGUAGE.tsv are in --input_data_dir.",
        choices=("panx", "udpos"),
        section=PUBLISHED_TASK,
    )
    tagging_only_use_en_train: bool = option(
        True, "XTREME: train on English; otherwise on the train-*.tsv of all languages.", section=PUBLISHED_TASK
    )
    only_use_en_dev: bool = option(
        True, "XTREME: evaluate on English; otherwise on the dev-*.tsv of all languages.", section=PUBLISHED_TASK
    )

    token_column: str | int | None = option(
        None,
        "Name or place (from 0) of the word; in JSON the key of a list of words [default: the first of columns divided by white "
        "space, otherwise token, word, …].",
        section=_SENTENCES,
    )
    tag_column: str | int | None = option(
        None,
        "Name or place of the tag; in JSON the key of a list of tags [default: the last of columns divided by white space, "
        "otherwise tag, ner_tags, …].",
        section=_SENTENCES,
    )
    sentence_column: str | int | None = option(
        None,
        "Name or place, in a table with a row for each word, of what names the sentence; blank rows divide sentences too.",
        section=_SENTENCES,
    )
    span_column: str | int | None = option(
        None,
        'In JSON the key of the marked stretches of a text, {"start": …, "end": …, "type": …} or [start, end, type], in code '
        "points [default: spans, entities, label, …].",
        section=_SENTENCES,
    )
    tag_scheme: str = option(
        AUTO,
        "How tags say where entities begin and end; plain tags, such as parts of speech, say nothing of it. auto goes by the "
        "tags of --train_file and --eval_file.",
        choices=(AUTO, *SCHEMES),
        section=_SENTENCES,
    )
    label_all_tokens: bool = option(
        False, "The later pieces of a word are trained with its tag too (B becomes I there), not its first one alone.",
        section=_SENTENCES,
    )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class TaggingRunOptions(Options):
    """What stands on the encoder, and how entities are scored."""

    use_crf: bool | None = option(
        None,
        "Put a linear-chain conditional random field on the tags' logits: tags that the scheme forbids are then never predicted "
        "[default: as the model was trained; for a new one none].",
        section="Head and scores",
    )
    strict_entities: bool = option(
        False,
        "Score entities by the rules of their scheme, as seqeval's strict mode; otherwise as conlleval, where an entity may "
        "begin with I-.",
        section="Head and scores",
        may_change=True,
    )
