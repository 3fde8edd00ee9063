"""Tokens with their places inside a TensorFlow graph: `bert_tf2.text.offsets` for models that take raw text."""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from bert_tf2.text import code_points
from bert_tf2.text.in_graph import WordPieces, basic_steps
from bert_tf2.text.normalization import Normalization, is_accent
from bert_tf2.text.wordpiece import WordPieceTokenizer

_SPACE = ord(" ")
_ACCENT, _WHITE_SPACE = 1, 2


class PlacedIds(NamedTuple):
    """Texts as tokens and where each stands, in code points.

    Attributes:
      characters: int32 [B, (n)], the code points of the texts; bytes that are not UTF-8 are left out.
      ids, starts, ends: int32 [B, (t)] with the same rows: token i stands for `characters[starts[i]:ends[i]]`.
      word_starts: bool [B, (t)], whether a token is the first of a word; punctuation marks and ideographs are words.
    """

    characters: tf.RaggedTensor
    ids: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor
    word_starts: tf.RaggedTensor


class InGraphPlacingTokenizer(tf.Module):
    """`bert_tf2.text.offsets.PlacingTokenizer` in the graph: the same ids and the same places.

    Args:
      tokenizer: gives the ids.
    """

    def __init__(self, tokenizer: WordPieceTokenizer):
        super().__init__()
        self._normalize = PlacingNormalizer(tokenizer.normalization)
        self._pieces = WordPieces(tokenizer)
        self._unk_id = tokenizer.unk_id
        self._lengths = tf.constant([len(token) for token in tokenizer.vocabulary], tf.int32)

    def __call__(self, text: tf.Tensor) -> PlacedIds:
        """The tokens of texts, string [B], without special tokens, and their places."""
        characters = code_points.decode(text)
        normalized, starts, ends = self._normalize(characters)
        visible = normalized.flat_values != _SPACE
        starts, ends = tf.boolean_mask(starts, visible), tf.boolean_mask(ends, visible)
        words = tf.strings.split(code_points.encode(normalized))
        ids = self._pieces(words)
        numbers = tf.ragged.range(ids.values.row_lengths()).flat_values
        lengths = self._characters_of_pieces(words.flat_values, ids.values, numbers)
        # The pieces one after the other are the visible characters one after the other.
        behind = tf.cumsum(lengths)
        ids = ids.merge_dims(1, 2)
        return PlacedIds(
            characters,
            ids,
            ids.with_flat_values(tf.gather(starts, behind - lengths)),
            ids.with_flat_values(tf.gather(ends, behind - 1)),
            ids.with_flat_values(numbers == 0),
        )

    def _characters_of_pieces(self, words: tf.Tensor, ids: tf.RaggedTensor, numbers: tf.Tensor) -> tf.Tensor:
        """How many characters each piece of the words, string [W] and int32 [W, (p)], spells: int32 [sum of p].

        Args:
          numbers: [sum of p], of each piece in its word.
        """
        # All but the first piece of a word are in the vocabulary with two signs before them.
        signs = tf.where(numbers == 0, 0, 2)
        spelled = tf.gather(self._lengths, ids.flat_values) - signs
        whole = tf.gather(tf.strings.length(words, unit="UTF8_CHAR"), ids.value_rowids())
        return tf.where(ids.flat_values == self._unk_id, whole, spelled)


class PlacingNormalizer(tf.Module):
    """The steps of `normalization.basic_tokens`, with places; an accent that is stripped belongs to its letter."""

    def __init__(self, normalization: Normalization):
        super().__init__()
        self._steps = basic_steps(normalization)
        self._roles = code_points.Property(_roles())

    def __call__(self, characters: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.Tensor, tf.Tensor]:
        """int32 [B, (n)] -> the normalized texts, int32 [B, (m)], and starts and ends of their characters, int32 [sum of m]."""
        texts, starts = characters, _places(characters)
        ends, is_white_space = starts + 1, self._roles(characters.flat_values) == _WHITE_SPACE
        for step in self._steps:
            if isinstance(step, code_points.Mapping):
                texts, sources = step.with_sources(texts)
                starts, ends, is_white_space = (tf.gather(values, sources) for values in (starts, ends, is_white_space))
            elif isinstance(step, code_points.CanonicalOrder):
                # Spaces stand for white space, and around ideographs; they never move when marks are sorted.
                added = (texts.flat_values == _SPACE) & ~is_white_space
                texts, starts, ends = step.with_places(texts, starts, ends)
                ends = self._with_accents(texts, ends, added)
            else:
                texts = step(texts)
        return texts, starts, ends

    def _with_accents(self, texts: tf.RaggedTensor, ends: tf.Tensor, added: tf.Tensor) -> tf.Tensor:
        """Lets the accents that will be stripped belong to what stands before them, unless that is white space or nothing.

        Args:
          texts: int32 [B, (n)], decomposed.
          ends: int32 [sum of n], of the characters.
          added: bool [sum of n], the spaces that are not in the text; an accent after them belongs to the ideograph.
        """
        is_accent = self._roles(texts.flat_values) == _ACCENT
        bearers = tf.where(~is_accent & ~added)[:, 0]
        accents = tf.where(is_accent)[:, 0]
        nearest = tf.searchsorted(bearers, accents) - 1
        accents, nearest = tf.boolean_mask(accents, nearest >= 0), tf.boolean_mask(nearest, nearest >= 0)
        bearers = tf.gather(bearers, nearest)
        row = texts.value_rowids()
        worn = (tf.gather(texts.flat_values, bearers) != _SPACE) & (tf.gather(row, bearers) == tf.gather(row, accents))
        bearers, accents = tf.boolean_mask(bearers, worn), tf.boolean_mask(accents, worn)
        return tf.tensor_scatter_nd_max(ends, bearers[:, tf.newaxis], tf.gather(ends, accents))


@functools.lru_cache(maxsize=1)
def _roles() -> np.ndarray:
    """Whether a character is an accent, white space or anything else, for every code point; int32 [0x110000]."""
    return code_points.values_of(_role)


def _role(character: str) -> int:
    if is_accent(character):
        return _ACCENT
    return _WHITE_SPACE if character.isspace() else 0


def _places(texts: tf.RaggedTensor) -> tf.Tensor:
    """The place of every character in its text, int32 [sum of n]."""
    return tf.cast(tf.ragged.range(texts.row_lengths()).flat_values, tf.int32)
