"""What workers that train together must agree on: none can take a step without the others."""

from collections.abc import Sequence

import tensorflow as tf

from bert_tf2.training.distribution import is_multi_worker


class Agreement:
    """Sums numbers over the workers; with one worker there is nothing to ask.

    Args:
      strategy: the strategy they train under.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self._several = is_multi_worker(strategy)
        self._total = tf.function(self._sum_over_replicas, autograph=False)

    def any(self, condition: bool) -> bool:
        """Whether the condition holds on a worker."""
        return self._sum(int(condition)) > 0 if self._several else condition

    def same(self, number: int) -> bool:
        """Whether the number, 0 or more, is the same on all workers."""
        if not self._several:
            return True
        count, total = self._sum(1), self._sum(number)
        # Equal numbers have the least sum of squares for their sum.
        return total == number * count and self._sum(number * number) * count == total * total

    def of_chief(self, number: int, is_chief: bool) -> int:
        """The chief's number, below 2**63, on all workers."""
        return self._sum(number if is_chief else 0) if self._several else number

    def all_of_chief(self, numbers: Sequence[int], is_chief: bool) -> list[int]:
        """The chief's numbers, each below 2**63, on all workers."""
        count = self.of_chief(len(numbers), is_chief)
        return [self.of_chief(numbers[index] if is_chief else 0, is_chief) for index in range(count)]

    def _sum(self, number: int) -> int:
        return int(self._total(tf.constant(number, tf.int64)).numpy())

    def _sum_over_replicas(self, number: tf.Tensor) -> tf.Tensor:
        def on_replica() -> tf.Tensor:
            # Made here, the copy has the device that the sum goes to.
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(number))

        return self._strategy.experimental_local_results(self._strategy.run(on_replica))[0]
