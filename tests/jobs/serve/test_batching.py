"""The queue before a model."""

import threading
import time

import pytest

from bert_tf2.inference.served.served_model import ServedModel
from bert_tf2.jobs.serve.batching import Batcher, QueueFull, Stopped


class Counting(ServedModel):
    """Answers a text by its length, when it is let; fails where one is 'bad'."""

    kind, takes, example = "vectors", "a text", "a"

    def __init__(self):
        super().__init__("counting")
        self.may_go = threading.Event()
        self.batches: list[list[str]] = []

    def check(self, instance):
        return instance

    def predict(self, prepared):
        self.batches.append(list(prepared))
        assert self.may_go.wait(30)
        if "bad" in prepared:
            raise RuntimeError("bad")
        return [len(text) for text in prepared]


@pytest.fixture
def model():
    return Counting()


def started(model: Counting, **settings) -> Batcher:
    """A batcher whose model is busy with a first text."""
    batcher = Batcher(model, **({"max_batch_size": 3, "max_wait": 0.0, "max_queue": 8} | settings))
    batcher.submit(["first"])
    deadline = time.monotonic() + 30
    while not model.batches and time.monotonic() < deadline:
        time.sleep(0.001)
    return batcher


def test_a_batch_is_of_like_length_and_nobody_waits_for_ever(model):
    batcher = started(model)
    asked = [batcher.submit(texts) for texts in (["aaaa", "b"], ["cccccc", "dd"], ["eeeee", "f"])]
    assert batcher.waiting == 6
    model.may_go.set()
    assert [future.result(30) for future in asked] == [[4, 1], [6, 2], [5, 1]]
    # Who has waited longest goes, with those nearest to it in length.
    assert model.batches == [["first"], ["aaaa", "cccccc", "eeeee"], ["b", "dd", "f"]]


def test_little_of_a_batch_is_padding(model):
    batcher = started(model, max_batch_size=8)
    asked = batcher.submit(["a", "b" * 200, "cc", "d" * 190])
    model.may_go.set()
    assert asked.result(30) == [1, 200, 2, 190]
    assert model.batches == [["first"], ["a", "cc"], ["b" * 200, "d" * 190]]


def test_a_batch_waits_no_longer_than_it_may(model):
    model.may_go.set()
    slow = Batcher(model, max_batch_size=2, max_wait=3600, max_queue=8)
    first = slow.submit(["a"])
    assert not first.done()
    assert slow.submit(["b"]).result(30) == [1]
    assert (first.result(30), model.batches) == ([1], [["a", "b"]])
    soon = Batcher(model, max_batch_size=2, max_wait=0.01, max_queue=8)
    assert soon.submit(["c"]).result(30) == [1]
    # What ends does not wait.
    last = slow.submit(["d"])
    slow.stop()
    assert last.result(0) == [1]
    with pytest.raises(Stopped):
        slow.submit(["e"])


def test_a_queue_that_is_full_takes_all_or_none(model):
    batcher = started(model, max_queue=3)
    accepted = batcher.submit(["a", "b"])
    with pytest.raises(QueueFull) as full:
        batcher.submit(["c", "d"])
    assert (full.value.retry_after, batcher.waiting) == (1, 2)
    batcher.submit(["e"])
    model.may_go.set()
    assert accepted.result(30) == [1, 1]


def test_a_batch_that_fails_is_the_only_one(model):
    batcher = started(model)
    long = batcher.submit(["bad", "ccc", "ddd", "eee"])
    model.may_go.set()
    with pytest.raises(RuntimeError, match="bad"):
        long.result(30)
    assert batcher.submit(["good"]).result(30) == [4]
    batcher.stop()
    assert not batcher.waiting
