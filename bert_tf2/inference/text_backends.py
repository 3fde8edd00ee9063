"""What computes the outputs of texts for a `TextClassifier`: a model in a run's directory, or one that was exported."""

import dataclasses
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.model_directory import model_files
from bert_tf2.model_directory.exported_models import (
    inputs_and_outputs,
    load_saved_model,
    not_for_text,
    saved_model_in,
    text_tensor,
)
from bert_tf2.options import Options, option, required

if TYPE_CHECKING:
    import numpy as np

    from bert_tf2.data.records.metadata import MetaData
    from bert_tf2.tasks.classification.text_task import TextTask
    from bert_tf2.text.tokenizer import Tokenizer


class Backend(Protocol):
    """What computes the outputs of texts."""

    label_list: Sequence[str] | None
    """Label names in id order; None for regression."""
    has_pairs: bool | None
    """Whether it was trained on pairs of texts; None where that is not known."""
    thresholds: "np.ndarray | None"
    """Where a text has any number of labels, from which probability on each is chosen, float [C]; else None."""

    def encode(self, text: str, text_b: str | None) -> tuple[int, Any]:
        """A measure of a row's length, and the row as `outputs` takes it."""

    def outputs(self, rows: Sequence[Any]) -> "np.ndarray":
        """Class probabilities [B, C] of a batch of rows; the numbers [B, 1] for regression."""


@dataclasses.dataclass(frozen=True)
class _Files(Options):
    """What a model directory must hold; the names are the flags'."""

    bert_config_file: str | None = option(None, "the model's configuration")
    input_meta_data_path: str | None = option(None, "the metadata of the training's records")
    vocab_file: str | None = option(None, "the vocabulary")
    sp_model_file: str | None = option(None, "the vocabulary")


class RunBackend:
    """A model with its tokenizer, as `run_classifier.py --mode=predict` uses them."""

    def __init__(self, model: Any, tokenizer: "Tokenizer", meta: "MetaData", task: "TextTask"):
        import tensorflow as tf

        self.has_pairs = meta.has_pairs
        self.label_list: Sequence[str] | None = list(task.label_list) or None
        self.thresholds = getattr(task, "thresholds", None)
        from bert_tf2.tasks.classification.text_inputs import text_inputs

        self._task, self._tokenizer = task, tokenizer
        self._pack, self._has_several = text_inputs(meta, tokenizer)
        # The function alone would not keep the variables alive.
        self._model = model

        axes = 3 if self._has_several else 2

        @tf.function(input_signature=[tf.TensorSpec([None] * axes, tf.int32)] * 3, autograph=False)
        def logits(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor) -> tf.Tensor:
            inputs = {"input_word_ids": ids, "input_mask": mask, "input_type_ids": types}
            return task.logits(model(inputs, training=False))

        self._logits: Callable = logits

    @classmethod
    def load(cls, directory: str, load_checkpoint: str) -> "RunBackend":
        """The model of a run's directory.

        Raises:
          UserError, JobError: as `TextClassifier.from_run`.
        """
        found = _files_in(directory)
        from bert_tf2.data.records.metadata import read_meta_data
        from bert_tf2.model_directory.metadata_checks import check_model, check_vocabulary
        from bert_tf2.models.families.base import family_of, read_config
        from bert_tf2.tasks.classification.kind import TASK_TYPES, for_predictions
        from bert_tf2.text.tokenizer import load_tokenizer

        meta = read_meta_data(required(found.input_meta_data_path))
        config = read_config(required(found.bert_config_file))
        if meta.task_type not in TASK_TYPES:
            raise UserError(
                f"--model_dir={directory} is of {meta.task_type}; texts are classified by models of {', '.join(TASK_TYPES)}"
            )
        _require_fit(directory, "the configuration", check_model, meta, config, found.bert_config_file)
        tokenizer = load_tokenizer(
            vocab_file=found.vocab_file,
            sp_model_file=found.sp_model_file,
            tokenization="SentencePiece" if found.sp_model_file else "WordPiece",
            normalization=meta.normalization,
        )
        _require_fit(directory, "the vocabulary", check_vocabulary, meta, tokenizer)
        from bert_tf2.model_directory import tuned
        from bert_tf2.training import checkpointing, weights

        # As in every run: TensorFlow tells of each value in a checkpoint that was let go, which after an error are all.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        task = for_predictions(meta, config)
        model = task.build_model(family_of(config).build(config, output_range=task.output_range))
        step = weights.best_step(directory) if load_checkpoint == "best" else None
        cure = f"if another checkpoint is whole, give --load_checkpoint={'newest' if step else 'best'}; or {WHICH}"
        step = checkpointing.restore_model(model, directory, step, cure)
        if task.tuning is not None and tuned.is_kept(directory, task.tuning, step):
            tuned.use(task, task.tuning, directory, step)
        elif task.tuning is not None:
            task.use_tuned(task.tuning.usual)
        return cls(model, tokenizer, meta, task)

    def encode(self, text: str, text_b: str | None) -> tuple[int, list[tuple[list[int], list[int]]]]:
        packed = self._pack(text, text_b)
        if isinstance(packed, str):
            raise UserError(packed)
        segments = [self._tokenizer.template.segment_ids(first, len(ids)) for ids, first in zip(packed.ids, packed.first)]
        return sum(map(len, packed.ids)), list(zip(packed.ids, segments))

    def outputs(self, rows: Sequence[list[tuple[list[int], list[int]]]]) -> "np.ndarray":
        import numpy as np

        logits = [self._logits(*self._inputs(some)).numpy() for some in of_bounded_size(rows)]
        return self._task.probabilities(np.concatenate(logits))

    def _inputs(self, rows: Sequence[list[tuple[list[int], list[int]]]]) -> "np.ndarray":
        """Ids, mask and segments of texts: int32 [3, B, L], in windows [3, B, W, L]."""
        import numpy as np

        longest = max(len(ids) for windows in rows for ids, _ in windows)
        inputs = np.zeros((3, len(rows), max(map(len, rows)), longest), np.int32)
        for row, windows in enumerate(rows):
            for number, (ids, segments) in enumerate(windows):
                place = (row, number, slice(len(ids)))
                inputs[(0, *place)], inputs[(1, *place)], inputs[(2, *place)] = ids, 1, segments
        return inputs if self._has_several else inputs[:, :, 0]


def of_bounded_size(rows: Sequence[list]) -> Iterator[list[list]]:
    """Rows of windows, so many together as have no more windows than there are rows, or one row."""
    some: list[list] = []
    windows = 0
    for row in rows:
        if some and windows + len(row) > len(rows):
            yield some
            some, windows = [], 0
        some.append(row)
        windows += len(row)
    yield some


def _require_fit(directory: str, part: str, check: Callable[..., None], *compared: Any) -> None:
    """Applies a check of records and flags, whose cures are not for a directory that holds both sides."""
    try:
        check(*compared)
    except UserError as error:
        raise UserError(
            f"--model_dir={directory}: its files are not of one training: {part} does not fit {model_files.META_DATA}; {WHICH}"
        ) from error


class SavedModelBackend:
    """An exported model that takes text: what `TextTask.exports` gives."""

    def __init__(self, loaded: Any):
        # The signatures alone do not keep the variables alive.
        self._loaded = loaded
        inputs, _ = inputs_and_outputs(loaded)
        self._single, self._pairs = (loaded.signatures.get(name) for name in ("serving_default", "pairs"))
        # Of a model that was trained on either alone, the signatures take nothing else.
        self.has_pairs = True if "text_b" in inputs else None if self._pairs else False
        self.label_list: Sequence[str] | None = None
        found = self._call([("a", "a" if self.has_pairs else None)])
        if "labels" in found:
            self.label_list = [name.decode() for name in found["labels"].numpy()[0]]
        self.thresholds = found["thresholds"].numpy()[0] if "thresholds" in found else None

    @classmethod
    def load(cls, path: str) -> "SavedModelBackend":
        """The exported model in a directory.

        Raises:
          UserError: as `TextClassifier.from_saved_model`.
        """
        loaded = load_saved_model(saved_model_in(path) or path)
        inputs, outputs = inputs_and_outputs(loaded)
        if inputs in (["text"], ["text", "text_b"]) and ("score" in outputs or "probabilities" in outputs):
            return cls(loaded)
        raise not_for_text("model_dir", path, loaded, "a model that classifies text", WHICH)

    def encode(self, text: str, text_b: str | None) -> tuple[int, tuple[str, str | None]]:
        return len(text) + len(text_b or ""), (text, text_b)

    def outputs(self, rows: Sequence[tuple[str, str | None]]) -> "np.ndarray":
        found = self._call(rows)
        return found["score"].numpy()[:, None] if self.label_list is None else found["probabilities"].numpy()

    def _call(self, rows: Sequence[tuple[str, str | None]]) -> dict[str, Any]:
        texts = text_tensor([text for text, _ in rows])
        if not self.has_pairs and not any(second for _, second in rows):
            return self._single(text=texts)
        return self._pairs(text=texts, text_b=text_tensor([second or "" for _, second in rows]))


def _files_in(directory: str) -> _Files:
    """Where a run directory holds what is needed.

    Raises:
      UserError: it lacks something.
    """
    if not files.is_remote(directory) and not os.path.isdir(directory):
        raise UserError(f"--model_dir: no such directory: {directory}; {WHICH}")
    found = model_files.completed(_Files(), [directory])
    missing = [
        name
        for name, path in (
            (model_files.BERT_CONFIG, found.bert_config_file),
            (model_files.META_DATA, found.input_meta_data_path),
            (model_files.WORDPIECE_VOCABULARY, found.vocab_file or found.sp_model_file),
        )
        if path is None
    ]
    if missing and found.bert_config_file and os.path.basename(found.bert_config_file) != model_files.BERT_CONFIG:
        raise UserError(
            f"--model_dir={directory} is a Hugging Face folder, which does not say how texts are cut; make records of them with "
            "create_finetuning_data.py --test_file=FILE --labels=… (id2label in its config.json, in that order), and predict "
            f"these with run_classifier.py --mode=predict --predict_checkpoint_path={directory}; or {WHICH}"
        )
    if missing:
        raise UserError(
            f"--model_dir={directory} lacks {', '.join(missing)}, which a training keeps there; run its command once more, with "
            f"--vocab_file, which adds them, or {WHICH}"
        )
    return found


WHICH = (
    "give a directory in which run_classifier.py trained, or the model for text that run_classifier.py --mode=export_only "
    "--model_export_path=NAME writes as NAME_text"
)
