"""The trained model of a run's directory, of whatever kind, and the records that it is compared on."""

import dataclasses
import logging
import os
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.data.records.metadata import (
    CLASSIFICATION,
    MULTI_LABEL,
    PRETRAINING,
    PROMPT_CLASSIFICATION,
    SQUAD,
    MetaData,
    read_meta_data,
)
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.answer_heads import with_answer_head
from bert_tf2.jobs.fine_tuning.classifier_checks import check_metadata, model_facts
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.classifier_start import as_trained
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.trained.options import TrainedModelOptions
from bert_tf2.model_directory import model_files
from bert_tf2.options import Options, option, required
from bert_tf2.tasks.classification.options import PER_LABEL

if TYPE_CHECKING:
    from bert_tf2.data.records.record_set import RecordSet
    from bert_tf2.models.config import BertConfig
    from bert_tf2.tasks.base import ExampleSet, Task

logger = logging.getLogger(__name__)

WHICH = "give a directory in which run_classifier.py or run_squad.py trained"
_MODEL_OF = ("task", "vocabulary", "do_lower_case", "labels")


@dataclasses.dataclass(frozen=True)
class _Files(Options):
    """What a run's directory holds; the names are the flags'."""

    bert_config_file: str | None = option(None, "the model's configuration")
    vocab_file: str | None = option(None, "the vocabulary")
    sp_model_file: str | None = option(None, "the vocabulary")


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A trained model.

    Attributes:
      directory: `--model_dir`.
      step: of the checkpoint.
      meta: the metadata of its training.
      config: of its encoder.
      tokenizer: its own.
      task: what it does.
      model: maps the encoder's inputs to the head's outputs, in float32.
      examples: what it is evaluated on; None for nothing.
    """

    directory: str
    step: int
    meta: MetaData
    config: "BertConfig"
    tokenizer: Any
    task: "Task"
    model: Any
    examples: "ExampleSet | None"

    @property
    def encoder(self) -> Any:
        """The encoder in the model: its first layer with weights."""
        return next(layer for layer in self.model.layers if layer.weights)

    @property
    def size(self) -> int:
        """Of the weights in float32, in bytes."""
        return sum(4 * one.shape.num_elements() for one in self.model.weights)

    def records(self, path: str, flag: str) -> "RecordSet":
        """Further records of its kind.

        Args:
          path: where they are.
          flag: that says so, for messages.

        Raises:
          UserError: they are not such as it was trained on.
        """
        from bert_tf2.data.records.record_set import RecordSet

        _metadata_of(path, flag, None, self.meta)
        records = RecordSet.open(path, self.task.features, None, flag)
        records.check_token_ids(self.config.vocab_size)
        return records


def open_trained(options: TrainedModelOptions, device: str | None = "CPU:0") -> TrainedModel:
    """Opens a run's directory.

    Args:
      options: which, and what it is evaluated on.
      device: where the model lies; None for where TensorFlow puts it.

    Raises:
      UserError: it is none of a fine-tuning, or the records are not such as the model takes.
      JobError: its checkpoint cannot be read.
    """
    directory = files.expand(required(options.model_dir))
    meta_path, found = _files_in(directory)
    meta = read_meta_data(meta_path)
    if meta.task_type == PRETRAINING:
        raise UserError(f"--model_dir={directory} is of a pre-training, which answers nothing yet; fine-tune it first; {WHICH}")
    import tensorflow as tf

    from bert_tf2.models.checkpoints.configuration import read_configuration
    from bert_tf2.models.families.base import family_of
    from bert_tf2.training import checkpointing, weights

    # TensorFlow tells of each value in a checkpoint that was let go, which after an error are all.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    config = read_configuration(required(found.bert_config_file))
    open_data = _question_data if meta.task_type == SQUAD else _record_data
    data, run_options = open_data(options, meta, meta_path, found, config)
    task = data.task(config, run_options)
    examples = None
    if options.eval_data_path or options.predict_file:
        examples = data.evaluation_sets(task, False)[0]
    with tf.device(device):
        model = task.build_model(family_of(config).build(config, output_range=task.output_range))
        step = weights.best_step(directory) if options.load_checkpoint == "best" else None
        cure = f"if another checkpoint is whole, give --load_checkpoint={'newest' if step else 'best'}; or {WHICH}"
        step = checkpointing.restore_model(model, directory, step, cure)
    _use_tuned(task, directory, step)
    return TrainedModel(directory, step, meta, config, data.tokenizer, task, model, examples)


def _files_in(directory: str) -> tuple[str, _Files]:
    """The metadata of a run's directory, and what else is needed.

    Raises:
      UserError: it lacks something.
    """
    if not files.is_remote(directory) and not os.path.isdir(directory):
        raise UserError(f"--model_dir: no such directory: {directory}; {WHICH}")
    found = model_files.completed(_Files(), [directory], needs_metadata=False)
    meta_path = os.path.join(directory, model_files.META_DATA)
    parts = {
        model_files.META_DATA: files.exists(meta_path),
        model_files.BERT_CONFIG: found.bert_config_file,
        model_files.WORDPIECE_VOCABULARY: found.vocab_file or found.sp_model_file,
    }
    if missing := [name for name, there in parts.items() if not there]:
        raise UserError(f"--model_dir={directory} lacks {', '.join(missing)}, which a training keeps there; {WHICH}")
    return meta_path, found


def _record_data(
    options: TrainedModelOptions, meta: MetaData, meta_path: str, found: _Files, config: "BertConfig"
) -> tuple[Any, ClassifierOptions]:
    from bert_tf2.jobs.fine_tuning.data.record_data import given_records

    if options.predict_file is not None:
        raise UserError(f"--predict_file is for SQuAD, and --model_dir={options.model_dir} is of {meta.task_type}; give records")
    run_options = as_trained(
        ClassifierOptions(
            mode="eval",
            model_dir=options.model_dir,
            input_meta_data_path=meta_path,
            eval_data_path=options.eval_data_path,
            module_import=options.module_import,
            **dataclasses.asdict(found),
        ),
        [files.expand(required(options.model_dir))],
    )
    if meta.task_type == MULTI_LABEL:
        # Those that were found, if any were: see `_use_tuned`.
        own: dict[str, Any] = {"label_threshold": PER_LABEL}
        run_options = dataclasses.replace(run_options, **own)
    elif meta.task_type in (CLASSIFICATION, PROMPT_CLASSIFICATION):
        own = {"fit_temperature": True}
        run_options = dataclasses.replace(run_options, **own)
    check_metadata(run_options, meta, config)
    of_records = meta
    if options.eval_data_path is not None:
        of_records = _metadata_of(options.eval_data_path, "eval_data_path", options.input_meta_data_path, meta)
    data = given_records(run_options, of_records, config)
    if options.eval_data_path is not None and not data.is_labelled("eval"):
        raise UserError(
            f"--eval_data_path={options.eval_data_path}: these records have no labels (test_has_labels in the metadata is "
            "false), so there is no metric; give labelled ones, or none"
        )
    return data, run_options


def _question_data(
    options: TrainedModelOptions, meta: MetaData, meta_path: str, found: _Files, config: "BertConfig"
) -> tuple[Any, SquadOptions]:
    from bert_tf2.jobs.fine_tuning.data.question_sources import given_records
    from bert_tf2.tasks.question_answering import threshold

    if options.eval_data_path is not None:
        raise UserError(
            f"--eval_data_path is not for SQuAD, of which --model_dir={options.model_dir} is: give its JSON, as --predict_file"
        )
    directory = files.expand(required(options.model_dir))
    is_found = files.exists(os.path.join(directory, threshold.TUNING.file))
    run_options = SquadOptions(
        mode="predict",
        model_dir=options.model_dir,
        input_meta_data_path=meta_path,
        predict_file=options.predict_file,
        null_score_diff_threshold="auto" if is_found else "0.0",
        **dataclasses.asdict(found),
    )
    run_options = with_answer_head(run_options, [directory])
    paths = files.matching_files(options.predict_file, "predict_file") if options.predict_file else []
    return given_records(run_options, config, paths, trains=False), run_options


def _use_tuned(task: "Task", directory: str, step: int) -> None:
    """Makes a task use the threshold or temperature that was found for a checkpoint, or the usual one."""
    from bert_tf2.model_directory import tuned

    if task.tuning is None:
        return
    if tuned.is_kept(directory, task.tuning, step):
        tuned.use(task, task.tuning, directory, step)
    else:
        task.use_tuned(task.tuning.usual)


def _metadata_of(path: str, flag: str, given: str | None, trained: MetaData) -> MetaData:
    """The metadata of records: those given, those beside them that tell of them, or the training's.

    Raises:
      UserError: they are of another kind of task, vocabulary or labels than the model.
    """
    beside = os.path.join(os.path.dirname(files.expand(path)), model_files.META_DATA)
    if given is None:
        is_pattern = any(sign in path for sign in ",*?[")
        if is_pattern or not files.exists(beside) or read_meta_data(beside).split_of(files.expand(path)) is None:
            return trained
    meta = read_meta_data(given or beside)
    there, here = model_facts(trained), model_facts(meta)
    for name in _MODEL_OF:
        if None not in (there[name], here[name]) and there[name] != here[name]:
            raise UserError(
                f"--{flag}={path}: these records are not such as the model was trained on: {name}: {_short(here[name])} here, "
                f"{_short(there[name])} in the training; give records that were made as the training's"
            )
    return meta


def _short(value: Any) -> str:
    text = ",".join(value) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:8]}…"
