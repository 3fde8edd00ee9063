"""Fine-tuning, evaluating and using a classifier from Python: the jobs behind the commands, on lists, `tf.data` sets or files."""

import contextlib
import dataclasses
import functools
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.data.records.metadata import PROMPT_CLASSIFICATION, MetaData, read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.inference.text_classifier import Prediction, TextClassifier, other_kind
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions, check_combination, phases_of, without_training
from bert_tf2.jobs.preparation.finetuning_data import (
    check_finetuning_data_options,
    write_records,
)
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.jobs.training import training_setup
from bert_tf2.jobs.training.opening import read_config, with_hub_module
from bert_tf2.model_directory.metadata_checks import flags_of
from bert_tf2.model_directory.model_files import META_DATA, completed
from bert_tf2.options import refuse_unknown, required
from bert_tf2.runtime import at_work
from bert_tf2.tasks.classification.kind import TASK_TYPES
from bert_tf2.tasks.classification.long_texts.rule import LongText
from bert_tf2.tasks.classification.reading.in_memory import FORMS, InMemoryProcessor, texts_of
from bert_tf2.tasks.classification.reading.prompt_source import prompt_preparation
from bert_tf2.tasks.classification.reading.source import preparation_of, processor_of
from bert_tf2.tasks.kind import kind_of
from bert_tf2.tasks.row_options import TextRowOptions, refuse_repeated_name

if TYPE_CHECKING:
    from bert_tf2.data.processors import DataProcessor
    from bert_tf2.training.trainer_config import TrainingResult

logger = logging.getLogger(__name__)

_FILE_OPTIONS = (
    "input_meta_data_path", "label_separator", "label_columns", *(field.name for field in dataclasses.fields(TextRowOptions)),
)  # fmt: skip
_COLUMNS = ("text_column", "text_b_column", "label_column", "weight_column")
# Of create_finetuning_data.py, what a call may say besides what run_classifier.py has too.
_DATA_OPTIONS = ("fine_tuning_task_type", "multi_label", "on_bad_row", *_FILE_OPTIONS)
_KINDS = ("classification", "multi_label", "regression")
# What a call says otherwise, or not at all.
_OWN = frozenset(
    {
        "mode", "input_meta_data_path", "train_data_path", "eval_data_path", "test_data_path", "output_dir",
        "task_name", "data_dir", "xnli_language", "pawsx_language", "do_train", "do_eval", "do_predict", "module_import",
    }
)  # fmt: skip


class Classifier:
    """A classifier, or a regressor, in its run directory.

        classifier = Classifier.train(
            (["a delight", "a bore"], ["positive", "negative"]),
            model_dir="model", bert_config_file="bert/bert_config.json", vocab_file="bert/vocab.txt",
            init_checkpoint="bert/bert_model.ckpt", num_train_epochs=3,
        )
        classifier.evaluate((["not bad at all"], ["positive"]))["accuracy"]
        classifier.predict(["a charming film"])[0].probabilities["positive"]

    Made by `train` or `from_run`. The directory is that of `run_classifier.py`, which can go on with it.

    Attributes:
      model_dir: the run directory.
      labels: label names in id order; empty for regression.
      scores: the metrics of the evaluation that ended the training; empty without one.
      training: what `run_classifier` says of the training; None for a run that was opened.
    """

    def __init__(self, options: ClassifierOptions, data_options: FinetuningDataOptions, meta: MetaData):
        self._options, self._data_options, self._meta = options, data_options, meta
        self.model_dir, self.labels = files.expand(required(options.model_dir)), list(meta.label_list)
        self.scores: dict[str, float] = {}
        self.training: TrainingResult | None = None

    @classmethod
    def train(
        cls,
        train: Any,
        eval: Any = None,
        *,
        model_dir: str | os.PathLike,
        labels: Sequence[str] | None = None,
        **options: Any,
    ) -> "Classifier":
        """Fine-tunes, and evaluates where there is something to evaluate on; as `run_classifier.py` does.

        The same call again goes on where a run was interrupted, and gives a finished one as it is.

        Args:
          train: a tuple `(texts, labels)` of lists, or `(texts, labels, weights)`; a text may be a pair. Or a `tf.data.Dataset`
            of such elements or of dictionaries, or the path of a TSV, CSV or JSONL file. Where a text has any number of labels,
            each label is a list of names.
          eval: likewise, to evaluate on while training and at its end.
          model_dir: where checkpoints and results go.
          labels: label names in id order; None collects them from the data and sorts them.
          options: of `run_classifier.py` (`ClassifierOptions`), such as `bert_config_file`, `vocab_file` and `init_checkpoint`
            (or `hub_module_url` for all three), `num_train_epochs`, `learning_rate`, `max_seq_length`; and of
            `create_finetuning_data.py` what tells of the data: `fine_tuning_task_type="regression"`, `text_column`,
            `on_bad_row`, …

        Raises:
          UserError: data or options that cannot be used; nothing was trained.
          JobError: the training failed, or was interrupted after saving its state.
        """
        if options.get("num_seeds", 1) != 1:
            raise UserError(
                f"num_seeds={options['num_seeds']} is for run_classifier.py, and this gives one model: call it with seed=1, "
                "seed=2 … and a model_dir each"
            )
        data = {"train": train} | ({} if eval is None else {"eval": eval})
        both = _split(options, model_dir=model_dir, mode="train" if eval is None else "train_and_eval")
        with at_work(), _records_of(data, *both, labels) as run_options:
            result = run_classifier(run_options)
            classifier = cls.from_run(model_dir, **without_training(options))
        classifier.training = result["training"]
        classifier.scores = result.get("evaluation", {}).get("eval", {})
        return classifier

    @classmethod
    def from_run(cls, model_dir: str | os.PathLike, **options: Any) -> "Classifier":
        """Opens the directory of a run of `train` or `run_classifier.py`.

        Args:
          model_dir: the directory; configuration, vocabulary, labels, length and casing are found there.
          options: of `run_classifier.py`, such as `load_checkpoint="best"` or `num_gpus`.

        Raises:
          UserError: there is no such run, or an option cannot be used.
        """
        run_options, data_options = _split(options, model_dir=model_dir)
        directory = files.expand(required(run_options.model_dir))
        meta_data_path = os.path.join(directory, META_DATA)
        if not files.exists(meta_data_path):
            raise UserError(f"--model_dir={directory} holds no {META_DATA}, which a training leaves there; train first")
        meta = read_meta_data(meta_data_path)
        if meta.task_type not in TASK_TYPES:
            raise UserError(f"--model_dir={directory} is of {meta.task_type}; a Classifier takes {', '.join(TASK_TYPES)}")
        with at_work():
            run_options = completed(run_options, [directory], needs_metadata=False)
        data_options = dataclasses.replace(
            data_options,
            fine_tuning_task_type=kind_of(meta.task_type).name,
            vocab_file=run_options.vocab_file,
            sp_model_file=run_options.sp_model_file or "",
            tokenization="SentencePiece" if run_options.sp_model_file else "WordPiece",
            **flags_of(meta),
            **LongText.of(meta).facts,
        )
        return cls(run_options, data_options, meta)

    def evaluate(self, data: Any) -> dict[str, float]:
        """The metrics on labelled data, by name; written into `model_dir` too, as `run_classifier.py --mode=eval` does.

        Args:
          data: in a form of `train`.

        Raises:
          UserError: data that cannot be used, or a label that the model does not know.
        """
        options = dataclasses.replace(self._options, mode="eval", init_checkpoint=None)
        with (
            at_work(),
            _records_of({"eval": data}, options, self._data_options, self.labels, self._meta) as run_options,
        ):
            return run_classifier(run_options)["evaluation"]["eval"]

    def predict(self, texts: Sequence[str] | Sequence[tuple[str, str]], batch_size: int = 32) -> list[Prediction]:
        """What the model says of each text or pair, in their order; the model stays loaded. Nothing is written.

        Args:
          texts: a list of strings, or of pairs of strings.
          batch_size: texts computed at a time; changes no result.

        Raises:
          UserError: one of them is no text; the message holds its index.
        """
        found = texts_of("texts", texts)
        with at_work():
            return self._text_classifier.predict_all(found, batch_size)

    @functools.cached_property
    def _text_classifier(self) -> TextClassifier:
        return TextClassifier.from_run(self.model_dir, self._options.load_checkpoint)

    def export(self, path: str | os.PathLike, **options: Any) -> None:
        """Writes SavedModels: `path` takes token ids, `path` with `_text` takes raw text, as `run_classifier.py` does.

        Args:
          path: a new directory.
          options: more of `run_classifier.py`.

        Raises:
          UserError: something is there already, or nothing can be written there.
        """
        meta_data_path = os.path.join(self.model_dir, META_DATA)
        given = {
            "mode": "export_only",
            "init_checkpoint": None,
            "input_meta_data_path": meta_data_path,
            "model_export_path": path,
        }
        run_classifier(dataclasses.replace(self._options, **given | options))


def _split(options: Mapping[str, Any], **own: Any) -> tuple[ClassifierOptions, FinetuningDataOptions]:
    """A call's options as those of the two jobs; what both have goes to both.

    Raises:
      UserError: one is unknown or belongs to something else, or its value is refused.
    """
    of_run = {field.name for field in dataclasses.fields(ClassifierOptions.whole())} - {*_OWN, *own, *_DATA_OPTIONS}
    of_data = {field.name for field in dataclasses.fields(FinetuningDataOptions.whole())} & (of_run | {*_DATA_OPTIONS})
    for name in options:
        if name in _OWN:
            raise UserError(f"--{name} is for the command; a call gives data and directory by its own arguments")
    refuse_unknown(options, of_run | of_data, "ClassifierOptions")
    run_options = ClassifierOptions(**own, **{name: value for name, value in options.items() if name in of_run})
    if run_options.hub_module_url:
        run_options = _with_files_of_module(run_options)
        vocabulary = {name: getattr(run_options, name) for name in ("vocab_file", "sp_model_file")}
        options = {**options, **vocabulary}
    tokenization = "SentencePiece" if run_options.sp_model_file else "WordPiece"
    task = options.get("fine_tuning_task_type") or "classification"
    if task not in _KINDS:
        raise UserError(f"--fine_tuning_task_type={task} is not a Classifier's, which learns {', '.join(_KINDS)}")
    for_data = {name: value for name, value in options.items() if name in of_data and value is not None}
    return run_options, FinetuningDataOptions(tokenization=tokenization, **for_data)


def _with_files_of_module(options: ClassifierOptions) -> ClassifierOptions:
    """The options with what `--hub_module_url` stands for."""
    options = with_hub_module(options)
    options = completed(options, (options.hub_module_url,), needs_metadata=False)
    return dataclasses.replace(options, hub_module_url=None)


@contextlib.contextmanager
def _records_of(
    data: Mapping[str, Any],
    run_options: ClassifierOptions,
    data_options: FinetuningDataOptions,
    labels: Sequence[str] | None,
    trained: MetaData | None = None,
) -> Iterator[ClassifierOptions]:
    """Makes records of the data, which are there as long as this is entered, and gives the options to run on them; `trained` are
    the metadata of the model that they are for."""
    has_pairs = None if trained is None else trained.has_pairs
    with tempfile.TemporaryDirectory(prefix="bert_tf2-") as directory:
        paths = {split: os.path.join(directory, f"{split}.tf_record") for split in data}
        meta_data_path = os.path.join(directory, META_DATA)
        records: dict[str, Any] = {f"{split}_data_path": path for split, path in paths.items()}
        run_options = dataclasses.replace(run_options, input_meta_data_path=meta_data_path, **records)
        # What is wrong with the options is told before anything is made.
        check_combination(run_options)
        training_setup.check_training_options(run_options)
        phases_of(run_options)
        read_config(run_options)
        outputs: dict[str, Any] = {f"{split}_data_output_path": path for split, path in paths.items()}
        data_options = dataclasses.replace(data_options, meta_data_file_path=meta_data_path, **outputs)
        if trained is not None and trained.task_type == PROMPT_CLASSIFICATION:
            # What is put around texts is the model's.
            processor = _processor(data, dataclasses.replace(data_options, fine_tuning_task_type="classification"), labels)
            make: Callable = functools.partial(prompt_preparation, data_options, trained=trained, processor=processor)
        else:
            make = functools.partial(preparation_of, _processor(data, data_options, labels), data_options)
        _, prepared = write_records(data_options, make)
        written = prepared.meta_data.has_pairs
        if written is not None and has_pairs is not None and written != has_pairs:
            raise UserError(f"an element {other_kind(has_pairs)}")
        yield run_options
        for split, path in paths.items():
            if os.path.exists(path + files.REJECTS):
                listed = os.path.join(files.expand(required(run_options.model_dir)), f"{split}{files.REJECTS}")
                shutil.copyfile(path + files.REJECTS, listed)
                logger.warning("%s: the elements that were left out are listed in %s", split, listed)


def _processor(data: Mapping[str, Any], options: FinetuningDataOptions, labels: Sequence[str] | None) -> "DataProcessor":
    """What gives the examples of data in memory or in files."""
    names = _label_names(labels)
    is_file = {split: isinstance(given, str | os.PathLike) for split, given in data.items()}
    if all(is_file.values()):
        options = dataclasses.replace(options, **{f"{split}_file": path for split, path in data.items()})
        check_finetuning_data_options(options)
        return processor_of(options, names)
    if any(is_file.values()):
        raise UserError(f"give train and eval alike, each as {FORMS}; one of them is a file and the other is not")
    has_dictionaries = any(isinstance(getattr(given, "element_spec", None), Mapping) for given in data.values())
    defaults = {field.name: field.default for field in dataclasses.fields(options)}
    for name in _FILE_OPTIONS:
        if getattr(options, name) != defaults[name] and not (has_dictionaries and name in _COLUMNS):
            raise UserError(f"--{name} tells of a file's columns and can do nothing with data in memory; leave it out")
    is_regression = options.fine_tuning_task_type == "regression"
    # An option of some kinds, which the class of the common ones does not name.
    multi_label: bool | None = True if options.fine_tuning_task_type == "multi_label" else vars(options)["multi_label"]
    return InMemoryProcessor(data, names, is_regression, {name: getattr(options, name) for name in _COLUMNS}, multi_label)


def _label_names(labels: Sequence[str] | None) -> tuple[str, ...]:
    if isinstance(labels, str):
        raise UserError(f"labels must be a list of names; got '{labels}'")
    names = tuple(map(str, labels or ()))
    refuse_repeated_name("labels", names)
    return names
