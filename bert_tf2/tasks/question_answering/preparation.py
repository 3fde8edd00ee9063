"""SQuAD -> training records and metadata, one article in memory at a time.

Where answers lie in a window and which windows there are follows `read_squad_examples` and `convert_examples_to_features` of
google-research/bert's `run_squad.py`; which tokens are the answer, `bert_tf2.tasks.question_answering.answers`.
"""

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bert_tf2.data.records import metadata
from bert_tf2.data.records.wire_format import ExampleEncoder
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.tasks.preparation import Preparation, Read, Split
from bert_tf2.tasks.question_answering.answers import EXACT, GOOGLE, AnswerPlaces, ExactPlaces, GooglePlaces
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.inputs import EncodedContext, InputEncoder, question_encoder
from bert_tf2.tasks.question_answering.squad import NotedIds, Paragraph, Question, Reading, noted, read_paragraphs
from bert_tf2.tasks.question_answering.windows import FIRST_UNIQUE_ID, WindowOptions
from bert_tf2.tasks.statistics import unknown_warning
from bert_tf2.text.offsets import PlacedTokens, PlacingTokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer

_MOST_NOT_FOUND = 0.01
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


class SquadPreparation(Preparation):
    """Questions on contexts, with the places of their answers.

    Args:
      paths: SQuAD files; their question ids must differ.
      tokenizer: the model's.
      windows: how contexts are cut.
      version_2_with_negative: questions may be impossible to answer.
      answer_labels: which tokens are the answer, `EXACT` or `GOOGLE`.
      translated_paths: further SQuAD files, whose ids may be those of other files.
      padded: records hold also what the garden's reader for XLNet takes; see `squad_features`.

    Raises:
      UserError: windows that cannot be cut.
    """

    task_type = metadata.SQUAD
    name = "SQuAD"
    unit = "paragraphs"
    # An article is in memory at a time.
    at_once = 1

    def __init__(
        self,
        paths: Sequence[str],
        tokenizer: WordPieceTokenizer,
        windows: WindowOptions | None = None,
        *,
        version_2_with_negative: bool = False,
        answer_labels: str = EXACT,
        translated_paths: Sequence[str] = (),
        padded: bool = False,
    ):
        self._windows = windows or WindowOptions()
        self._notices = self._windows.check()
        self.tokenizer, self.max_seq_length = tokenizer, self._windows.max_seq_length
        self.features = squad_features(padded=padded)
        self._groups = [paths, *([path] for path in translated_paths)]
        self._version_2, self._answer_labels, self._padded = version_2_with_negative, answer_labels, padded
        self._reading = Reading()
        self._encoder: _TrainingEncoder | None = None

    def splits(self, wanted: Mapping[str, str]) -> dict[str, Read]:
        """The paragraphs of all files; there is only training data."""
        del wanted
        return {"train": self._read}

    def _read(self, bad_rows: BadRows) -> Iterator[Paragraph]:
        for group in self._groups:
            yield from read_paragraphs(group, answers_needed=True, report=bad_rows.report, reading=self._reading)

    def begin(self, split: Split) -> None:
        """Questions and windows are counted."""
        split.statistics = SquadCounts([0] * (self.max_seq_length + 1))

    def encode(self, examples: Sequence[Paragraph], split: Split) -> list[bytes]:
        """The windows of all questions on some paragraphs."""
        if self._encoder is None:
            self._encoder = _TrainingEncoder(
                split, self.tokenizer, self._windows, self._version_2, self._answer_labels, self._padded
            )
        return [record for paragraph in examples for record in self._encoder.records(paragraph)]

    def check(self, splits: Sequence[Split]) -> None:
        """Refuses no records, and data of which too many answers do not stand where the file says."""
        (split,) = splits
        counts: SquadCounts = split.statistics
        answers = counts.questions - counts.impossible + counts.not_found.count
        if counts.not_found.count > _MOST_NOT_FOUND * answers and not split.bad_rows.skips:
            raise UserError(
                f"{counts.not_found.count:,} of {answers:,} answers do not stand at their answer_start in the context "
                f"({counts.not_found}), more than {_MOST_NOT_FOUND:.0%}: answer_start counts code points, not bytes or UTF-16 "
                "units; --on_bad_row=skip leaves such questions out and lists them"
            )
        if not counts.windows:
            reason = split.bad_rows.first or "no tokens in the contexts"
            raise UserError(f"0 examples: no question can be used; the first reason: {reason}")

    def facts(self, splits: Sequence[Split]) -> dict[str, Any]:
        """How contexts were cut, and what was counted."""
        (counts,) = (split.statistics for split in splits)
        return {
            "metrics": ("f1", "exact_match"),
            "best_metric": "f1",
            "truncated_fraction": {"train": round(counts.truncated / counts.questions, 6)},
            "max_query_length": self._windows.max_query_length,
            "doc_stride": self._windows.doc_stride,
            "version_2_with_negative": self._version_2,
            "answer_labels": self._answer_labels,
            "paragraphs": counts.paragraphs,
            "questions": counts.questions,
            "impossible_questions": counts.impossible,
            "truncated_questions": counts.truncated,
            "skipped_questions": counts.not_found.count + counts.without_tokens.count,
            "windows_without_answer_fraction": round(counts.windows_without_answer / counts.windows, 6),
        }

    def warnings(self, splits: Sequence[Split]) -> list[str]:
        """What is unusual about windows, questions and answers."""
        (split,) = splits
        counts: SquadCounts = split.statistics
        found = [*self._notices, *self._reading.warnings()]
        if self._version_2 and not self._reading.says_version_2:
            found.append("--version_2_with_negative is set, but no question is marked impossible: all count as answerable")
        found += noted(counts.not_found, "left out, since the answer does not stand at its answer_start")
        found += noted(counts.without_tokens, "left out, since context or answer have no tokens")
        found += noted(counts.moved, "with an answer_start that is a little off; the words around it were used")
        found += noted(counts.several_answers, "with several answers; the first that can be used is used for training")
        found += noted(counts.passed_over, "whose first answer does not stand at its answer_start or has no tokens")
        if split.bad_rows.count:
            found.append(split.bad_rows.summary())
        if counts.truncated:
            found.append(f"{counts.truncated:,} questions were cut to --max_query_length={self._windows.max_query_length} tokens")
        return found + unknown_warning("", "contexts' tokens", counts.unknown_tokens / max(counts.context_tokens, 1))

    def summary(self, split: Split) -> list[str]:
        """Questions and windows."""
        counts: SquadCounts = split.statistics
        tokens = sum(length * count for length, count in enumerate(counts.length_counts))
        impossible = f", {counts.impossible:,} without an answer" if counts.impossible else ""
        return [
            f"{split.name}: {counts.questions:,} questions on {counts.paragraphs:,} paragraphs{impossible}",
            f"  {counts.windows:,} windows, {tokens / counts.windows:.1f} tokens on average, "
            f"{counts.windows_without_answer / counts.windows:.1%} do not show the answer",
        ]

    def next_command(self, meta_data_path: str, paths: Mapping[str, str]) -> list[str]:
        """`run_squad.py`, which makes the inputs of the questions itself."""
        version = ["--version_2_with_negative"] if self._version_2 else []
        return [
            "run_squad.py --mode=train_and_eval",
            *version,
            f"--input_meta_data_path={shlex.quote(meta_data_path)}",
            f"--train_data_path={shlex.quote(paths['train'])}",
            "--predict_file=<dev.json>",
        ]


class _TrainingEncoder:
    """Makes the records of paragraphs and counts what it meets."""

    def __init__(
        self,
        split: Split,
        tokenizer: WordPieceTokenizer,
        windows: WindowOptions,
        version_2: bool,
        answer_labels: str,
        padded: bool,
    ):
        self._counts, self._bad_rows, self._encoder = split.statistics, split.bad_rows, split.encoder
        self._tokenizer, self._windows, self._version_2, self._answer_labels = tokenizer, windows, version_2, answer_labels
        self._place_tokens = PlacingTokenizer(tokenizer)
        self._encode_question = question_encoder(tokenizer, windows.max_query_length)
        self._encode_input = InputEncoder(split.encoder, tokenizer, padded)
        self._kept_places: dict[tuple[int, int], bytes] = {}

    def records(self, paragraph: Paragraph) -> list[bytes]:
        """The windows of all questions on a paragraph."""
        records: list[bytes] = []
        if not paragraph.questions:
            return records
        counts, windows = self._counts, self._windows
        tokens = self._place_tokens(paragraph.context)
        counts.paragraphs += 1
        ids = tokens.ids.tolist()
        counts.context_tokens += len(ids)
        counts.unknown_tokens += ids.count(self._tokenizer.unk_id)
        context, answers = EncodedContext(ids), self._answer_places(paragraph.context, tokens)
        for question in paragraph.questions:
            place = self._place(question, paragraph, answers)
            if place is None:
                continue
            head, length, cut = self._encode_question(question.text)
            counts.questions += 1
            counts.impossible += question.is_impossible
            counts.truncated += cut
            begin = length + 2
            for first, count in windows.spans(len(ids), length):
                shown = first <= place[0] and place[1] < first + count
                start, end = (place[0] - first + begin, place[1] - first + begin) if shown else (0, 0)
                entries = self._encode_input(FIRST_UNIQUE_ID + counts.windows, head, begin, context.ids(first, count), count)
                records.append(ExampleEncoder.example(entries + self._answer_entries(start, end)))
                counts.windows += 1
                counts.windows_without_answer += not shown
                counts.length_counts[begin + count + 1] += 1
        return records

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

    def _answer_entries(self, start: int, end: int) -> bytes:
        """The entries of a record for an answer at these places of the input; both are 0 when it is not there."""
        entries = self._kept_places.get((start, end))
        if entries is None:
            places = {"start_positions": start, "end_positions": end, "is_impossible": int(start == 0)}
            entries = self._encoder.entries(places)
            if len(self._kept_places) < _MOST_KEPT:
                self._kept_places[start, end] = entries
        return entries


def _is_usable(place: tuple[int, int] | None) -> bool:
    """Whether an answer was found, and has tokens."""
    return place is not None and place[0] <= place[1]
