"""Choosing among answers from Python, with the model loaded once."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence

from bert_tf2.errors import JobError
from bert_tf2.inference.saved_model import SavedModelPredictor, in_batches
from bert_tf2.model_directory.exported_models import text_tensor


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


class ChoiceSelector(SavedModelPredictor):
    """Chooses answers to questions.

        selector = ChoiceSelector.from_saved_model("export_text")
        selector.choose("Why?", ["because", "never"], context="It rained.").text

    Half a surrogate pair, which no text holds, counts as U+FFFD.

    Args:
      loaded: a SavedModel as TensorFlow loads it, whose `serving_default` is `ChoiceModule.choose`.
    """

    inputs = ("choices", "context", "question")
    outputs = ("choice", "prediction", "probabilities")
    wanted = "a model that chooses among answers"
    which = "give what run_classifier.py --mode=export_only --model_export_path=NAME writes as NAME_text, which takes text"

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
        for batch in in_batches(questions, batch_size):
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
