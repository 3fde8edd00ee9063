"""Makes records and metadata for fine-tuning: the model garden's flags, and a user's own files without code."""

import dataclasses
import logging
import shlex
from typing import TYPE_CHECKING

from bert_tf2.errors import UserError
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.jobs.preparation.squad_data import create_squad_data
from bert_tf2.jobs.preparation.trained_rows import as_trained, model_directory_of
from bert_tf2.model_directory.metadata_checks import check_vocabulary
from bert_tf2.model_directory.model_files import write_vocabulary_beside
from bert_tf2.options import refuse_overwriting, require_given
from bert_tf2.runtime import ended_by_sigterm, job
from bert_tf2.tasks.classification.options import label_names
from bert_tf2.tasks.kind import SPLITS, kinds
from bert_tf2.tasks.kind_options import refuse_options_of_others

if TYPE_CHECKING:
    from bert_tf2.data.processors import DataProcessor
    from bert_tf2.data.records.metadata import MetaData
    from bert_tf2.tasks.classification.preparation import Prepared
    from bert_tf2.tasks.classification.statistics import SplitStatistics
    from bert_tf2.tasks.question_answering.preparation import PreparedSquad


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
    refuse_overwriting(given, (*_outputs(options).values(), options.meta_data_file_path))
    kind.check(options)


def _outputs(options: FinetuningDataOptions) -> dict[str, str]:
    paths = {split: getattr(options, f"{split}_data_output_path") for split in SPLITS}
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

    from bert_tf2.tasks.classification.preparation import RecordOptions, prepare

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


def processor_of(options: FinetuningDataOptions, names: tuple[str, ...] = ()) -> "DataProcessor":
    """What gives the examples of the task or of the files that the options name.

    Args:
      options: checked.
      names: of own files, instead of `--labels`.

    Raises:
      UserError: there is no such task or file, or a file's columns are not what the options say.
    """
    is_regression = options.fine_tuning_task_type == "regression"
    if options.classification_task_name:
        from bert_tf2.tasks.classification.glue import create_processor

        processor = create_processor(
            options.classification_task_name,
            mnli_type=options.mnli_type,
            xnli_language=options.xnli_language,
            pawsx_language=options.pawsx_language,
        )
        if is_regression and not processor.is_regression:
            raise UserError(f"{processor.name()} has classes, not numbers; leave --fine_tuning_task_type=regression out")
        return processor
    from bert_tf2.tasks.classification.tabular import TabularOptions, TabularProcessor

    given = {
        field.name: getattr(options, field.name) for field in dataclasses.fields(TabularOptions) if hasattr(options, field.name)
    }
    return TabularProcessor(TabularOptions(**given | {"labels": names or label_names(options), "is_regression": is_regression}))


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
