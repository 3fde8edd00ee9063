"""The average of the weights instead of the weights: what scores, predictions and exports of a training are made with.

A training that keeps a moving average goes on from its weights and is used by their average (Polyak and Juditsky 1992). Whatever
reads a checkpoint of it is to find the average in the model's place, without knowing of averages; so model and average are
exchanged before a checkpoint is written, and after one is read.
"""

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf

from bert_tf2.tensorflow_internals import write
from bert_tf2.training.optimization import Optimizer, unscaled


class Averages:
    """The averages that an optimizer keeps, to be exchanged with the weights.

    Args:
      optimizer: it has made its slots.
      variables: what it trains, made under the strategy's scope.
      strategy: where they live.
    """

    def __init__(self, optimizer: Optimizer, variables: Sequence[tf.Variable], strategy: tf.distribute.Strategy):
        averaged = unscaled(optimizer)
        self._pairs = [(one, averaged.average_of(one)) for one in variables] if averaged.averages else []
        self._exchange = tf.function(lambda: strategy.run(self._exchanged), autograph=False)

    def exchange(self) -> None:
        """Writes the averages where the weights are, and the weights where the averages are."""
        if self._pairs:
            self._exchange()

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Has the averages where the weights are."""
        self.exchange()
        try:
            yield
        finally:
            self.exchange()

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def _exchanged(self) -> None:
        # All are read before one is written.
        values = [(tf.identity(weight), tf.identity(average)) for weight, average in self._pairs]
        with tf.control_dependencies([value for pair in values for value in pair]):
            for (weight, average), (of_weight, of_average) in zip(self._pairs, values):
                write(weight, of_average)
                write(average, of_weight)
