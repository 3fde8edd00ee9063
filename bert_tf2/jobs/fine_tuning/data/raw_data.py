"""Records made on the way from raw files, in the dialect of google-research/bert."""

import dataclasses
import fnmatch
import logging
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bert_tf2 import files
from bert_tf2.data.records.metadata import MetaData, read_meta_data
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_checks import check_directory, check_metadata
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.data.record_data import RecordData, tokenizer_of
from bert_tf2.jobs.preparation.reusable_records import SOURCE_FINGERPRINT, fingerprint, reusable
from bert_tf2.model_directory import model_files
from bert_tf2.model_directory.metadata_checks import check_symbols, records_of
from bert_tf2.model_directory.model_files import META_DATA
from bert_tf2.options import required
from bert_tf2.tasks.kind import kind_of

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig
    from bert_tf2.training.run_directory import RunDirectory

logger = logging.getLogger(__name__)

_RECORD_NAMES = {"train": "train.tf_record", "eval": "eval.tf_record", "test": "predict.tf_record"}


def made_records(options: ClassifierOptions, config: "BertConfig", run_directory: "RunDirectory") -> RecordData:
    """Makes records from raw files in `--output_dir`, unless those there are of the same data, vocabulary and flags.

    Raises:
      UserError: data or flags that cannot be used, or the directory is another model's; then it is left as it was.
    """
    from bert_tf2.jobs.fine_tuning.own_files import own_files
    from bert_tf2.registry import import_module
    from bert_tf2.tasks.classification.long_texts.rule import LongText
    from bert_tf2.tasks.classification.preparation import ClassificationPreparation
    from bert_tf2.tasks.classification.reading.glue import create_processor
    from bert_tf2.tasks.record_making import RecordOptions, described, prepare

    task_name = required(options.task_name)
    modules = [import_module(module) for module in options.module_import]
    # As google-research/bert's XNLI: Chinese, with its development set cut down to it.
    languages = {"xnli_language": options.xnli_language or "zh", "pawsx_language": options.pawsx_language or "en"}
    processor = create_processor(task_name, **languages, only_language=True)
    data_dir, directory = files.expand(required(options.data_dir)), run_directory.path
    meta_path = os.path.join(directory, META_DATA)
    trained_path = None if options.do_train else _trainings_metadata(options, run_directory)
    earlier = None if trained_path is None else read_meta_data(trained_path)
    if earlier is not None and trained_path is not None:
        options = _as_in_training(options, earlier, trained_path, run_directory)
    tokenizer = tokenizer_of(options, earlier)
    check_symbols(tokenizer, config)
    if not files.is_remote(data_dir) and not os.path.isdir(data_dir):
        raise UserError(f"--data_dir: no such directory: {data_dir}")
    wanted = [split for split, asked in _asked_splits(options).items() if asked]
    record_options = RecordOptions(skip_bad_rows=options.on_bad_row == "skip")
    processor.bad_rows = BadRows(record_options.skip_bad_rows, can_skip=True)
    length = options.max_seq_length or 128
    long_text = LongText.of_options(options, length)
    preparation = ClassificationPreparation(processor, data_dir, tokenizer, length, long_text)
    known = described(preparation, record_options)
    check_metadata(options, known, config)
    check_directory(run_directory, known, config, options.do_train)
    made_as = (
        task_name.lower(),
        languages,
        preparation.max_seq_length,
        *long_text.facts.items(),
        record_options,
        tokenizer.normalization.fact,
    )
    task = kind_of(known.task_type).task(known, config, options)
    # --output_dir may be or lie in the directory of the data: everything there that no run writes may be data.
    written = (*(pattern for name in _RECORD_NAMES.values() for pattern in (name, name.replace(".", "_*."))), *own_files(task))
    code = [module.__file__ for module in modules if module.__file__]
    source = fingerprint((*made_as, tokenizer.fingerprint), [*_data_files(data_dir, directory, written), *code])
    meta = reusable(meta_path, source, wanted)
    if meta is None:
        present = _present_splits(meta_path)
        outputs = {split: os.path.join(directory, name) for split, name in _RECORD_NAMES.items() if split in {*wanted, *present}}
        extra = {SOURCE_FINGERPRINT: source, **task.facts}

        def accept(made: MetaData) -> None:
            # The records of a finished run go with it.
            if options.do_train:
                run_directory.require_run({"data": records_of(made)})

        prepared = prepare(preparation, outputs, meta_path, record_options, extra, accept)
        for warning in prepared.warnings:
            logger.warning("%s", warning)
        meta = prepared.meta_data
    else:
        logger.info("using the records in %s: data, vocabulary and flags are the same", directory)
    paths = {split: os.path.join(directory, record_file.name) for split, record_file in meta.files.items()}
    kept = {split: path for split, path in paths.items() if split.split("_")[0] in wanted}
    return RecordData(options, meta, kept, config, tokenizer, processor, data_dir)


def _trainings_metadata(options: ClassifierOptions, directory: "RunDirectory") -> str | None:
    """The metadata of the training of the model that is to be used; None where there are none.

    Those in a directory that nothing was trained in are of an earlier evaluation or prediction.
    """
    place = options.predict_checkpoint_path or (None if directory.has_checkpoints() else options.init_checkpoint)
    path = os.path.join(directory.path if place is None else model_files.directory_of(files.expand(place)), META_DATA)
    return path if files.exists(path) else None


def _as_in_training(options: ClassifierOptions, meta: MetaData, meta_path: str, directory: "RunDirectory") -> ClassifierOptions:
    """The options of an evaluation or prediction, completed with what the metadata says of the training."""
    elsewhere = not directory.has_checkpoints()
    if elsewhere and options.max_seq_length not in (None, meta.max_seq_length):
        logger.warning(
            "--max_seq_length=%d, but the model was trained with %d (%s)", options.max_seq_length, meta.max_seq_length, meta_path
        )
    return dataclasses.replace(options, max_seq_length=options.max_seq_length or meta.max_seq_length)


def _asked_splits(options: ClassifierOptions) -> dict[str, bool]:
    return {
        "train": options.do_train,
        "eval": options.do_eval or (options.do_train and options.watches and options.num_folds is None),
        "test": options.do_predict,
    }


def _present_splits(meta_path: str) -> list[str]:
    if files.is_remote(meta_path) or not os.path.exists(meta_path):
        return []
    # Those of a training with records tell of files that lie elsewhere.
    directory = os.path.dirname(meta_path)
    return [split for split, file in read_meta_data(meta_path).files.items() if files.exists(os.path.join(directory, file.name))]


def _data_files(data_dir: str, output_dir: str, written: Sequence[str]) -> Iterator[str]:
    if files.is_remote(data_dir):
        import tensorflow as tf

        yield from sorted(tf.io.gfile.glob(os.path.join(data_dir, "*")))
        return
    from bert_tf2.jobs.fine_tuning.own_files import OWN_DIRECTORIES

    output_dir = os.path.realpath(output_dir)
    for directory, below, names in os.walk(data_dir):
        if os.path.realpath(directory) == output_dir:
            below[:] = [name for name in below if name not in OWN_DIRECTORIES]
            names = [name for name in names if not any(fnmatch.fnmatchcase(name, own) for own in written)]
        below.sort()
        yield from (os.path.join(directory, name) for name in sorted(names))
