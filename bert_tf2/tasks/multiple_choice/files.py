"""The files that hold the predicted choices, made of the records alone."""

from collections.abc import Sequence

from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.files import write_text
from bert_tf2.tasks.multiple_choice.examples import name_of
from bert_tf2.tasks.multiple_choice.outcome import Answers
from bert_tf2.tasks.written_tables import cell


class QuestionTexts:
    """The texts of questions that records keep for people; empty where they keep none.

    Args:
      records: of `choice_features`.
    """

    def __init__(self, records: RecordSet):
        self._ids, self._contexts, self._questions, self._choices = (
            records.values(name) for name in ("id", "context", "question", "choices")
        )
        self.are_there = any(map(len, self._choices))

    def id(self, row: int, example_id: int) -> str:
        """What identifies a question: its own id, else its number in its file, else that of its record."""
        return self._ids[row] or str(example_id if example_id >= 0 else row)

    def context(self, row: int) -> str:
        """What the question is about."""
        return self._contexts[row]

    def question(self, row: int) -> str:
        """What is asked."""
        return self._questions[row]

    def choice(self, row: int, choice: int) -> str:
        """One of the choices."""
        choices: Sequence[str] = self._choices[row]
        return choices[choice] if choice < len(choices) else ""


def write_test_results(path: str, answers: Answers) -> None:
    """Writes `test_results.tsv` as Google's programs do: a row for each question with its choices' probabilities, no header."""
    rows = (answers.probabilities(row) for row in range(len(answers.counts)))
    write_text(path, "".join("\t".join(str(float(value)) for value in row) + "\n" for row in rows))


def write_predictions(path: str, answers: Answers, texts: QuestionTexts, with_gold: bool) -> None:
    """Writes `predictions.tsv`: a header, then for each question its id, texts, the right and the predicted choice, the latter's
    text, and the probability of each choice; cells of choices that a question does not have are empty.

    Args:
      path: the file.
      answers: the predictions.
      texts: the questions' texts.
      with_gold: a column holds the right choices.
    """
    most = int(answers.counts.max(initial=0))
    header = ["id", *(["question"] if texts.are_there else []), *(["label"] if with_gold else []), "prediction"]
    header += [*(["choice"] if texts.are_there else []), *(f"probability_{name_of(choice)}" for choice in range(most))]
    lines, predicted = ["\t".join(header)], answers.predicted
    for row in range(len(answers.counts)):
        choice = int(predicted[row])
        cells = [cell(texts.id(row, int(answers.example_ids[row])))]
        cells += [cell(texts.question(row))] if texts.are_there else []
        cells += [name_of(int(answers.gold[row]))] if with_gold else []
        cells.append(name_of(choice))
        cells += [cell(texts.choice(row, choice))] if texts.are_there else []
        probabilities = [f"{value:.6f}" for value in answers.probabilities(row)]
        lines.append("\t".join([*cells, *probabilities, *[""] * (most - len(probabilities))]))
    write_text(path, "\n".join(lines) + "\n")
