"""Word embeddings moved from where the table has them, for a loss that is to stay small around them.

Within `noted` an encoder tells the vectors that its words have; within `moved` it adds others to them. Both are of every input as
the encoder gets it, in the order of its calls. A table used twice is one table: only what is looked up in it is moved.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import tensorflow as tf

_context = threading.local()


@dataclasses.dataclass
class _Words:
    """What happens to the vectors of words.

    Attributes:
      noted: those of each call so far.
      moves: what is added to them, by call; None for nothing.
      watch: is told of them before they are used.
    """

    noted: list[tf.Tensor]
    moves: Sequence[tf.Tensor | None]
    watch: Callable[[tf.Tensor], None] | None


_WordsOrNone = TypeVar("_WordsOrNone", _Words, None)


@contextlib.contextmanager
def noted(watch: Callable[[tf.Tensor], None], moves: Sequence[tf.Tensor | None] = ()) -> Iterator[list[tf.Tensor]]:
    """Collects the vectors of words, float32 [B, L, E], that encoders use which are called in this thread.

    Args:
      watch: is told of each before it is used: `tf.GradientTape.watch`.
      moves: what is added to them before, as for `moved`.
    """
    with _within(_Words([], moves, watch)) as words:
        yield words.noted


@contextlib.contextmanager
def moved(moves: Sequence[tf.Tensor | None]) -> Iterator[None]:
    """Adds to the vectors of words that encoders use which are called in this thread.

    Args:
      moves: float32 [B, L, E] for each call; None leaves the vectors as they are.
    """
    with _within(_Words([], moves, None)):
        yield


@contextlib.contextmanager
def left_alone() -> Iterator[None]:
    """Neither notes nor moves what an encoder uses that is called in this thread: one that is not trained."""
    with _within(None):
        yield


def words_used(vectors: tf.Tensor) -> tf.Tensor:
    """What an encoder goes on with for the vectors that it has looked up: these, unless they are moved."""
    words: _Words | None = getattr(_context, "words", None)
    if words is None:
        return vectors
    call = len(words.noted)
    move = words.moves[call] if call < len(words.moves) else None
    vectors = tf.identity(vectors) if move is None else vectors + move
    words.noted.append(vectors)
    if words.watch is not None:
        words.watch(vectors)
    return vectors


@contextlib.contextmanager
def _within(words: _WordsOrNone) -> Iterator[_WordsOrNone]:
    previous = getattr(_context, "words", None)
    _context.words = words
    try:
        yield words
    finally:
        _context.words = previous
