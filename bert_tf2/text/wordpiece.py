"""WordPiece: text -> ids, equal to Google's `tokenization.FullTokenizer` and many times faster."""

import functools
import hashlib
import re
from collections.abc import Callable
from typing import Any

from bert_tf2.text.normalization import CJK_BLOCKS, Normalization, basic_tokens
from bert_tf2.text.template import bert_template
from bert_tf2.text.vocabulary import CLASSIFICATION, MASK, PADDING, SEPARATOR, UNKNOWN, Vocabulary, load_vocabulary, read_bytes

# Longer words become [UNK], as in the model garden (google-research/bert: 200).
MAX_CHARACTERS_PER_WORD = 400

# The words and punctuation marks of printable ASCII text.
ASCII_WORDS = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")
# Runs of what is not a sign. Signs are characters that BERT sets apart from whatever surrounds them and that give one id
# each: ideographs, and (not all, but the common) punctuation marks.
_IDEOGRAPHS = "".join(f"{chr(first)}-{chr(last)}" for first, last in CJK_BLOCKS)
_MARKS = r"!-/:-@\[-`{-~、。《》「」『』【】！（），：；？‘’“”…—·"
_BETWEEN_SIGNS = re.compile(f"([^{_IDEOGRAPHS}{_MARKS}]+)")
_BETWEEN_MARKS = re.compile(f"([^{_MARKS}]+)")
# Its lower case depends on neighbours even across punctuation, so text with it is never cut at punctuation.
_CAPITAL_SIGMA = "Σ"


class WordPieceTokenizer:
    """Splits text into words and the words into the longest pieces that the vocabulary holds.

    The reference is a function of what stands between two spaces: nothing in it looks across a space. So the ids of such a
    stretch are computed once, by the steps of the reference, and remembered. Long stretches (Chinese) are first cut at
    ideographs and common punctuation marks, which the reference sets apart as well.

    Args:
      vocabulary: what was read, or its path: a vocab.txt, a tokenizer.json, or a folder with one of them.
      normalization: how text is prepared; True and False are short for Google's with and without `do_lower_case`. Nothing is
        taken from what lies beside the vocabulary: that does `bert_tf2.text.tokenizer.load_tokenizer`.

    Attributes:
      vocab_size: the number of ids. The model's embedding table may have more rows.
      notices: what a user should know about the vocabulary, a line each.

    Raises:
      UserError: the vocabulary cannot be used; see `load_vocabulary`.
    """

    kind = "wordpiece"
    mask_token = MASK

    def __init__(self, vocabulary: Vocabulary | str, normalization: Normalization | bool = True):
        self.source = load_vocabulary(vocabulary) if isinstance(vocabulary, str) else vocabulary
        self.file, self.notices = self.source.file, self.source.notices
        self.normalization = Normalization(normalization) if isinstance(normalization, bool) else normalization
        self.do_lower_case = self.normalization.do_lower_case
        self.vocabulary = self.source.ids
        self._tokens = list(self.vocabulary)
        self.vocab_size = len(self._tokens)
        self.unk_id = self.vocabulary[UNKNOWN]
        self.cls_id = self.vocabulary[CLASSIFICATION]
        self.sep_id = self.vocabulary[SEPARATOR]
        self.pad_id = self.vocabulary.get(PADDING, 0)
        self.template = bert_template(self.cls_id, self.sep_id)
        self._longest = _longest_by_beginning(self._tokens)
        self._between_signs = _BETWEEN_SIGNS if self.normalization.tokenize_chinese_chars else _BETWEEN_MARKS
        self._ids = Memory(self.encode_stretch)
        self._sign_id = Memory(self._encode_sign)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the tokens in id order: the same for the same vocabulary with other line ends."""
        return hashlib.sha256("\n".join(self._tokens).encode()).hexdigest()

    def vocabulary_file(self) -> bytes:
        """The vocab.txt that was read, or one with the tokens of a tokenizer.json."""
        return self.source.to_text().encode() if self.file.endswith(".json") else read_bytes(self.file, "vocab_file")

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without [CLS] and [SEP]."""
        ids: list[int] = []
        known = self._ids
        for stretch in text.split(" "):
            ids += known[stretch]
        return ids

    def encode_word(self, word: str) -> list[int]:
        """The ids of a word of a text that is given in words."""
        return self.encode(word)

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text, without [CLS] and [SEP]."""
        return [self._tokens[i] for i in self.encode(text)]

    def id_to_token(self, id: int) -> str:
        """The token with this id; a name that no text can produce for an id without one."""
        return self._tokens[id]

    def encode_stretch(self, stretch: str) -> list[int]:
        """The ids of a stretch of text without spaces, computed afresh; the ids of a text are those of its stretches, joined."""
        if self.normalization.never_split:
            return [id for word in basic_tokens(stretch, self.normalization) for id in self.word_or_whole_ids(word)]
        if stretch.isalnum() and stretch.isascii():
            word = stretch.lower() if self.do_lower_case else stretch
            whole = self.vocabulary.get(word)
            return self.word_ids(word) if whole is None or len(word) > MAX_CHARACTERS_PER_WORD else [whole]
        if stretch.isascii() and stretch.isprintable():
            words = ASCII_WORDS.findall(stretch.lower() if self.do_lower_case else stretch)
        else:
            runs = [] if _CAPITAL_SIGMA in stretch else self._between_signs.split(stretch)
            if runs and runs[1:] != [stretch, ""]:
                return self._encode_runs(runs)
            words = basic_tokens(stretch, self.normalization)
        ids: list[int] = []
        for word in words:
            ids += self.word_ids(word)
        return ids

    def _encode_sign(self, sign: str) -> int:
        (word,) = basic_tokens(sign, self.normalization)
        return self.word_ids(word)[0]

    def _encode_runs(self, runs: list[str]) -> list[int]:
        """The ids of runs of signs and of other characters in turn; a run of signs may be empty."""
        ids = list(map(self._sign_id.__getitem__, runs[0]))
        for i in range(1, len(runs), 2):
            ids += self._ids[runs[i]]
            ids += map(self._sign_id.__getitem__, runs[i + 1])
        return ids

    def word_or_whole_ids(self, word: str) -> list[int]:
        """The ids of a word of `basic_tokens`: those that are never split have one."""
        return [self.vocabulary.get(word, self.unk_id)] if word in self.normalization.never_split else self.word_ids(word)

    def word_ids(self, word: str) -> list[int]:
        """Greedy longest match first; a word that cannot be spelled is one [UNK]."""
        if len(word) > MAX_CHARACTERS_PER_WORD:
            return [self.unk_id]
        known, longest_by_beginning = self.vocabulary.get, self._longest.get
        ids: list[int] = []
        # `signs` counts the ## before what is left of the word.
        rest, signs = word, 0
        while (id := known(rest)) is None:
            # Without a token that begins with the next two characters only the first of them can be one.
            longest, all_but_one = longest_by_beginning(rest[: signs + 2], signs + 1), len(rest) - 1
            for end in range(longest if longest < all_but_one else all_but_one, signs, -1):
                id = known(rest[:end])
                if id is not None:
                    break
            else:
                return [self.unk_id]
            ids.append(id)
            rest, signs = "##" + rest[end:], 2
        ids.append(id)
        return ids


def _longest_by_beginning(tokens: list[str]) -> dict[str, int]:
    """The length of the longest token by the first two characters of what it matches, with `##` before them inside a word."""
    longest: dict[str, int] = {}
    for token in tokens:
        beginning = token[:4] if token.startswith("##") else token[:2]
        # As a word of its own, not as a continuation, a token such as `##a` begins with two signs.
        for key in {beginning, token[:2]}:
            if len(token) > longest.get(key, 0):
                longest[key] = len(token)
    return longest


class Memory(dict):
    """Remembers what a function gave for short stretches of text, up to a number of them; full, it starts anew."""

    LONGEST = 24
    MOST = 1 << 17

    def __init__(self, function: Callable[[str], Any]):
        super().__init__()
        self._function = function

    def __missing__(self, stretch: str) -> Any:
        result = self._function(stretch)
        if len(stretch) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[stretch] = result
        return result
