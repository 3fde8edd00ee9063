"""Where the classifier's records are: given by the command, or made on the way from raw files."""

import dataclasses
import fnmatch
import logging
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.data.records.metadata import MetaData, RecordFile, read_meta_data
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_checks import check_directory, check_metadata
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions, Phases
from bert_tf2.jobs.preparation.reusable_records import SOURCE_FINGERPRINT, fingerprint, reusable
from bert_tf2.model_directory import model_files
from bert_tf2.model_directory.metadata_checks import agreed_normalization, check_vocabulary, records_of
from bert_tf2.model_directory.model_files import META_DATA, MODEL_FILES

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig
    from bert_tf2.training.run_directory import RunDirectory

logger = logging.getLogger(__name__)

_RECORD_NAMES = {"train": "train.tf_record", "eval": "eval.tf_record", "test": "predict.tf_record"}
# What a run writes into --output_dir, which may be or lie in the directory of the data: everything else there may be data.
_OWN_DIRECTORIES = ("summaries",)
_OWN_FILES = (
    "train.tf_record", "eval*.tf_record", "predict*.tf_record", *MODEL_FILES, f"*{files.INCOMPLETE}*", f"*{files.REJECTS}",
    "checkpoint", "*ckpt-*", "best_checkpoint.json", "run_config.json", "training_history.jsonl", ".trainer.lock",
    "eval_results*", "eval_predictions*.tsv", "test_results*.tsv", "predictions*.tsv", "result_inputs.json",
    "report.md", "loss_curve.png", "confusion_matrix.png", "predicted_against_gold.png",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class ClassifierData:
    """Records by split, their metadata, and the tokenizer that made them where it is at hand.

    Attributes:
      meta: the metadata.
      paths: record files by split: `train`, `eval`, `test`, and further sets of the last two (`eval_mismatched`).
      tokenizer: None when the command names no vocabulary.
      processor: gives the texts; None when only records are at hand.
      data_dir: handed to the processor.
    """

    meta: MetaData
    paths: dict[str, str]
    tokenizer: Any = None
    processor: Any = None
    data_dir: str | None = None

    def flag(self, split: str) -> str:
        """The flag that a split's records come from, for messages."""
        return f"{split.split('_')[0]}_data_path"

    def expected(self, split: str) -> RecordFile | None:
        """What the metadata says about a split's file; None for several files and where it says nothing.

        Raises:
          UserError: there is no such file, or it is not of the preparation that the metadata tells of.
        """
        path = self.paths[split]
        if any(sign in path for sign in ",*?["):
            return None
        path = files.require_file(path, self.flag(split))
        named = self.meta.split_of(path, split)
        file = self.meta.files.get(named or split)
        # A file that was only renamed is as good as before.
        if named is None and file is not None and files.size_of(path) != file.bytes:
            known = ", ".join(dict.fromkeys(file.name for file in self.meta.files.values()))
            raise UserError(
                f"--{self.flag(split)}={path} is not one of the files that the metadata tells of ({known}); "
                "give the records and the metadata of one preparation"
            )
        return file

    def is_labelled(self, split: str) -> bool:
        """Whether the split's labels are real ones; test data often holds placeholders."""
        named = self.meta.split_of(self.paths[split], split) or split
        return not named.startswith("test") or bool(self.meta.extra.get("test_has_labels"))

    def texts(self, split: str, example_ids: Sequence[int]) -> list[tuple[str, str | None]] | None:
        """The texts of the examples of a split with these ids; None when only records are at hand.

        Raises:
          UserError: an example is not in the data any more.
        """
        if self.processor is None:
            return None
        # Rows that could not be used were told of when the records were made.
        self.processor.bad_rows = BadRows(skip=True)
        if split in ("eval", "test"):
            read = self.processor.get_dev_examples if split == "eval" else self.processor.get_test_examples
            examples = read(self.data_dir)
        else:
            examples = self.processor.extra_splits(self.data_dir)[split]()
        found = {
            row if example.example_id is None else example.example_id: (example.text_a, example.text_b)
            for row, example in enumerate(examples)
        }
        try:
            return [found[int(example_id)] for example_id in example_ids]
        except KeyError as error:
            raise UserError(
                f"{split}: row {error} of the records is not in the data; did the data change after the records were made? "
                "Run the command again"
            ) from None


def check_labelled(data: ClassifierData, phases: Phases) -> None:
    """Checks that what is trained or evaluated on has labels: records for prediction hold placeholders.

    Raises:
      UserError: the metadata says that it has none.
    """
    for split, path in data.paths.items():
        wanted = phases.train if split == "train" else phases.evaluate or phases.evaluate_while_training
        if wanted and not split.startswith("test") and not data.is_labelled(split):
            raise UserError(
                f"--{data.flag(split)}={path}: these records have no labels (test_has_labels in the metadata is false); "
                "use --mode=predict"
            )


def given_records(options: ClassifierOptions) -> ClassifierData:
    """The records that a command in the model garden's dialect names.

    Raises:
      UserError: the metadata is unusable, or the vocabulary is not the records'.
    """
    meta = read_meta_data(options.input_meta_data_path)
    paths = {"train": options.train_data_path, "eval": options.eval_data_path, "test": options.test_data_path}
    paths = {split: files.expand(path) for split, path in paths.items() if path}
    for kind in ("eval", "test"):
        paths |= _further_sets(meta, kind, paths.get(kind))
    tokenizer = None
    if options.vocab_file or options.sp_model_file:
        tokenizer = _tokenizer(options, meta)
        check_vocabulary(meta, tokenizer)
    return ClassifierData(meta, paths, tokenizer)


def _further_sets(meta: MetaData, kind: str, path: str | None) -> dict[str, str]:
    """The files of further evaluation or test sets that were made with the one at `path` and lie beside it."""
    if path is None or any(sign in path for sign in ",*?[") or kind not in meta.files:
        return {}
    if meta.split_of(path, kind) not in (kind, None):
        return {}
    beside = {
        split: os.path.join(os.path.dirname(path), record_file.name)
        for split, record_file in meta.files.items()
        if split.startswith(f"{kind}_")
    }
    return {split: other for split, other in beside.items() if files.exists(other)}


def made_records(options: ClassifierOptions, config: "BertConfig", run_directory: "RunDirectory") -> ClassifierData:
    """Makes records from raw files in `--output_dir`, unless those there are of the same data, vocabulary and flags.

    Raises:
      UserError: data or flags that cannot be used, or the directory is another model's; then it is left as it was.
    """
    from bert_tf2.registry import import_module
    from bert_tf2.tasks.classification.glue import create_processor
    from bert_tf2.tasks.classification.preparation import RecordOptions, described, prepare

    modules = [import_module(module) for module in options.module_import]
    # As google-research/bert's XNLI: Chinese, with its development set cut down to it.
    languages = {"xnli_language": options.xnli_language or "zh", "pawsx_language": options.pawsx_language or "en"}
    processor = create_processor(options.task_name, **languages, only_language=True)
    data_dir, directory = files.expand(options.data_dir), run_directory.path
    meta_path = os.path.join(directory, META_DATA)
    trained_path = None if options.do_train else _trainings_metadata(options, run_directory)
    earlier = None if trained_path is None else read_meta_data(trained_path)
    if earlier is not None:
        options = _as_in_training(options, earlier, trained_path, run_directory)
    tokenizer = _tokenizer(options, earlier)
    if not files.is_remote(data_dir) and not os.path.isdir(data_dir):
        raise UserError(f"--data_dir: no such directory: {data_dir}")
    wanted = [split for split, asked in _asked_splits(options).items() if asked]
    record_options = RecordOptions(options.max_seq_length or 128, skip_bad_rows=options.on_bad_row == "skip")
    known = described(processor, tokenizer, record_options)
    check_metadata(options, known, config)
    check_directory(run_directory, known, config, options.do_train)
    settings = (options.task_name.lower(), languages, record_options, tokenizer.normalization.fact)
    source = _fingerprint((*settings, tokenizer.fingerprint), data_dir, directory, modules)
    meta = reusable(meta_path, source, wanted)
    if meta is None:
        present = _present_splits(meta_path)
        outputs = {split: os.path.join(directory, name) for split, name in _RECORD_NAMES.items() if split in {*wanted, *present}}
        extra = {SOURCE_FINGERPRINT: source}

        def accept(made: MetaData) -> None:
            # The records of a finished run go with it.
            if options.do_train:
                run_directory.require_run({"data": records_of(made)})

        prepared = prepare(processor, data_dir, tokenizer, outputs, meta_path, record_options, extra, accept)
        for warning in prepared.warnings:
            logger.warning("%s", warning)
        meta = prepared.meta_data
    else:
        logger.info("using the records in %s: data, vocabulary and flags are the same", directory)
    paths = {split: os.path.join(directory, record_file.name) for split, record_file in meta.files.items()}
    kept = {split: path for split, path in paths.items() if split.split("_")[0] in wanted}
    return ClassifierData(meta, kept, tokenizer, processor, data_dir)


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
        "eval": options.do_eval or (options.do_train and options.watches),
        "test": options.do_predict,
    }


def _tokenizer(options: ClassifierOptions, meta: MetaData | None = None):
    """The tokenizer that made the records, or is to make them; its warnings are logged where it is to."""
    from bert_tf2.text.tokenizer import load_tokenizer, warnings_of

    made_with = None if meta is None else agreed_normalization(options, meta)
    tokenizer = load_tokenizer(
        vocab_file=options.vocab_file,
        sp_model_file=options.sp_model_file,
        tokenization="SentencePiece" if options.sp_model_file else "WordPiece",
        do_lower_case=options.do_lower_case,
        strip_accents=options.strip_accents,
        normalization=made_with,
    )
    if made_with is None:
        for warning in warnings_of(tokenizer):
            logger.warning("%s", warning)
    return tokenizer


def _present_splits(meta_path: str) -> list[str]:
    if files.is_remote(meta_path) or not os.path.exists(meta_path):
        return []
    # Those of a training with records tell of files that lie elsewhere.
    directory = os.path.dirname(meta_path)
    return [split for split, file in read_meta_data(meta_path).files.items() if files.exists(os.path.join(directory, file.name))]


def _fingerprint(settings: tuple, data_dir: str, output_dir: str, modules: list) -> str:
    code = [module.__file__ for module in modules if module.__file__]
    return fingerprint(settings, [*_data_files(data_dir, output_dir), *code])


def _data_files(data_dir: str, output_dir: str) -> Iterator[str]:
    if files.is_remote(data_dir):
        import tensorflow as tf

        yield from sorted(tf.io.gfile.glob(os.path.join(data_dir, "*")))
        return
    output_dir = os.path.realpath(output_dir)
    for directory, below, names in os.walk(data_dir):
        if os.path.realpath(directory) == output_dir:
            below[:] = [name for name in below if name not in _OWN_DIRECTORIES]
            names = [name for name in names if not any(fnmatch.fnmatchcase(name, own) for own in _OWN_FILES)]
        below.sort()
        yield from (os.path.join(directory, name) for name in sorted(names))
