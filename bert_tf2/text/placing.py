"""Tokens with their places, from any tokenizer."""

from collections.abc import Callable

import numpy as np

from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.offsets import WHITE_SPACE, PlacedTokens, PlacingTokenizer
from bert_tf2.text.pieces.places import SentencePiecePlaces
from bert_tf2.text.sentencepiece import SentencePieceTokenizer
from bert_tf2.text.tokenizer import Tokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer

_WHITE_SPACE = np.array([ord(character) for character in WHITE_SPACE], np.uint32)


def placing_tokenizer(tokenizer: Tokenizer) -> Callable[[str], PlacedTokens]:
    """A function from a text to its tokens, without special ones, and their places."""
    if isinstance(tokenizer, WordPieceTokenizer):
        return PlacingTokenizer(tokenizer)
    if isinstance(tokenizer, ByteLevelBPETokenizer):
        return SpacePlacing(tokenizer.place)
    assert isinstance(tokenizer, SentencePieceTokenizer)
    return SpacePlacing(SentencePiecePlaces(tokenizer))


class SpacePlacing:
    """Tokenizes texts and keeps the place of every token, for tokenizers to which a space is a character like others: byte-level
    BPE and SentencePiece.

    White space that is a token of its own belongs to the word before it, at the beginning of a text to the first word. A text of
    nothing but white space has no tokens.

    Args:
      place: gives the ids of a text and where each token starts and ends in it, int32 [T]; see `ByteLevelBPETokenizer.place` and
        `SentencePiecePlaces`.
    """

    def __init__(self, place: Callable[[str], tuple[np.ndarray, np.ndarray, np.ndarray]]):
        self._place = place

    def __call__(self, text: str) -> PlacedTokens:
        """The tokens of a text, without special ones, and their places."""
        visible = ~np.isin(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32), _WHITE_SPACE)
        word_starts = np.flatnonzero(visible & ~np.append(False, visible[:-1])).astype(np.int32)
        if not len(word_starts):
            empty = np.zeros(0, np.int32)
            return PlacedTokens(empty, empty, empty, empty, np.zeros(1, np.int32))
        ids, starts, ends = self._place(text)
        # The first token that begins at a word's beginning or behind it; of the first word, the first of all.
        word_tokens = np.searchsorted(starts, word_starts).astype(np.int32)
        word_tokens[0] = 0
        return PlacedTokens(ids, starts, ends, word_starts, np.append(word_tokens, np.int32(len(ids))))
