"""From start and end logits to answers: the n-best spans of every question, their probabilities, and "" where there is none.

The rules are those of google-research/bert's `run_squad.py` (`write_predictions`) and of the model garden's
`postprocess_output`: per window the highest starts and ends are paired; a pair counts when both lie in the context, the start
has its maximal context in this window, the end is not before the start and the span is not too long; pairs of all windows of a
question are ordered by the sum of their logits and the first of each text is kept. Version 2.0 adds "" with the lowest
sum at [CLS] (Devlin et al. 2018, section 4.3). Equal sums keep Google's order: window, rank of start, rank of end.
Unlike theirs a small `n_best_size` does not narrow the search: with one start and one end to a window most questions would have
no pair that counts, and the answer would be "empty".

The default text of an answer is cut from the context by its tokens' places; `google_text` gives Google's re-alignment.
"""

import bisect
import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bert_tf2.errors import JobError
from bert_tf2.progress import Progress
from bert_tf2.tasks.question_answering.google_text import SpanOf, TextOf, WordSpelling, google_texts
from bert_tf2.text.normalization import Normalization

if TYPE_CHECKING:
    from bert_tf2.tasks.question_answering.windows import QuestionSet, TokenizedContext

# What Google's program answers in version 1.1 when no pair of a window counts, and its null score without any window.
NOTHING_FOUND = "empty"
NO_NULL_SCORE = 1000000.0
# Google's default for how many starts and ends of a window are paired.
_FEWEST_SEARCHED = 20
# Windows whose pairs are in memory at a time, 400 of them each with the default n-best.
_WINDOWS_AT_A_TIME = 1024
_LOW_BITS = np.int64(0xFFFFFFFF)

# Text, start logit and end logit of one of the n-best.
Entry = tuple[str, float, float]


@dataclasses.dataclass(frozen=True)
class DecodingOptions:
    """How answers are chosen; names and defaults are those of `run_squad.py`.

    Attributes:
      n_best_size: how many answers are kept.
      max_answer_length: in tokens.
      version_2: questions may have no answer.
      null_score_diff_threshold: "" is predicted where its score is higher than the best answer's by more than this.
      google_text: Google's text of an answer rather than the slice of the context.
      normalization: of the model's tokenizer; used by `google_text` only.
    """

    n_best_size: int = 20
    max_answer_length: int = 30
    version_2: bool = False
    null_score_diff_threshold: float = 0.0
    google_text: bool = False
    normalization: Normalization = dataclasses.field(default_factory=Normalization)

    @property
    def searched(self) -> int:
        """How many starts and ends of a window are paired, and among how many answers the best are looked for."""
        return max(self.n_best_size, _FEWEST_SEARCHED)


@dataclasses.dataclass
class DecodedAnswers:
    """What was decoded, by question id, in the order of the questions.

    Attributes:
      predictions: the answer, the threshold applied.
      nbest: the best answers as the entries of `nbest_predictions.json`: text, probability, start_logit, end_logit.
      null_odds: score of "" minus score of the best other answer; version 2.0 only.
      best_non_null: the best answer that is not "" ("" where there is none).
      spans: where that answer stands in the context, in code points.
    """

    predictions: dict[str, str] = dataclasses.field(default_factory=dict)
    nbest: dict[str, list[dict]] = dataclasses.field(default_factory=dict)
    null_odds: dict[str, float] = dataclasses.field(default_factory=dict)
    best_non_null: dict[str, str] = dataclasses.field(default_factory=dict)
    spans: dict[str, tuple[int, int] | None] = dataclasses.field(default_factory=dict)


def decode(
    questions: "QuestionSet", start_logits: np.ndarray, end_logits: np.ndarray, options: DecodingOptions
) -> DecodedAnswers:
    """Decodes every question; one whose context has no token is answered "".

    Args:
      questions: W windows of Q questions.
      start_logits, end_logits: float32 [W, L]; what stands behind a window's last [SEP] is not looked at.
      options: see there.

    Raises:
      JobError: a logit is nan or infinite.
    """
    start_logits, end_logits = np.asarray(start_logits, np.float32), np.asarray(end_logits, np.float32)
    expected = len(questions.windows.question)
    if start_logits.shape != end_logits.shape or len(start_logits) != expected:
        raise ValueError(f"logits of {expected} windows expected; got {start_logits.shape} and {end_logits.shape}")
    return decode_windows(
        Decoder(questions, options),
        questions,
        lambda part, max_context_begin: _pairs(questions, part, max_context_begin, start_logits[part], end_logits[part], options),
    )


def decode_windows(
    decoder: "Decoder", questions: "QuestionSet", pairs_of: Callable[[slice, np.ndarray], "Pairs"]
) -> DecodedAnswers:
    """Decodes every question, some windows at a time.

    Args:
      decoder: of the questions.
      questions: W windows of Q questions.
      pairs_of: the pairs of some windows, and where the tokens of each begin in `Windows.max_context`.
    """
    windows = questions.windows
    expected = len(windows.question)
    max_context_begin = np.concatenate([[0], np.cumsum(windows.num_tokens, dtype=np.int64)])
    begin_question = begin = 0
    with Progress("decoding answers", len(questions.questions), "questions") as progress:
        while begin_question < len(questions.questions):
            # Whole questions, as many as have the windows that fit, and at least one.
            end = min(begin + _WINDOWS_AT_A_TIME, expected)
            end_question = len(questions.questions)
            if end < expected:
                end_question = max(int(windows.question[end]), begin_question + 1)
                end = int(np.searchsorted(windows.question, end_question))
            part = slice(begin, end)
            decoder.add(begin_question, end_question, pairs_of(part, max_context_begin[part]))
            progress.advance(end_question - begin_question)
            begin_question, begin = end_question, end
    return decoder.answers


@dataclasses.dataclass
class Pairs:
    """The pairs that count, by question and then best first, and the lowest [CLS] scores of the windows.

    Attributes:
      question: int [P]; first, last: int [P], tokens of the context; start_logit, end_logit: float64 [P].
      null_question: int [N], the questions that have windows; null_start, null_end: float64 [N].
    """

    question: np.ndarray
    first: np.ndarray
    last: np.ndarray
    start_logit: np.ndarray
    end_logit: np.ndarray
    null_question: np.ndarray
    null_start: np.ndarray
    null_end: np.ndarray


def _pairs(
    questions: "QuestionSet",
    part: slice,
    max_context_begin: np.ndarray,
    start_logits: np.ndarray,
    end_logits: np.ndarray,
    options: DecodingOptions,
) -> Pairs:
    """The pairs of the windows `part`; `max_context_begin` and the logits are those of the part."""
    windows = questions.windows
    length = windows.context_begin[part, np.newaxis] + windows.num_tokens[part, np.newaxis] + 1
    inside = np.arange(start_logits.shape[1]) < length
    for logits in (start_logits, end_logits):
        require_finite(questions, part, ~inside | np.isfinite(logits))
    starts, ends = _highest(start_logits, inside, options.searched), _highest(end_logits, inside, options.searched)
    nulls = start_logits[:, 0].astype(np.float64), end_logits[:, 0].astype(np.float64)
    return pairs_that_count(questions, part, max_context_begin, starts, ends, nulls, options)


def require_finite(questions: "QuestionSet", part: slice, is_finite: np.ndarray) -> None:
    """Makes sure that what a model gives for some windows are numbers, bool [W, …].

    Raises:
      JobError: they are not.
    """
    wrong = ~is_finite.all(axis=tuple(range(1, is_finite.ndim)))
    if wrong.any():
        id = questions.questions[questions.windows.question[part][int(np.argmax(wrong))]].id
        raise JobError(f"the model's logits for question {id} are not finite; its weights are not usable")


def pairs_that_count(
    questions: "QuestionSet",
    part: slice,
    max_context_begin: np.ndarray,
    best_starts: tuple[np.ndarray, np.ndarray],
    best_ends: tuple[np.ndarray, np.ndarray],
    nulls: tuple[np.ndarray, np.ndarray],
    options: DecodingOptions,
) -> Pairs:
    """The pairs of the windows `part` that may be answers.

    Args:
      questions: whose windows they are.
      part: which windows.
      max_context_begin: int [W], where the tokens of each begin in `Windows.max_context`.
      best_starts: places in the input, int [W, n], and their scores, float64.
      best_ends: the same of the ends, [W, m]; [W, n, m] where every start has its own.
      nulls: two numbers, float64 [W], whose sum says how likely there is no answer.
      options: how.
    """
    windows = questions.windows
    question, context_begin = windows.question[part], windows.context_begin[part, np.newaxis]
    num_tokens, first_token = windows.num_tokens[part, np.newaxis], windows.first_token[part]
    (starts, start_scores), (ends, end_scores) = best_starts, best_ends
    of_each_start = ends.ndim == 3
    starts = starts - context_begin
    if of_each_start:
        ends, num_tokens_of_ends = ends - context_begin[:, np.newaxis], num_tokens[:, np.newaxis]
    else:
        ends, num_tokens_of_ends = ends - context_begin, num_tokens
    may_start = (starts >= 0) & (starts < num_tokens)
    may_start[may_start] = windows.max_context[(max_context_begin[:, np.newaxis] + starts)[may_start]]
    # Ends that lie outside are put before every start.
    ends[(ends < 0) | (ends >= num_tokens_of_ends)] = -1
    starts[~may_start] = np.iinfo(np.int32).max // 2
    distance = (ends if of_each_start else ends[:, np.newaxis, :]) - starts[:, :, np.newaxis]
    flat = np.flatnonzero((distance >= 0) & (distance < options.max_answer_length))
    n, m = starts.shape[1], ends.shape[-1]
    by_start = flat // m
    window = by_start // n
    by_end = flat if of_each_start else window * m + flat % m
    start_logit, end_logit = start_scores.ravel()[by_start], end_scores.ravel()[by_end]
    order = np.lexsort((-(start_logit + end_logit), question[window]))
    window, by_start, by_end = window[order], by_start[order], by_end[order]
    null_start, null_end = nulls
    lowest = np.lexsort((null_start + null_end, question))
    null_question, first_of_each = np.unique(question[lowest], return_index=True)
    lowest = lowest[first_of_each]
    return Pairs(
        question[window],
        first_token[window] + starts.ravel()[by_start],
        first_token[window] + ends.ravel()[by_end],
        start_logit[order],
        end_logit[order],
        null_question,
        null_start[lowest],
        null_end[lowest],
    )


def _highest(logits: np.ndarray, inside: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The places int64 [W, n] of the n highest logits that are `inside` (bool [W, L]) and their values float64, of equal ones
    the first place first; fewer than n where L is smaller. Places that are not inside follow where there are too few.

    Numbers and places are packed into one integer that orders both, so that a partition without regard to order is enough.
    """
    width = logits.shape[1]
    # The bits of a float32 order like an integer once those of negative numbers are inverted; adding 0 makes 0 of -0.
    bits = (logits + np.float32(0)).view(np.int32).astype(np.int64)
    bits = np.where(inside, np.where(bits < 0, np.int64(-0x80000000) - bits, bits), np.int64(-0x80000000))
    keys = (bits << 32) + (width - np.arange(width))
    n = min(n, width)
    if n < width:
        keys = np.partition(keys, width - n, axis=1)[:, width - n :]
    keys = np.sort(keys, axis=1)[:, ::-1]
    places = width - (keys & _LOW_BITS)
    return places, np.take_along_axis(logits, places, axis=1).astype(np.float64)


class Decoder:
    """Turns ordered pairs into texts and probabilities, question by question.

    Args:
      questions: what is asked.
      options: how.

    Attributes:
      answers: those decoded so far.
    """

    def __init__(self, questions: "QuestionSet", options: DecodingOptions):
        self._questions, self._options, self.answers = questions, options, DecodedAnswers()
        self._spelling = WordSpelling(options.normalization)
        self._pairs: tuple[list[int], list[int], list[float], list[float]] = ([], [], [], [])
        self._context = -1
        self._text: TextOf = lambda first, last: ""
        self._span: SpanOf = lambda first, last: (0, 0)

    def add(self, begin: int, end: int, pairs: Pairs) -> None:
        """Decodes the questions `begin` up to, not including, `end`."""
        bounds = np.searchsorted(pairs.question, np.arange(begin, end + 1)).tolist()
        self._pairs = (pairs.first.tolist(), pairs.last.tolist(), pairs.start_logit.tolist(), pairs.end_logit.tolist())
        nulls = zip(pairs.null_question.tolist(), pairs.null_start.tolist(), pairs.null_end.tolist())
        null_of = {question: (start, end) for question, start, end in nulls}
        for question, low, high in zip(range(begin, end), bounds, bounds[1:]):
            self._open(question)
            self._decode_question(question, range(low, high), null_of.get(question))

    def _open(self, question: int) -> None:
        """Makes `_text` and `_span` those of the question's context."""
        number = int(self._questions.context_of_question[question])
        if number == self._context:
            return
        self._context = number
        context = self._questions.contexts[number]
        if self._options.google_text:
            self._text, self._span = google_texts(context.text, context.tokens, context.words, self._spelling)
        else:
            self._text, self._span = _slices(context)

    def _decode_question(self, question: int, pairs: range, null: tuple[float, float] | None) -> None:
        """Decodes one question from its pairs and the logits at [CLS] of the window where their sum is lowest."""
        options, answers = self._options, self.answers
        id = self._questions.questions[question].id
        entries: list[Entry] = []
        seen: dict[str, tuple[int, int]] = {}
        if options.version_2:
            null_start, null_end = null or (0.0, 0.0)
            null_score = null_start + null_end if null else NO_NULL_SCORE
            # Of equal sums the null candidate is the last.
            _, _, start_logits, end_logits = self._pairs
            place = bisect.bisect_right(pairs, -(null_start + null_end), key=lambda i: -(start_logits[i] + end_logits[i]))
            self._keep_new_texts(pairs[:place], seen, entries)
            # Also when there are enough already.
            entries.append(("", null_start, null_end))
            self._keep_new_texts(pairs[place:], seen, entries)
        else:
            self._keep_new_texts(pairs, seen, entries)
        if not entries:
            entries = [("" if null is None else NOTHING_FOUND, 0.0, 0.0)]
        best = self._keep_best(id, entries, seen)
        answers.nbest[id] = self._kept(with_probabilities(entries), answers.best_non_null[id])
        if options.version_2:
            odds = null_score - best[1] - best[2] if best else null_score
            answers.null_odds[id] = odds
            answers.predictions[id] = best[0] if best and odds <= options.null_score_diff_threshold else ""
        else:
            answers.predictions[id] = entries[0][0]

    def _keep_best(self, id: str, entries: list[Entry], seen: dict[str, tuple[int, int]]) -> Entry | None:
        """Keeps the best of the entries that is no "", and gives it."""
        best = next((entry for entry in entries if entry[0] and entry[0] in seen), None)
        self.answers.best_non_null[id] = best[0] if best else ""
        self.answers.spans[id] = self._span(*seen[best[0]]) if best else None
        return best

    def _kept(self, entries: list[dict], best_non_null: str) -> list[dict]:
        """The best of the entries; in version 2.0 always with the two that a threshold chooses between."""
        count = self._options.n_best_size
        chosen_between = ("", best_non_null) if self._options.version_2 else ()
        return entries[:count] + [entry for entry in entries[count:] if entry["text"] in chosen_between]

    def _keep_new_texts(self, pairs: range, seen: dict[str, tuple[int, int]], entries: list[Entry]) -> None:
        """Appends the pairs whose text is new until there are enough entries."""
        enough, text_of = self._options.searched, self._text
        if len(entries) >= enough:
            return
        firsts, lasts, start_logits, end_logits = self._pairs
        for i in pairs:
            first, last = firsts[i], lasts[i]
            text = text_of(first, last)
            if text not in seen:
                seen[text] = (first, last)
                entries.append((text, start_logits[i], end_logits[i]))
                if len(entries) >= enough:
                    return


def _slices(context: "TokenizedContext") -> tuple[TextOf, SpanOf]:
    """The text between the places of two tokens, and the places."""
    text, starts, ends = context.text, context.starts.tolist(), context.ends.tolist()
    return (lambda first, last: text[starts[first] : ends[last]]), (lambda first, last: (starts[first], ends[last]))


def with_probabilities(entries: list[Entry], start: str = "start_logit", end: str = "end_logit") -> list[dict]:
    """The entries of `nbest_predictions.json`, with the softmax of the sums of their logits, which are called `start` and
    `end`."""
    scores = [start_logit + end_logit for _, start_logit, end_logit in entries]
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    total = sum(weights)
    return [
        {"text": text, "probability": weight / total, start: start_logit, end: end_logit}
        for (text, start_logit, end_logit), weight in zip(entries, weights)
    ]
