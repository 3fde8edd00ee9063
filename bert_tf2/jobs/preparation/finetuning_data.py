"""Makes records and metadata for fine-tuning: the model garden's flags, and a user's own files without code."""

import logging
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.jobs.preparation.trained_rows import as_trained, model_directory_of
from bert_tf2.model_directory.metadata_checks import check_vocabulary
from bert_tf2.model_directory.model_files import write_vocabulary_beside
from bert_tf2.options import refuse_overwriting, require_given, required
from bert_tf2.runtime import ended_by_sigterm, job
from bert_tf2.tasks.kind import SPLITS, kinds
from bert_tf2.tasks.kind_options import refuse_options_of_others

if TYPE_CHECKING:
    from bert_tf2.data.records.metadata import MetaData
    from bert_tf2.tasks.preparation import Preparation
    from bert_tf2.tasks.record_making import Prepared


def check_finetuning_data_options(options: FinetuningDataOptions) -> None:
    """Applies the checks between options; heavy imports come after it.

    Raises:
      UserError: something needed is not given, or two things are that exclude each other.
    """
    kind = kinds.get(options.fine_tuning_task_type)
    refuse_options_of_others(options, kind)
    vocabulary = "vocab_file" if options.tokenization == "WordPiece" else "sp_model_file"
    needed = {
        "meta_data_file_path": "the meta_data.json that training reads",
        vocabulary: "the vocabulary of the model that will be fine-tuned",
    }
    require_given(options, kind.needed(options) | needed)
    inputs = ("train_file", "eval_file", "test_file", "vocab_file", "sp_model_file", "input_meta_data_path")
    given = {getattr(options, flag): flag for flag in inputs if getattr(options, flag)}
    refuse_overwriting(given, (*_outputs(options).values(), required(options.meta_data_file_path)))
    kind.check(options)


def _outputs(options: FinetuningDataOptions) -> dict[str, str]:
    paths = {split: getattr(options, f"{split}_data_output_path") for split in SPLITS}
    return {split: path for split, path in paths.items() if path}


@job
def create_finetuning_data(options: FinetuningDataOptions) -> "Prepared":
    """Writes the records and the metadata, prints a summary and returns what was written.

    Raises:
      UserError: options, files or rows that cannot be used.
      JobError: writing failed, or SIGTERM arrived; nothing half written is left.
    """
    options, trained = as_trained(options)
    check_finetuning_data_options(options)
    kind = kinds.get(options.fine_tuning_task_type)

    def preparation(tokenizer: Any) -> "Preparation":
        made = kind.preparation(options, tokenizer, trained)
        made.task_type = made.task_type or kind.task_type
        return made

    with ended_by_sigterm():
        made, prepared = write_records(options, preparation, trained)
        model_dir = None if trained is None else model_directory_of(required(options.input_meta_data_path))
        print(summary(made, prepared, model_dir, options.module_import))
        return prepared


def write_records(
    options: FinetuningDataOptions, make: Callable[[Any], "Preparation"], trained: "MetaData | None" = None
) -> tuple["Preparation", "Prepared"]:
    """Makes records and metadata, where and how the options say, and logs what is odd about the data.

    Args:
      options: checked.
      make: what makes records of the data, by the tokenizer.
      trained: metadata of the training whose text these records' is to be like.

    Returns:
      What made the records, and what was written.

    Raises:
      UserError: files or rows that cannot be used, or another vocabulary than the training's.
      JobError: writing failed.
    """
    from bert_tf2.tasks.record_making import RecordOptions, prepare
    from bert_tf2.text.tokenizer import load_tokenizer, warnings_of

    logger = logging.getLogger(__name__)
    tokenizer = load_tokenizer(
        vocab_file=options.vocab_file,
        sp_model_file=options.sp_model_file or None,
        tokenization=options.tokenization,
        do_lower_case=options.do_lower_case,
        strip_accents=options.strip_accents,
        keep_tokens=options.keep_tokens,
        normalization=None if trained is None else trained.normalization,
    )
    if trained is not None:
        check_vocabulary(trained, tokenizer)
    for warning in warnings_of(tokenizer):
        logger.warning(warning)
    preparation = make(tokenizer)
    record_options = RecordOptions(options.pad_to_max_length, options.gzip_compress, options.on_bad_row == "skip")
    prepared = prepare(preparation, _outputs(options), required(options.meta_data_file_path), record_options)
    write_vocabulary_beside(prepared.meta_data_path, tokenizer)
    for warning in prepared.warnings:
        logger.warning(warning)
    return preparation, prepared


def summary(preparation: "Preparation", prepared: "Prepared", model_dir: str | None = None, modules: Sequence[str] = ()) -> str:
    """What was written, split by split, and what to run next: with the model in `model_dir`, where there is one, and with the
    modules that may have registered the kind of task."""
    lines = []
    for split in prepared.splits:
        lines += [*preparation.summary(split), f"  {split.path}"]
    lines += [f"metadata: {prepared.meta_data_path}", "", "Next:"]
    paths = {split.name: split.path for split in prepared.splits}
    model = ["--bert_config_file=<model>/bert_config.json", "--init_checkpoint=<model>/bert_model.ckpt", "--model_dir=<where to>"]
    if model_dir and "train" not in paths:
        model = [f"--model_dir={shlex.quote(model_dir)}"]
    model += [f"--module_import={shlex.quote(module)}" for module in modules]
    command = " \\\n    ".join([*preparation.next_command(prepared.meta_data_path, paths), *model])
    return "\n".join([*lines, f"  python {command}"])


def command(description: str = "Makes TFRecords and meta_data.json for fine-tuning, from local files.") -> None:
    """Runs the command line and ends the process; `description` is what `--help` says first."""
    from bert_tf2 import cli

    cli.main(create_finetuning_data, FinetuningDataOptions, description)
