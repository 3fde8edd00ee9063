"""Dropout: the rate, and decisions that are a function of seed and layer."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.models.dropout import Dropout, dropout_seed


def drop(salt=1, seed=(3, 4), shape=(7, 300, 101), rate=0.1):
    with dropout_seed(tf.constant(seed)):
        return Dropout(rate, salt)(tf.ones(shape), training=True).numpy()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.0003])
def test_rate_and_expectation(rate):
    dropped = drop(rate=rate)
    deviation = np.sqrt(rate * (1 - rate) / dropped.size)
    assert abs((dropped == 0).mean() - rate) < 4 * deviation + 1 / 131072
    assert abs(dropped.mean() - 1) < 4 * deviation / (1 - rate) + 1e-6
    assert len(np.unique(dropped)) == 2


def test_neighbours_are_independent():
    dropped = (drop(rate=0.5) == 0).ravel() - 0.5
    for distance in (1, 2, 101, 300):
        assert abs((dropped[distance:] * dropped[:-distance]).mean()) < 4 * 0.25 / np.sqrt(dropped.size)


def test_same_seed_same_decisions_and_otherwise_others():
    once = drop()
    assert np.array_equal(once, drop())
    for other in (drop(salt=2), drop(seed=(3, 5)), drop(seed=(4, 4))):
        both = ((once == 0) & (other == 0)).mean()
        assert 0.005 < both < 0.015


@pytest.mark.parametrize("seed", [(1, 2), (-1533435876, 0), (2**31 - 1, -(2**31)), (418412661, 7)])
def test_same_decisions_in_graph_and_compiled(seed):
    layer = Dropout(0.5, 1_000_003)

    def function(seed):
        with dropout_seed(seed):
            return layer(tf.ones([5, 33]), training=True)

    seed = tf.constant(seed)
    eager = function(seed)
    assert np.array_equal(eager, tf.function(function)(seed))
    assert np.array_equal(eager, tf.function(function, jit_compile=True)(seed))


def test_nothing_is_dropped_without_training_or_rate():
    ones = tf.ones([3, 5])
    assert np.array_equal(Dropout(0.5, 1)(ones, training=False), ones)
    assert np.array_equal(Dropout(0.5, 1)(ones), ones)
    assert np.array_equal(Dropout(0.0, 1)(ones, training=True), ones)


def test_without_a_seed_every_call_draws_anew_in_a_graph_too():
    layer = Dropout(0.5, 1)
    function = tf.function(lambda: layer(tf.ones([1000]), training=True))
    assert not np.array_equal(function(), function())


def test_seeds_nest_and_end():
    with dropout_seed(tf.constant([1, 1])):
        with dropout_seed(tf.constant([2, 2])):
            inner = Dropout(0.5, 1)(tf.ones([100]), training=True).numpy()
        outer = Dropout(0.5, 1)(tf.ones([100]), training=True).numpy()
    assert np.array_equal(inner, drop(seed=(2, 2), shape=(100,), rate=0.5))
    assert np.array_equal(outer, drop(seed=(1, 1), shape=(100,), rate=0.5))
