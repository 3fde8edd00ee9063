"""Options of kinds of task whose own files are rows of columns; one place, so that such kinds share the flags."""

import dataclasses

from bert_tf2.options import Options, option

ROWS = "Columns of your own files"
PUBLISHED_TASK = "A task with published files, or your own processor"


@dataclasses.dataclass(frozen=True)
class DataDirOptions(Options):
    """Where published files are."""

    input_data_dir: str | None = option(None, "Directory of the task's files.", section=PUBLISHED_TASK)


@dataclasses.dataclass(frozen=True)
class RowFileOptions(Options):
    """What the files are."""

    header: str = option(
        "auto",
        "Whether the first row names the columns; auto: yes if a column is given by name or none is given, no if all are places.",
        choices=("auto", "yes", "no"),
        section=ROWS,
    )
    data_format: str = option(
        "auto",
        "What the files are; auto goes by their names and contents. jsonl: an object on each line; json: an array of objects; "
        "parquet needs pip install 'bert_tf2[parquet]'.",
        choices=("auto", "tsv", "csv", "jsonl", "json", "parquet"),
        section=ROWS,
    )
    quotechar: str = option(
        "", 'Character that encloses cells [default: "; between tabs of a TSV none, quotes are text].', section=ROWS
    )
    delimiter: str = option(
        "",
        "Character between two cells, or tab, comma, semicolon, pipe [default: tab or comma by the file's name, another where "
        "the file's beginning leaves no doubt].",
        section=ROWS,
    )


@dataclasses.dataclass(frozen=True)
class TextColumnOptions(RowFileOptions):
    """Where a text is in a row."""

    text_column: str | int | None = option(None, "Name or place (from 0) of the text [default: text, sentence, …].", section=ROWS)


@dataclasses.dataclass(frozen=True)
class TextRowOptions(TextColumnOptions):
    """Where a text, or a pair of texts, with its label is in a row."""

    text_b_column: str | int | None = option(None, "Name or place of the second text of a pair.", section=ROWS)
    label_column: str | int | None = option(None, "Name or place of the label [default: label, …].", section=ROWS)
    weight_column: str | int | None = option(None, "Name or place of the weight of a training row.", section=ROWS)


@dataclasses.dataclass(frozen=True)
class LabelOptions(Options):
    """What the labels are."""

    labels: str | None = option(
        None,
        "Label names in id order, comma-separated [default: collected from --train_file and --eval_file, sorted].",
        section="Classes",
    )
