"""How much each attention head and each inner neuron matters to the loss of a trained model."""

import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.pipeline import Padding, distributed_batches, next_batch
from bert_tf2.data.batches.plans import LengthSortedPlan
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.models.checkpoints import loading
from bert_tf2.models.checkpoints.pruning import HEADS
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import family_of
from bert_tf2.progress import Progress
from bert_tf2.tasks.base import Task
from bert_tf2.training.gradients import model_inputs


@dataclasses.dataclass(frozen=True)
class Importance:
    """What leaving a part out would change of the loss, to first order, at the mean of examples.

    Attributes:
      heads: float64 [layers, heads].
      neurons: float64 [layers, inner neurons].
      examples: how many there were.
    """

    heads: np.ndarray
    neurons: np.ndarray
    examples: int


@dataclasses.dataclass(frozen=True)
class OutputRows:
    """The matrices of an encoder whose rows its heads and neurons are multiplied with last, one for each layer with weights of
    its own.

    Attributes:
      heads: variables [heads, head size, H], or XLNet's, [H, heads, head size].
      neurons: variables [inner neurons, H].
      axis_of_heads: which axis of `heads` that of the heads is.
    """

    heads: list[tf.Variable]
    neurons: list[tf.Variable]
    axis_of_heads: int

    @classmethod
    def of(cls, encoder: tf_keras.Model, config: BertConfig) -> "OutputRows":
        """Those of an encoder of a configuration."""
        family = family_of(config)
        weights = [weight for weight in family.weights.of(config) if weight.place[-2:] == ("output_dense", "kernel")]
        of_heads = [weight for weight in weights if "attention_layer" in weight.place]
        variables = loading.living_variables(encoder, weights, family)
        heads = [variables.pop(weight.name) for weight in of_heads if weight.name in variables]
        # In most tables the columns of all heads lie side by side; the variables have an axis for the heads, the first.
        axis = of_heads[0].shape.index(HEADS) if HEADS in of_heads[0].shape else 0
        return cls(heads, list(variables.values()), axis)

    def axes(self) -> list[int]:
        """Of every matrix, those of the heads first, the axis of what is left out or stays."""
        return [self.axis_of_heads] * len(self.heads) + [0] * len(self.neurons)


def importance_of(task: Task, model: tf_keras.Model, config: BertConfig, records: RecordSet, examples: int) -> Importance:
    """Measures the importance of heads and neurons as Michel et al. do (https://arxiv.org/abs/1905.10650).

    A factor m, which is 1, in front of what a head adds to the hidden vectors changes the loss by dL/dm; as that is a product
    with rows W of the output projection, dL/dm is the sum of W * dL/dW over these rows. The importance is the mean of |dL/dm|
    over examples, each for itself, for neurons likewise.

    Args:
      task: gives the loss, without dropout.
      model: a model of the task, whose first layer with weights is an encoder.
      config: of the encoder.
      records: labelled ones.
      examples: about so many of them, evenly spread, are looked at.
    """
    encoder = next(layer for layer in model.layers if layer.weights)
    rows = OutputRows.of(encoder, config)
    weights = [*rows.heads, *rows.neurons]
    chosen = records.spread(examples)
    plan = LengthSortedPlan(records.lengths, 1, chosen)
    strategy = tf.distribute.get_strategy()
    iterator = iter(distributed_batches(strategy, records, plan, 0, Padding()))

    @tf.function(autograph=False, reduce_retracing=True)
    def of_next() -> list[tf.Tensor]:
        batch = next_batch(strategy, iterator)
        with tf.GradientTape() as tape:
            outputs = task.training_outputs(model, model_inputs(model, batch), batch, training=False)
            loss = task.loss(outputs, batch, task.loss_denominators(batch))
        gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
        return [
            tf.abs(tf.reduce_sum(weight * gradient, axis=[other for other in range(weight.shape.rank) if other != axis]))
            for weight, gradient, axis in zip(weights, gradients, rows.axes())
        ]

    sums = [np.zeros(weight.shape[axis]) for weight, axis in zip(weights, rows.axes())]
    with Progress("importance", len(chosen), "examples") as progress:
        for _ in range(plan.steps):
            for total, value in zip(sums, of_next()):
                total += value.numpy()
            progress.advance(1)
    means = [total / len(chosen) for total in sums]
    return Importance(np.stack(means[: len(rows.heads)]), np.stack(means[len(rows.heads) :]), len(chosen))
