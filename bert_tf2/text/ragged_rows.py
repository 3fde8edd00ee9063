"""Rows of ids in a graph: parts of them, and what stands between them.

TensorFlow's own operations on ragged tensors find out in hundreds of nodes, by comparing shapes, what is known here.
"""

from collections.abc import Sequence

import tensorflow as tf

from bert_tf2.text.template import TextTemplate


def empty_rows(rows: tf.Tensor) -> tf.RaggedTensor:
    """So many rows, int64 [], without an id: int32 [rows, (0)]."""
    return tf.RaggedTensor.from_row_lengths(tf.zeros([0], tf.int32), tf.zeros([rows], tf.int64), validate=False)


def part_of_rows(ids: tf.RaggedTensor, begin: tf.Tensor, count: tf.Tensor, row: tf.Tensor | None = None) -> tf.RaggedTensor:
    """The `count` ids from `begin` on of each row, both int64 [B], or of each of these rows, int64 [W]; all of them are there."""
    starts = ids.row_starts() if row is None else tf.gather(ids.row_starts(), row)
    places = tf.ragged.range(starts + begin, starts + begin + count).flat_values
    return tf.RaggedTensor.from_row_lengths(tf.gather(ids.flat_values, places), count, validate=False)


def without_middle(ids: tf.RaggedTensor, head: tf.Tensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """`lengths` ids of each row, int64 [B]: `head` from its beginning, the others from its end."""
    place, row = tf.ragged.range(ids.row_lengths()).flat_values, ids.value_rowids()
    kept = (place < tf.gather(head, row)) | (place >= tf.gather(head + ids.row_lengths() - lengths, row))
    return tf.RaggedTensor.from_row_lengths(tf.boolean_mask(ids.flat_values, kept), lengths, validate=False)


def special_in_rows(ids: Sequence[int], rows: tf.Tensor) -> tf.Tensor:
    """The same ids in each row, which may be none: int32 [rows, len(ids)]."""
    return tf.tile(tf.constant([ids], tf.int32, [1, len(ids)]), [rows, 1])


def special_in_some_rows(ids: Sequence[int], has: tf.Tensor) -> tf.RaggedTensor:
    """The same ids in each row that has them, bool [B]: int32 [B, (len(ids) or 0)]."""
    number = tf.cast(has, tf.int64)
    all_ids = tf.tile(tf.constant(ids, tf.int32, [len(ids)]), [tf.reduce_sum(number)])
    return tf.RaggedTensor.from_row_lengths(all_ids, number * len(ids), validate=False)


def ones_like(ids: tf.RaggedTensor) -> tf.RaggedTensor:
    """1 for every id."""
    return ids.with_flat_values(tf.ones_like(ids.flat_values))


def in_segments(template: TextTemplate, first: tf.Tensor, ids: tf.RaggedTensor) -> tf.RaggedTensor:
    """The segments of inputs, `first` of whose ids, int64 [B], are in the first one: int32, as the ids."""
    place, row = tf.ragged.range(ids.row_lengths()).flat_values, ids.value_rowids()
    segments = tf.where(place >= tf.gather(first, row), template.segments[1], template.segments[0])
    if template.last_segment is not None:
        segments = tf.where(place == tf.gather(ids.row_lengths(), row) - 1, template.last_segment, segments)
    return ids.with_flat_values(segments)
