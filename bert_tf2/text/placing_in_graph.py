"""`bert_tf2.text.placing` inside a TensorFlow graph, for models that take raw text."""

import tensorflow as tf

from bert_tf2.text import code_points
from bert_tf2.text.byte_level.in_graph import InGraphByteLevelBPE
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer, token_bytes
from bert_tf2.text.in_graph import TracedOnce
from bert_tf2.text.in_graph_offsets import InGraphPlacingTokenizer, PlacedIds
from bert_tf2.text.offsets import WHITE_SPACE
from bert_tf2.text.pieces.in_graph_places import InGraphSentencePiecePlacing
from bert_tf2.text.sentencepiece import SentencePieceTokenizer
from bert_tf2.text.tokenizer import Tokenizer
from bert_tf2.text.wordpiece import WordPieceTokenizer


def in_graph_placing_tokenizer(tokenizer: Tokenizer) -> tf.Module:
    """A module from texts, string [B], to `PlacedIds`: the same ids and the same places as by `placing.placing_tokenizer`."""
    if isinstance(tokenizer, WordPieceTokenizer):
        return TracedOnce(InGraphPlacingTokenizer(tokenizer))
    if isinstance(tokenizer, ByteLevelBPETokenizer):
        return TracedOnce(InGraphByteLevelPlacing(tokenizer))
    assert isinstance(tokenizer, SentencePieceTokenizer)
    return TracedOnce(InGraphSentencePiecePlacing(tokenizer))


class InGraphByteLevelPlacing(tf.Module):
    """`SpacePlacing` of byte-level BPE in the graph.

    The tokens of a text are its bytes one after the other, so their lengths tell the places.

    Args:
      tokenizer: gives the ids.
    """

    def __init__(self, tokenizer: ByteLevelBPETokenizer):
        super().__init__()
        self._tokenize = InGraphByteLevelBPE(tokenizer)
        tokens = [tokenizer.id_to_token(id) for id in range(tokenizer.vocab_size)]
        # Every byte that cannot be spelled is an unknown token of its own.
        lengths = [1 if id == tokenizer.unk_id else len(token_bytes(token)) for id, token in enumerate(tokens)]
        self._lengths = tf.constant(lengths, tf.int32)
        self._begins_with_space = tf.constant(tokenizer.begins_with_space, tf.int32)

    def __call__(self, text: tf.Tensor) -> PlacedIds:
        """The tokens of texts, string [B], without special tokens, and their places; a word begins after white space."""
        text = tf.where(tf.strings.regex_full_match(text, f"[{WHITE_SPACE}]*"), "", text)
        begun = self._tokenize.begun(text)
        characters, of_begun = code_points.decode(text), code_points.decode(begun)
        added = tf.cast(of_begun.row_lengths() - characters.row_lengths(), tf.int32)
        flat = of_begun.flat_values
        sizes = 1 + sum(tf.cast(flat >= first, tf.int32) for first in (0x80, 0x800, 0x10000))
        places = tf.cast(tf.ragged.range(of_begun.row_lengths()).flat_values, tf.int32)
        place_of_byte = tf.repeat(places, sizes)
        ids = self._tokenize(text)
        lengths = tf.gather(self._lengths, ids.flat_values)
        behind, row = tf.cumsum(lengths), ids.value_rowids()
        spaces, added = tf.gather(self._begins_with_space, ids.flat_values), tf.gather(added, row)
        starts = tf.maximum(tf.gather(place_of_byte, behind - lengths) + spaces - added, 0)
        ends = tf.gather(place_of_byte, behind - 1) + 1 - added
        first = tf.ragged.range(ids.row_lengths()).flat_values == 0
        placed = (starts, ends, first | (spaces > 0))
        return PlacedIds(characters, ids, *(ids.with_flat_values(values) for values in placed))
