"""How a model's metric falls as more of it is left out."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from bert_tf2.models.checkpoints.pruning import Kept
from bert_tf2.pruning.choice import most_important
from bert_tf2.pruning.importance import Importance, OutputRows

_SHARES = (1.0, 0.75, 0.5, 0.25, 0.1)


@dataclasses.dataclass(frozen=True)
class Point:
    """A size of the model, and what it reaches.

    Attributes:
      heads, neurons: how many each layer has.
      metric: of the model before any further training.
    """

    heads: int
    neurons: int
    metric: float


def curve(rows: OutputRows, importance: Importance, evaluate: Callable[[], float]) -> tuple[list[Point], list[Point]]:
    """Fewer heads with all neurons, and fewer neurons with all heads; the whole model is the first point of both.

    Args:
      rows: of the model that is evaluated; they hold the same again at the end.
      importance: of its parts, the least of which go first.
      evaluate: the metric of the model as it is.
    """
    layers = range(len(importance.neurons))
    all_heads, all_neurons = importance.heads.shape[1], importance.neurons.shape[1]
    heads = [max(1, round(share * all_heads)) for share in _SHARES]
    neurons = [max(1, round(share * all_neurons)) for share in _SHARES]
    whole = evaluate()

    def points(sizes: Sequence[tuple[int, int]]) -> list[Point]:
        found = [Point(all_heads, all_neurons, whole)]
        for heads, neurons in sizes:
            if (heads, neurons) != (found[-1].heads, found[-1].neurons):
                with without(rows, most_important(importance, heads, neurons, layers)):
                    found.append(Point(heads, neurons, evaluate()))
        return found

    return points([(number, all_neurons) for number in heads]), points([(all_heads, number) for number in neurons])


@contextlib.contextmanager
def without(rows: OutputRows, kept: Kept) -> Iterator[None]:
    """Within it the model computes what it would compute with nothing but what stays.

    Args:
      rows: of the model.
      kept: has all layers.
    """
    matrices = [*rows.heads, *rows.neurons]
    former = [(matrix, matrix.numpy()) for matrix in matrices]
    try:
        for matrix, axis, numbers in zip(matrices, rows.axes(), (*kept.heads, *kept.neurons), strict=True):
            mask = np.zeros(matrix.shape[axis], np.float32)
            mask[list(numbers)] = 1
            matrix.assign(matrix * tf.constant(mask.reshape([-1] + [1] * (matrix.shape.rank - 1 - axis))))
        yield
    finally:
        for matrix, value in former:
            matrix.assign(value)
