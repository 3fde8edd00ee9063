"""The words of raw texts inside a TensorFlow graph."""

import functools

import numpy as np
import tensorflow as tf

from bert_tf2.text import code_points
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.in_graph import in_graph_ids
from bert_tf2.text.in_graph_offsets import PlacedIds, PlacingNormalizer
from bert_tf2.text.normalization import is_cjk, is_punctuation
from bert_tf2.text.tokenizer import Tokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer

# Between letters or digits they are inside a word of nearly every tokenized corpus.
_JOINING_SIGNS = ".,-_&@"
_LETTERS, _SIGN, _JOINING_SIGN, _IDEOGRAPH = range(4)


class InGraphWords(tf.Module):
    """Texts as words (`spans.words_of`) and the words as tokens, each cut as `SentenceEncoder` cuts it: for tokenizers to which a
    space is a character like others, byte-level BPE and SentencePiece.

    Args:
      tokenizer: gives the ids.
      joins_signs: see `EntityTaggingModule`.
    """

    def __init__(self, tokenizer: Tokenizer, joins_signs: bool):
        super().__init__()
        self._normalize = PlacingNormalizer(tokenizer.normalization)
        # SentencePiece puts a space before a word itself.
        self._before = " " if isinstance(tokenizer, ByteLevelBPETokenizer) else ""
        self._tokenize, self._unk_id = in_graph_ids(tokenizer), tokenizer.unk_id
        self._kind = code_points.Property(_kinds()) if joins_signs else None

    def __call__(self, text: tf.Tensor) -> PlacedIds:
        """string [B] -> the tokens of all words, without special ones; each has the place of its word."""
        characters = code_points.decode(text)
        row, starts, ends = self._words(characters)
        places = starts + tf.cast(tf.gather(characters.row_starts(), row), tf.int32)
        slices = tf.gather(characters.flat_values, tf.ragged.range(places, places + ends - starts))
        pieces = self._tokenize(tf.strings.join([self._before, code_points.encode(slices)]))
        # A word without pieces is an unknown one.
        unknown = tf.ragged.boolean_mask(tf.fill([pieces.nrows(), 1], self._unk_id), pieces.row_lengths()[:, tf.newaxis] == 0)
        pieces = tf.concat([pieces, unknown], axis=1)
        word = pieces.value_rowids()
        ids = tf.RaggedTensor.from_value_rowids(pieces.flat_values, tf.gather(row, word), characters.nrows(), validate=False)
        first = tf.ragged.range(pieces.row_lengths()).flat_values == 0
        placed = (tf.gather(starts, word), tf.gather(ends, word), first)
        return PlacedIds(characters, ids, *(ids.with_flat_values(values) for values in placed))

    def _words(self, characters: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The text of each word, int64 [W], and where it starts and ends in it, int32 [W]."""
        normalized, starts, ends = self._normalize(characters)
        visible = normalized.flat_values != ord(" ")
        words = tf.strings.split(code_points.encode(normalized))
        behind = tf.cumsum(tf.strings.length(words.flat_values, unit="UTF8_CHAR"))
        first = tf.concat([[0], behind], axis=0)[:-1]
        row = words.value_rowids()
        starts = tf.gather(tf.boolean_mask(starts, visible), first)
        ends = tf.gather(tf.boolean_mask(ends, visible), behind - 1)
        if self._kind is None:
            return row, starts, ends
        begins = self._begins(row, starts, ends, self._kind(tf.gather(tf.boolean_mask(normalized.flat_values, visible), first)))
        closes = tf.concat([begins[1:], tf.ones_like(begins[:1])], axis=0)
        return tf.boolean_mask(row, begins), tf.boolean_mask(starts, begins), tf.boolean_mask(ends, closes)

    def _begins(self, row: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor, kind: tf.Tensor) -> tf.Tensor:
        """Whether a word is none that a sign joins to the one before it, bool [W]."""
        touches = (starts[1:] == ends[:-1]) & (row[1:] == row[:-1])
        letters = kind == _LETTERS
        after_letters = tf.pad(touches & letters[:-1], [[1, 0]])[: tf.size(row)]
        before_letters = tf.pad(touches & letters[1:], [[0, 1]])[: tf.size(row)]
        joins = (kind == _JOINING_SIGN) & after_letters & before_letters
        return ~(joins | tf.pad(joins, [[1, 0]])[:-1])


class Joining:
    """Finds words of word pieces that have a sign inside, between two letters or digits without white space.

    Args:
      tokenizer: gave the pieces.
    """

    def __init__(self, tokenizer: WordPieceTokenizer):
        tokens = [tokenizer.id_to_token(id) for id in range(tokenizer.vocab_size)]
        signs = [len(token) == 1 and is_punctuation(token) for token in tokens]
        joins = [len(token) == 1 and token in _JOINING_SIGNS for token in tokens]
        ideographs = [is_cjk(token[-1]) for token in tokens]
        self._is_letters = tf.constant([not (sign or ideograph) for sign, ideograph in zip(signs, ideographs)])
        self._joins = tf.constant(joins)

    def __call__(self, placed: PlacedIds) -> tf.Tensor:
        """Whether each token starts a word, bool [T]."""
        ids, starts, ends = (values.flat_values for values in (placed.ids, placed.starts, placed.ends))
        rows = placed.ids.value_rowids()
        touches = (starts[1:] == ends[:-1]) & (rows[1:] == rows[:-1])
        touches_before, touches_behind = tf.pad(touches, [[1, 0]])[: tf.size(ids)], tf.pad(touches, [[0, 1]])[: tf.size(ids)]
        letters = tf.gather(self._is_letters, ids)
        letters_before, letters_behind = tf.pad(letters, [[1, 0]])[:-1], tf.pad(letters, [[0, 1]])[1:]
        joins = tf.gather(self._joins, ids) & touches_before & letters_before & touches_behind & letters_behind
        joined = joins | tf.pad(joins, [[1, 0]])[:-1]
        return placed.word_starts.flat_values & ~joined


@functools.lru_cache(maxsize=1)
def _kinds() -> np.ndarray:
    """What a word is that begins with a code point: int32 [0x110000]."""
    return code_points.values_of(_kind)


def _kind(character: str) -> int:
    if is_punctuation(character):
        return _JOINING_SIGN if character in _JOINING_SIGNS else _SIGN
    return _IDEOGRAPH if is_cjk(character) else _LETTERS
