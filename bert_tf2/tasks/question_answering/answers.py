"""Where the answers of training data lie among the tokens of their context."""

import abc
import bisect
import re

import numpy as np

from bert_tf2.tasks.question_answering.squad import Answer
from bert_tf2.text.offsets import WHITE_SPACE, PlacedTokens
from bert_tf2.text.tokenizer import Tokenizer

EXACT, GOOGLE = "exact", "google"
_WORDS = re.compile(f"[^{WHITE_SPACE}]+")
# How many code points an `answer_start` may be off. Between white space, where an answer is looked for, lies a word in
# English; in Chinese it may be the paragraph, where the nearest occurrence need not be the one that is meant.
_MOST_OFF = 20


class AnswerPlaces(abc.ABC):
    """Finds answers among the tokens of a context.

    Args:
      context: the text.
      tokens: its tokens.
    """

    def __init__(self, context: str, tokens: PlacedTokens):
        self._context = context
        self._tokens = tokens
        self._word_starts = tokens.word_starts.tolist()

    @property
    def has_no_tokens(self) -> bool:
        """Whether the context consists of nothing but characters that tokenization drops."""
        return not len(self._tokens.ids)

    def is_exact(self, answer: Answer) -> bool:
        """Whether the answer stands where the file says."""
        return self._context.startswith(answer.text, answer.start)

    @abc.abstractmethod
    def find(self, answer: Answer) -> tuple[int, int] | None:
        """First and last token of an answer. None where the words it touches do not hold its text; the last before the first
        where it has no tokens."""

    def _words_of(self, answer: Answer) -> tuple[int, int]:
        """First and last word that an answer touches; a word is what stands between `WHITE_SPACE`."""
        starts = self._word_starts
        first = max(bisect.bisect_right(starts, answer.start) - 1, 0)
        return first, bisect.bisect_right(starts, answer.start + len(answer.text) - 1) - 1

    def _text_of(self, first: int, last: int) -> tuple[int, int]:
        """Where these words begin, and where the next begins."""
        starts = self._word_starts
        return starts[first], starts[last + 1] if last + 1 < len(starts) else len(self._context)


class ExactPlaces(AnswerPlaces):
    """The tokens that hold the characters from `answer_start` to the end of the answer."""

    def find(self, answer: Answer) -> tuple[int, int] | None:
        """See the base; an answer that is a little off is the nearest occurrence."""
        begin, end = answer.start, answer.start + len(answer.text)
        if not self.is_exact(answer):
            words = r"\s+".join(map(re.escape, answer.text.split()))
            found = list(re.compile(words).finditer(self._context, *self._text_of(*self._words_of(answer))))
            nearest = min(found, key=lambda match: abs(match.start() - begin), default=None)
            if nearest is None or abs(nearest.start() - begin) > _MOST_OFF:
                return None
            begin, end = nearest.span()
        first = np.searchsorted(self._tokens.ends, begin, "right")
        return int(first), int(np.searchsorted(self._tokens.starts, end)) - 1


class GooglePlaces(AnswerPlaces):
    """As google-research/bert and the model garden label: the first run of the very tokens that the answer gives in the words it
    touches, and else those words.

    Args:
      context, tokens: as above.
      tokenizer: gave the tokens.
    """

    def __init__(self, context: str, tokens: PlacedTokens, tokenizer: Tokenizer):
        super().__init__(context, tokens)
        self._ids = tokens.ids.tolist()
        self._word_tokens = tokens.word_tokens.tolist()
        self._encode = tokenizer.encode

    def find(self, answer: Answer) -> tuple[int, int] | None:
        """See the base."""
        first, last = self._words_of(answer)
        if not self.is_exact(answer):
            words = " ".join(_WORDS.findall(self._context[slice(*self._text_of(first, last))]))
            if " ".join(answer.text.split()) not in words:
                return None
        begin, end = self._word_tokens[first], self._word_tokens[last + 1]
        wanted = self._encode(answer.text)
        if wanted:
            for place in range(begin, end - len(wanted) + 1):
                if self._ids[place : place + len(wanted)] == wanted:
                    return place, place + len(wanted) - 1
        return begin, end - 1
