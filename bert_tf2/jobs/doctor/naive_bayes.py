"""A naive Bayes classifier on which ids occur in a text: a second opinion that costs a second."""

from collections.abc import Sequence

import numpy as np

_SMOOTHING = 1.0
_SHARED_BINS = 10


def present(ids: Sequence[np.ndarray], first: Sequence[int], vocab_size: int) -> list[np.ndarray]:
    """What is known of each text: the ids in it, each once; of a pair also how much of the shorter one is in the other.

    Args:
      ids: of each text or pair.
      first: how many of them are of the first text; all of a single text.
      vocab_size: ids are below; the numbers of what is known of pairs begin there.

    Returns:
      int64 for each text.
    """
    found = []
    for row, number in zip(ids, first):
        known = np.unique(row).astype(np.int64)
        if 0 < number < len(row):
            one, other = np.unique(row[:number]), np.unique(row[number:])
            shared = len(np.intersect1d(one, other, assume_unique=True)) / min(len(one), len(other))
            bin = min(int(shared * _SHARED_BINS), _SHARED_BINS - 1)
            # Each text of a pair gives hundreds of words; so what both share counts once for each bin up to its own.
            known = np.append(known, vocab_size + np.arange(bin + 1))
        found.append(known)
    return found


class NaiveBayes:
    """Bernoulli's events of presence with the absent ones left out (the multinomial model on binary counts).

    Args:
      features: as `present` gives them.
      classes: of each text.
      number: of classes.
      size: features are below.
    """

    def __init__(self, features: Sequence[np.ndarray], classes: np.ndarray, number: int, size: int):
        self._number, self._size = number, size
        self._counts = np.zeros((number, size))
        self._of_class = np.zeros(number)
        self.add(features, classes)

    def add(self, features: Sequence[np.ndarray], classes: np.ndarray, sign: int = 1) -> None:
        """Learns from more texts; with -1 forgets them."""
        if not len(features):
            return
        of_feature = np.repeat(np.asarray(classes, np.int64), [len(row) for row in features])
        places = of_feature * self._size + np.concatenate(features)
        self._counts += sign * np.bincount(places, minlength=self._number * self._size).reshape(self._number, self._size)
        self._of_class += sign * np.bincount(classes, minlength=self._number)

    def predict(self, features: Sequence[np.ndarray]) -> np.ndarray:
        """The likeliest class of each text, of classes that occur: int64."""
        known = self._counts + _SMOOTHING
        log = np.log(known / known.sum(axis=1, keepdims=True))
        prior = np.log(np.maximum(self._of_class, 1e-9))
        return np.array([int(np.argmax(prior + log[:, row].sum(axis=1))) for row in features], np.int64)


def kappa(gold: np.ndarray, predicted: np.ndarray, number: int) -> tuple[float, float]:
    """Cohen's kappa and its standard error where there is no agreement but by chance.

    Source: Cohen, A coefficient of agreement for nominal scales (1960); the error is that of Fleiss, Cohen and Everitt (1969)
    for kappa of 0.
    """
    table = np.bincount(gold * number + predicted, minlength=number * number).reshape(number, number) / len(gold)
    of_gold, of_predicted = table.sum(axis=1), table.sum(axis=0)
    agreed, chance = float(np.trace(table)), float(of_gold @ of_predicted)
    if chance >= 1:
        return 0.0, 0.0
    spread = chance + chance**2 - float((of_gold * of_predicted * (of_gold + of_predicted)).sum())
    return (agreed - chance) / (1 - chance), float(np.sqrt(max(spread, 0)) / ((1 - chance) * np.sqrt(len(gold))))
