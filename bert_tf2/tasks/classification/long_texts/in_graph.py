"""Texts of any length inside a TensorFlow graph: the inputs that data preparation makes, for models that take raw text."""

import tensorflow as tf

from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.tasks.classification.long_texts.rule import LongText
from bert_tf2.text.in_graph import InGraphTokenizer
from bert_tf2.text.ragged_rows import in_segments, ones_like, part_of_rows, special_in_rows, special_in_some_rows
from bert_tf2.text.tokenizer import Tokenizer


class InGraphWindows(tf.Module):
    """Texts -> their windows; see `bert_tf2.tasks.classification.long_texts.rule.pack`.

    Args:
      tokenizer: the tokenizer that prepared the training data.
      max_seq_length: the most ids of a window.
      rule: of windows.
    """

    def __init__(self, tokenizer: Tokenizer, max_seq_length: int, rule: LongText):
        super().__init__()
        assert rule.window_overlap is not None
        assert rule.max_windows is not None
        self._template, self._length = tokenizer.template, max_seq_length
        self._overlap, self._most = rule.window_overlap, rule.max_windows
        self._tokenize = InGraphTokenizer(tokenizer, max_seq_length)

    def __call__(self, text: tf.Tensor, text_b: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Packs each text, or both in rows whose second text has tokens.

        Args:
          text, text_b: string [B].

        Returns:
          `input_word_ids`, `input_mask`, `input_type_ids`: int32 [B, W, L], W the most windows of a row and L the length of the
          longest one; what is not there is 0.

        Raises (when it runs):
          tf.errors.InvalidArgumentError: the shorter text of a pair leaves no room for windows of the other.
        """
        first_ids = self._tokenize.ids(text)
        second_ids = self._tokenize.ids(tf.fill(tf.shape(text), "") if text_b is None else text_b)
        first, second = first_ids.row_lengths(), second_ids.row_lengths()
        template, has_b = self._template, second > 0
        special = tf.where(has_b, template.special_tokens_of_pair, template.special_tokens)
        room = self._length - tf.cast(special, tf.int64)
        fits = first + second <= room
        # Of a pair that does not fit, the longer text is in windows; of a row that fits, both are whole.
        first_is_long = fits | ~has_b | (first > second)
        zero, one, longest = (tf.constant(number, tf.int64) for number in (0, 1, self._length))
        whole = tf.where(fits, zero, tf.where(first_is_long, second, first))
        room -= whole
        long = tf.where(fits, tf.minimum(first + second, room), tf.where(first_is_long, first, second))
        message = "the shorter text of a pair is too long to stand whole in each window; shorten it"
        with tf.control_dependencies([tf.debugging.assert_equal(fits | (room > self._overlap), True, message)]):
            step = tf.maximum(room - self._overlap, 1)
        count = tf.where(fits, one, tf.minimum(1 + (tf.maximum(long - room, 0) + step - 1) // step, self._most))
        row = tf.repeat(tf.range(tf.size(count, tf.int64)), count)
        number = tf.ragged.range(count).flat_values
        start = tf.minimum(number * tf.gather(step, row), tf.gather(tf.maximum(long - room, 0), row))
        fits, first_is_long, room = (tf.gather(value, row) for value in (fits, first_is_long, room))
        a_is_cut, b_is_cut = first_is_long & ~fits, ~first_is_long
        in_a = _part(first_ids, row, tf.where(a_is_cut, start, zero), tf.where(a_is_cut, room, longest))
        in_b = _part(second_ids, row, tf.where(b_is_cut, start, zero), tf.where(b_is_cut, room, longest))
        has_b = tf.gather(has_b, row)
        return self._placed(in_a, in_b, has_b, row, number, tf.size(count, tf.int64))

    def _placed(
        self, in_a: tf.RaggedTensor, in_b: tf.RaggedTensor, has_b: tf.Tensor, row: tf.Tensor, number: tf.Tensor, rows: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Windows packed by the template, where they stand: those of text `row`, by `number`."""
        template = self._template
        begin, end = (special_in_rows(special, in_a.nrows()) for special in (template.begin, template.end))
        between = special_in_some_rows(template.between, has_b)
        packed = tf.concat([begin, in_a, between, in_b, end], axis=1)
        first = tf.where(has_b, in_a.row_lengths() + template.before_second, packed.row_lengths())
        segments = in_segments(template, first, packed)
        places = tf.stack([row, number], axis=1)
        most = tf.reduce_max(tf.concat([number, [-1]], 0)) + 1
        found = {}
        for name, values in zip(INPUT_NAMES, (packed, ones_like(packed), segments)):
            dense = values.to_tensor()
            found[name] = tf.scatter_nd(places, dense, tf.stack([rows, most, tf.shape(dense, tf.int64)[1]]))
        return found


def _part(ids: tf.RaggedTensor, row: tf.Tensor, begin: tf.Tensor, count: tf.Tensor) -> tf.RaggedTensor:
    """At most `count` ids from `begin` on of each of these rows, all int64 [W]."""
    length = tf.gather(ids.row_lengths(), row)
    begin = tf.minimum(begin, length)
    return part_of_rows(ids, begin, tf.minimum(count, length - begin), row)
