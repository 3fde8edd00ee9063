"""Paragraphs with questions -> training records: the windows of each question, with the place of the answer in them.

Where answers lie in a window and which windows there are follows `read_squad_examples` and `convert_examples_to_features` of
google-research/bert's `run_squad.py`; which tokens are the answer, `bert_tf2.tasks.question_answering.answers`.
"""

import dataclasses
import functools
import itertools

from bert_tf2.errors import UserError
from bert_tf2.tasks.preparation import Split
from bert_tf2.tasks.question_answering.answers import GOOGLE, AnswerPlaces, ExactPlaces, GooglePlaces
from bert_tf2.tasks.question_answering.inputs import EncodedContext, InputEncoder, question_encoder
from bert_tf2.tasks.question_answering.squad import NotedIds, Paragraph, Question
from bert_tf2.tasks.question_answering.windows import FIRST_UNIQUE_ID, WindowOptions
from bert_tf2.text.offsets import PlacedTokens
from bert_tf2.text.placing import placing_tokenizer
from bert_tf2.text.tokenizer import Tokenizer

_MOST_KEPT = 1 << 15


@dataclasses.dataclass
class SquadCounts:
    """What was counted: paragraphs, questions, the windows made of them, and what is unusual about them.

    Attributes:
      questions: those that gave windows.
      impossible: how many of them have no answer.
      windows_without_answer: windows that do not show the whole answer, those of impossible questions among them.
      context_tokens, unknown_tokens: in all contexts, each counted once.
      length_counts: number of windows by number of tokens.
      truncated: questions cut to `max_query_length`.
      not_found: questions left out because no answer stands where the file says.
      moved: questions whose answer stands near by, in the same words; it is used.
      without_tokens: questions left out because context or answer consist of characters that tokenization drops.
      several_answers: questions with more than one answer; the first that can be used is.
      passed_over: questions of which an answer before that one cannot be used.
    """

    length_counts: list[int]
    paragraphs: int = 0
    questions: int = 0
    impossible: int = 0
    windows: int = 0
    windows_without_answer: int = 0
    context_tokens: int = 0
    unknown_tokens: int = 0
    truncated: int = 0
    not_found: NotedIds = dataclasses.field(default_factory=NotedIds)
    moved: NotedIds = dataclasses.field(default_factory=NotedIds)
    without_tokens: NotedIds = dataclasses.field(default_factory=NotedIds)
    several_answers: NotedIds = dataclasses.field(default_factory=NotedIds)
    passed_over: NotedIds = dataclasses.field(default_factory=NotedIds)


class TrainingEncoder:
    """Makes the records of paragraphs and counts what it meets.

    Args:
      split: has an encoder; its statistics are `SquadCounts`.
      tokenizer: the model's.
      windows: how contexts are cut.
      version_2: questions may be impossible to answer.
      answer_labels: which tokens are the answer, `EXACT` or `GOOGLE`.
      padded: see `squad_features`.
    """

    def __init__(
        self,
        split: Split,
        tokenizer: Tokenizer,
        windows: WindowOptions,
        version_2: bool,
        answer_labels: str,
        padded: bool,
    ):
        self._counts, self._bad_rows, self._encoder = split.statistics, split.bad_rows, split.encoder
        self._tokenizer, self._template, self._windows = tokenizer, tokenizer.template, windows.of(tokenizer.template)
        self._version_2, self._answer_labels = version_2, answer_labels
        self._place_tokens = placing_tokenizer(tokenizer)
        self._encode_question = question_encoder(tokenizer, windows.max_query_length)
        self._encode_inputs = InputEncoder(split.encoder, tokenizer, padded)
        self._answer_entries = functools.lru_cache(_MOST_KEPT)(self._answer)

    def records(self, paragraph: Paragraph) -> list[bytes]:
        """The windows of all questions on a paragraph."""
        if not paragraph.questions:
            return []
        counts, windows = self._counts, self._windows
        tokens = self._place_tokens(paragraph.context)
        counts.paragraphs += 1
        ids = tokens.ids.tolist()
        counts.context_tokens += len(ids)
        counts.unknown_tokens += ids.count(self._tokenizer.unk_id)
        context, answers = EncodedContext(ids), self._answer_places(paragraph.context, tokens)
        inputs, places = [], []
        for question in paragraph.questions:
            place = self._place(question, paragraph, answers)
            if place is None:
                continue
            head, length, cut = self._encode_question(question.text)
            counts.questions += 1
            counts.impossible += question.is_impossible
            counts.truncated += cut
            begin = length + self._template.before_second
            for first, count in windows.spans(len(ids), length):
                shown = first <= place[0] and place[1] < first + count
                start, end = (place[0] - first + begin, place[1] - first + begin) if shown else (0, 0)
                inputs.append((head, begin, context.ids(first, count), count))
                places.append((start, end))
                counts.windows_without_answer += not shown
                counts.length_counts[begin + count + len(self._template.end)] += 1
        columns = self._encode_inputs.columns(FIRST_UNIQUE_ID + counts.windows, inputs)
        counts.windows += len(inputs)
        return self._encoder.records(*columns, itertools.starmap(self._answer_entries, places))

    def _answer_places(self, context: str, tokens: PlacedTokens) -> AnswerPlaces:
        if self._answer_labels == GOOGLE:
            return GooglePlaces(context, tokens, self._tokenizer)
        return ExactPlaces(context, tokens)

    def _place(self, question: Question, paragraph: Paragraph, answers: AnswerPlaces) -> tuple[int, int] | None:
        """First and last token of the answer, negative for an impossible question; None leaves the question out."""
        counts = self._counts
        if question.is_impossible and not self._version_2:
            raise UserError(
                f"{paragraph.where} (id {question.id}): the question is marked impossible to answer, so this is data of version "
                "2.0; pass --version_2_with_negative"
            )
        if answers.has_no_tokens:
            counts.without_tokens.add(question.id)
            return None
        if question.is_impossible:
            return -1, -1
        if len(question.answers) > 1:
            counts.several_answers.add(question.id)
        found = [(answers.find(answer), answer) for answer in question.answers[:1]]
        if not _is_usable(found[0][0]):
            found += [(answers.find(answer), answer) for answer in question.answers[1:]]
        number = next((number for number, (place, _) in enumerate(found) if _is_usable(place)), None)
        if number is not None:
            place, answer = found[number]
            if number:
                counts.passed_over.add(question.id)
            if not answers.is_exact(answer):
                counts.moved.add(question.id)
            return place
        if any(place is not None for place, _ in found):
            counts.without_tokens.add(question.id)
            return None
        counts.not_found.add(question.id)
        if self._bad_rows.skips:
            self._bad_rows.report(
                f"{paragraph.where} (id {question.id})",
                "the context does not hold the answer at answer_start",
                dataclasses.asdict(question.answers[0]),
            )
        return None

    def _answer(self, start: int, end: int) -> bytes:
        """The entries of a record for an answer at these places of the input; both are 0 when it is not there."""
        return self._encoder.entries({"start_positions": start, "end_positions": end, "is_impossible": int(start == 0)})


def _is_usable(place: tuple[int, int] | None) -> bool:
    """Whether an answer was found, and has tokens."""
    return place is not None and place[0] <= place[1]
