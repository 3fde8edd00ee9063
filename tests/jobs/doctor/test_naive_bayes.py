"""The second opinion on labels, beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from sklearn.naive_bayes import MultinomialNB

from bert_tf2.jobs.doctor.naive_bayes import NaiveBayes, kappa, present


def texts(number, seed, classes=3, vocabulary=50):
    """Ids of texts in which some words are commoner in some classes."""
    random = np.random.default_rng(seed)
    of_class = random.integers(0, classes, number)
    ids = []
    for one in of_class:
        own = random.integers(one * 10, one * 10 + 10, random.integers(0, 4))
        ids.append(np.concatenate([random.integers(0, vocabulary, random.integers(1, 12)), own]))
    return ids, of_class


def dense(features, size):
    table = np.zeros((len(features), size))
    for row, known in enumerate(features):
        table[row, known] = 1
    return table


def test_predictions_are_those_of_scikit_learn():
    ids, classes = texts(400, 0)
    features = present(ids, [len(row) for row in ids], 50)
    model, theirs = NaiveBayes(features, classes, 3, 66), MultinomialNB(alpha=1.0).fit(dense(features, 66), classes)
    others = present(texts(200, 1)[0], [100] * 200, 50)
    assert (model.predict(others) == theirs.predict(dense(others, 66))).all()


def test_what_is_forgotten_was_never_learned():
    ids, classes = texts(120, 2)
    features = present(ids, [len(row) for row in ids], 50)
    model = NaiveBayes(features, classes, 3, 66)
    model.add(features[:40], classes[:40], -1)
    alone = NaiveBayes(features[40:], classes[40:], 3, 66)
    assert (model.predict(features[:40]) == alone.predict(features[:40])).all()


def test_what_both_texts_of_a_pair_share_is_known():
    same, other = np.array([1, 2, 3, 1, 2, 3]), np.array([1, 2, 3, 4, 5, 6])
    assert present([same], [3], 50)[0].tolist() == [1, 2, 3, *range(50, 60)]
    assert present([other], [3], 50)[0].tolist() == [1, 2, 3, 4, 5, 6, 50]


@pytest.mark.parametrize("seed", range(3))
def test_kappa_is_that_of_scikit_learn(seed):
    random = np.random.default_rng(seed)
    gold = random.integers(0, 4, 300)
    predicted = np.where(random.random(300) < 0.3, gold, random.integers(0, 4, 300))
    assert kappa(gold, predicted, 4)[0] == pytest.approx(cohen_kappa_score(gold, predicted))


def test_the_error_of_kappa_is_that_of_chance():
    random = np.random.default_rng(5)
    draws = [kappa(random.permutation([0] * 60 + [1] * 140), random.permutation([0] * 80 + [1] * 120), 2) for _ in range(2000)]
    found, errors = np.array(draws).T
    assert np.std(found) == pytest.approx(errors.mean(), rel=0.08)
