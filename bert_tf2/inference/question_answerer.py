"""Answering questions from Python, with the model loaded once."""

import dataclasses
import itertools
import math
import os
from collections.abc import Iterable, Iterator
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError
from bert_tf2.model_directory.exported_models import (
    inputs_and_outputs,
    load_saved_model,
    not_for_text,
    saved_model_in,
    text_tensor,
)

_TEXT_INPUTS = ("question", "context")
_OUTPUTS = ("answer", "score", "start", "end")


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer; what its numbers are exactly is said at `QuestionAnsweringModule.answer`.

    Attributes:
      text: a slice of the context; empty for no answer.
      score: the answer's probability among the best ones, 0 to 1.
      start, end: `context[start:end] == text`; -1 and -1 for no answer.
      null_score_difference: how much better "" is than the best other answer, in logits; None where the model knows no
        questions without an answer (SQuAD 1.1).
    """

    text: str
    score: float
    start: int
    end: int
    null_score_difference: float | None = None


class QuestionAnswerer:
    """Answers questions from their contexts.

        answerer = QuestionAnswerer.from_saved_model("export_text")
        answerer.answer("Who wrote it?", "It was written by Ada Lovelace.").text

    A context may be of any length. Half a surrogate pair, which no text holds, counts as U+FFFD.

    Args:
      loaded: a SavedModel as TensorFlow loads it, whose `serving_default` is `QuestionAnsweringModule.answer`.
    """

    def __init__(self, loaded: Any):
        # The signature alone does not keep the variables alive.
        self._loaded = loaded
        self._signature = loaded.signatures["serving_default"]

    @classmethod
    def from_saved_model(cls, path: str) -> "QuestionAnswerer":
        """Loads the question answering model that `run_squad.py` exports with `--vocab_file`.

        A SavedModel is a program, which runs with your rights: load only what you trust.

        Args:
          path: its directory, local or remote.

        Raises:
          UserError: there is no such SavedModel; the message says which to give.
        """
        path = files.expand(path).rstrip("/")
        loaded = load_saved_model(_saved_model(path))
        _check_signature(path, loaded)
        return cls(loaded)

    def answer(self, question: str, context: str) -> Answer:
        """Answers one question.

        Raises (here and below):
          JobError: the model gives no numbers.
        """
        return self.answer_all([(question, context)])[0]

    def answer_all(self, pairs: Iterable[tuple[str, str]], batch_size: int = 16) -> list[Answer]:
        """Answers questions, given with their contexts, in their order."""
        return list(self.answers(pairs, batch_size))

    def answers(self, pairs: Iterable[tuple[str, str]], batch_size: int = 16) -> Iterator[Answer]:
        """As `answer_all`, one batch of pairs at a time."""
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1; got {batch_size}")
        pairs = iter(pairs)
        while batch := list(itertools.islice(pairs, batch_size)):
            yield from self._answer_batch(batch)

    def _answer_batch(self, pairs: list[tuple[str, str]]) -> list[Answer]:
        questions, contexts = zip(*pairs)
        outputs = self._signature(question=text_tensor(questions), context=text_tensor(contexts))
        columns = {name: values.numpy().tolist() for name, values in outputs.items()}
        if not all(map(math.isfinite, columns["score"])):
            raise JobError("the model's logits are not finite; its weights are not usable")
        differences = columns.get("null_score_difference", [None] * len(pairs))
        rows = zip(*(columns[name] for name in _OUTPUTS), differences)
        return [Answer(text.decode(), score, start, end, difference) for text, score, start, end, difference in rows]


def _saved_model(path: str) -> str:
    if not files.is_remote(path) and not os.path.exists(path):
        raise UserError(f"--model: no such directory: {path}; {_WHICH}")
    found = saved_model_in(path)
    if found is None:
        raise UserError(f"--model={path} is not a SavedModel (it holds no saved_model.pb); {_WHICH}")
    return found


def _check_signature(path: str, loaded: Any) -> None:
    inputs, outputs = inputs_and_outputs(loaded)
    if inputs == sorted(_TEXT_INPUTS) and set(_OUTPUTS) <= set(outputs):
        return
    raise not_for_text("model", path, loaded, "a question answering model", _WHICH)


_WHICH = (
    "give the directory of the model that takes text: run_squad.py --mode=export_only --model_export_path=NAME "
    "--vocab_file=vocab.txt writes NAME_text"
)
