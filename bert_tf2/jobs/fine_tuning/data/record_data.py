"""Records of any kind of task: given by the command, or made on the way from raw files."""

import dataclasses
import functools
import itertools
import logging
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bert_tf2 import files
from bert_tf2.data.records.metadata import MetaData, RecordFile
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier_checks import (
    check_long_text,
    check_task,
    model_facts,
    other_task,
    warn_of_other_texts,
)
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.data.run_data import RunData
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.sweeps.fold import Fold
from bert_tf2.jobs.training import training_setup
from bert_tf2.model_directory.metadata_checks import agreed_normalization, check_symbols, check_vocabulary
from bert_tf2.options import required
from bert_tf2.tasks.kind import kind_of

if TYPE_CHECKING:
    from bert_tf2.data.batches.pipeline import Records
    from bert_tf2.data.examples import InputExample
    from bert_tf2.data.records.record_set import RecordSet
    from bert_tf2.models.checkpoints.source import Source
    from bert_tf2.models.config import BertConfig
    from bert_tf2.tasks.base import ExampleSet, Task
    from bert_tf2.text.tokenizer import Tokenizer
    from bert_tf2.training.reporting.result_files import ResultInput
    from bert_tf2.training.run_directory import RunDirectory

logger = logging.getLogger(__name__)


class RecordData(RunData):
    """Records by split, their metadata, and the tokenizer that made them where it is at hand.

    Args:
      options: what was asked.
      meta: the metadata.
      paths: record files by split: `train`, `eval`, `test`, and further sets of the last two (`eval_mismatched`).
      config: the model's configuration.
      tokenizer: None when the command names no vocabulary.
      processor: gives the texts; None when only records are at hand.
      data_dir: handed to the processor.
    """

    meta: MetaData

    def __init__(
        self,
        options: ClassifierOptions,
        meta: MetaData,
        paths: dict[str, str],
        config: "BertConfig",
        tokenizer: Any = None,
        processor: Any = None,
        data_dir: str | None = None,
    ):
        self.meta, self.paths, self.tokenizer = meta, paths, tokenizer
        self.title, self.max_seq_length = meta.processor_type, meta.max_seq_length
        self._options, self._config = options, config
        self._processor, self._data_dir = processor, data_dir
        self._opened: dict[str, RecordSet] = {}
        self.fold = None
        if options.fold is not None and options.trains:
            self.fold = Fold(options.fold, required(options.num_folds), options.seed or 0)

    def task(self, config: "BertConfig", options: ClassifierOptions) -> "Task":
        """The task of the kind that the metadata name."""
        return kind_of(self.meta.task_type).task(self.meta, config, options)

    def training_records(self, task: "Task") -> "RecordSet":
        """The records of `--train_data_path`, or as many of them as `--train_data_size` says; of a fold without its own."""
        records = self._all_training_records(task)
        return records if self.fold is None else records.chosen(~self.held_out(task))

    def with_unlabelled(self, records: "RecordSet", task: "Task") -> "RecordSet":
        """With those of `--unlabelled_data_path`."""
        if self._options.unlabelled_data_path is None:
            return records
        from bert_tf2.jobs.fine_tuning.data.unlabelled_records import with_unlabelled

        return with_unlabelled(records, self._options.unlabelled_data_path, self.meta, task, self._config)

    def _all_training_records(self, task: "Task") -> "RecordSet":
        records, number = self._records("train", task), self._options.train_data_size
        if number is None:
            return records
        if number > len(records):
            raise UserError(f"--train_data_size={number}, but there are only {len(records)} training examples")
        return records.take(number)

    def evaluation_sets(self, task: "Task", finds_tuning: bool) -> list["ExampleSet"]:
        """The evaluation records, and those of further sets; for a fold the part that it is not trained on."""
        if self.fold is not None:
            whole = self.examples_of_all_folds(task)
            return [dataclasses.replace(whole, name="eval", records=whole.records.chosen(self.held_out(task)), suffix="")]
        return [self._example_set(split, "eval", task) for split in self._splits("eval")]

    def prediction_sets(self, task: "Task", evaluated: list["ExampleSet"]) -> list["ExampleSet"]:
        """The test records and those of further sets; without any, the evaluation records."""
        kind = "test" if "test" in self.paths else "eval"
        return [self._example_set(split, kind, task) for split in self._splits(kind)]

    def part_of_training(self) -> dict[str, Any]:
        """The fold."""
        return {} if self.fold is None else {"fold": dataclasses.asdict(self.fold)}

    def held_out(self, task: "Task") -> np.ndarray:
        """Which of the training examples the fold is not trained on: bool [N]."""
        records = self._all_training_records(task)
        return required(self.fold).held_out(len(records), task.strata(records))

    def examples_of_all_folds(self, task: "Task") -> "ExampleSet":
        """The training examples, as what is evaluated: by each fold a part of them."""
        examples = self._example_set("train", "train", task)
        return dataclasses.replace(examples, records=self._all_training_records(task), suffix="_out_of_fold")

    def _splits(self, kind: str) -> list[str]:
        return [split for split in self.paths if split.split("_")[0] == kind]

    def _example_set(self, split: str, kind: str, task: "Task") -> "ExampleSet":
        from bert_tf2.tasks.base import ExampleSet

        return ExampleSet(
            split,
            self._records(split, task),
            self.is_labelled(split),
            texts=None if self._processor is None else functools.partial(self._texts, split),
            origin=self.paths[split],
            suffix=split.removeprefix(kind),
        )

    def _records(self, split: str, task: "Task") -> "RecordSet":
        if split not in self._opened:
            self._opened[split] = self._open(split, task)
        return self._opened[split]

    def _open(self, split: str, task: "Task") -> "RecordSet":
        from bert_tf2.data.records.record_set import RecordSet

        flag, expected = self.flag(split), self._expected(split)
        records = RecordSet.open(self.paths[split], task.features, expected, flag)
        size = self.meta.sizes.get(split)
        if expected is None and size is not None and len(self.paths[split].split(",")) == 1 and size != len(records):
            raise UserError(
                f"--{flag}={self.paths[split]} holds {len(records)} records, but the metadata says {size}; "
                "give the records and the metadata of one preparation"
            )
        records.check_longest(self.meta.max_seq_length)
        # Otherwise the metadata answers for the vocabulary.
        if expected is None or self.meta.vocab_size is None:
            records.check_token_ids(self._config.vocab_size)
        task.check_records(records)
        return records

    def flag(self, split: str) -> str:
        """The flag that a split's records come from, for messages."""
        return f"{split.split('_')[0]}_data_path"

    def _expected(self, split: str) -> RecordFile | None:
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

    def _texts(self, split: str, example_ids: Sequence[int]) -> list[tuple[str, str | None]]:
        """The texts of the examples of a split with these ids.

        Raises:
          UserError: an example is not in the data any more.
        """
        return [(example.text_a, example.text_b) for example in self._examples(split, example_ids)]

    def _read(self, split: str) -> Iterable["InputExample"]:
        """The examples of a split, from its files."""
        # Rows that could not be used were told of when the records were made.
        self._processor.bad_rows = BadRows(skip=True)
        own = {"train": "get_train_examples", "eval": "get_dev_examples", "test": "get_test_examples"}
        if split in own:
            return getattr(self._processor, own[split])(self._data_dir)
        return self._processor.extra_splits(self._data_dir)[split]()

    def _examples(self, split: str, example_ids: Sequence[int]) -> list["InputExample"]:
        """The examples of a split with these ids.

        Raises:
          UserError: one is not in the data any more.
        """
        wanted = {int(example_id) for example_id in example_ids}
        numbered = ((row if one.example_id is None else one.example_id, one) for row, one in enumerate(self._read(split)))
        found = {number: one for number, one in numbered if number in wanted}
        try:
            return [found[int(example_id)] for example_id in example_ids]
        except KeyError as error:
            raise UserError(
                f"{split}: row {error} of the records is not in the data; did the data change after the records were made? "
                "Run the command again"
            ) from None

    def raw_texts(self, number: int) -> list[tuple[str, str | None]] | None:
        if self._processor is None:
            return None
        return [(example.text_a, example.text_b) for example in itertools.islice(self._read("train"), number)]

    def told_rows(self, split: str, records: "Records", rows: Sequence[int]) -> list[tuple[str, str]]:
        if self._processor is None:
            return super().told_rows(split, records, rows)
        from bert_tf2.data.records.parsing import parse_records

        spec = [spec for spec in records.specs if spec.name == "example_id"]
        ids = [int(parse_records([records.read(int(row))], spec)["example_id"][0]) for row in rows]
        examples = self._examples(split, ids)
        return [(one.where(), one.text_a if one.text_b is None else f"{one.text_a} ||| {one.text_b}") for one in examples]

    def input_of(self, examples: "ExampleSet") -> "ResultInput":
        """The records themselves, called by the data: records made on the way have the same names whatever the data."""
        from bert_tf2.training.reporting.result_files import ResultInput, called

        records, data_dir = examples.records, self._data_dir
        name = called(records.paths) if data_dir is None else os.path.basename(os.path.abspath(data_dir))
        return ResultInput.of(name, map(records.read, range(len(records))))

    def model_facts(self) -> dict[str, Any]:
        """The task, the vocabulary and the labels of the metadata."""
        return model_facts(self.meta)

    def google_train_steps(self, options: ClassifierOptions, records: "RecordSet") -> int:
        """By examples; the garden rounds the part of an epoch between two evaluations."""
        parts, limit = options.num_eval_per_epoch, options.train_data_size
        size = len(self._opened["train"] if self.fold is None else records)
        return training_setup.google_train_steps(size, options, options.is_tf1_dialect, parts, limit)

    def check_model_of(self, directory: "RunDirectory", named: str | None) -> None:
        """Compares the task's name, what happens to long texts, and whether texts are pairs.

        Raises:
          UserError: the run's own model is of another task, or the model saw long texts otherwise.
        """
        place = named or directory.path
        if named is None:
            check_task(place, self.meta)
            check_long_text(place, self.meta)
        elif (there := other_task(place, self.meta)) is not None:
            task = self.meta.processor_type
            logger.warning("%s holds a model of the task %s, and the data are %s's", place, there, task)
        else:
            check_long_text(place, self.meta)
        warn_of_other_texts(place, self.meta)

    def fitted(self, source: "Source", task: "Task", begins: bool) -> tuple["Source", dict[str, str]]:
        """With the classes in the data's order."""
        if "classifier" not in task.heads:
            return source, {}
        from bert_tf2.model_directory.checkpoint_origin import fit_classes
        from bert_tf2.models.families.names import HEADS

        source, reason = fit_classes(source, self.meta.label_list or None, task.num_labels, begins)
        if reason is None:
            return source, {}
        of_classes = [kind for kind in task.heads if HEADS[kind].is_of_classes]
        for kind in of_classes:
            source = source.without_head(kind)
        return source, dict.fromkeys(of_classes, reason)


def check_labelled(data: RecordData, phases: Phases) -> None:
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


def given_records(options: ClassifierOptions, meta: MetaData, config: "BertConfig") -> RecordData:
    """The records that a command in the model garden's dialect names.

    Raises:
      UserError: the vocabulary is not the records'.
    """
    named = {"train": options.train_data_path, "eval": options.eval_data_path, "test": options.test_data_path}
    paths = {split: files.expand(path) for split, path in named.items() if path}
    for kind in ("eval", "test"):
        paths |= _further_sets(meta, kind, paths.get(kind))
    tokenizer = None
    if options.vocab_file or options.sp_model_file:
        tokenizer = tokenizer_of(options, meta)
        check_vocabulary(meta, tokenizer)
        check_symbols(tokenizer, config)
    return RecordData(options, meta, paths, config, tokenizer)


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


def tokenizer_of(options: ClassifierOptions, meta: MetaData | None = None) -> "Tokenizer":
    """The tokenizer that made the records, or is to make them; its warnings are logged where it is to."""
    from bert_tf2.text.tokenizer import load_tokenizer, warnings_of

    made_with = None if meta is None else agreed_normalization(options, meta)
    tokenizer = load_tokenizer(
        vocab_file=options.vocab_file,
        sp_model_file=options.sp_model_file,
        tokenization="SentencePiece" if options.sp_model_file else "WordPiece",
        do_lower_case=options.do_lower_case,
        strip_accents=options.strip_accents,
        keep_tokens=options.keep_tokens,
        normalization=made_with,
    )
    if made_with is None:
        for warning in warnings_of(tokenizer):
            logger.warning("%s", warning)
    return tokenizer
