"""Where the answers of training data lie among the tokens of their context."""

import bisect
import re

from bert_tf2.data.squad import Answer
from bert_tf2.text.offsets import WHITE_SPACE, PlacedTokens
from bert_tf2.text.wordpiece import WordPieceTokenizer

_WORDS = re.compile(f"[^{WHITE_SPACE}]+")


class AnswerPlaces:
    """Finds answers among the tokens of a context.

    Args:
      context: the text.
      tokens: its tokens; `ids` are theirs as a list.
      tokenizer: gave the tokens.
    """

    def __init__(self, context: str, tokens: PlacedTokens, ids: list[int], tokenizer: WordPieceTokenizer):
        self._context = context
        self._ids = ids
        self._word_starts = tokens.word_starts.tolist()
        self._word_tokens = tokens.word_tokens.tolist()
        self._encode = tokenizer.encode

    @property
    def has_no_tokens(self) -> bool:
        """Whether the context consists of nothing but characters that tokenization drops."""
        return not self._ids

    def is_exact(self, answer: Answer) -> bool:
        """Whether the answer stands where the file says."""
        return self._context.startswith(answer.text, answer.start)

    def find(self, answer: Answer) -> tuple[int, int] | None:
        """First and last token of an answer: of the very tokens that it gives, where the words it touches hold them, and else
        of those words. None where those words do not hold its text; the last before the first where they have no tokens."""
        starts = self._word_starts
        first = max(bisect.bisect_right(starts, answer.start) - 1, 0)
        last = bisect.bisect_right(starts, answer.start + len(answer.text) - 1) - 1
        if not self.is_exact(answer):
            after = starts[last + 1] if last + 1 < len(starts) else len(self._context)
            words = " ".join(_WORDS.findall(self._context[starts[first] : after]))
            if " ".join(answer.text.split()) not in words:
                return None
        begin, end = self._word_tokens[first], self._word_tokens[last + 1]
        wanted = self._encode(answer.text)
        if wanted:
            for place in range(begin, end - len(wanted) + 1):
                if self._ids[place : place + len(wanted)] == wanted:
                    return place, place + len(wanted) - 1
        return begin, end - 1
