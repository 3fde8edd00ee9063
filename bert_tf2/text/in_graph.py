"""The tokenizer inside a TensorFlow graph, for models that take raw text: the same ids as in training."""

import unicodedata
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_text

from bert_tf2.text import code_points
from bert_tf2.text.byte_level.in_graph import InGraphByteLevelBPE
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.normalization import (
    Normalization,
    cleaned,
    cleaned_only,
    punctuation_apart,
    without_accent,
    without_accent_punctuation_apart,
)
from bert_tf2.text.pieces.in_graph import InGraphSentencePiece
from bert_tf2.text.ragged_rows import (
    empty_rows,
    in_segments,
    ones_like,
    part_of_rows,
    special_in_rows,
    special_in_some_rows,
    without_middle,
)
from bert_tf2.text.sentencepiece import SentencePieceTokenizer
from bert_tf2.text.tokenizer import Tokenizer
from bert_tf2.text.vocabulary import UNKNOWN
from bert_tf2.text.wordpiece import MAX_CHARACTERS_PER_WORD, WordPieceTokenizer


def in_graph_ids(tokenizer: Tokenizer) -> tf.Module:
    """A module from texts, string [B], to their ids without special tokens, int32 [B, (n)]: those of the tokenizer."""
    in_graph = {
        WordPieceTokenizer.kind: _WordPiece,
        SentencePieceTokenizer.kind: InGraphSentencePiece,
        ByteLevelBPETokenizer.kind: InGraphByteLevelBPE,
    }
    return TracedOnce(in_graph[tokenizer.kind](tokenizer))


class TracedOnce(tf.Module):
    """A module of texts, string [B], with a graph of its own for all that ask: it is larger than what is made of its answers."""

    def __init__(self, module: tf.Module):
        super().__init__()
        self._module = module
        function = tf.function(module, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        self._function = function.get_concrete_function()

    def __call__(self, text: tf.Tensor) -> Any:
        """What the module gives."""
        return self._function(text)


class InGraphTokenizer(tf.Module):
    """Texts -> the encoder's inputs, with the ids and the truncation of data preparation.

    Bytes that are not UTF-8 are left out. A program that loads a SavedModel with this module imports `tensorflow_text` first.

    Args:
      tokenizer: the tokenizer that prepared the training data.
      max_seq_length: the most ids a row may have, special tokens included.
      head_share: see `bert_tf2.data.examples.head_of`: of each text that is cut.
    """

    def __init__(self, tokenizer: Tokenizer, max_seq_length: int, head_share: float | None = None):
        super().__init__()
        self._head_share = head_share
        self._template = tokenizer.template
        self._max_seq_length = max_seq_length
        self._tokenize = in_graph_ids(tokenizer)

    def __call__(self, text: tf.Tensor, text_b: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Packs each text, or both in rows whose second text has tokens, by the tokenizer's template.

        Args:
          text, text_b: string [B].

        Returns:
          `input_word_ids`, `input_mask`, `input_type_ids`: int32 [B, L], L the length of the longest row; padding is 0.
        """
        ids = self.ids(text)
        ids_b = empty_rows(ids.nrows()) if text_b is None else self.ids(text_b)
        kept, kept_b = self._kept_lengths(ids.row_lengths(), ids_b.row_lengths())
        template, has_b = self._template, kept_b > 0
        begin, end = (special_in_rows(special, ids.nrows()) for special in (template.begin, template.end))
        between = special_in_some_rows(template.between, has_b)
        packed = tf.concat([begin, self._kept(ids, kept), between, self._kept(ids_b, kept_b), end], axis=1)
        first = tf.where(has_b, kept + template.before_second, packed.row_lengths())
        return {
            "input_word_ids": packed.to_tensor(),
            "input_mask": ones_like(packed).to_tensor(),
            "input_type_ids": in_segments(template, first, packed).to_tensor(),
        }

    def ids(self, text: tf.Tensor) -> tf.RaggedTensor:
        """The ids of texts without special tokens: string [B] -> int32 [B, (n)]."""
        return self._tokenize(text)

    def _kept(self, ids: tf.RaggedTensor, lengths: tf.Tensor) -> tf.RaggedTensor:
        """`lengths` [B] ids of each row: the first ones, or those of the head and the tail."""
        if self._head_share is None:
            return part_of_rows(ids, tf.zeros_like(lengths), lengths)
        head = tf.cast(self._head_share * tf.cast(lengths, tf.float64) + 0.5, tf.int64)
        return without_middle(ids, head, lengths)

    def _kept_lengths(self, length: tf.Tensor, length_b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Where taking tokens from the end of the longer text, from the second of two equally long ones, comes to rest."""
        special = tf.where(length_b > 0, self._template.special_tokens_of_pair, self._template.special_tokens)
        most = tf.maximum(tf.cast(self._max_seq_length - special, tf.int64), 0)
        kept = tf.minimum(length, tf.maximum(most - length_b, tf.where(length_b > 0, (most + 1) // 2, most)))
        return kept, tf.minimum(length_b, tf.maximum(most - length, most // 2))


def with_special(ids: tf.Tensor, place: tf.Tensor, stretches: Sequence[tuple[tf.Tensor | int, Sequence[int]]]) -> tf.Tensor:
    """Ids with special tokens in their places.

    Args:
      ids: int32 [N, L].
      place: int32 [1, L], the numbers from 0.
      stretches: where special tokens that follow each other begin, int32 [N, 1] or a number, and their ids.
    """
    for begin, special in stretches:
        for number, id in enumerate(special):
            ids = tf.where(place == begin + number, id, ids)
    return ids


class _WordPiece(tf.Module):
    """`WordPieceTokenizer` in the graph: the steps of `normalization.basic_tokens`, then the longest pieces."""

    def __init__(self, tokenizer: WordPieceTokenizer):
        super().__init__()
        self._steps = basic_steps(tokenizer.normalization)
        self._pieces = WordPieces(tokenizer)

    def __call__(self, text: tf.Tensor) -> tf.RaggedTensor:
        characters = code_points.decode(text)
        for step in self._steps:
            characters = step(characters)
        return self._pieces(tf.strings.split(code_points.encode(characters))).merge_dims(1, 2)


def basic_steps(normalization: Normalization) -> list[tf.Module]:
    """What `normalization.basic_tokens` does to a text before it splits it at spaces: from ragged code points to such."""
    if normalization == Normalization(False):
        return [code_points.Mapping(cleaned_with_punctuation_apart)]
    lower, strip, whole = normalization.do_lower_case, normalization.strip_accents, normalization.never_split
    shield = [code_points.Shielded(whole)] if whole else []
    steps = [code_points.Mapping(cleaned if normalization.tokenize_chinese_chars else cleaned_only), *shield]
    if lower:
        steps.append(code_points.FinalSigmas())
    if lower or strip:
        steps.append(code_points.Mapping((lower_case_decomposed if strip else str.lower) if lower else decomposed))
    if strip:
        steps.append(code_points.CanonicalOrder())
    if strip and not whole:
        return [*steps, code_points.Mapping(without_accent_punctuation_apart)]
    if strip:
        steps.append(code_points.Mapping(without_accent))
    steps += [*shield, code_points.Mapping(punctuation_apart)]
    return [*steps, code_points.Unshielded()] if whole else steps


class WordPieces(tf.Module):
    """Normalized words as the longest pieces that the vocabulary holds, as `WordPieceTokenizer.word_ids`."""

    def __init__(self, tokenizer: WordPieceTokenizer):
        super().__init__()
        # What is never split has one id.
        whole = [word for word in tokenizer.normalization.never_split if word not in tokenizer.vocabulary]
        self._unknown_words = tf.constant([word.encode() for word in whole]) if whole else None
        self._pieces = tensorflow_text.FastWordpieceTokenizer(
            vocab=list(tokenizer.vocabulary),
            token_out_type=tf.int32,
            unknown_token=UNKNOWN,
            no_pretokenization=True,
            # Length is judged in characters below; in UTF-8 none has more than four bytes.
            max_bytes_per_word=4 * MAX_CHARACTERS_PER_WORD,
        )

    def __call__(self, words: tf.RaggedTensor) -> tf.RaggedTensor:
        """string [B, (words)] -> int32 [B, (words), (pieces)]."""
        unknown = tf.strings.length(words.flat_values, unit="UTF8_CHAR") > MAX_CHARACTERS_PER_WORD
        if self._unknown_words is not None:
            unknown |= tf.reduce_any(words.flat_values[:, tf.newaxis] == self._unknown_words, axis=1)
        return self._pieces.tokenize(words.with_flat_values(tf.where(unknown, UNKNOWN, words.flat_values)))


def lower_case_decomposed(character: str) -> str:
    """A character of an uncased text after `cleaned`, except for the sigma; accents follow their letter."""
    return unicodedata.normalize("NFD", character.lower())


def decomposed(character: str) -> str:
    """A character, its accents after their letter."""
    return unicodedata.normalize("NFD", character)


def cleaned_with_punctuation_apart(character: str) -> str:
    """All steps for one character of a cased text."""
    return "".join(map(punctuation_apart, cleaned(character)))
