"""Windows inside a TensorFlow graph: `bert_tf2.tasks.question_answering.windows` for models that take raw text."""

from typing import NamedTuple

import tensorflow as tf

from bert_tf2.tasks.question_answering.windows import WindowOptions
from bert_tf2.text.in_graph import with_special
from bert_tf2.text.tokenizer import Tokenizer


class Windows(NamedTuple):
    """All windows of a batch of pairs, in the order of the pairs and then of the context.

    Attributes:
      pair: int32 [W], never decreases; a pair whose context has no tokens has no window.
      context_begin: int32 [W], the place in the input of the window's first token of context.
      first_token: int32 [W], that token's index into the flat context ids of the batch.
      num_tokens: int32 [W], tokens of context in the window.
      max_context: bool [sum(num_tokens)], for the tokens of every window: whether it is the one with the most context.
    """

    pair: tf.Tensor
    context_begin: tf.Tensor
    first_token: tf.Tensor
    num_tokens: tf.Tensor
    max_context: tf.Tensor

    @property
    def ends(self) -> tf.Tensor:
        """The place in the input behind the window's last token of context, int32 [W]."""
        return self.context_begin + self.num_tokens


def cut(question_ids: tf.RaggedTensor, context_ids: tf.RaggedTensor, options: WindowOptions, before_context: int = 2) -> Windows:
    """Cuts every context into windows that fit behind its question.

    Args:
      question_ids: int32 [B, (q)], at most `options.max_query_length` a row.
      context_ids: int32 [B, (t)].
      options: how.
      before_context: how many special tokens stand before a context.
    """
    query, tokens = (tf.cast(ids.row_lengths(), tf.int32) for ids in (question_ids, context_ids))
    room = options.room(query)
    step = tf.minimum(room, options.doc_stride)
    count = tf.where(tokens > 0, 1 + tf.maximum(tokens - room + step - 1, 0) // step, 0)
    pair = tf.repeat(tf.range(tf.size(count)), count)
    first = tf.ragged.range(count).flat_values * tf.gather(step, pair)
    num_tokens = tf.minimum(tf.gather(room, pair), tf.gather(tokens, pair) - first)
    first += tf.gather(tf.cast(context_ids.row_starts(), tf.int32), pair)
    max_context = _max_context(first, num_tokens, tf.size(context_ids.flat_values))
    return Windows(pair, tf.gather(query, pair) + before_context, first, num_tokens, max_context)


def _max_context(first: tf.Tensor, num_tokens: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """`Windows.max_context`, by Google's rule and in its double precision: the smaller number of tokens to the left and to the
    right and a hundredth of the window's length; of equal ones the first window."""
    windows = tf.size(first)
    window = tf.repeat(tf.range(windows), num_tokens)
    left, count = tf.ragged.range(num_tokens).flat_values, tf.gather(num_tokens, window)
    token = tf.gather(first, window) + left
    score = tf.cast(tf.minimum(left, count - 1 - left), tf.float64) + 0.01 * tf.cast(count, tf.float64)
    is_best = score == tf.gather(tf.math.unsorted_segment_max(score, token, tokens), token)
    earliest = tf.math.unsorted_segment_min(tf.where(is_best, window, windows), token, tokens)
    return window == tf.gather(earliest, token)


class InputPacker(tf.Module):
    """Puts together questions and windows by the tokenizer's template."""

    def __init__(self, tokenizer: Tokenizer):
        super().__init__()
        self._template = tokenizer.template

    def __call__(
        self, question_ids: tf.RaggedTensor, context_ids: tf.RaggedTensor, windows: Windows, rows: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The inputs of some windows.

        Args:
          question_ids, context_ids: what was given to `cut`.
          windows: what it gave.
          rows: int32 [N], numbers of windows.

        Returns:
          `input_word_ids`, `input_mask`, `input_type_ids`: int32 [N, L], L the length of the longest; padding is 0.
        """
        begin, count = (tf.gather(values, rows)[:, tf.newaxis] for values in (windows.context_begin, windows.num_tokens))
        first = tf.gather(windows.first_token, rows)[:, tf.newaxis]
        question = tf.gather(tf.cast(question_ids.row_starts(), tf.int32), tf.gather(windows.pair, rows))[:, tf.newaxis]
        template, end = self._template, begin + count
        before, question_end = len(template.begin), begin - len(template.between)
        place = tf.range(tf.reduce_max(end) + len(template.end))[tf.newaxis, :]
        in_question, in_context = (place >= before) & (place < question_end), (place >= begin) & (place < end)
        ids = tf.where(in_question, _chosen(question_ids, question + place - before, in_question), 0)
        ids = tf.where(in_context, _chosen(context_ids, first + place - begin, in_context), ids)
        within = place < end + len(template.end)
        segments = tf.where(place < begin, *template.segments)
        if template.last_segment is not None:
            segments = tf.where(place == end + len(template.end) - 1, template.last_segment, segments)
        return {
            "input_word_ids": with_special(
                ids, place, [(0, template.begin), (question_end, template.between), (end, template.end)]
            ),
            "input_mask": tf.cast(within, tf.int32),
            "input_type_ids": tf.where(within, segments, 0),
        }


def _chosen(ids: tf.RaggedTensor, places: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """The flat ids at some places, int32 [N, L]; anything where they are not wanted."""
    # There may be no ids at all.
    return tf.gather(tf.concat([ids.flat_values, [0]], axis=0), tf.where(wanted, places, 0))
