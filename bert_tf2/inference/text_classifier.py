"""Classifying texts from Python, with the model loaded once."""

import dataclasses
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError
from bert_tf2.inference.text_backends import Backend, RunBackend, SavedModelBackend
from bert_tf2.model_directory.exported_models import saved_model_in

if TYPE_CHECKING:
    import numpy as np

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
        return cls(RunBackend.load(files.expand(model_dir), load_checkpoint))

    @classmethod
    def from_saved_model(cls, path: str) -> "TextClassifier":
        """Loads the model that `run_classifier.py --model_export_path=NAME` exports as NAME_text.

        A SavedModel is a program, which runs with your rights: load only what you trust.

        Args:
          path: its directory, local or remote.

        Raises:
          UserError: there is no such SavedModel; the message says which to give.
        """
        return cls(SavedModelBackend.load(files.expand(path).rstrip("/")))

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
            encoded = [self._encoded(f"texts[{index}]", text) for index, text in window]
            order = sorted(range(len(encoded)), key=lambda row: encoded[row][0])
            parts = []
            for first in range(0, len(order), batch_size):
                parts.append(self._outputs([encoded[row][1] for row in order[first : first + batch_size]]))
            outputs = np.empty((len(window), parts[0].shape[1]))
            outputs[order] = np.concatenate(parts)
            yield from map(self._prediction, outputs)

    def _encoded(self, name: str, text: Text) -> tuple[int, Any]:
        first, second = self._checked(name, text)
        try:
            return self._backend.encode(first, second)
        except UserError as error:
            raise UserError(f"{name}: {error}") from None

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
