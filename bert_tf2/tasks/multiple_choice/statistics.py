"""What is counted while questions become records, and the warnings that follow from the counts."""

import collections

from bert_tf2.tasks.multiple_choice.examples import ChoiceExample, name_of
from bert_tf2.tasks.multiple_choice.packing import PackedChoices
from bert_tf2.tasks.statistics import InputsStatistics

# So few questions may have answers at one place by chance.
_FEW = 20


class ChoiceStatistics(InputsStatistics):
    """Counts over the questions of one split; a row is a question, with an input for each choice.

    Args:
      max_seq_length: the longest an input can be.
      special_tokens: how many each input has.

    Attributes:
      choices: how many questions have so many choices.
      answers: how often the choice of a number is the right one.
      contexts_cut, questions_cut: questions that lost tokens of the context, or of a question with its choice.
      ambiguous: questions with choices that look the same to the model.
    """

    def __init__(self, max_seq_length: int, special_tokens: int = 3):
        super().__init__(max_seq_length, special_tokens)
        self.contexts_cut = self.questions_cut = self.ambiguous = 0
        self.choices: collections.Counter[int] = collections.Counter()
        self.answers: collections.Counter[int] = collections.Counter()

    @property
    def is_answered(self) -> bool:
        """Whether all questions say which choice is right."""
        return self.answers.total() == self.rows

    def add_question(self, example: ChoiceExample, packed: PackedChoices, unknown_id: int) -> None:
        """Counts a question that is written."""
        text = (example.context, example.question, example.choices)
        self.add_inputs(packed.ids, packed.context_is_cut or packed.question_is_cut, text, unknown_id)
        self.choices[len(packed.ids)] += 1
        if example.answer is not None:
            self.answers[example.answer] += 1
        self.contexts_cut += packed.context_is_cut
        self.questions_cut += packed.question_is_cut
        self.ambiguous += packed.is_ambiguous

    def lines(self, name: str) -> list[str]:
        """What was written of the split `name`."""
        counts = ", ".join(f"{choices} ({count:,})" for choices, count in sorted(self.choices.items()))
        mean = self.input_tokens / self.inputs
        lines = [
            f"{name}: {self.rows:,} questions, {self.inputs:,} choices, {mean:.1f} tokens an input, longest {self.max_length}",
            f"  choices (questions): {counts}",
            f"  cut: the context of {self.contexts_cut:,} questions ({self.contexts_cut / self.rows:.1%})"
            + (f", question and choice of {self.questions_cut:,}" if self.questions_cut else ", never question or choice"),
        ]
        if not self.is_answered:
            return [*lines, "  no answers: to predict"]
        shares = ", ".join(f"{name_of(choice)} {count / self.rows:.1%}" for choice, count in sorted(self.answers.items()))
        return [*lines, f"  right answers: {shares}"]

    def warnings(self, name: str) -> list[str]:
        """What a user should know about the split `name`."""
        found, answered = super().warnings(name), self.answers.total()
        if 0 < answered < self.rows:
            found.append(f"{name}: {self.rows - answered:,} of {self.rows:,} questions have no answer; all are taken as without")
        if self.ambiguous:
            questions = "question has" if self.ambiguous == 1 else "questions have"
            found.append(f"{name}: {self.ambiguous:,} {questions} two choices that are the same to the model")
        if self.is_answered and len(self.answers) == 1 and self.rows > _FEW:
            found.append(f"{name}: the right choice is always {name_of(next(iter(self.answers)))}; is that the answer?")
        return found
