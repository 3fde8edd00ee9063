"""The SQuAD side of create_finetuning_data.py: training records and metadata from SQuAD's JSON."""

import logging
import os
import shlex
from typing import TYPE_CHECKING

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.model_directory.model_files import write_vocabulary_beside
from bert_tf2.options import refuse_overwriting
from bert_tf2.tasks.question_answering.kind import windows_of

if TYPE_CHECKING:
    from bert_tf2.jobs.preparation.options import FinetuningDataOptions
    from bert_tf2.tasks.question_answering.preparation import PreparedSquad


def create_squad_data(options: "FinetuningDataOptions") -> "PreparedSquad":
    """Writes the training records and the metadata, prints a summary and returns what was written.

    Args:
      options: checked .

    Raises:
      UserError: options, files or data that cannot be used.
      JobError: writing failed.
    """
    from bert_tf2.tasks.question_answering.preparation import SquadRecordOptions, prepare_squad
    from bert_tf2.text.tokenizer import load_tokenizer, warnings_of

    logger = logging.getLogger(__name__)
    paths = files.matching_files(options.squad_data_file, "squad_data_file")
    translated = _files_in(options.translated_squad_data_folder) if options.translated_squad_data_folder else []
    outputs = (options.train_data_output_path, options.meta_data_file_path)
    inputs = dict.fromkeys(paths, "squad_data_file") | dict.fromkeys(translated, "translated_squad_data_folder")
    refuse_overwriting(inputs | {options.vocab_file: "vocab_file"}, outputs)
    tokenizer = load_tokenizer(
        vocab_file=options.vocab_file, do_lower_case=options.do_lower_case, strip_accents=options.strip_accents
    )
    for warning in warnings_of(tokenizer):
        logger.warning(warning)
    record_options = SquadRecordOptions(
        windows=windows_of(options),
        version_2_with_negative=options.version_2_with_negative,
        pad_to_max_length=options.pad_to_max_length,
        gzip=options.gzip_compress,
        answer_labels=options.answer_labels,
        skip_bad_rows=options.on_bad_row == "skip",
    )
    prepared = prepare_squad(paths, tokenizer, *outputs, record_options, translated)
    write_vocabulary_beside(prepared.meta_data_path, tokenizer)
    for warning in prepared.warnings:
        logger.warning(warning)
    print(summary(prepared))
    return prepared


def _files_in(folder: str) -> list[str]:
    """The JSON files of a folder."""
    import tensorflow as tf

    from bert_tf2 import files

    folder = files.expand(folder)
    if not tf.io.gfile.isdir(folder):
        raise UserError(f"--translated_squad_data_folder: no such folder: {folder}")
    paths = [os.path.join(folder, name) for name in sorted(tf.io.gfile.listdir(folder)) if name.endswith(".json")]
    if not paths:
        raise UserError(f"--translated_squad_data_folder: no *.json in {folder}")
    return paths


def summary(prepared: "PreparedSquad") -> str:
    """What was written and what to run next."""
    counts, meta_data = prepared.counts, prepared.meta_data
    tokens = sum(length * count for length, count in enumerate(counts.length_counts))
    impossible = f", {counts.impossible:,} without an answer" if counts.impossible else ""
    lines = [
        f"train: {counts.questions:,} questions on {counts.paragraphs:,} paragraphs{impossible}",
        f"  {counts.windows:,} windows, {tokens / counts.windows:.1f} tokens on average, "
        f"{counts.windows_without_answer / counts.windows:.1%} do not show the answer",
        f"  {prepared.path}",
        f"metadata: {prepared.meta_data_path}",
        "",
        "Next:",
    ]
    parts = [
        "  python run_squad.py --mode=train_and_eval",
        f"--input_meta_data_path={shlex.quote(prepared.meta_data_path)}",
        f"--train_data_path={shlex.quote(prepared.path)}",
        "--predict_file=<dev.json>",
        "--bert_config_file=<model>/bert_config.json",
        "--init_checkpoint=<model>/bert_model.ckpt",
        "--model_dir=<where to>",
    ]
    if meta_data.extra["version_2_with_negative"]:
        parts.insert(1, "--version_2_with_negative")
    return "\n".join([*lines, " \\\n    ".join(parts)])
