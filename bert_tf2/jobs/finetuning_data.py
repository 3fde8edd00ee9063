"""Makes records and metadata for fine-tuning: the model garden's flags, and a user's own files without code."""

import collections
import dataclasses
import logging
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bert_tf2.data.row_files import delimiter_of
from bert_tf2.errors import UserError
from bert_tf2.jobs import shared_options
from bert_tf2.jobs.metadata_checks import check_vocabulary
from bert_tf2.jobs.model_files import write_vocabulary_beside
from bert_tf2.jobs.options import Options, at_least, option, refuse_given, refuse_overwriting, refused_option, require_given
from bert_tf2.jobs.runtime import ended_by_sigterm, job
from bert_tf2.jobs.squad_data import OWN_FILE_FLAGS, SQUAD_FLAGS, check_squad_data_options, create_squad_data
from bert_tf2.jobs.squad_options import ANSWER_LABELS, ANSWER_LABELS_HELP
from bert_tf2.jobs.trained_rows import as_trained, model_directory_of

if TYPE_CHECKING:
    from bert_tf2.data.metadata import MetaData
    from bert_tf2.data.preparation import Prepared
    from bert_tf2.data.processors import DataProcessor
    from bert_tf2.data.squad_preparation import PreparedSquad
    from bert_tf2.data.statistics import SplitStatistics

TASK = "A task with published files, or your own processor"
OWN_FILES = "Your own files, without code"
OUTPUT = "Output"
TEXT = "Text"
SQUAD = "SQuAD (--fine_tuning_task_type=squad)"

_TASK_FLAGS = ("input_data_dir", "module_import", "mnli_type", "xnli_language", "pawsx_language")
_NOT_HERE = "retrieval and tagging data are not made by this version"
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
    retrieval_task_name: str = refused_option("bucc", _NOT_HERE)
    tagging_task_name: str = refused_option("panx", _NOT_HERE)
    tagging_only_use_en_train: bool = refused_option(True, _NOT_HERE)


def check_finetuning_data_options(options: FinetuningDataOptions) -> None:
    """Applies the checks between options; heavy imports come after it.

    Raises:
      UserError: something needed is not given, or two things are that exclude each other.
    """
    if options.fine_tuning_task_type == "squad":
        check_squad_data_options(options)
        return
    if options.fine_tuning_task_type not in ("classification", "regression"):
        raise UserError(f"--fine_tuning_task_type={options.fine_tuning_task_type} is not in this version; {_NOT_HERE}")
    refuse_given(options, SQUAD_FLAGS, "belongs to --fine_tuning_task_type=squad")
    own = [flag for flag in ("train_file", "eval_file", "test_file") if getattr(options, flag)]
    if own and options.classification_task_name:
        raise UserError(f"--{own[0]} and --classification_task_name exclude each other; give your own files or a task")
    require_given(options, _needed(options, own))
    inputs = ("train_file", "eval_file", "test_file", "vocab_file", "sp_model_file", "input_meta_data_path")
    given = {getattr(options, flag): flag for flag in inputs if getattr(options, flag)}
    refuse_overwriting(given, (*_outputs(options).values(), options.meta_data_file_path))
    if own:
        refuse_given(options, _TASK_FLAGS, f"belongs to --classification_task_name; it can do nothing beside --{own[0]}")
    else:
        refuse_given(
            options, OWN_FILE_FLAGS, "belongs to --train_file, --eval_file and --test_file; a task knows its own columns"
        )
    if options.fine_tuning_task_type == "regression":
        refuse_given(options, ("labels",), "names classes; with --fine_tuning_task_type=regression labels are numbers")
    if options.labels and not all(_label_names(options)):
        raise UserError(f"--labels must be names with one comma between two; got '{options.labels}', where a name is empty")
    refuse_repeated_label("--labels", _label_names(options))
    if len(options.quotechar) > 1:
        raise UserError(f"--quotechar must be one character; got '{options.quotechar}'")
    delimiter_of(options.delimiter)


def _needed(options: FinetuningDataOptions, own: list[str]) -> dict[str, str]:
    """What the flags give that this command needs, `own` being the flags of own files that are given."""
    from bert_tf2.data.glue import PUBLISHED

    needed = {}
    if own:
        for split in ("train", "eval", "test"):
            file, output = f"{split}_file", f"{split}_data_output_path"
            needed |= {output: f"where the records of --{file} go"} if file in own else {}
            needed |= {file: f"the file whose records go to --{output}"} if getattr(options, output) else {}
    else:
        needed["classification_task_name or train_file or eval_file or test_file"] = "a task with its files, or files of your own"
        needed["train_data_output_path or eval_data_output_path or test_data_output_path"] = "the records to write"
        # Processors that were registered may know where their data are.
        if (options.classification_task_name or "").lower() in map(str.lower, PUBLISHED):
            needed["input_data_dir"] = "the directory that holds the task's files"
    needed["meta_data_file_path"] = "the meta_data.json that training reads"
    vocabulary = "vocab_file" if options.tokenization == "WordPiece" else "sp_model_file"
    return needed | {vocabulary: "the vocabulary of the model that will be fine-tuned"}


def _outputs(options: FinetuningDataOptions) -> dict[str, str]:
    paths = {split: getattr(options, f"{split}_data_output_path") for split in ("train", "eval", "test")}
    return {split: path for split, path in paths.items() if path}


@job
def create_finetuning_data(options: FinetuningDataOptions) -> "Prepared | PreparedSquad":
    """Writes the records and the metadata, prints a summary and returns what was written.

    Raises:
      UserError: options, files or rows that cannot be used.
      JobError: writing failed, or SIGTERM arrived; nothing half written is left.
    """
    options, trained = as_trained(options)
    check_finetuning_data_options(options)
    with ended_by_sigterm():
        return create_squad_data(options) if options.fine_tuning_task_type == "squad" else _create(options, trained)


def _create(options: FinetuningDataOptions, trained: "MetaData | None") -> "Prepared":
    from bert_tf2.registry import import_module

    for path in options.module_import:
        import_module(path)
    processor = processor_of(options, () if trained is None else trained.label_list)
    if trained is not None:
        processor.metrics = list(trained.metrics) or None
    prepared = write_records(options, processor, trained)
    print(summary(prepared, None if trained is None else model_directory_of(options.input_meta_data_path)))
    return prepared


def write_records(options: FinetuningDataOptions, processor: "DataProcessor", trained: "MetaData | None" = None) -> "Prepared":
    """Writes what a processor gives as records and metadata, where and how the options say, and logs what is odd about it.

    Args:
      options: checked.
      processor: gives the examples.
      trained: metadata of the training whose text these records' is to be like.

    Raises:
      UserError: files or rows that cannot be used, or another vocabulary than the training's.
      JobError: writing failed.
    """
    from bert_tf2.text.tokenizer import load_tokenizer, warnings_of

    logger = logging.getLogger(__name__)
    tokenizer = load_tokenizer(
        vocab_file=options.vocab_file,
        sp_model_file=options.sp_model_file or None,
        tokenization=options.tokenization,
        do_lower_case=options.do_lower_case,
        strip_accents=options.strip_accents,
        normalization=None if trained is None else trained.normalization,
    )
    if trained is not None:
        check_vocabulary(trained, tokenizer)
    for warning in warnings_of(tokenizer):
        logger.warning(warning)

    from bert_tf2.data.preparation import RecordOptions, prepare

    record_options = RecordOptions(
        options.max_seq_length or 128, options.pad_to_max_length, options.gzip_compress, options.on_bad_row == "skip"
    )
    prepared = prepare(
        processor, options.input_data_dir, tokenizer, _outputs(options), options.meta_data_file_path, record_options
    )
    write_vocabulary_beside(prepared.meta_data_path, tokenizer)
    for warning in prepared.warnings:
        logger.warning(warning)
    return prepared


def processor_of(options: FinetuningDataOptions, label_names: tuple[str, ...] = ()) -> "DataProcessor":
    """What gives the examples of the task or of the files that the options name.

    Args:
      options: checked.
      label_names: of own files, instead of `--labels`.

    Raises:
      UserError: there is no such task or file, or a file's columns are not what the options say.
    """
    regression = options.fine_tuning_task_type == "regression"
    if options.classification_task_name:
        from bert_tf2.data.glue import create_processor

        processor = create_processor(
            options.classification_task_name,
            mnli_type=options.mnli_type,
            xnli_language=options.xnli_language,
            pawsx_language=options.pawsx_language,
        )
        if regression and not processor.is_regression:
            raise UserError(f"{processor.name()} has classes, not numbers; leave --fine_tuning_task_type=regression out")
        return processor
    from bert_tf2.data.tabular import TabularOptions, TabularProcessor

    given = {
        field.name: getattr(options, field.name) for field in dataclasses.fields(TabularOptions) if hasattr(options, field.name)
    }
    return TabularProcessor(
        TabularOptions(**given | {"labels": label_names or _label_names(options), "is_regression": regression})
    )


def _label_names(options: FinetuningDataOptions) -> tuple[str, ...]:
    return tuple(name.strip() for name in options.labels.split(",")) if options.labels else ()


def refuse_repeated_label(what: str, names: Sequence[str]) -> None:
    """Refuses label names of which one occurs twice; `what` is how they were given."""
    twice = next((name for name, count in collections.Counter(names).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"{what} names '{twice}' twice; a label's place is its id, so name each once")


def summary(prepared: "Prepared", model_dir: str | None = None) -> str:
    """What was written, split by split, and what to run next: with the model in `model_dir`, where there is one."""
    lines = []
    for split in prepared.splits:
        counts = split.statistics
        lines.append(
            f"{split.name}: {counts.rows:,} rows, {counts.mean_length:.1f} tokens on average, 95% up to "
            f"{counts.length_at(0.95)}, longest {counts.max_length}, {counts.truncated_fraction:.1%} cut"
        )
        if split.labelled and counts.label_names:
            lines.append(f"  labels: {_histogram(counts)}")
        elif not split.labelled:
            lines.append("  no labels: to predict")
        lines.append(f"  {split.path}")
    lines.append(f"metadata: {prepared.meta_data_path}")
    return "\n".join([*lines, "", "Next:", _next_command(prepared, model_dir)])


def _histogram(counts: "SplitStatistics") -> str:
    pairs = list(zip(counts.label_names, counts.label_counts))
    shown = ", ".join(f"{name} {count:,} ({count / max(counts.rows, 1):.1%})" for name, count in pairs[:20])
    return shown + (f", … ({len(pairs)} labels)" if len(pairs) > 20 else "")


def _next_command(prepared: "Prepared", model_dir: str | None) -> str:
    paths = {split.name: split.path for split in prepared.splits}
    modes = {(True, True): "train_and_eval", (True, False): "train", (False, True): "eval", (False, False): "predict"}
    parts = [
        f"  python run_classifier.py --mode={modes['train' in paths, 'eval' in paths]}",
        f"--input_meta_data_path={shlex.quote(prepared.meta_data_path)}",
    ]
    parts += [f"--{name}_data_path={shlex.quote(paths[name])}" for name in ("train", "eval", "test") if name in paths]
    model = ["--bert_config_file=<model>/bert_config.json", "--init_checkpoint=<model>/bert_model.ckpt", "--model_dir=<where to>"]
    if model_dir and "train" not in paths:
        model = [f"--model_dir={shlex.quote(model_dir)}"]
    return " \\\n    ".join(parts + model)


def command(description: str = "Makes TFRecords and meta_data.json for fine-tuning, from local files.") -> None:
    """Runs the command line and ends the process; `description` is what `--help` says first."""
    from bert_tf2 import cli

    cli.main(create_finetuning_data, FinetuningDataOptions, description)
