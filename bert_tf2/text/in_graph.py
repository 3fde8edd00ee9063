"""The tokenizer inside a TensorFlow graph, for models that take raw text: the same ids as in training."""

import unicodedata

import tensorflow as tf
import tensorflow_text
from sentencepiece import sentencepiece_model_pb2

from bert_tf2.text import code_points, unigram
from bert_tf2.text.normalization import (
    Normalization,
    cleaned,
    cleaned_only,
    punctuation_apart,
    without_accent,
    without_accent_punctuation_apart,
)
from bert_tf2.text.sentencepiece import SentencePieceTokenizer
from bert_tf2.text.tokenizer import Tokenizer
from bert_tf2.text.vocabulary import UNKNOWN
from bert_tf2.text.wordpiece import MAX_CHARACTERS_PER_WORD, WordPieceTokenizer


class InGraphTokenizer(tf.Module):
    """Texts -> the encoder's inputs, with the ids and the truncation of data preparation.

    Bytes that are not UTF-8 are left out. A program that loads a SavedModel with this module imports `tensorflow_text` first.

    Args:
      tokenizer: the tokenizer that prepared the training data.
      max_seq_length: the most ids a row may have, special tokens included.
    """

    def __init__(self, tokenizer: Tokenizer, max_seq_length: int):
        super().__init__()
        self._cls_id, self._sep_id = tokenizer.cls_id, tokenizer.sep_id
        self._max_seq_length = max_seq_length
        in_graph = {WordPieceTokenizer.kind: _WordPiece, SentencePieceTokenizer.kind: _SentencePiece}[tokenizer.kind]
        self._tokenize = in_graph(tokenizer)

    def __call__(self, text: tf.Tensor, text_b: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Packs `[CLS] text [SEP]`, or `[CLS] text [SEP] text_b [SEP]` in rows whose second text has tokens.

        Args:
          text, text_b: string [B].

        Returns:
          `input_word_ids`, `input_mask`, `input_type_ids`: int32 [B, L], L the length of the longest row; padding is 0.
        """
        ids = self.ids(text)
        ids_b = self.ids(tf.fill(tf.shape(text), "") if text_b is None else text_b)
        kept, kept_b = self._kept_lengths(ids.row_lengths(), ids_b.row_lengths())
        has_b = tf.cast(kept_b > 0, tf.int64)
        cls, sep = (tf.fill([ids.nrows(), 1], id) for id in (self._cls_id, self._sep_id))
        last_sep = tf.RaggedTensor.from_row_lengths(tf.fill([tf.reduce_sum(has_b)], self._sep_id), has_b)
        packed = tf.concat([cls, _head(ids, kept), sep, _head(ids_b, kept_b), last_sep], axis=1)
        second = tf.ragged.range(packed.row_lengths()) >= (kept + 2)[:, tf.newaxis]
        return {
            "input_word_ids": packed.to_tensor(),
            "input_mask": tf.ones_like(packed).to_tensor(),
            "input_type_ids": tf.cast(second, tf.int32).to_tensor(),
        }

    def ids(self, text: tf.Tensor) -> tf.RaggedTensor:
        """The ids of texts without special tokens: string [B] -> int32 [B, (n)]."""
        return self._tokenize(text)

    def _kept_lengths(self, length: tf.Tensor, length_b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Where taking tokens from the end of the longer text, from the second of two equally long ones, comes to rest."""
        most = tf.cast(tf.where(length_b > 0, self._max_seq_length - 3, self._max_seq_length - 2), tf.int64)
        most = tf.maximum(most, 0)
        kept = tf.minimum(length, tf.maximum(most - length_b, tf.where(length_b > 0, (most + 1) // 2, most)))
        return kept, tf.minimum(length_b, tf.maximum(most - length, most // 2))


def _head(ids: tf.RaggedTensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """The first `lengths` [B] ids of each row."""
    return tf.ragged.boolean_mask(ids, tf.ragged.range(ids.row_lengths()) < lengths[:, tf.newaxis])


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


class _SentencePiece(tf.Module):
    """`SentencePieceTokenizer` in the graph: the steps of `sentencepiece.prepared`, then the model."""

    def __init__(self, tokenizer: SentencePieceTokenizer):
        super().__init__()
        self._steps: list[tf.Module] = []
        if tokenizer.normalization.strip_accents:
            self._steps.append(code_points.Mapping(_decomposed_without_marks))
        if tokenizer.normalization.do_lower_case:
            self._steps += [code_points.FinalSigmas(), code_points.Mapping(str.lower)]
        self._space = code_points.Mapping(_space_as_space) if self._steps else None
        model = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.model)
        self._segmenter = unigram.UnigramSegmenter(model) if unigram.is_needed(model) else None
        self._pieces = tensorflow_text.SentencepieceTokenizer(tokenizer.model, tf.string if self._segmenter else tf.int32)

    def __call__(self, text: tf.Tensor) -> tf.RaggedTensor:
        pieces = self._pieces.tokenize(self._prepared(text))
        if self._segmenter is None:
            return pieces
        # The pieces' surfaces joined are the normalized text.
        return self._segmenter(code_points.decode(tf.strings.reduce_join(pieces, axis=-1)))

    def _prepared(self, text: tf.Tensor) -> tf.Tensor:
        if self._space is None:
            return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="ignore")
        spaced = code_points.encode(self._space(code_points.decode(text)))
        characters = code_points.decode(tf.strings.regex_replace(tf.strings.strip(spaced), " +", " "))
        for step in self._steps:
            characters = step(characters)
        return code_points.encode(characters)


def lower_case_decomposed(character: str) -> str:
    """A character of an uncased text after `cleaned`, except for the sigma; accents follow their letter."""
    return unicodedata.normalize("NFD", character.lower())


def decomposed(character: str) -> str:
    """A character, its accents after their letter."""
    return unicodedata.normalize("NFD", character)


def cleaned_with_punctuation_apart(character: str) -> str:
    """All steps for one character of a cased text."""
    return "".join(map(punctuation_apart, cleaned(character)))


def _space_as_space(character: str) -> str:
    return " " if character.isspace() else character


def _decomposed_without_marks(character: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
