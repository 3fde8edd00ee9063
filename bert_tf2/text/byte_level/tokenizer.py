"""Byte-level BPE: text -> ids, equal to RoBERTa's own tokenizer and many times faster.

Behaviour: `encoder.py` of openai/gpt-2 (2019), which fairseq's RoBERTa and transformers' `RobertaTokenizer` follow: the text is
cut into words by a regular expression, each with the space before it, and the bytes of a word are merged pair by pair, of the
pairs that stand there the one that was learned first. Text goes in as it is, capitals, accents and white space included.
"""

import functools
import re
from typing import TYPE_CHECKING

import numpy as np

from bert_tf2.errors import UserError
from bert_tf2.text.byte_level.vocabulary import (
    BEGIN,
    END,
    MASK,
    PADDING,
    UNKNOWN,
    ByteLevelVocabulary,
    load_byte_level_vocabulary,
)
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.template import TextTemplate
from bert_tf2.text.wordpiece import Memory

if TYPE_CHECKING:
    import tokenizers

SPACE = "Ġ"
"""The sign with which a token says that a space stands before it."""

_SPECIAL = (BEGIN, PADDING, END, UNKNOWN, MASK)
_WHITE_SPACE_RUN = re.compile(r"\s\s").search
_HALF_PAIRS = re.compile("[\ud800-\udfff]")


class ByteLevelBPETokenizer:
    """Splits text into words and the bytes of the words into the tokens of a byte-level BPE.

    A special token's name in a text (`</s>`) is text like any other here, so that no text can end its input; transformers'
    tokenizers take it for the special token. Half a surrogate pair, which no text holds, counts as U+FFFD.

    The library `tokenizers` does the work once for each stretch between two spaces; the ids are then remembered. That is the
    same as for the whole text, except where white space stands beside white space: there the whole text goes to the library.

    Args:
      vocabulary: what was read, or its path: a vocab.json with merges.txt beside it, a tokenizer.json, or a folder with them.

    Attributes:
      vocab_size: the number of ids. The model's embedding table may have more rows.
      notices: what a user should know about the vocabulary, a line each.

    Raises:
      UserError: the vocabulary cannot be used; see `load_byte_level_vocabulary`.
    """

    kind = "bytelevelbpe"
    mask_token = MASK
    do_lower_case = False

    def __init__(self, vocabulary: ByteLevelVocabulary | str):
        source = load_byte_level_vocabulary(vocabulary) if isinstance(vocabulary, str) else vocabulary
        if source is None:
            raise UserError(f"--vocab_file: {vocabulary} is of no byte-level BPE; give vocab.json with merges.txt beside it")
        self.source, self.file = source, source.file
        self.notices: tuple[str, ...] = ()
        self.normalization = Normalization(False)
        self._tokens = source.tokens
        self.vocab_size = len(self._tokens)
        self.cls_id, self.sep_id, self.unk_id = (source.ids[token] for token in (BEGIN, END, UNKNOWN))
        self.pad_id = source.ids.get(PADDING, 0)
        # Liu et al. 2019; fairseq's `RobertaHubInterface.encode`.
        self.template = TextTemplate((self.cls_id,), (self.sep_id, self.sep_id), (self.sep_id,), (0, 0))
        self._engine = _engine(source)
        self._known = Memory(self._ids)

    @property
    def fingerprint(self) -> str:
        """See `ByteLevelVocabulary.fingerprint`."""
        return self.source.fingerprint

    def vocabulary_file(self) -> bytes:
        """A tokenizer.json with tokens, merges and special tokens, which transformers reads too."""
        return to_tokenizer_json(self.source)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without `<s>` and `</s>`; a new list."""
        text = self._as_begun(text)
        if _WHITE_SPACE_RUN(text):
            return self._ids(text)
        known = self._known
        first, *others = text.split(" ")
        ids = [*known[first]]
        for stretch in others:
            ids += known[f" {stretch}"]
        return ids

    def encode_word(self, word: str) -> list[int]:
        """The ids of a word of a text that is given in words: those with a space before it."""
        return [*self._known[word if word.startswith(" ") else f" {word}"]]

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text, without `<s>` and `</s>`, in GPT-2's alphabet."""
        return [self._tokens[id] for id in self.encode(text)]

    def id_to_token(self, id: int) -> str:
        """The token with this id; a name that no text can produce for an id without one."""
        return self._tokens[id]

    def place(self, text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The ids of a text, and where each token starts and ends in it, int32 [T]; places are in code points.

        The space before a word is not counted to its first token. Tokens of parts of a character have the place of the whole.
        """
        begun = self._as_begun(text)
        encoding = self._engine.encode(_without_half_pairs(begun), add_special_tokens=False)
        ids = np.array(encoding.ids, np.int32)
        starts, ends = np.array(encoding.offsets, np.int32).reshape(-1, 2).T - (len(begun) - len(text))
        # A space that was put before the text has no place in it.
        return ids, np.maximum(starts + self.begins_with_space[ids], 0), ends

    @functools.cached_property
    def begins_with_space(self) -> np.ndarray:
        """bool [V], whether a token is a space and something else, which alone then is its place."""
        return np.array([token.startswith(SPACE) and bool(token.strip(SPACE)) for token in self._tokens])

    def _as_begun(self, text: str) -> str:
        return f" {text}" if self.source.add_prefix_space and text and text[0] != " " else text

    def _ids(self, text: str) -> list[int]:
        return self._engine.encode(_without_half_pairs(text), add_special_tokens=False).ids


def token_text(token: str) -> str:
    """What a token stands for, its space included; bytes that are no whole character as U+FFFD."""
    return token_bytes(token).decode(errors="replace")


def token_bytes(token: str) -> bytes:
    """The bytes that a token stands for; of one that is not spelled in GPT-2's alphabet, those of its name."""
    byte_of = alphabet()
    return bytes(byte_of[character] for character in token) if byte_of.keys() >= set(token) else token.encode()


@functools.lru_cache(maxsize=1)
def alphabet() -> dict[str, int]:
    """The byte that each character of GPT-2's alphabet stands for: itself in Latin-1 where it is visible there, and the 68
    bytes that are not have the code points from 256 up in their order (`bytes_to_unicode` of openai/gpt-2)."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in visible]
    return {chr(byte): byte for byte in visible} | {chr(256 + number): byte for number, byte in enumerate(others)}


def to_tokenizer_json(vocabulary: ByteLevelVocabulary) -> bytes:
    """The serialized form of the library `tokenizers`, as transformers' `RobertaTokenizerFast` has it."""
    from tokenizers import AddedToken, decoders, processors

    engine, begins = _engine(vocabulary), vocabulary.add_prefix_space
    special = sorted((token for token in _SPECIAL if token in vocabulary.ids), key=vocabulary.ids.__getitem__)
    # The space before <mask> belongs to it.
    engine.add_special_tokens([AddedToken(token, normalized=False, lstrip=token == MASK) for token in special])
    engine.decoder = decoders.ByteLevel()
    ends = [(token, vocabulary.ids[token]) for token in (END, BEGIN)]
    engine.post_processor = processors.RobertaProcessing(*ends, trim_offsets=True, add_prefix_space=begins)
    if begins:
        engine.pre_tokenizer = _splitter(begins)
    return engine.to_str().encode()


def _engine(vocabulary: ByteLevelVocabulary) -> "tokenizers.Tokenizer":
    from tokenizers import Tokenizer, models

    engine = Tokenizer(models.BPE(vocabulary.ids, list(vocabulary.merges), unk_token=UNKNOWN))
    engine.pre_tokenizer = _splitter(False)
    return engine


def _splitter(add_prefix_space: bool) -> "tokenizers.pre_tokenizers.PreTokenizer":
    from tokenizers import pre_tokenizers

    return pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)


def _without_half_pairs(text: str) -> str:
    return text if text.isascii() else _HALF_PAIRS.sub("\ufffd", text)
