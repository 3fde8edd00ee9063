"""Answering questions from Python, with the model loaded once."""

import dataclasses
import math
from collections.abc import Iterable, Iterator

from bert_tf2.errors import JobError
from bert_tf2.inference.saved_model import SavedModelPredictor, in_batches
from bert_tf2.model_directory.exported_models import text_tensor

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


class QuestionAnswerer(SavedModelPredictor):
    """Answers questions from their contexts.

        answerer = QuestionAnswerer.from_saved_model("export_text")
        answerer.answer("Who wrote it?", "It was written by Ada Lovelace.").text

    A context may be of any length. Half a surrogate pair, which no text holds, counts as U+FFFD.

    Args:
      loaded: a SavedModel as TensorFlow loads it, whose `serving_default` is `QuestionAnsweringModule.answer`.
    """

    inputs = ("question", "context")
    outputs = _OUTPUTS
    wanted = "a question answering model"
    which = (
        "give the directory of the model that takes text: run_squad.py --mode=export_only --model_export_path=NAME "
        "--vocab_file=vocab.txt writes NAME_text"
    )

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
        for batch in in_batches(pairs, batch_size):
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
