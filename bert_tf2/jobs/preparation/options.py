"""The options of `create_finetuning_data.py`: the model garden's flags, those for a user's own files, and those of each kind."""

import dataclasses
from typing import ClassVar

from bert_tf2.jobs import shared_options
from bert_tf2.options import at_least, option, refused_option
from bert_tf2.tasks.kind_options import KindOptions

KIND = "What is learned"
OWN_FILES = "Your own files, without code"
OUTPUT = "Output"
TEXT = "Text"

_XTREME = "belongs to the XTREME tasks, which are not in this version"


@dataclasses.dataclass(frozen=True)
class FinetuningDataOptions(KindOptions):
    """What to read, how to cut and write it, and where to; every kind of task adds its own (`Kind.data_options`)."""

    part: ClassVar[str] = "data_options"
    chooses: ClassVar[str] = "fine_tuning_task_type"

    fine_tuning_task_type: str = option("classification", "The kind of task.", section=KIND)
    module_import: tuple[str, ...] = option(
        (),
        "A file (path/to/file.py) or module that registers kinds of task or processors; may be repeated.",
        multiple=True,
        section=KIND,
    )

    train_file: str | None = option(
        None,
        "Training data; for classification and regression rows of TSV, CSV, JSON or Parquet.",
        section=OWN_FILES,
        comma_separated=True,
    )
    eval_file: str | None = option(None, "Data to evaluate on.", section=OWN_FILES, comma_separated=True)
    test_file: str | None = option(None, "Data to predict; they need no label.", section=OWN_FILES, comma_separated=True)
    input_meta_data_path: str | None = option(
        None,
        "meta_data.json of a trained model, in its --model_dir, for whose prediction or evaluation the rows are: labels in its "
        "order, task, length, casing and vocabulary are as there.",
        section=OWN_FILES,
    )

    vocab_file: str | None = shared_options.vocab_file_before_training(TEXT)
    tokenization: str = shared_options.tokenization(TEXT)
    sp_model_file: str = option("", "SentencePiece model.", section=TEXT, other_names=("spm_model_file", "spiece_model_file"))
    do_lower_case: bool | None = shared_options.do_lower_case_before_training(TEXT)
    strip_accents: bool | None = shared_options.strip_accents_before_training(TEXT)
    keep_tokens: str | None = shared_options.keep_tokens(TEXT)
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
    xlnet_format: bool = refused_option(False, "the SentencePiece model that --sp_model_file names tells whether it is XLNet's")
    retrieval_task_name: str = refused_option("bucc", "retrieval data are not made by this version")
