"""SentencePiece inside a TensorFlow graph: `SentencePieceTokenizer` for models that take raw text."""

import unicodedata
from typing import NamedTuple

import tensorflow as tf
import tensorflow_text
from sentencepiece import sentencepiece_model_pb2

from bert_tf2.text import code_points, unigram
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.pieces.places import part_lengths, piece_lengths
from bert_tf2.text.sentencepiece import SentencePieceTokenizer

_SPACE = ord(" ")


class InGraphSentencePiece(tf.Module):
    """The ids of texts: the steps of `sentencepiece.prepared`, then the model.

    Args:
      tokenizer: gives the same ids.
    """

    def __init__(self, tokenizer: SentencePieceTokenizer):
        super().__init__()
        self._prepare = InGraphPreparation(tokenizer.normalization, tokenizer.symbols.straightens_quotes)
        self._pieces = InGraphPieces(tokenizer)

    def __call__(self, text: tf.Tensor) -> tf.RaggedTensor:
        """string [B] -> int32 [B, (n)], without special tokens; bytes that are not UTF-8 are left out."""
        return self._pieces(code_points.encode(self._prepare(code_points.decode(text)).characters))


class PreparedInGraph(NamedTuple):
    """Prepared texts, and the place of each of their characters.

    Attributes:
      characters: int32 [B, (n)].
      starts, ends: int32 [sum of n], in the texts they were made of.
    """

    characters: tf.RaggedTensor
    starts: tf.Tensor
    ends: tf.Tensor


class InGraphPreparation(tf.Module):
    """`places.prepared_with_places` in the graph."""

    def __init__(self, normalization: Normalization, straightens_quotes: bool = False):
        super().__init__()
        self._straightens_quotes = straightens_quotes
        lowers, strips = normalization.do_lower_case, normalization.strip_accents
        self._space = code_points.Mapping(_space_as_space) if lowers or strips else None
        self._decomposition = code_points.Mapping(_decomposed_without_marks) if strips else None
        self._sigmas = code_points.FinalSigmas() if lowers else None
        self._lower_case = code_points.Mapping(str.lower) if lowers else None

    def __call__(self, characters: tf.RaggedTensor) -> PreparedInGraph:
        """int32 [B, (n)] -> the prepared texts."""
        places = tf.cast(tf.ragged.range(characters.row_lengths()).flat_values, tf.int32)
        texts = PreparedInGraph(characters, places, places + 1)
        if self._straightens_quotes:
            texts = _with_straight_quotes(texts)
        if self._space is not None:
            texts = _joined(self._space(texts.characters), texts.starts, texts.ends)
        if self._decomposition is not None:
            texts = _mapped(texts, self._decomposition)
        if self._sigmas is not None and self._lower_case is not None:
            characters = self._sigmas(texts.characters)
            texts = _mapped(PreparedInGraph(characters, texts.starts, texts.ends), self._lower_case)
        return texts


def _with_straight_quotes(texts: PreparedInGraph) -> PreparedInGraph:
    """Of the marks in a row of ` or of ' every two are one "."""
    flat, row = texts.characters.flat_values, texts.characters.value_rowids()
    is_mark = (flat == ord("`")) | (flat == ord("'"))
    goes_on = tf.concat([tf.zeros_like(is_mark[:1]), is_mark[1:] & (flat[1:] == flat[:-1]) & (row[1:] == row[:-1])], axis=0)
    begins, places = tf.cast(tf.where(~goes_on)[:, 0], tf.int32), tf.range(tf.size(flat))
    number = places - tf.gather(begins, tf.searchsorted(begins, places, side="right") - 1)
    second = is_mark & (number % 2 == 1)
    first = tf.concat([second[1:], tf.zeros_like(second[:1])], axis=0)
    straight = texts.characters.with_flat_values(tf.where(first, ord('"'), flat))
    characters = tf.ragged.boolean_mask(straight, straight.with_flat_values(~second))
    ends = tf.boolean_mask(texts.ends + tf.cast(first, tf.int32), ~second)
    return PreparedInGraph(characters, tf.boolean_mask(texts.starts, ~second), ends)


def _joined(texts: tf.RaggedTensor, starts: tf.Tensor, ends: tf.Tensor) -> PreparedInGraph:
    """Spaces joined; what is joined is one space, with the place of all. There is none at either end."""
    flat, row = texts.flat_values, texts.value_rowids()
    visible = tf.where(flat != _SPACE)[:, 0]
    places = tf.range(tf.size(flat, tf.int64))
    # The nearest characters that are no space, before and behind, and none as one of no row.
    behind = tf.searchsorted(visible, places, out_type=tf.int64)
    padded = tf.pad(visible, [[1, 1]], constant_values=-1)
    before_place, behind_place = tf.gather(padded, behind), tf.gather(padded, behind + 1)
    is_space = flat == _SPACE
    between = (_row_at(row, before_place) == row) & (_row_at(row, behind_place) == row)
    kept = ~is_space | (between & (before_place == places - 1))
    ends = tf.where(is_space & between, tf.gather(starts, tf.maximum(behind_place, 0)), ends)
    characters = tf.ragged.boolean_mask(texts, texts.with_flat_values(kept))
    return PreparedInGraph(characters, tf.boolean_mask(starts, kept), tf.boolean_mask(ends, kept))


def _row_at(row: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """The row at places, int64 [N]; -1 at the place -1."""
    return tf.where(places < 0, tf.constant(-1, tf.int64), tf.gather(row, tf.maximum(places, 0)))


def _mapped(texts: PreparedInGraph, mapping: code_points.Mapping) -> PreparedInGraph:
    """Characters replaced; marks that are dropped belong to the letter before them."""
    characters, sources = mapping.with_sources(texts.characters)
    flat, row = texts.characters.flat_values, texts.characters.value_rowids()
    made = tf.math.unsorted_segment_sum(tf.ones_like(sources), sources, tf.size(flat))
    marks, letters = tf.where(made == 0)[:, 0], tf.where(made > 0)[:, 0]
    before = tf.gather(tf.pad(letters, [[1, 0]], constant_values=-1), tf.searchsorted(letters, marks))
    worn = (_row_at(row, before) == tf.gather(row, marks)) & (tf.gather(flat, tf.maximum(before, 0)) != _SPACE)
    marks, before = tf.boolean_mask(marks, worn), tf.boolean_mask(before, worn)
    ends = tf.tensor_scatter_nd_max(texts.ends, before[:, tf.newaxis], tf.gather(texts.ends, marks))
    return PreparedInGraph(characters, tf.gather(texts.starts, sources), tf.gather(ends, sources))


class InGraphPieces(tf.Module):
    """Prepared texts as pieces, numbers with a comma behind them taken apart.

    Args:
      tokenizer: gives the ids.
    """

    def __init__(self, tokenizer: SentencePieceTokenizer):
        super().__init__()
        model = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.model)
        self._segmenter = unigram.UnigramSegmenter(model) if unigram.is_needed(model) else None
        self._unk_id = tokenizer.unk_id
        self._strings = tensorflow_text.SentencepieceTokenizer(tokenizer.model, tf.string)
        if self._segmenter is None:
            self._ids = tensorflow_text.SentencepieceTokenizer(tokenizer.model, tf.int32)
        lengths, parts = piece_lengths(tokenizer), tokenizer.numbers_with_comma
        self._lengths = tf.constant(lengths)
        self._parts = self._part_lengths = None
        if parts:
            ids = [parts.get(id, (id,)) for id in range(tokenizer.vocab_size)]
            shares = [part_lengths(tokenizer, id, lengths) if id in parts else [-1] for id in range(tokenizer.vocab_size)]
            self._parts, self._part_lengths = tf.ragged.constant(ids, tf.int32), tf.ragged.constant(shares, tf.int32)

    def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """string [B] -> int32 [B, (n)]."""
        return self.with_lengths(texts)[0]

    def with_lengths(self, texts: tf.Tensor, normalized: tf.RaggedTensor | None = None) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """As a call, and how many characters of the normalized text each piece stands for, int32 [sum of n].

        Args:
          texts: string [B].
          normalized: int32 [B, (m)], what the model makes of the texts, where it is known.
        """
        ids, lengths = self._segmented(texts, normalized)
        if self._parts is None:
            return ids, lengths
        parts = tf.gather(self._parts, ids.flat_values)
        shares = tf.gather(self._part_lengths, ids.flat_values).flat_values
        lengths = tf.where(shares < 0, tf.repeat(lengths, parts.row_lengths()), shares)
        return ids.with_values(parts).merge_dims(1, 2), lengths

    def _segmented(self, texts: tf.Tensor, normalized: tf.RaggedTensor | None) -> tuple[tf.RaggedTensor, tf.Tensor]:
        if self._segmenter is not None and normalized is not None:
            return self._segmenter.with_lengths(normalized)
        strings = self._strings.tokenize(texts)
        if self._segmenter is not None:
            # The pieces' surfaces joined are the normalized text.
            return self._segmenter.with_lengths(code_points.decode(tf.strings.reduce_join(strings, axis=-1)))
        ids = self._ids.tokenize(texts)
        surfaces = tf.strings.length(strings.flat_values, unit="UTF8_CHAR")
        unknown = ids.flat_values == self._unk_id
        return ids, tf.where(unknown, surfaces, tf.gather(self._lengths, ids.flat_values))


def _space_as_space(character: str) -> str:
    return " " if character.isspace() else character


def _decomposed_without_marks(character: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
