"""Logits of windows -> tags of whole sentences, their loss, and the probabilities of entities."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from bert_tf2.tasks.base import Collected
from bert_tf2.tasks.tagging import crf

_AT_ONCE = 128


@dataclasses.dataclass(frozen=True, eq=False)
class Tagged:
    """Sentences and their tags.

    Attributes:
      emissions: of each sentence the logits of its words, float32 [W, C].
      gold: of each sentence its words' tag ids, int [W]; 0 where they have none.
      predicted: the best tags, int [W].
      transitions: what they were found with; None for tags that do not depend on each other.
    """

    emissions: list[np.ndarray]
    gold: list[np.ndarray]
    predicted: list[np.ndarray]
    transitions: tf.Tensor | None


def tagged(collected: Collected, transitions: tf.Tensor | None) -> Tagged:
    """Puts windows together to sentences and finds their tags.

    Args:
      collected: `TaggingTask.predictions` of all windows, those of a sentence one after the other.
      transitions: float32 [C + 1, C + 1], see `crf`; None without.
    """
    is_word = collected["is_word"] > 0
    words = is_word.sum(axis=1)
    # The first windows of sentences; records that do not say it are a sentence each.
    begins = np.append(np.flatnonzero(collected["sub_sentence_id"] == 0), len(words))
    ends = np.concatenate([[0], np.cumsum(words)])[begins][1:-1]
    emissions = np.split(collected["logits"][is_word], ends)
    gold = np.split(np.maximum(collected["label_ids"][is_word], 0), ends)
    return Tagged(emissions, gold, _best_tags(emissions, transitions), transitions)


def mean_loss(sentences: Tagged, transitions: tf.Tensor | None) -> float:
    """The loss of the gold tags for each word, as in training; `transitions` are those of training, none of them closed."""
    words = sum(map(len, sentences.gold))
    if transitions is None:
        logits, gold = np.concatenate(sentences.emissions).astype(np.float64), np.concatenate(sentences.gold)
        highest = logits.max(axis=1, keepdims=True)
        totals = np.log(np.exp(logits - highest).sum(axis=1)) + highest[:, 0]
        return float((totals - logits[np.arange(words), gold]).sum() / max(words, 1))
    total = 0.0
    for rows in _batches([len(gold) for gold in sentences.gold]):
        emissions, lengths = _padded([sentences.emissions[row] for row in rows])
        gold, _ = _padded([sentences.gold[row] for row in rows])
        total -= float(tf.reduce_sum(_log_likelihood(emissions, tf.cast(gold, tf.int32), lengths, transitions)))
    return total / max(words, 1)


def probabilities(sentences: Tagged, spans: Sequence[Sequence[tuple[int, int]]]) -> list[list[float]]:
    """How probable it is that the words of some spans have just the predicted tags.

    Args:
      spans: of each sentence first words and words behind the last.
    """
    found: list[list[float]] = [[] for _ in spans]
    chosen = [row for row, some in enumerate(spans) if some]
    for rows in _batches([len(sentences.predicted[row]) for row in chosen]):
        rows = [chosen[row] for row in rows]
        emissions, lengths = _padded([sentences.emissions[row] for row in rows])
        tags, _ = _padded([sentences.predicted[row] for row in rows])
        places = [(number, begin, end - 1) for number, row in enumerate(rows) for begin, end in spans[row]]
        values = crf.span_log_probabilities(
            emissions, lengths, sentences.transitions, tf.cast(tags, tf.int32), tf.constant(places, tf.int32)
        )
        # A rounding error must not make more of it than 1.
        for (number, _, _), value in zip(places, np.minimum(np.exp(values.numpy()), 1.0).tolist()):
            found[rows[number]].append(value)
    return found


_log_likelihood = tf.function(crf.log_likelihood, autograph=False, reduce_retracing=True)
_decode = tf.function(crf.decode, autograph=False, reduce_retracing=True)


def _best_tags(emissions: list[np.ndarray], transitions: tf.Tensor | None) -> list[np.ndarray]:
    if transitions is None:
        return [values.argmax(axis=1) for values in emissions]
    found: list[np.ndarray] = [np.zeros(0, np.int32)] * len(emissions)
    for rows in _batches(list(map(len, emissions))):
        values, lengths = _padded([emissions[row] for row in rows])
        for row, tags, length in zip(rows, _decode(values, lengths, transitions).numpy(), lengths.numpy()):
            found[row] = tags[:length]
    return found


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The numbers of sentences of like length, some at a time."""
    order = np.argsort(lengths, kind="stable")
    for first in range(0, len(order), _AT_ONCE):
        yield order[first : first + _AT_ONCE].tolist()


def _padded(values: Sequence[np.ndarray]) -> tuple[tf.Tensor, tf.Tensor]:
    """Arrays of different lengths as one, and their lengths int32."""
    lengths = np.array(list(map(len, values)), np.int32)
    padded = np.zeros((len(values), max(int(lengths.max()), 1), *values[0].shape[1:]), values[0].dtype)
    for row, some in enumerate(values):
        padded[row, : len(some)] = some
    return tf.constant(padded), tf.constant(lengths)
