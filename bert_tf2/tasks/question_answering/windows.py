"""Questions and contexts -> inputs: every context cut into overlapping windows that fit behind the question.

Windows, their order and which of them counts for a token ("maximum context") are those of `convert_examples_to_features` in
google-research/bert's `run_squad.py`. A context is tokenized once for all of its questions.
"""

import dataclasses
import functools
from collections.abc import Iterable, Sequence

import numpy as np

from bert_tf2.data.records.wire_format import ExampleEncoder
from bert_tf2.errors import UserError
from bert_tf2.progress import track
from bert_tf2.tasks.question_answering.inputs import EncodedContext, InputEncoder, question_encoder
from bert_tf2.tasks.question_answering.squad import Paragraph, Question, Reading, read_paragraphs
from bert_tf2.text.placing import placing_tokenizer
from bert_tf2.text.template import TextTemplate
from bert_tf2.text.tokenizer import Tokenizer

FIRST_UNIQUE_ID = 1_000_000_000


@dataclasses.dataclass(frozen=True)
class WindowOptions:
    """How contexts are cut.

    Attributes:
      max_seq_length: the most tokens an input may have.
      doc_stride: how many tokens of the context lie between the beginnings of two windows, at most a window's length.
      max_query_length: longer questions are cut to this many tokens.
      special_tokens: how many an input has; see `of`.
    """

    max_seq_length: int = 384
    doc_stride: int = 128
    max_query_length: int = 64
    special_tokens: int = 3

    def of(self, template: TextTemplate) -> "WindowOptions":
        """The same for inputs that are packed by a template."""
        return dataclasses.replace(self, special_tokens=template.special_tokens_of_pair)

    def check(self) -> list[str]:
        """Refuses what cannot work and returns notices about what a user may not have meant.

        Raises:
          UserError: the stride is below 1, or the question may leave no room for the context.
        """
        if self.doc_stride < 1:
            raise UserError(f"--doc_stride must be at least 1; got {self.doc_stride}")
        if self.max_query_length < 1:
            raise UserError(f"--max_query_length must be at least 1; got {self.max_query_length}")
        most = self.max_seq_length - self.special_tokens - 1
        if self.max_query_length > most:
            raise UserError(
                f"--max_query_length must be at most --max_seq_length - {self.special_tokens + 1} = {most}, so that a token of "
                f"the context fits; got {self.max_query_length}"
            )
        smallest = self.room(self.max_query_length)
        if self.doc_stride > smallest:
            return [
                f"--doc_stride={self.doc_stride} is more than the {smallest} tokens of context beside a question of "
                f"{self.max_query_length}; such windows follow one another without overlap: no text is lost, but an answer on a "
                f"border is seen whole by no window; --doc_stride={max(smallest // 2, 1)} avoids it"
            ]
        return []

    def room(self, question_tokens: int) -> int:
        """How many tokens of the context fit beside a question of so many."""
        return self.max_seq_length - question_tokens - self.special_tokens

    def spans(self, context_tokens: int, question_tokens: int) -> list[tuple[int, int]]:
        """First token and number of tokens of every window of a context; none for a context without tokens."""
        room = self.room(question_tokens)
        if context_tokens <= room:
            return [(0, context_tokens)] if context_tokens else []
        step = min(room, self.doc_stride)
        count = 1 - (room - context_tokens) // step
        return [(first, min(room, context_tokens - first)) for first in range(0, count * step, step)]


@dataclasses.dataclass(frozen=True, eq=False)
class TokenizedContext:
    """A context and the places of its tokens.

    Attributes:
      text: the context as the file has it.
      starts, ends: int32 [T]; `text[starts[i]:ends[j]]` is the answer that tokens i to j stand for, in code points.
      words: int32 [T], the word between white space that each token lies in (the reference's `tok_to_orig_index`).
      ids: int32 [T].
      tokenizer: gave the ids.
    """

    text: str
    starts: np.ndarray
    ends: np.ndarray
    words: np.ndarray
    ids: np.ndarray
    tokenizer: Tokenizer = dataclasses.field(repr=False)

    @functools.cached_property
    def tokens(self) -> list[str]:
        """The tokens as the vocabulary spells them."""
        return [self.tokenizer.id_to_token(id) for id in self.ids.tolist()]


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """All windows of all questions, in the order of the questions and then of the context.

    Attributes:
      question: int32 [W], the question's number; never decreases.
      context_begin: int32 [W], the place in the input of the window's first token of context.
      first_token: int32 [W], the number of that token in the context.
      num_tokens: int32 [W], tokens of context in the window; special tokens stand behind them.
      max_context: bool [sum(num_tokens)], for the tokens of every window, one window after the other: whether this is the
        window that shows the token with the most context on its shorter side.
    """

    question: np.ndarray
    context_begin: np.ndarray
    first_token: np.ndarray
    num_tokens: np.ndarray
    max_context: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class QuestionSet:
    """Everything that predicting, decoding and scoring need.

    Attributes:
      questions: in the order of the files. One whose context has no tokens has no window.
      contexts: one for each paragraph with questions.
      context_of_question: int32 [Q].
      windows: the inputs' places.
      version_2: some questions may have no answer; see `Reading.says_version_2`.
      records: for each window a serialized `tf.train.Example` of `squad_features(training=False)`, unpadded.
      notices: what a user should know.
    """

    questions: list[Question]
    contexts: list[TokenizedContext]
    context_of_question: np.ndarray
    windows: Windows
    version_2: bool
    records: list[bytes]
    notices: list[str]


def read_questions(
    paths: Sequence[str],
    tokenizer: Tokenizer,
    *,
    max_seq_length: int = 384,
    doc_stride: int = 128,
    max_query_length: int = 64,
) -> QuestionSet:
    """Reads SQuAD files and makes the inputs of their questions; answers are read where there are any, and not needed.

    Raises:
      UserError: a file or an option cannot be used; see `read_paragraphs` and `WindowOptions.check`.
    """
    reading = Reading()
    options = WindowOptions(max_seq_length, doc_stride, max_query_length)
    return make_questions(read_paragraphs(paths, reading=reading), tokenizer, options, reading)


def make_questions(
    paragraphs: Iterable[Paragraph], tokenizer: Tokenizer, options: WindowOptions, reading: Reading | None = None
) -> QuestionSet:
    """Makes the inputs of the questions on some paragraphs.

    Args:
      paragraphs: as `read_paragraphs` yields them.
      tokenizer: the model's.
      options: how contexts are cut.
      reading: what was met while `paragraphs` were read.

    Raises:
      UserError: an option cannot be used.
    """
    from bert_tf2.data.records.publishing import known_objects_left_alone
    from bert_tf2.tasks.question_answering.features import squad_features

    template = tokenizer.template
    options = options.of(template)
    notices = options.check()
    place_tokens, encode_question = placing_tokenizer(tokenizer), question_encoder(tokenizer, options.max_query_length)
    encoder = ExampleEncoder(squad_features(training=False))
    encode_inputs = InputEncoder(encoder, tokenizer)
    questions: list[Question] = []
    contexts: list[TokenizedContext] = []
    records: list[bytes] = []
    context_of_question: list[int] = []
    rows: list[tuple[int, int, int, int]] = []
    max_context: list[np.ndarray] = []
    shares: dict[tuple[int, int, int], np.ndarray] = {}
    truncated = 0
    with known_objects_left_alone():
        for paragraph in track(paragraphs, "reading questions", unit="paragraphs"):
            if not paragraph.questions:
                continue
            tokens = place_tokens(paragraph.context)
            context = EncodedContext(tokens.ids.tolist())
            inputs: list[tuple[bytes, int, bytes, int]] = []
            for question in paragraph.questions:
                head, length, cut = encode_question(question.text)
                truncated += cut
                spans = options.spans(len(tokens.ids), length)
                for first, count in spans:
                    begin = length + template.before_second
                    inputs.append((head, begin, context.ids(first, count), count))
                    rows.append((len(questions), begin, first, count))
                if spans:
                    key = (len(tokens.ids), len(spans), spans[0][1])
                    if key not in shares:
                        shares[key] = _max_context(spans)
                    max_context.append(shares[key])
                questions.append(question)
                context_of_question.append(len(contexts))
            records += encoder.records(*encode_inputs.columns(FIRST_UNIQUE_ID + len(records), inputs))
            contexts.append(TokenizedContext(paragraph.context, tokens.starts, tokens.ends, tokens.words, tokens.ids, tokenizer))
    if reading:
        notices += reading.warnings()
    if truncated:
        notices.append(f"{truncated:,} questions were cut to --max_query_length={options.max_query_length} tokens")
    numbers, begins, first_tokens, counts = np.array(rows, np.int32).reshape(-1, 4).T.copy()
    return QuestionSet(
        questions=questions,
        contexts=contexts,
        context_of_question=np.array(context_of_question, np.int32),
        windows=Windows(numbers, begins, first_tokens, counts, np.concatenate([np.zeros(0, bool), *max_context])),
        version_2=any(question.is_impossible for question in questions) or bool(reading and reading.says_version_2),
        records=records,
        notices=notices,
    )


def _max_context(spans: list[tuple[int, int]]) -> np.ndarray:
    """`Windows.max_context` for the windows of one question.

    A window's score for a token is the smaller number of tokens to its left and right, and a hundredth of the window's length
    so that of two the longer wins; of equal ones the first.
    """
    if len(spans) == 1:
        return np.ones(spans[0][1], bool)
    firsts, counts = np.array(spans).T
    tokens, step = np.arange(firsts[-1] + counts[-1]), firsts[1]
    # The windows that may hold a token, the earliest first: there are at most so many.
    latest = np.minimum(tokens // step, len(spans) - 1)
    candidates = latest + np.arange(-(counts[0] // step) - 1, 1)[:, np.newaxis]
    known = np.maximum(candidates, 0)
    left, right = tokens - firsts[known], firsts[known] + counts[known] - 1 - tokens
    scores = np.where((candidates >= 0) & (right >= 0), np.minimum(left, right) + 0.01 * counts[known], -1.0)
    best = candidates[np.argmax(scores, axis=0), tokens]
    return np.concatenate([best[first : first + count] == window for window, (first, count) in enumerate(spans)])
