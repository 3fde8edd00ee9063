"""Where the pieces of a SentencePiece model stand in a text, inside a TensorFlow graph."""

from typing import NamedTuple

import tensorflow as tf
import tensorflow_text
from sentencepiece.sentencepiece_model_pb2 import ModelProto

from bert_tf2.text import code_points
from bert_tf2.text.in_graph_offsets import PlacedIds
from bert_tf2.text.offsets import WHITE_SPACE
from bert_tf2.text.pieces.in_graph import InGraphPieces, InGraphPreparation, PreparedInGraph
from bert_tf2.text.pieces.places import is_visible
from bert_tf2.text.sentencepiece import SPACE, SentencePieceTokenizer


class InGraphSentencePiecePlacing(tf.Module):
    """`SentencePiecePlaces` in the graph: the same ids and the same places. A word begins with a space.

    Args:
      tokenizer: gives the ids.
    """

    def __init__(self, tokenizer: SentencePieceTokenizer):
        super().__init__()
        self._prepare = InGraphPreparation(tokenizer.normalization, tokenizer.symbols.straightens_quotes)
        self._normalize = InGraphNormalizer(tokenizer)
        self._pieces = InGraphPieces(tokenizer)
        self._is_visible = code_points.Property(code_points.values_of(is_visible))

    def __call__(self, text: tf.Tensor) -> PlacedIds:
        """The tokens of texts, string [B], without special tokens, and their places."""
        text = tf.where(tf.strings.regex_full_match(text, f"[{WHITE_SPACE}]*"), "", text)
        characters = code_points.decode(text)
        source = self._prepare(characters)
        prepared = code_points.encode(source.characters)
        normalized, begins, stops = self._normalize(prepared)
        ids, lengths = self._pieces.with_lengths(prepared, normalized)
        origins = self._origins(source, normalized, begins, stops)
        behind = tf.cumsum(lengths)
        last = behind - 1
        # Later bytes of a character have no length.
        first = tf.minimum(behind - lengths, last)
        starts, ends = _places_of_pieces(origins, normalized, first, last)
        begins_word = (tf.gather(normalized.flat_values, first) == ord(SPACE)) | (
            tf.ragged.range(ids.row_lengths()).flat_values == 0
        )
        return PlacedIds(characters, ids, *(ids.with_flat_values(values) for values in (starts, ends, begins_word)))

    def _origins(self, source: PreparedInGraph, normalized: tf.RaggedTensor, begins: tf.Tensor, stops: tf.Tensor) -> "_Origins":
        """What normalized characters came from; the arguments are as `InGraphNormalizer` gives them, in bytes."""
        flat = source.characters.flat_values
        sizes = 1 + sum(tf.cast(flat >= first, tf.int32) for first in (0x80, 0x800, 0x10000))
        character_at = tf.repeat(tf.range(tf.size(flat)), sizes)
        # From here on places count in all texts one after the other, so that they never decrease.
        row = normalized.value_rowids()
        in_row = tf.math.unsorted_segment_sum(sizes, source.characters.value_rowids(), normalized.nrows())
        offset = tf.cumsum(in_row, exclusive=True)
        begins = begins + tf.gather(offset, row)
        row_stops = tf.gather(stops + offset, row)
        following = tf.searchsorted(begins, begins, side="right")
        next_row = tf.gather(tf.pad(row, [[0, 1]], constant_values=-1), following)
        next_begins = tf.gather(tf.pad(begins, [[0, 1]]), following)
        stop = tf.where(next_row == row, next_begins, row_stops)

        def character(byte: tf.Tensor) -> tf.Tensor:
            return tf.gather(character_at, tf.clip_by_value(byte, 0, tf.maximum(tf.size(character_at) - 1, 0)))

        begin, last = character(begins), character(stop - 1)
        # What is dropped behind a character is no part of it.
        visible = tf.where(self._is_visible(flat) != 0)[:, 0]
        nearest = tf.searchsorted(tf.cast(visible, tf.int32), last, side="right")
        last = tf.maximum(tf.gather(tf.pad(tf.cast(visible, tf.int32), [[1, 0]], constant_values=-1), nearest), begin)
        is_last = tf.concat([row[1:] != row[:-1], tf.ones_like(row[:1], tf.bool)], axis=0)
        after = tf.where(is_last, row_stops, tf.concat([begins[1:], tf.zeros_like(begins[:1])], axis=0))
        # Some models put a space of their own at the end.
        in_text = begins < tf.gather(in_row + offset, row)
        starts = tf.where(in_text, tf.gather(source.starts, begin), tf.gather(source.ends, character(begins - 1)))
        return _Origins(
            starts,
            tf.gather(source.ends, last),
            tf.where(after > begins, tf.gather(source.ends, character(after - 1)), starts),
            tf.concat([tf.zeros_like(is_last[:1]), (begins[1:] == begins[:-1]) & ~is_last[:-1]], axis=0),
            row,
        )


class _Origins(NamedTuple):
    """What each character of normalized texts came from: int32 [sum of n] but for the last two.

    Attributes:
      starts, ends: its place.
      next_starts: where it ends, should it be a space: where the next character's place begins.
      shares: bool, whether the character before came from the same.
      row: int64, the text.
    """

    starts: tf.Tensor
    ends: tf.Tensor
    next_starts: tf.Tensor
    shares: tf.Tensor
    row: tf.Tensor


def _places_of_pieces(
    origins: _Origins, normalized: tf.RaggedTensor, first: tf.Tensor, last: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The places of the pieces that spell the normalized characters from `first` to `last`, int32 [T]."""
    visible = tf.cast(tf.where(normalized.flat_values != ord(SPACE))[:, 0], tf.int32)
    begin, end = tf.searchsorted(visible, first), tf.searchsorted(visible, last, side="right") - 1
    blank = begin > end
    padded = tf.pad(visible, [[0, 1]])
    starts = tf.gather(origins.starts, tf.where(blank, first, tf.gather(padded, begin)))
    visible_ends = tf.gather(origins.ends, tf.where(blank, last, tf.gather(padded, tf.maximum(end, 0))))
    spaced = tf.where(tf.gather(origins.shares, first), visible_ends, tf.gather(origins.next_starts, last))
    return starts, tf.where(blank, spaced, visible_ends)


class InGraphNormalizer(tf.Module):
    """The normalization of a SentencePiece model, with what every character came from.

    TensorFlow Text gives no such operation, but it tells where pieces stand. So this is a model with the same normalization
    whose pieces are single characters: its vocabulary is the 256 bytes, which spell every character.

    Args:
      tokenizer: of the model.
    """

    def __init__(self, tokenizer: SentencePieceTokenizer):
        super().__init__()
        source = ModelProto.FromString(tokenizer.model)
        kinds = ModelProto.SentencePiece
        # Normalization leaves what a user defined as it is.
        kept = [piece for piece in source.pieces if piece.type == kinds.USER_DEFINED]
        pieces = [kinds(piece=f"<0x{byte:02X}>", type=kinds.BYTE) for byte in range(256)]
        unknown = kinds(piece=source.trainer_spec.unk_piece, type=kinds.UNKNOWN)
        model = ModelProto(
            pieces=[unknown, *pieces, *kept], trainer_spec=source.trainer_spec, normalizer_spec=source.normalizer_spec
        )
        model.trainer_spec.model_type, model.trainer_spec.byte_fallback = model.trainer_spec.CHAR, True
        self._bytes = tensorflow_text.SentencepieceTokenizer(model.SerializeToString(), tf.int32)
        spelled = [bytes([byte]) for byte in range(256)] + [piece.piece.encode() for piece in kept]
        # The first piece spells nothing: there is no unknown character.
        self._spelled = tf.constant([b"", *spelled])
        # Of the bytes of a character the first stands for it.
        self._characters = tf.constant([0, *(sum(byte & 0xC0 != 0x80 for byte in text) for text in spelled)], tf.int32)

    def __call__(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor, tf.Tensor]:
        """Normalizes texts, string [B].

        Returns:
          The normalized texts, int32 [B, (n)]; the byte of the text that each character came from, int32 [sum of n]; the byte
          of each text where what its last character came from ends, int32 [B].
        """
        pieces, begins, stops = self._bytes.tokenize_with_offsets(texts)
        spelled = pieces.with_flat_values(tf.gather(self._spelled, pieces.flat_values))
        normalized = code_points.decode(tf.strings.reduce_join(spelled, axis=-1))
        begins = tf.repeat(tf.cast(begins.flat_values, tf.int32), tf.gather(self._characters, pieces.flat_values))
        return normalized, begins, tf.maximum(tf.cast(tf.reduce_max(stops, axis=1), tf.int32), 0)
