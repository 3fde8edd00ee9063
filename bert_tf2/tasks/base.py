"""What a kind of task is to the floors above it."""

from typing import Protocol

import tensorflow as tf
import tf_keras

from bert_tf2.data.records.records import FeatureSpec

Batch = dict[str, tf.Tensor]


class Task(Protocol):
    """Both ends of a kind of task: what its records hold, and what its model's outputs mean.

    The loss of a step is a sum of shares, so that it is the same number however the batch is divided among replicas and
    accumulation steps: `loss_denominators` is summed over all of them first, then each one's `loss` is its share of the whole.
    """

    features: list[FeatureSpec]
    """What a record holds; written and parsed by the same list."""

    best_metric: str
    """The metric that names the best checkpoint unless the user names another."""

    def build_model(self, encoder: tf_keras.Model) -> tf_keras.Model:
        """Puts the task's head on the encoder; the encoder is the model's first layer with weights."""

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """What the loss will be divided by, from the batch alone: float32 scalars by name."""

    def loss(self, outputs: Batch, batch: Batch, denominators: dict[str, tf.Tensor]) -> tf.Tensor:
        """This part's share of the loss: a float32 scalar; the shares of all parts sum to the loss."""

    def predictions(self, outputs: Batch, batch: Batch) -> Batch:
        """What evaluation and prediction collect of a batch: tensors with one row per example."""

    # What a task may have besides: `measure_names`, and `measures(outputs, batch)` that gives a float32 scalar for each of them,
    # summed over all parts and steps between two reports; `metrics_of_sums` makes the reported metrics of the sums. A measure
    # called `tokens` is told as a rate.

    def higher_is_better(self, metric: str) -> bool:
        """Whether a larger value of the named metric is the better one."""
