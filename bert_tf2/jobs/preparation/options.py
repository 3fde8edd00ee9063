"""The options of `create_finetuning_data.py`: the model garden's flags, and those for a user's own files."""

import dataclasses

from bert_tf2.jobs import shared_options
from bert_tf2.jobs.fine_tuning.squad_options import ANSWER_LABELS, ANSWER_LABELS_HELP
from bert_tf2.options import Options, at_least, option, refused_option

TASK = "A task with published files, or your own processor"
OWN_FILES = "Your own files, without code"
OUTPUT = "Output"
TEXT = "Text"
SQUAD = "SQuAD (--fine_tuning_task_type=squad)"

TASK_FLAGS = ("input_data_dir", "module_import", "mnli_type", "xnli_language", "pawsx_language")
NOT_HERE = "retrieval and tagging data are not made by this version"
_XTREME = "belongs to the XTREME tasks, which are not in this version"


@dataclasses.dataclass(frozen=True)
class FinetuningDataOptions(Options):
    """What to read, how to cut and write it, and where to."""

    fine_tuning_task_type: str = option(
        "classification",
        "What is learned: classes, numbers or answers in a text (retrieval and tagging are not in this version).",
        choices=("classification", "regression", "squad", "retrieval", "tagging"),
        section=TASK,
    )
    classification_task_name: str | None = option(
        None,
        "AX, CoLA, IMDB, MNLI, MRPC, PAWS-X, QNLI, QQP, RTE, SNLI, SST-2, STS-B, WNLI, XNLI or a registered processor.",
        section=TASK,
    )
    input_data_dir: str | None = option(None, "Directory of the task's files.", section=TASK)
    module_import: tuple[str, ...] = option(
        (), "A file (path/to/file.py) or module that registers processors; may be repeated.", multiple=True, section=TASK
    )
    mnli_type: str = option(
        "matched",
        "Which MNLI sets to take; matched also writes the mismatched ones beside them where their files are there.",
        choices=("matched", "mismatched"),
        section=TASK,
    )
    xnli_language: str = option("en", "Language of XNLI training data, or all.", section=TASK)
    pawsx_language: str = option("en", "Language of PAWS-X training data, or all.", section=TASK)

    train_file: str | None = option(None, "Training rows: TSV, CSV, JSON or Parquet.", section=OWN_FILES)
    eval_file: str | None = option(None, "Rows to evaluate on.", section=OWN_FILES)
    test_file: str | None = option(None, "Rows to predict; they need no label.", section=OWN_FILES)
    text_column: str | int | None = option(
        None, "Name or place (from 0) of the text [default: text, sentence, …].", section=OWN_FILES
    )
    text_b_column: str | int | None = option(None, "Name or place of the second text of a pair.", section=OWN_FILES)
    label_column: str | int | None = option(None, "Name or place of the label [default: label, …].", section=OWN_FILES)
    weight_column: str | int | None = option(None, "Name or place of the weight of a training row.", section=OWN_FILES)
    header: str = option(
        "auto",
        "Whether the first row names the columns; auto: yes if a column is given by name or none is given, no if all are places.",
        choices=("auto", "yes", "no"),
        section=OWN_FILES,
    )
    data_format: str = option(
        "auto",
        "What the files are; auto goes by their names and contents. jsonl: an object on each line; json: an array of objects; "
        "parquet needs pip install 'bert_tf2[parquet]'.",
        choices=("auto", "tsv", "csv", "jsonl", "json", "parquet"),
        section=OWN_FILES,
    )
    quotechar: str = option(
        "", 'Character that encloses cells [default: "; between tabs of a TSV none, quotes are text].', section=OWN_FILES
    )
    labels: str | None = option(
        None,
        "Label names in id order, comma-separated [default: collected from --train_file and --eval_file, sorted].",
        section=OWN_FILES,
    )
    delimiter: str = option(
        "",
        "Character between two cells, or tab, comma, semicolon, pipe [default: tab or comma by the file's name, another where "
        "the file's beginning leaves no doubt].",
        section=OWN_FILES,
    )
    input_meta_data_path: str | None = option(
        None,
        "meta_data.json of a trained model, in its --model_dir, for whose prediction or evaluation the rows are: labels in its "
        "order, task, length, casing and vocabulary are as there.",
        section=OWN_FILES,
    )

    squad_data_file: str | None = option(
        None, "Training file in SQuAD's JSON, version 1.1 or 2.0; comma-separated files and globs.", section=SQUAD
    )
    translated_squad_data_folder: str | None = option(
        None, "Folder of further training files (*.json), which may repeat question ids.", section=SQUAD
    )
    version_2_with_negative: bool = option(False, "The data hold questions without an answer.", section=SQUAD)
    doc_stride: int = option(128, "Tokens between the beginnings of two windows on a long context.", section=SQUAD)
    max_query_length: int = option(64, "Longest question in tokens; longer ones are cut.", section=SQUAD)
    answer_labels: str = option("exact", ANSWER_LABELS_HELP, choices=ANSWER_LABELS, section=SQUAD)

    vocab_file: str | None = option(
        None, "WordPiece vocabulary of the model: vocab.txt, tokenizer.json or a folder with one of them.", section=TEXT
    )
    tokenization: str = option("WordPiece", "Tokenizer.", choices=("WordPiece", "SentencePiece"), section=TEXT)
    sp_model_file: str = option("", "SentencePiece model.", section=TEXT)
    do_lower_case: bool | None = shared_options.do_lower_case_before_training(TEXT)
    strip_accents: bool | None = shared_options.strip_accents_before_training(TEXT)
    max_seq_length: int | None = option(
        None, "Longest input in tokens; longer ones are cut [default: 128; for squad 384].", check=at_least(3), section=TEXT
    )

    train_data_output_path: str | None = option(None, "Training records to write.", section=OUTPUT)
    eval_data_output_path: str | None = option(None, "Evaluation records to write.", section=OUTPUT)
    test_data_output_path: str | None = option(
        None, "Records to predict; holds {} for the language where test data comes by language.", section=OUTPUT
    )
    meta_data_file_path: str | None = option(None, "meta_data.json to write.", section=OUTPUT)
    pad_to_max_length: bool = option(
        False, "Write fixed-length records for the model garden's reader; ours needs none.", section=OUTPUT
    )
    gzip_compress: bool = option(False, "Compress the records.", section=OUTPUT)
    on_bad_row: str = option(
        "fail",
        "What to do with a row that cannot be used: end, or leave it out, count it and list it in <output>.rejects.jsonl.",
        choices=("fail", "skip"),
        section=OUTPUT,
    )

    tfds_params: str = refused_option("", "data comes from local files here; export the TFDS splits and pass --train_file")
    translated_input_data_dir: str | None = refused_option(None, _XTREME)
    only_use_en_dev: bool = refused_option(True, _XTREME)
    xlnet_format: bool = refused_option(False, "the records are BERT's; XLNet is not in this version")
    retrieval_task_name: str = refused_option("bucc", NOT_HERE)
    tagging_task_name: str = refused_option("panx", NOT_HERE)
    tagging_only_use_en_train: bool = refused_option(True, NOT_HERE)
