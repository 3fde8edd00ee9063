"""Models that `python -m bert_tf2.export` wrote, in their own runtimes, behind the server's interface."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2.errors import JobError, UserError
from bert_tf2.exporting.exported_model import ExportedModel
from bert_tf2.inference.choice_selector import Choice
from bert_tf2.inference.served.kinds import ServedClassifier, ServedSelector
from bert_tf2.inference.served.served_model import ServedModel, text_or_pair
from bert_tf2.inference.text_backends import of_bounded_size
from bert_tf2.inference.text_classifier import TextClassifier

if TYPE_CHECKING:
    import numpy as np

Rows = list[tuple[list[int], list[int]]]


def open_portable(name: str, path: str, normalize: bool) -> ServedModel:
    """The model in a directory that the export wrote.

    Args:
      name: of the model.
      path: the directory. Of its files the program beside the model is not run.
      normalize: whether vectors get the length 1.

    Raises:
      UserError: it cannot be opened, or its kind of task is not served in this form.
    """
    try:
        model = ExportedModel(path)
        task_type, target = str(model.settings["task_type"]), str(model.settings["target"])
    except ImportError as error:
        raise UserError(f"--model={path} needs the package {error.name}: pip install 'bert_tf2[onnx]' or '[tflite]'") from None
    except Exception as error:  # of two runtimes and three libraries of tokenizers
        reason = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:160]}"
        raise UserError(f"--model={path} cannot be opened as an export ({reason}); export it again") from None
    if task_type not in _KINDS:
        raise UserError(
            f"--model={path} is an export of {task_type} as {target}, which gives no places in the text; give the directory of "
            "the training itself, or what --model_export_path=NAME writes as NAME_text"
        )
    return _KINDS[task_type](name, model, normalize)


class PortableBackend:
    """What classifies in another runtime, for a `TextClassifier`."""

    has_pairs: bool | None = None

    def __init__(self, model: ExportedModel):
        import numpy as np

        self._model = model
        self.label_list: Sequence[str] | None = model.facts["labels"] or None
        self.thresholds: np.ndarray | None = np.array(model.facts["thresholds"]) if "thresholds" in model.facts else None

    def encode(self, text: str, text_b: str | None) -> tuple[int, Rows]:
        """As `bert_tf2.inference.text_backends.Backend`."""
        rows = _rows(self._model, text, text_b)
        return sum(len(ids) for ids, _ in rows), rows

    def outputs(self, rows: Sequence[Rows]) -> "np.ndarray":
        """As `bert_tf2.inference.text_backends.Backend`."""
        import numpy as np

        found = [one["sentence_prediction"] for some in of_bounded_size(rows) for one in self._model.of_many(some)]
        if self.label_list is None:
            return np.stack(found)
        return np.array([list(self._model.classes(logits)["probabilities"].values()) for logits in found])


class ServedPortableVectors(ServedModel):
    """Vectors of texts by another runtime."""

    kind = "vectors"
    takes = 'a text, or an object {"text": …}'
    example = "a"

    def __init__(self, name: str, model: ExportedModel, normalize: bool):
        super().__init__(name)
        self._model, self._normalize = model, normalize

    def check(self, instance: Any) -> str:
        return text_or_pair(instance, False, self.takes)[0]

    def predict(self, prepared: Sequence[Any]) -> list[Any]:
        import numpy as np

        found = self._model.of_many([_rows(self._model, text, None) for text in prepared])
        vectors = np.stack([one["embedding"] for one in found])
        if not np.isfinite(vectors).all():
            raise JobError("the model's vectors are not finite; its weights are not usable")
        if self._normalize:
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors / np.where(lengths > 0, lengths, 1)
        return vectors.tolist()


class PortableSelector:
    """Chooses among answers as `bert_tf2.inference.choice_selector.ChoiceSelector` does."""

    def __init__(self, model: ExportedModel):
        self._model = model

    def choose_all(self, questions: Iterable[tuple[str, str, Sequence[str]]], batch_size: int = 16) -> list[Choice]:
        """Answers questions, given as context, question and choices, one after the other.

        Raises:
          JobError: the model gives no numbers.
        """
        del batch_size
        found = []
        for context, question, choices in questions:
            answer = self._model.choose(question, choices, context)
            number, probabilities = answer["number"], tuple(answer["probabilities"])
            if not all(map(math.isfinite, probabilities)):
                raise JobError("the model's logits are not finite; its weights are not usable")
            found.append(Choice(number, choices[number], probabilities[number], probabilities))
        return found


def _rows(model: ExportedModel, text: str, text_b: str | None) -> Rows:
    try:
        return model.rows(text, text_b)
    except ValueError as error:
        raise UserError(str(error)) from None


def _classifier(name: str, model: ExportedModel, normalize: bool) -> ServedModel:
    del normalize
    return ServedClassifier(name, TextClassifier(PortableBackend(model)))


def _selector(name: str, model: ExportedModel, normalize: bool) -> ServedModel:
    del normalize
    return ServedSelector(name, PortableSelector(model))


_KINDS: dict[str, Callable[[str, ExportedModel, bool], ServedModel]] = {
    "bert_classification": _classifier,
    "bert_prompt_classification": _classifier,
    "bert_regression": _classifier,
    "bert_multi_label": _classifier,
    "bert_multiple_choice": _selector,
    "bert_similarity": ServedPortableVectors,
}
