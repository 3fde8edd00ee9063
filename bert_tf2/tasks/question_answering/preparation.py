"""SQuAD -> training records and metadata, one article in memory at a time.

Where answers lie in a window and which windows there are follows `read_squad_examples` and `convert_examples_to_features` of
google-research/bert's `run_squad.py`; which tokens are the answer, `bert_tf2.tasks.question_answering.answers`.
"""

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.data.records import metadata
from bert_tf2.data.records.feature_spec import TOKENS
from bert_tf2.data.records.metadata import MetaData, RecordFile
from bert_tf2.data.records.publishing import check_outputs, known_objects_left_alone, publish
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.data.records.wire_format import ExampleEncoder
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.progress import track
from bert_tf2.tasks.question_answering.answers import EXACT, GOOGLE, AnswerPlaces, ExactPlaces, GooglePlaces
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.inputs import EncodedContext, InputEncoder, question_encoder
from bert_tf2.tasks.question_answering.squad import NotedIds, Paragraph, Question, Reading, noted, read_paragraphs
from bert_tf2.tasks.question_answering.windows import FIRST_UNIQUE_ID, WindowOptions
from bert_tf2.text.offsets import PlacedTokens, PlacingTokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer

_MOST_NOT_FOUND = 0.01
_MOST_UNKNOWN = 0.05
_MOST_KEPT = 1 << 15


@dataclasses.dataclass(frozen=True)
class SquadRecordOptions:
    """What the data are and how records are written.

    Attributes:
      windows: how contexts are cut.
      version_2_with_negative: questions may be impossible to answer.
      pad_to_max_length: write Google's fixed-length records instead of unpadded ones.
      gzip: compress the file.
      answer_labels: which tokens are the answer, `EXACT` or `GOOGLE`.
      skip_bad_rows: leave out what cannot be used and list it in `<output>.rejects.jsonl`; otherwise it is an error.
    """

    windows: WindowOptions = dataclasses.field(default_factory=WindowOptions)
    version_2_with_negative: bool = False
    pad_to_max_length: bool = False
    gzip: bool = False
    answer_labels: str = EXACT
    skip_bad_rows: bool = False


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


@dataclasses.dataclass(frozen=True)
class PreparedSquad:
    """What was written."""

    meta_data: MetaData
    meta_data_path: str
    path: str
    counts: SquadCounts
    warnings: list[str]


def prepare_squad(
    paths: Sequence[str],
    tokenizer: WordPieceTokenizer,
    output_path: str,
    meta_data_path: str,
    options: SquadRecordOptions,
    translated_paths: Sequence[str] = (),
    extra: dict[str, Any] | None = None,
    accept: Callable[[MetaData], None] | None = None,
) -> PreparedSquad:
    """Writes training records and then the metadata; both or, after an error, neither.

    Args:
      paths: SQuAD files; their question ids must differ.
      tokenizer: the model's.
      output_path, meta_data_path: where the records and `meta_data.json` go.
      options: what the data are and how they are written.
      translated_paths: further SQuAD files, whose ids may be those of other files.
      extra: further keys for the metadata.
      accept: is shown the metadata when all is written under temporary names; what it raises leaves the files there as they are.

    Raises:
      UserError: data or settings that cannot be used; the message names the place in the file.
      JobError: writing failed.
    """
    notices = options.windows.check()
    output_path, meta_data_path = files.expand(output_path), files.expand(meta_data_path)
    check_outputs([output_path, meta_data_path])
    files.make_directory(os.path.dirname(output_path) or ".")
    bad_rows, reading = BadRows(options.skip_bad_rows, output_path + files.REJECTS), Reading()
    groups = [paths, *([path] for path in translated_paths)]
    paragraphs = (
        paragraph
        for group in groups
        for paragraph in read_paragraphs(group, answers_needed=True, report=bad_rows.report, reading=reading)
    )
    pad_to = {TOKENS: options.windows.max_seq_length} if options.pad_to_max_length else None
    writer = None
    try:
        # The writer makes a file, so it waits for the first paragraph: most wrong files have none.
        first = next(paragraphs)
        writer = RecordWriter(output_path, squad_features(padded=options.pad_to_max_length), pad_to, options.gzip)
        counts = _TrainingWriter(writer, tokenizer, options, bad_rows)
        with known_objects_left_alone():
            counts.add(first)
            for paragraph in track(paragraphs, "writing records", unit="paragraphs"):
                counts.add(paragraph)
        notices += _checked(counts.counts, reading, options, bad_rows)
        meta_data = _meta_data(counts.counts, tokenizer, options, writer.finish())
        meta_data.extra.update(extra or {})
        if accept is not None:
            accept(meta_data)
        publish([writer], [bad_rows], meta_data_path, meta_data)
    finally:
        if writer:
            writer.discard()
        bad_rows.discard()
    return PreparedSquad(meta_data, meta_data_path, output_path, counts.counts, notices)


class _TrainingWriter:
    """Writes the windows of paragraphs and counts what it meets."""

    def __init__(self, writer: RecordWriter, tokenizer: WordPieceTokenizer, options: SquadRecordOptions, bad_rows: BadRows):
        self.counts = SquadCounts([0] * (options.windows.max_seq_length + 1))
        self._tokenizer = tokenizer
        self._options = options
        self._bad_rows = bad_rows
        self._write, self._encoder = writer.write_serialized, writer.encoder
        self._place_tokens, self._encode_question = (
            PlacingTokenizer(tokenizer),
            question_encoder(tokenizer, options.windows.max_query_length),
        )
        self._encode_input = InputEncoder(writer.encoder, tokenizer, options.pad_to_max_length)
        self._kept_places: dict[tuple[int, int], bytes] = {}

    def add(self, paragraph: Paragraph) -> None:
        """Writes the windows of all questions on a paragraph."""
        if not paragraph.questions:
            return
        counts, windows = self.counts, self._options.windows
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
                self._write(ExampleEncoder.example(entries + self._answer_entries(start, end)))
                counts.windows += 1
                counts.windows_without_answer += not shown
                counts.length_counts[begin + count + 1] += 1

    def _answer_places(self, context: str, tokens: PlacedTokens) -> AnswerPlaces:
        if self._options.answer_labels == GOOGLE:
            return GooglePlaces(context, tokens, self._tokenizer)
        return ExactPlaces(context, tokens)

    def _place(self, question: Question, paragraph: Paragraph, answers: AnswerPlaces) -> tuple[int, int] | None:
        """First and last token of the answer, negative for an impossible question; None leaves the question out."""
        counts = self.counts
        if question.is_impossible and not self._options.version_2_with_negative:
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
        if self._options.skip_bad_rows:
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


def _checked(counts: SquadCounts, reading: Reading, options: SquadRecordOptions, bad_rows: BadRows) -> list[str]:
    """What a user should know about the data.

    Raises:
      UserError: nothing was written, or too many answers do not stand where the file says.
    """
    answers = counts.questions - counts.impossible + counts.not_found.count
    if counts.not_found.count > _MOST_NOT_FOUND * answers and not options.skip_bad_rows:
        raise UserError(
            f"{counts.not_found.count:,} of {answers:,} answers do not stand at their answer_start in the context "
            f"({counts.not_found}), more than {_MOST_NOT_FOUND:.0%}: answer_start counts code points, not bytes or UTF-16 "
            "units; --on_bad_row=skip leaves such questions out and lists them"
        )
    if not counts.windows:
        raise UserError(f"0 examples: no question can be used; the first reason: {bad_rows.first or 'no tokens in the contexts'}")
    found = reading.warnings()
    if options.version_2_with_negative and not reading.says_version_2:
        found.append("--version_2_with_negative is set, but no question is marked impossible: all count as answerable")
    found += noted(counts.not_found, "left out, since the answer does not stand at its answer_start")
    found += noted(counts.without_tokens, "left out, since context or answer have no tokens")
    found += noted(counts.moved, "with an answer_start that is a little off; the words around it were used")
    found += noted(counts.several_answers, "with several answers; the first that can be used is used for training")
    found += noted(counts.passed_over, "whose first answer does not stand at its answer_start or has no tokens")
    if bad_rows.count:
        found.append(bad_rows.summary())
    if counts.truncated:
        found.append(f"{counts.truncated:,} questions were cut to --max_query_length={options.windows.max_query_length} tokens")
    share = counts.unknown_tokens / max(counts.context_tokens, 1)
    if share > _MOST_UNKNOWN:
        found.append(
            f"{share:.1%} of the contexts' tokens are [UNK] (more than {_MOST_UNKNOWN:.0%}); does the vocabulary fit the "
            "language, and --do_lower_case the vocabulary?"
        )
    return found


def _meta_data(
    counts: SquadCounts, tokenizer: WordPieceTokenizer, options: SquadRecordOptions, record_file: RecordFile
) -> MetaData:
    return MetaData(
        task_type=metadata.SQUAD,
        max_seq_length=options.windows.max_seq_length,
        sizes={"train": counts.windows},
        processor_type="SQuAD",
        metrics=("f1", "exact_match"),
        best_metric="f1",
        **metadata.facts_of_tokenizer(tokenizer),
        truncated_fraction={"train": round(counts.truncated / counts.questions, 6)},
        files={"train": record_file},
        padded=options.pad_to_max_length,
        extra={
            "max_query_length": options.windows.max_query_length,
            "doc_stride": options.windows.doc_stride,
            "version_2_with_negative": options.version_2_with_negative,
            "answer_labels": options.answer_labels,
            "paragraphs": counts.paragraphs,
            "questions": counts.questions,
            "impossible_questions": counts.impossible,
            "truncated_questions": counts.truncated,
            "skipped_questions": counts.not_found.count + counts.without_tokens.count,
            "windows_without_answer_fraction": round(counts.windows_without_answer / counts.windows, 6),
        },
    )
