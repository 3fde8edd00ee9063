"""From logits to answers inside a TensorFlow graph: `bert_tf2.tasks.question_answering.decoding` for models that take raw text.

The best answer, its probability and its place equal what is decoded outside from the same logits: sums are made in double
precision, and of equal ones window, rank of start and rank of end decide.
"""

from typing import NamedTuple

import tensorflow as tf

from bert_tf2.tasks.question_answering.decoding import NO_NULL_SCORE, DecodingOptions
from bert_tf2.tasks.question_answering.in_graph_windows import Windows
from bert_tf2.text.in_graph_offsets import PlacedIds

NO_PLACE = -1


class Highest(NamedTuple):
    """The n highest starts and ends of windows, and the logits at [CLS].

    Attributes:
      starts, ends: int32 [W, n], places in the input; ends [W, n, m] where every start has its own.
      start_logits, end_logits: float32 of these shapes; -infinity where a window has fewer than n tokens.
      null_start, null_end: float32 [W].
    """

    starts: tf.Tensor
    ends: tf.Tensor
    start_logits: tf.Tensor
    end_logits: tf.Tensor
    null_start: tf.Tensor
    null_end: tf.Tensor


class _Candidates(NamedTuple):
    """The spans that count, by pair and then by window, rank of start and rank of end.

    Attributes:
      splits: int64 [B + 1], where each pair's begin.
      begins, ends: int32 [P], places in the text of the context.
      start_logits, end_logits: float64 [P].
    """

    splits: tf.Tensor
    begins: tf.Tensor
    ends: tf.Tensor
    start_logits: tf.Tensor
    end_logits: tf.Tensor


def highest(start_logits: tf.Tensor, end_logits: tf.Tensor, lengths: tf.Tensor, n: int) -> Highest:
    """The highest logits of windows.

    Args:
      start_logits, end_logits: float32 [N, L].
      lengths: int32 [N]; what stands behind is not looked at.
      n: how many of each.
    """
    inside = tf.sequence_mask(lengths, tf.shape(start_logits)[1])
    missing = tf.maximum(n - tf.shape(start_logits)[1], 0)
    found = []
    for logits in (start_logits, end_logits):
        logits = tf.where(inside, tf.cast(logits, tf.float32), -float("inf"))
        found.append(tf.math.top_k(tf.pad(logits, [[0, 0], [0, missing]], constant_values=-float("inf")), n))
    (start_values, starts), (end_values, ends) = found
    null_start, null_end = (tf.cast(logits[:, 0], tf.float32) for logits in (start_logits, end_logits))
    return Highest(starts, ends, start_values, end_values, null_start, null_end)


class SpanDecoder(tf.Module):
    """Chooses the answers.

    Args:
      options: how; `google_text` is not looked at, and `n_best_size` only where it widens the search: one answer is given.
    """

    def __init__(self, options: DecodingOptions):
        super().__init__()
        self._options = options

    def __call__(self, windows: Windows, found: Highest, context: PlacedIds) -> dict[str, tf.Tensor]:
        """Answers B questions; see `bert_tf2.tasks.question_answering.in_graph` for what the outputs are.

        Args:
          windows: W windows of B pairs.
          found: of these windows.
          context: the tokens of the B contexts.
        """
        candidates = self._candidates(windows, found, context)
        pairs = context.ids.nrows()
        null = tf.cast(found.null_start, tf.float64) + tf.cast(found.null_end, tf.float64)
        null = tf.math.unsorted_segment_min(null, windows.pair, pairs)
        has_window = tf.math.unsorted_segment_max(tf.ones_like(windows.pair), windows.pair, pairs) == 1
        null = tf.where(has_window, null, NO_NULL_SCORE)
        names = {"answer": tf.string, "score": tf.float32, "start": tf.int32, "end": tf.int32}
        if self._options.version_2:
            names["null_score_difference"] = tf.float32
        return tf.map_fn(
            lambda pair: self._answer(pair, candidates, null[pair], context.characters),
            tf.range(pairs),
            fn_output_signature={name: tf.TensorSpec([], dtype) for name, dtype in names.items()},
        )

    def _candidates(self, windows: Windows, found: Highest, context: PlacedIds) -> _Candidates:
        begin, count = windows.context_begin[:, tf.newaxis], windows.num_tokens[:, tf.newaxis]
        of_each_start = found.ends.shape.rank == 3
        starts = found.starts - begin
        ends = (found.ends if of_each_start else found.ends[:, tf.newaxis, :]) - begin[:, tf.newaxis]
        starts_inside = (starts >= 0) & (starts < count)
        ends_inside = (ends >= 0) & (ends < count[:, tf.newaxis])
        rows = tf.cumsum(windows.num_tokens, exclusive=True)[:, tf.newaxis]
        # There may be no windows at all.
        max_context = tf.concat([windows.max_context, [False]], axis=0)
        may_start = starts_inside & tf.gather(max_context, tf.where(starts_inside, rows + starts, 0))
        distance = ends - starts[:, :, tf.newaxis]
        counts = (distance >= 0) & (distance < self._options.max_answer_length)
        chosen = tf.where(counts & may_start[:, :, tf.newaxis] & ends_inside)
        window = chosen[:, 0]
        by_start, by_end = chosen[:, :2], chosen if of_each_start else tf.gather(chosen, [0, 2], axis=1)
        first = tf.gather(windows.first_token, window)
        pair = tf.gather(windows.pair, window)
        splits = tf.searchsorted(pair, tf.range(tf.cast(context.ids.nrows(), tf.int32) + 1), out_type=tf.int64)
        return _Candidates(
            splits,
            tf.gather(context.starts.flat_values, first + tf.gather_nd(starts, by_start)),
            tf.gather(context.ends.flat_values, first + tf.gather_nd(ends if of_each_start else ends[:, 0], by_end)),
            tf.cast(tf.gather_nd(found.start_logits, by_start), tf.float64),
            tf.cast(tf.gather_nd(found.end_logits, by_end), tf.float64),
        )

    def _answer(
        self, pair: tf.Tensor, candidates: _Candidates, null: tf.Tensor, characters: tf.RaggedTensor
    ) -> dict[str, tf.Tensor]:
        """The answer to one question; all scalars."""
        options = self._options
        kept, texts, scores = self._nbest(pair, candidates, characters)
        most = self._most(scores, null)
        kept, texts, scores = kept[:most], texts[:most], scores[:most]
        found = tf.size(kept) > 0
        # One more for where there is none.
        best = tf.concat([kept, [NO_PLACE]], axis=0)[0]
        start_logit, end_logit = (
            tf.cond(found, lambda values=values: values[best], lambda: tf.zeros([], tf.float64))
            for values in (candidates.start_logits, candidates.end_logits)
        )
        difference = self._difference(null, start_logit, end_logit)
        if options.version_2:
            answered = found & (difference <= options.null_score_diff_threshold)
            score = tf.where(answered, *self._probabilities(scores, null))
        else:
            answered = found
            score = tf.concat([tf.nn.softmax(scores), [0.0]], axis=0)[0]
        place = [
            tf.cond(answered, lambda values=values: values[best], lambda: tf.constant(NO_PLACE))
            for values in (candidates.begins, candidates.ends)
        ]
        outputs = {
            "answer": tf.where(answered, tf.concat([texts, [""]], axis=0)[0], ""),
            "score": tf.cast(score, tf.float32),
            "start": place[0],
            "end": place[1],
        }
        if options.version_2:
            outputs["null_score_difference"] = tf.cast(difference, tf.float32)
        return outputs

    def _most(self, scores: tf.Tensor, null: tf.Tensor) -> tf.Tensor | int:
        """How many of the best candidates have a place among the n best."""
        most = self._options.searched
        if not self._options.version_2:
            return most
        # "" takes a place among the n best where it is one of them, and stands behind them where it is not.
        better = tf.reduce_sum(tf.cast(scores >= null, tf.int32))
        return tf.where(better >= most, most, most - 1)

    def _difference(self, null: tf.Tensor, start_logit: tf.Tensor, end_logit: tf.Tensor) -> tf.Tensor:
        """What is compared with the threshold for no answer."""
        return null - start_logit - end_logit

    def _probabilities(self, scores: tf.Tensor, null: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Of the best answer, which may be none, and of ""."""
        probabilities = tf.nn.softmax(tf.concat([scores, [null]], axis=0))
        return probabilities[0], probabilities[-1]

    def _nbest(
        self, pair: tf.Tensor, candidates: _Candidates, characters: tf.RaggedTensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The best candidates with different texts, best first.

        Returns:
          Their numbers int64 [m], texts string [m] and scores float64 [m]; m is at most `DecodingOptions.searched`.
        """
        most = self._options.searched
        begin, end = candidates.splits[pair], candidates.splits[pair + 1]
        scores = (candidates.start_logits + candidates.end_logits)[begin:end]
        # Of equal ones the first is first.
        order = tf.cast(tf.math.top_k(scores, tf.size(scores)).indices, tf.int64) + begin
        text = characters[pair]

        def add(looked_at, kept, texts):
            block = order[looked_at : looked_at + 2 * most]
            spans = tf.ragged.range(tf.gather(candidates.begins, block), tf.gather(candidates.ends, block))
            kept = tf.concat([kept, block], axis=0)
            texts = tf.concat([texts, tf.strings.unicode_encode(tf.gather(text, spans), "UTF-8")], axis=0)
            different, number = tf.unique(texts)
            firsts = tf.math.unsorted_segment_min(tf.range(tf.size(texts)), number, tf.size(different))
            return looked_at + 2 * most, tf.gather(kept, firsts)[:most], different[:most]

        _, kept, texts = tf.while_loop(
            lambda looked_at, kept, texts: (tf.size(kept) < most) & (looked_at < tf.size(order)),
            add,
            (tf.constant(0), tf.zeros([0], tf.int64), tf.zeros([0], tf.string)),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None]), tf.TensorShape([None])),
        )
        return kept, texts, tf.gather(candidates.start_logits, kept) + tf.gather(candidates.end_logits, kept)
