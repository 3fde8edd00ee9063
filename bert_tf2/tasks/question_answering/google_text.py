"""The text that Google's `run_squad.py` writes for an answer: glued word pieces, found again in the words of the context.

Behaviour: `get_final_text` of google-research/bert (run_squad.py, 2018) and of the model garden. The pieces of the answer are
joined, the whole words it touches are spelled as the basic tokenizer spells them, the former is looked for in the latter
(its first occurrence) and the place is carried back by counting characters that are no spaces. Where the pieces are not found
([UNK] among them) or the numbers of characters differ (accents, ideographs, `ß` …), the whole words are the answer.

The words of a context are spelled once; then an answer is a search in a slice and a few look-ups.
"""

from collections.abc import Callable, Sequence

import numpy as np

from bert_tf2.text.normalization import Normalization, basic_tokens
from bert_tf2.text.offsets import WHITE_SPACE
from bert_tf2.text.wordpiece import Memory

_SPACE = ord(" ")
_TO_SPACES = str.maketrans(dict.fromkeys(WHITE_SPACE, " "))

# From the first and the last token of a span, both included, to its text, and to where that stands in the context.
TextOf = Callable[[int, int], str]
SpanOf = Callable[[int, int], tuple[int, int]]


class WordSpelling:
    """A word as the basic tokenizer spells it, its tokens joined by spaces; remembered.

    Args:
      normalization: of the model's tokenizer.
    """

    def __init__(self, normalization: Normalization):
        self._normalization = normalization
        self._known = Memory(self._spell)

    def __call__(self, words: Sequence[str]) -> list[str]:
        """The spelling of each word; "" for one that holds control characters only."""
        return list(map(self._known.__getitem__, words))

    def _spell(self, word: str) -> str:
        if word.isascii() and word.isalnum() and not self._normalization.never_split:
            return word.lower() if self._normalization.do_lower_case else word
        return " ".join(basic_tokens(word, self._normalization))


def google_texts(text: str, tokens: Sequence[str], words: np.ndarray, spelling: WordSpelling) -> tuple[TextOf, SpanOf]:
    """Google's text for spans of tokens of one context, and where it stands in the context.

    A letter is here whatever is no space. The n-th letter of the spelled words is the n-th letter of the words as they are
    written, plus the surplus: how many more letters the words before it have than their spellings.

    Args:
      text: the context.
      tokens: its word pieces.
      words: int [T], the white-space-separated word that each of them lies in.
      spelling: shared by the contexts of a job.

    Returns:
      Two functions of the first and the last token. The place is in code points of the context, where white space may be other
      than the one space that stands in the text.
    """
    spaced = text.translate(_TO_SPACES)
    words_written = [word for word in spaced.split(" ") if word]
    words_spelled = spelling(words_written)
    # Joined by one space as Google joins them. A word that has no spelling leaves no space either.
    written, spelled = " ".join(words_written), " ".join(filter(None, words_spelled))
    lengths = _lengths(words_spelled)
    has_spelling = lengths > 0
    ends = np.cumsum(lengths + has_spelling) - 1
    begins = ends + 1 - lengths - has_spelling
    is_letter = _code_points(spelled) != _SPACE
    letters_in_front = np.append(np.cumsum(is_letter) - is_letter, [is_letter.sum()] * 2)
    letters = np.append(0, np.cumsum(_lengths(words_written)))
    surplus = (letters - letters_in_front[np.append(begins, len(spelled))]).tolist()
    word_ends, word_begins, word_letters = ends.tolist(), begins.tolist(), letters.tolist()
    letters_before, word_of = letters_in_front.tolist(), words.tolist()
    places = _places_of_letters(written)
    glued, token_begins, token_ends = _glue(tokens)
    find = spelled.find

    def letters_of(first: int, last: int) -> tuple[int, int]:
        first_word, last_word = word_of[first], word_of[last]
        answer = glued[token_begins[first] : token_ends[last]]
        found = find(answer, word_begins[first_word], word_ends[last_word])
        more = surplus[first_word]
        if found < 0 or surplus[last_word + 1] != more:
            return word_letters[first_word], word_letters[last_word + 1] - 1
        return letters_before[found] + more, letters_before[found + len(answer) - 1] + more

    def text_of(first: int, last: int) -> str:
        begin, end = letters_of(first, last)
        return written[places[begin] : places[end] + 1]

    in_context = places if written == text else _places_of_letters(spaced)

    def span_of(first: int, last: int) -> tuple[int, int]:
        begin, end = letters_of(first, last)
        return in_context[begin], in_context[end] + 1

    return text_of, span_of


def _places_of_letters(text: str) -> list[int]:
    return np.flatnonzero(_code_points(text) != _SPACE).tolist()


def _glue(tokens: Sequence[str]) -> tuple[str, list[int], list[int]]:
    """The pieces joined, a space before each that begins a word; where each begins and ends."""
    joined = " " + " ".join(tokens)
    lengths = _lengths(tokens)
    ends = np.cumsum(lengths + 1)
    begins = ends - lengths
    # No word has two # beside another character, so these two are the mark of a piece that continues one.
    marks = np.append(_code_points(joined), [0, 0]) == ord("#")
    continues = marks[begins] & marks[begins + 1] & (lengths > 1)
    ends = np.cumsum(np.where(continues, lengths - 2, lengths + 1))
    begins = ends - np.where(continues, lengths - 2, lengths)
    return joined.replace(" ##", ""), begins.tolist(), ends.tolist()


def _lengths(texts: Sequence[str]) -> np.ndarray:
    return np.fromiter(map(len, texts), np.int64, len(texts))


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
