"""Choosing among answers from Python, with the model loaded once."""

import dataclasses
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError
from bert_tf2.model_directory.exported_models import inputs_and_outputs, load_saved_model, saved_model_in, text_tensor

_INPUTS = ("choices", "context", "question")
_OUTPUTS = ("choice", "prediction", "probabilities")


@dataclasses.dataclass(frozen=True)
class Choice:
    """A chosen answer.

    Attributes:
      number: which of the choices it is, from 0.
      text: that choice.
      probability: of that choice.
      probabilities: of all choices, in their order.
    """

    number: int
    text: str
    probability: float
    probabilities: tuple[float, ...]


class ChoiceSelector:
    """Chooses answers to questions.

        selector = ChoiceSelector.from_saved_model("export_text")
        selector.choose("Why?", ["because", "never"], context="It rained.").text

    Half a surrogate pair, which no text holds, counts as U+FFFD.

    Args:
      loaded: a SavedModel as TensorFlow loads it, whose `serving_default` is `ChoiceModule.choose`.
    """

    def __init__(self, loaded: Any):
        # The signature alone does not keep the variables alive.
        self._loaded = loaded
        self._signature = loaded.signatures["serving_default"]

    @classmethod
    def from_saved_model(cls, path: str) -> "ChoiceSelector":
        """Loads the model that `run_classifier.py` exports from a multiple-choice training.

        A SavedModel is a program, which runs with your rights: load only what you trust.

        Args:
          path: its directory, local or remote.

        Raises:
          UserError: there is no such SavedModel; the message says which to give.
        """
        path = files.expand(path).rstrip("/")
        if not files.is_remote(path) and not os.path.exists(path):
            raise UserError(f"no such directory: {path}; {_WHICH}")
        found = saved_model_in(path)
        if found is None:
            raise UserError(f"{path} is not a SavedModel (it holds no saved_model.pb); {_WHICH}")
        loaded = load_saved_model(found)
        inputs, outputs = inputs_and_outputs(loaded)
        if inputs != sorted(_INPUTS) or not set(_OUTPUTS) <= set(outputs):
            raise UserError(f"{path} does not take questions with choices (it takes {', '.join(inputs) or 'nothing'}); {_WHICH}")
        return cls(loaded)

    def choose(self, question: str, choices: Sequence[str], context: str = "") -> Choice:
        """Answers one question.

        Args:
          question: what is asked; may be empty where there is a context.
          choices: at least one text; none of them blank.
          context: what the question is about; empty for nothing.

        Raises (here and below):
          ValueError: a question without choices, or with one that is blank.
          JobError: the model gives no numbers.
        """
        return self.choose_all([(context, question, choices)])[0]

    def choose_all(self, questions: Iterable[tuple[str, str, Sequence[str]]], batch_size: int = 16) -> list[Choice]:
        """Answers questions, given as context, question and choices, in their order."""
        return list(self.chosen(questions, batch_size))

    def chosen(self, questions: Iterable[tuple[str, str, Sequence[str]]], batch_size: int = 16) -> Iterator[Choice]:
        """As `choose_all`, one batch of questions at a time."""
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1; got {batch_size}")
        questions = iter(questions)
        while batch := list(itertools.islice(questions, batch_size)):
            yield from self._answer(batch)

    def _answer(self, batch: list[tuple[str, str, Sequence[str]]]) -> Iterator[Choice]:
        for _, question, choices in batch:
            if not choices or not all(choice.strip() for choice in choices):
                raise ValueError(f"a question needs choices, none of them blank; got {list(choices)} for '{question[:60]}'")
        contexts, questions, choices = zip(*batch)
        most = max(map(len, choices))
        filled = [text for row in choices for text in (*row, *[""] * (most - len(row)))]
        outputs = self._signature(
            context=text_tensor(contexts), question=text_tensor(questions), choices=text_tensor(filled, (len(batch), most))
        )
        for row, (number, probabilities) in enumerate(zip(outputs["prediction"].numpy(), outputs["probabilities"].numpy())):
            values = tuple(probabilities[: len(choices[row])].tolist())
            if not all(map(math.isfinite, values)):
                raise JobError("the model's logits are not finite; its weights are not usable")
            yield Choice(int(number), choices[row][number], values[number], values)


_WHICH = "give what run_classifier.py --mode=export_only --model_export_path=NAME writes as NAME_text, which takes text"
