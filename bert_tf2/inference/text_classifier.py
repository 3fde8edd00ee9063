"""Classifying texts from Python, with the model loaded once."""

import dataclasses
import itertools
import logging
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, overload

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError
from bert_tf2.model_directory import model_files
from bert_tf2.model_directory.exported_models import inputs_and_outputs, load_saved_model, not_for_text, saved_model_in
from bert_tf2.options import Options, option, required
from bert_tf2.tasks.classification.options import USUAL_THRESHOLD

if TYPE_CHECKING:
    import numpy as np

    from bert_tf2.data.records.metadata import MetaData
    from bert_tf2.tasks.classification.text_task import TextTask
    from bert_tf2.text.tokenizer import Tokenizer

Text = str | tuple[str, str | None]
"""A text, or a pair of texts."""

_SURROGATE = re.compile("[\ud800-\udfff]")
# Rows are sorted by length among so many batches, which bounds the memory.
_BATCHES_AT_ONCE = 32


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model says of a text.

    Attributes:
      label: the likeliest class; None for regression and where a text has any number of labels.
      probabilities: of every class by its name, in the order of their ids; empty for regression.
      score: the predicted number; None for classification.
      labels: where a text has any number of labels, those that were chosen; else None.
    """

    label: str | None = None
    probabilities: dict[str, float] = dataclasses.field(default_factory=dict)
    score: float | None = None
    labels: tuple[str, ...] | None = None


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


class TextClassifier:
    """Classifies texts or pairs of texts, or predicts a number for each.

        classifier = TextClassifier.load("model")
        classifier.predict("a delight from start to finish").label
        classifier.predict_all([("a first text", "a second one"), "a single one"])

    Args:
      backend: the model; `load` makes it of a run directory or an exported model.
    """

    def __init__(self, backend: Backend):
        self._backend = backend
        self.labels: tuple[str, ...] = tuple(backend.label_list or ())
        """Label names in id order; empty for regression."""

    @property
    def is_regression(self) -> bool:
        """Whether it predicts numbers."""
        return self._backend.label_list is None

    @property
    def is_multi_label(self) -> bool:
        """Whether it gives a text any number of labels."""
        return self._backend.thresholds is not None

    @property
    def has_pairs(self) -> bool | None:
        """Whether it was trained on pairs of texts, and so takes pairs only; None where that is not known and both are taken."""
        return self._backend.has_pairs

    @classmethod
    def load(cls, path: str, load_checkpoint: str = "newest") -> "TextClassifier":
        """Loads what `path` holds: a run directory, or a SavedModel that takes text."""
        path = files.expand(path).rstrip("/")
        if saved_model_in(path) is not None:
            return cls.from_saved_model(path)
        return cls.from_run(path, load_checkpoint)

    @classmethod
    def from_run(cls, model_dir: str, load_checkpoint: str = "newest") -> "TextClassifier":
        """Loads the model that `run_classifier.py` trained in a directory; its files there say all else.

        Args:
          model_dir: `--model_dir` of the training, local or remote.
          load_checkpoint: `newest` or `best`.

        Raises:
          UserError: there is no such directory, or something in it is missing or does not fit together.
          JobError: the checkpoint cannot be read.
        """
        return cls(_RunBackend.load(files.expand(model_dir), load_checkpoint))

    @classmethod
    def from_saved_model(cls, path: str) -> "TextClassifier":
        """Loads the model that `run_classifier.py --model_export_path=NAME` exports as NAME_text.

        A SavedModel is a program, which runs with your rights: load only what you trust.

        Args:
          path: its directory, local or remote.

        Raises:
          UserError: there is no such SavedModel; the message says which to give.
        """
        return cls(_SavedModelBackend.load(files.expand(path).rstrip("/")))

    @overload
    def predict(  # type: ignore[overload-overlap]  # a str is a sequence of str too, and this one comes first
        self, text: str, text_b: str | None = None
    ) -> Prediction: ...

    @overload
    def predict(self, text: Sequence[Text], text_b: None = None) -> list[Prediction]: ...

    def predict(self, text: str | Sequence[Text], text_b: str | None = None) -> Prediction | list[Prediction]:
        """What the model says of a text or a pair; of a list of them a list, as `predict_all`.

        Raises (here and below):
          UserError: one of them is no text, or empty; the message holds its index.
          JobError: the model gives no numbers, or a batch does not fit into memory.
        """
        if isinstance(text, str):
            return self.predict_all([text if text_b is None else (text, text_b)])[0]
        if text_b is not None or isinstance(text, tuple) or not hasattr(text, "__iter__"):
            raise UserError(
                "predict takes one text, a pair as predict(first, second), or a list of texts or of pairs; got "
                f"{type(text).__name__}"
            )
        return self.predict_all(text)

    def predict_all(self, texts: Iterable[Text], batch_size: int = 32) -> list[Prediction]:
        """As `predict`, for many in their order."""
        return list(self.predictions(texts, batch_size))

    def predictions(self, texts: Iterable[Text], batch_size: int = 32) -> Iterator[Prediction]:
        """As `predict_all`, a few batches at a time: of those, rows of like length share one."""
        import numpy as np

        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1; got {batch_size}")
        if isinstance(texts, str):
            raise UserError("texts must be a list of texts or of pairs; got one text")
        numbered = enumerate(texts)
        while window := list(itertools.islice(numbered, batch_size * _BATCHES_AT_ONCE)):
            encoded = [self._backend.encode(*self._checked(f"texts[{index}]", text)) for index, text in window]
            order = sorted(range(len(encoded)), key=lambda row: encoded[row][0])
            parts = []
            for first in range(0, len(order), batch_size):
                parts.append(self._outputs([encoded[row][1] for row in order[first : first + batch_size]]))
            outputs = np.empty((len(window), parts[0].shape[1]))
            outputs[order] = np.concatenate(parts)
            yield from map(self._prediction, outputs)

    def _checked(self, name: str, text: Text) -> tuple[str, str | None]:
        first, second = _checked(name, text)
        if self.has_pairs is not None and self.has_pairs != (second is not None):
            raise UserError(f"{name} {other_kind(self.has_pairs)}")
        return first, second

    def _outputs(self, rows: list[Any]) -> "np.ndarray":
        import numpy as np
        import tensorflow as tf

        try:
            outputs = self._backend.outputs(rows)
        except tf.errors.ResourceExhaustedError:
            raise JobError(f"out of memory with a batch of {len(rows)}: use a smaller --batch_size") from None
        if not np.isfinite(outputs).all():
            raise JobError("the model's outputs are not finite; its weights are not usable")
        return outputs

    def _prediction(self, outputs: "np.ndarray") -> Prediction:
        if self.is_regression:
            return Prediction(score=float(outputs[0]))
        probabilities, thresholds = dict(zip(self.labels, outputs.tolist())), self._backend.thresholds
        if thresholds is None:
            return Prediction(self.labels[int(outputs.argmax())], probabilities)
        chosen = tuple(name for name, is_chosen in zip(self.labels, outputs >= thresholds) if is_chosen)
        return Prediction(probabilities=probabilities, labels=chosen)


def is_empty(text: str, text_b: str | None = None) -> bool:
    """Whether nothing is left of a text or pair where BERT cleans it: no records are made of such rows either."""
    return all(
        one.isspace() or one == "\ufffd" or unicodedata.category(one) in ("Cc", "Cf")
        for one in itertools.chain(text, text_b or "")
    )


def other_kind(has_pairs: bool) -> str:
    """What is said of texts that are not such as a model was trained on."""
    if has_pairs:
        return "is a single text, but the model was trained on pairs of texts; give both texts of each pair"
    return "is a pair of texts, but the model was trained on single texts; give one text"


def _checked(name: str, text: Text) -> tuple[str, str | None]:
    """A text or pair as two, without halves of surrogate pairs, which no text holds."""
    first, second = text if isinstance(text, tuple | list) and len(text) == 2 else (text, None)
    if not isinstance(first, str) or not isinstance(second, str | None):
        raise UserError(f"{name} must be a string, or a pair of strings; got {type(text).__name__}")
    if is_empty(first, second):
        raise UserError(f"{name}: empty text")
    return _SURROGATE.sub("\ufffd", first), None if second is None else _SURROGATE.sub("\ufffd", second)


@dataclasses.dataclass(frozen=True)
class _Files(Options):
    """What a model directory must hold; the names are the flags'."""

    bert_config_file: str | None = option(None, "the model's configuration")
    input_meta_data_path: str | None = option(None, "the metadata of the training's records")
    vocab_file: str | None = option(None, "the vocabulary")
    sp_model_file: str | None = option(None, "the vocabulary")


class _RunBackend:
    """A model with its tokenizer, as `run_classifier.py --mode=predict` uses them."""

    def __init__(self, model: Any, tokenizer: "Tokenizer", meta: "MetaData", task: "TextTask"):
        import tensorflow as tf

        self.has_pairs = meta.has_pairs
        self.label_list: Sequence[str] | None = list(task.label_list) or None
        self.thresholds = getattr(task, "thresholds", None)
        self._task, self._tokenizer, self._longest = task, tokenizer, meta.max_seq_length
        # The function alone would not keep the variables alive.
        self._model = model

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 3, autograph=False)
        def logits(ids: tf.Tensor, mask: tf.Tensor, types: tf.Tensor) -> tf.Tensor:
            return model({"input_word_ids": ids, "input_mask": mask, "input_type_ids": types}, training=False)

        self._logits: Callable = logits

    @classmethod
    def load(cls, directory: str, load_checkpoint: str) -> "_RunBackend":
        found = _files_in(directory)
        from bert_tf2.data.records.metadata import CLASSIFICATION, read_meta_data
        from bert_tf2.model_directory.metadata_checks import check_model, check_vocabulary
        from bert_tf2.models.config import BertConfig
        from bert_tf2.tasks.classification.kind import TASK_TYPES, for_predictions
        from bert_tf2.text.tokenizer import load_tokenizer

        meta = read_meta_data(required(found.input_meta_data_path))
        config = BertConfig.from_json_file(required(found.bert_config_file))
        if meta.task_type not in TASK_TYPES:
            raise UserError(f"--model_dir={directory} is of {meta.task_type}; texts are classified by {CLASSIFICATION} models")
        _require_fit(directory, "the configuration", check_model, meta, config, found.bert_config_file)
        tokenizer = load_tokenizer(
            vocab_file=found.vocab_file,
            sp_model_file=found.sp_model_file,
            tokenization="SentencePiece" if found.sp_model_file else "WordPiece",
            normalization=meta.normalization,
        )
        _require_fit(directory, "the vocabulary", check_vocabulary, meta, tokenizer)
        from bert_tf2.model_directory import tuned
        from bert_tf2.models.encoder import build_encoder
        from bert_tf2.training import checkpointing, weights

        # As in every run: TensorFlow tells of each value in a checkpoint that was let go, which after an error are all.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        task = for_predictions(meta, config)
        model = task.build_model(build_encoder(config, output_range=task.output_range))
        step = weights.best_step(directory) if load_checkpoint == "best" else None
        cure = f"if another checkpoint is whole, give --load_checkpoint={'newest' if step else 'best'}; or {_WHICH}"
        step = checkpointing.restore_model(model, directory, step, cure)
        if task.tuning is not None and tuned.is_kept(directory, task.tuning, step):
            tuned.use(task, task.tuning, directory, step)
        elif task.tuning is not None:
            task.use_tuned(USUAL_THRESHOLD)
        return cls(model, tokenizer, meta, task)

    def encode(self, text: str, text_b: str | None) -> tuple[int, tuple[list[int], list[int]]]:
        from bert_tf2.data.examples import pack_pair

        tokenizer = self._tokenizer
        second = tokenizer.encode(text_b) if text_b else None
        ids, segments, _ = pack_pair(tokenizer.encode(text), second, tokenizer.cls_id, tokenizer.sep_id, self._longest)
        return len(ids), (ids, segments)

    def outputs(self, rows: Sequence[tuple[list[int], list[int]]]) -> "np.ndarray":
        import numpy as np

        longest = max(len(ids) for ids, _ in rows)
        inputs = np.zeros((3, len(rows), longest), np.int32)
        for row, (ids, segments) in enumerate(rows):
            inputs[0, row, : len(ids)], inputs[1, row, : len(ids)], inputs[2, row, : len(ids)] = ids, 1, segments
        return self._task.probabilities(self._logits(*inputs).numpy())


def _require_fit(directory: str, part: str, check: Callable[..., None], *compared: Any) -> None:
    """Applies a check of records and flags, whose cures are not for a directory that holds both sides."""
    try:
        check(*compared)
    except UserError as error:
        raise UserError(
            f"--model_dir={directory}: its files are not of one training: {part} does not fit {model_files.META_DATA}; {_WHICH}"
        ) from error


class _SavedModelBackend:
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
    def load(cls, path: str) -> "_SavedModelBackend":
        loaded = load_saved_model(saved_model_in(path) or path)
        inputs, outputs = inputs_and_outputs(loaded)
        if inputs in (["text"], ["text", "text_b"]) and ("score" in outputs or "probabilities" in outputs):
            return cls(loaded)
        raise not_for_text("model_dir", path, loaded, "a model that classifies text", _WHICH)

    def encode(self, text: str, text_b: str | None) -> tuple[int, tuple[str, str | None]]:
        return len(text) + len(text_b or ""), (text, text_b)

    def outputs(self, rows: Sequence[tuple[str, str | None]]) -> "np.ndarray":
        found = self._call(rows)
        return found["score"].numpy()[:, None] if self.label_list is None else found["probabilities"].numpy()

    def _call(self, rows: Sequence[tuple[str, str | None]]) -> dict[str, Any]:
        import tensorflow as tf

        # Bytes: TensorFlow would cut a str at a NUL.
        texts = tf.constant([text.encode() for text, _ in rows])
        if not self.has_pairs and not any(second for _, second in rows):
            return self._single(text=texts)
        return self._pairs(text=texts, text_b=tf.constant([(second or "").encode() for _, second in rows]))


def _files_in(directory: str) -> _Files:
    """Where a run directory holds what is needed.

    Raises:
      UserError: it lacks something.
    """
    if not files.is_remote(directory) and not os.path.isdir(directory):
        raise UserError(f"--model_dir: no such directory: {directory}; {_WHICH}")
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
            f"these with run_classifier.py --mode=predict --predict_checkpoint_path={directory}; or {_WHICH}"
        )
    if missing:
        raise UserError(
            f"--model_dir={directory} lacks {', '.join(missing)}, which a training keeps there; run its command once more, with "
            f"--vocab_file, which adds them, or {_WHICH}"
        )
    return found


_WHICH = (
    "give a directory in which run_classifier.py trained, or the model for text that run_classifier.py --mode=export_only "
    "--model_export_path=NAME writes as NAME_text"
)
