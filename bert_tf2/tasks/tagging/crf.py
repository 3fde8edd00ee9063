"""A linear-chain conditional random field over the tags of a sentence (Lafferty, McCallum and Pereira 2001), in float32.

The score of a sequence of tags is the sum of its emissions, the model's logits, and of its transitions. Functions take

    emissions: float32 [B, W, C], logits of each word; those behind a sentence's last word count for nothing.
    lengths: int32 [B], words of each sentence, at most W; sentences without words are allowed.
    transitions: float32 [C + 1, C + 1], by the tag before and the tag after; the last row is for what the first word has before
      it, the last column for what the last word has behind it.
"""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

# Low enough that no sequence with a forbidden step is ever the best, and finite, so that differences with it are.
_FORBIDDEN = -1e4


class Crf(tf_keras.layers.Layer):
    """Holds the transitions; they begin at 0, where the field is a softmax for each word.

    Args:
      num_labels: how many tags there are, C.
    """

    def __init__(self, num_labels: int, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        size = num_labels + 1
        self.transitions = self.add_weight("transitions", (size, size), initializer="zeros", dtype="float32")

    def call(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Logits [B, L, C] -> `logits` and `transitions`, as losses and predictions take them."""
        return {"logits": tf.cast(logits, tf.float32), "transitions": tf.identity(self.transitions)}


def closed(transitions: tf.Tensor, allowed: np.ndarray) -> tf.Tensor:
    """The transitions with those that a scheme forbids out of reach; `allowed` is what `schemes.transitions` gives."""
    return tf.where(allowed, transitions, _FORBIDDEN)


def log_likelihood(emissions: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor) -> tf.Tensor:
    """The logarithm of the probability of whole sequences of tags, float32 [B]; 0 for sentences without words.

    Args:
      tags: int32 [B, W]; anything behind the last word.
    """
    scores = _running_scores(emissions, tags, lengths, transitions)[:, -1]
    last = tf.gather(tags, tf.maximum(lengths - 1, 0), batch_dims=1)
    scores += tf.gather(transitions[:-1, -1], last)
    partition = _log_partition(_forward(emissions, lengths, transitions), transitions)
    return tf.where(lengths > 0, scores - partition, 0.0)


def decode(emissions: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor | None = None) -> tf.Tensor:
    """The most probable tags (Viterbi 1967): int32 [B, W], 0 behind the last word.

    Args:
      transitions: None for tags that do not depend on each other.
    """
    is_word = _is_word(emissions, lengths)
    if transitions is None:
        return tf.where(is_word, tf.argmax(emissions, axis=2, output_type=tf.int32), 0)
    between, end = transitions[:-1, :-1], transitions[:-1, -1]
    itself = tf.broadcast_to(tf.range(tf.shape(emissions)[2]), tf.shape(emissions)[::2])

    def step(before, here):
        (best, _), (emission, counts) = before, here
        scores = best[:, :, tf.newaxis] + between
        # Less by the same number for all, so that it does not grow with the length.
        reached = tf.reduce_max(scores, axis=1) + emission
        reached -= tf.reduce_max(reached, axis=1, keepdims=True)
        came_from = tf.argmax(scores, axis=1, output_type=tf.int32)
        return tf.where(counts, reached, best), tf.where(counts, came_from, itself)

    first, rest = _steps(emissions, is_word, transitions)
    best, came_from = tf.scan(step, rest, (first, itself))
    last = tf.argmax(best[-1] + end, axis=1, output_type=tf.int32)
    # From the last word to the first; what stands behind the last word has its tag, and is put at 0.
    tags = tf.scan(lambda tag, sources: tf.gather(sources, tag, batch_dims=1), came_from, last, reverse=True)
    return tf.where(is_word, tf.transpose(tags), 0)


def span_log_probabilities(
    emissions: tf.Tensor,
    lengths: tf.Tensor,
    transitions: tf.Tensor | None,
    tags: tf.Tensor,
    spans: tf.Tensor,
) -> tf.Tensor:
    """The logarithms of the probabilities that some words of a sentence have just these tags, whatever the others have.

    Args:
      transitions: None for tags that do not depend on each other.
      tags: int32 [B, W].
      spans: int32 [N, 3]: sentence, first and last word.

    Returns:
      float32 [N].
    """
    row, first, last = tf.unstack(spans, axis=1)
    if transitions is None:
        each = tf.gather(tf.nn.log_softmax(emissions), tags, batch_dims=2)
        behind = tf.cumsum(tf.where(_is_word(emissions, lengths), each, 0.0), axis=1)
        return _at(behind, row, last) - _at(behind - each, row, first)
    forward, backward = _forward(emissions, lengths, transitions), _backward(emissions, lengths, transitions)
    running = _running_scores(emissions, tags, lengths, transitions)
    within = _at(running, row, last) - _at(running, row, first)
    before = _at(forward, first, row, _at(tags, row, first))
    behind = _at(backward, last, row, _at(tags, row, last))
    return before + within + behind - tf.gather(_log_partition(forward, transitions), row)


def _at(values: tf.Tensor, *places: tf.Tensor) -> tf.Tensor:
    return tf.gather_nd(values, tf.stack(places, axis=1))


def _is_word(emissions: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    return tf.sequence_mask(lengths, tf.shape(emissions)[1])


def _steps(emissions: tf.Tensor, is_word: tf.Tensor, transitions: tf.Tensor) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
    """Scores of the first word's tags [B, C], and of the words behind it, step by step: emissions [W, B, C] and whether they
    count [W, B, 1].

    The last step never counts: without it sentences of one word would have none, which `tf.scan` does not take.
    """
    by_word = tf.transpose(emissions, [1, 0, 2])
    counts = tf.pad(tf.transpose(is_word)[1:], [[0, 1], [0, 0]])
    return by_word[0] + transitions[-1, :-1], (tf.pad(by_word[1:], [[0, 1], [0, 0], [0, 0]]), counts[:, :, tf.newaxis])


def _forward(emissions: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor) -> tf.Tensor:
    """The log of the summed exponentials of the scores of all sequences up to each tag of each word: float32 [W + 1, B, C];
    behind the last word they stay."""
    between = transitions[:-1, :-1]

    def step(before, here):
        emission, counts = here
        reached = tf.reduce_logsumexp(before[:, :, tf.newaxis] + between, axis=1) + emission
        return tf.where(counts, reached, before)

    first, rest = _steps(emissions, _is_word(emissions, lengths), transitions)
    return tf.concat([first[tf.newaxis], tf.scan(step, rest, first)], 0)


def _backward(emissions: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor) -> tf.Tensor:
    """As `_forward`, of all sequences behind each tag of each word, that tag's emission not among them: float32 [W + 1, B, C]."""
    between = transitions[:-1, :-1]

    def step(behind, here):
        emission, counts = here
        reached = tf.reduce_logsumexp(between + (emission + behind)[:, tf.newaxis, :], axis=2)
        return tf.where(counts, reached, behind)

    first, rest = _steps(emissions, _is_word(emissions, lengths), transitions)
    last = tf.broadcast_to(transitions[:-1, -1], tf.shape(first))
    return tf.concat([tf.scan(step, rest, last, reverse=True), last[tf.newaxis]], 0)


def _log_partition(forward: tf.Tensor, transitions: tf.Tensor) -> tf.Tensor:
    return tf.reduce_logsumexp(forward[-1] + transitions[:-1, -1], axis=1)


def _running_scores(emissions: tf.Tensor, tags: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor) -> tf.Tensor:
    """The scores of the given tags up to each word, float32 [B, W]; behind the last word they stay."""
    own = tf.gather(emissions, tags, batch_dims=2)
    start = tf.fill([tf.shape(tags)[0], 1], tf.shape(transitions)[0] - 1)
    own += tf.gather_nd(transitions, tf.stack([tf.concat([start, tags[:, :-1]], 1), tags], axis=2))
    return tf.cumsum(tf.where(_is_word(emissions, lengths), own, 0.0), axis=1)
