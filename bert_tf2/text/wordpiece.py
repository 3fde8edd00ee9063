"""WordPiece: text -> ids, equal to Google's `tokenization.FullTokenizer` and many times faster."""

import functools
import hashlib
import re

from bert_tf2.text.normalization import CJK_BLOCKS, basic_tokens
from bert_tf2.text.vocabulary import CLASSIFICATION, PADDING, SEPARATOR, UNKNOWN, load_vocabulary

# Longer words become [UNK], as in the model garden (google-research/bert: 200).
MAX_CHARACTERS_PER_WORD = 400

# Signs that BERT sets apart from whatever surrounds them: the ideographs and the punctuation of ASCII and of Chinese text.
_SIGNS = "".join(f"{chr(first)}-{chr(last)}" for first, last in CJK_BLOCKS) + "!-/:-@\\[-`{-~、。《》「」『』【】！，：；？"
_SIGN_OR_RUN = re.compile(f"[{_SIGNS}]|[^{_SIGNS}]+")
# Its lower case depends on neighbours even across punctuation, so text with it is never cut at punctuation.
_CAPITAL_SIGMA = "Σ"


class WordPieceTokenizer:
    """Splits text into words and the words into the longest pieces that the vocabulary holds.

    The reference is a function of what stands between two spaces: nothing in it looks across a space. So the ids of such a
    stretch are computed once, by the steps of the reference, and remembered. Long stretches (Chinese) are first cut at
    ideographs and common punctuation marks, which the reference sets apart as well.

    Args:
      vocab_file: path of the vocabulary, one token a line.
      do_lower_case: lower-case the text and strip its accents, for uncased vocabularies.

    Raises:
      UserError: the vocabulary cannot be used; see `load_vocabulary`.
    """

    kind = "wordpiece"

    def __init__(self, vocab_file: str, do_lower_case: bool = True):
        self.file = vocab_file
        self.do_lower_case = do_lower_case
        self.vocabulary = load_vocabulary(vocab_file)
        self._tokens = list(self.vocabulary)
        self.vocab_size = len(self._tokens)
        self.unk_id = self.vocabulary[UNKNOWN]
        self.cls_id = self.vocabulary[CLASSIFICATION]
        self.sep_id = self.vocabulary[SEPARATOR]
        self.pad_id = self.vocabulary.get(PADDING, 0)
        self._longest_token = max(map(len, self._tokens))
        self._ids = _Memory(self._encode_stretch)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the tokens in id order: the same for the same vocabulary with other line ends."""
        return hashlib.sha256("\n".join(self._tokens).encode()).hexdigest()

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without [CLS] and [SEP]."""
        ids: list[int] = []
        known = self._ids
        for stretch in text.split(" "):
            ids += known[stretch]
        return ids

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text, without [CLS] and [SEP]."""
        return [self._tokens[i] for i in self.encode(text)]

    def id_to_token(self, id: int) -> str:
        """The token with this id."""
        return self._tokens[id]

    def _encode_stretch(self, stretch: str) -> tuple[int, ...]:
        """The ids of a stretch of text without spaces, computed afresh (long ones from remembered parts)."""
        if stretch.isascii() and stretch.isalnum():
            return self._word_ids(stretch.lower() if self.do_lower_case else stretch)
        if len(stretch) > _Memory.LONGEST and _CAPITAL_SIGMA not in stretch:
            parts = _SIGN_OR_RUN.findall(stretch)
            if len(parts) > 1:
                known = self._ids
                return tuple([i for part in parts for i in known[part]])
        return tuple([i for word in basic_tokens(stretch, self.do_lower_case) for i in self._word_ids(word)])

    def _word_ids(self, word: str) -> tuple[int, ...]:
        """Greedy longest match first; a word that cannot be spelled is one [UNK]."""
        vocabulary = self.vocabulary
        if word in vocabulary and len(word) <= MAX_CHARACTERS_PER_WORD:
            return (vocabulary[word],)
        if len(word) > MAX_CHARACTERS_PER_WORD:
            return (self.unk_id,)
        ids = []
        start, length, prefix = 0, len(word), ""
        while start < length:
            for end in range(min(length, start + self._longest_token), start, -1):
                id = vocabulary.get(prefix + word[start:end])
                if id is not None:
                    break
            else:
                return (self.unk_id,)
            ids.append(id)
            start, prefix = end, "##"
        return tuple(ids)


class _Memory(dict):
    """Remembers the ids of stretches of text, up to a size; full, it starts anew."""

    LONGEST = 24
    MOST = 1 << 17

    def __init__(self, encode):
        super().__init__()
        self._encode = encode

    def __missing__(self, stretch: str) -> tuple[int, ...]:
        ids = self._encode(stretch)
        if len(stretch) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[stretch] = ids
        return ids
