"""Packed lists of integers, many at once."""

import numpy as np

from bert_tf2.data.records.wire_format import integer_lists, varints


def test_many_lists_are_those_of_each():
    draws = np.random.default_rng(0)
    lists = [[], [0], [127, 128], [16383, 16384, 2097151], [], *(draws.integers(0, 1 << 21, n).tolist() for n in range(50)), []]
    joined = np.array([value for values in lists for value in values])
    assert integer_lists(joined, np.array([len(values) for values in lists])) == [varints(values) for values in lists]


def test_no_lists():
    assert integer_lists(np.zeros(0, np.int64), np.zeros(0, np.int64)) == []
    assert integer_lists(np.zeros(0, np.int64), np.zeros(2, np.int64)) == [b"", b""]
