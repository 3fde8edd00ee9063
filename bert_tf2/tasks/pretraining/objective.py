"""What an encoder is pre-trained to do, as a task whose evaluations are sums over examples."""

import abc
import dataclasses
import types
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.models.checkpoints.source import Source
from bert_tf2.models.config import BertConfig
from bert_tf2.tasks.base import Batch, Collected, ExampleSet, Task


@dataclasses.dataclass(frozen=True)
class Companion:
    """An encoder that is trained beside the one that goes on to tasks.

    Attributes:
      title: what a person calls it.
      encoder: a part of the model.
      config: its shape.
      heads: the kinds of heads (`bert_tf2.models.families.names.HEADS`) that stand on it.
    """

    title: str
    encoder: tf_keras.Model
    config: BertConfig
    heads: Sequence[str]


class Objective(Task):
    """What kinds of pre-training have in common.

    Attributes:
      next_sentence: whether pairs of segments are judged.
      takes_places: the encoder is one of those built `for_pretraining`, of which some tokens are computed.
      kind: what its models are converted as (`bert_tf2.models.checkpoints.convert.HEADS_OF`).
      summary_names: what the summary of a training calls its metrics.
    """

    next_sentence: bool = False
    takes_places: ClassVar[bool] = False
    kind: ClassVar[str] = "pretrainer"
    equal_inputs_are_one: ClassVar[bool] = False
    summary_names: ClassVar[Mapping[str, str]] = types.MappingProxyType({})

    def why_not_packed(self) -> str:
        """Packs want all lengths known before the first step, and their heads the first token or all."""
        return "pre-training does not count its records' tokens before it begins, so how many rows they need is not known"

    def identifying(self) -> dict[str, Any]:
        """What besides the data and the encoder's configuration must be the same when a training goes on."""
        return {}

    def companions(self, model: tf_keras.Model) -> dict[str, Companion]:
        """What else of a model is an encoder with weights of its own, by the names of `Source.companions`."""
        del model
        return {}

    def check_source(self, source: Source) -> None:
        """Checks that what a checkpoint has beside its encoder fits the model.

        Raises:
          UserError: it does not.
        """

    @abc.abstractmethod
    def metrics(self, collected: dict[str, np.ndarray]) -> dict[str, float]:
        """All metrics and the loss, from what `predictions` gave for every example."""

    def scores(self, outcome: Collected, examples: ExampleSet) -> dict[str, float]:
        """As `metrics`."""
        del examples
        return self.metrics(outcome)

    def higher_is_better(self, metric: str) -> bool:
        """All but losses."""
        return not metric.endswith("loss")


def prediction_weights(outputs: Batch, batch: Batch) -> tf.Tensor:
    """Weights of the predictions, 0 in rows that only fill a batch up: float32 [N]."""
    return outputs["masked_lm_weights"] * tf.gather(batch["example_weight"], outputs["masked_lm_rows"])


def of_examples(values: tf.Tensor, outputs: Batch, batch: Batch) -> tf.Tensor:
    """The sums over each example's predictions: float32 [B] of [N]."""
    return tf.math.unsorted_segment_sum(values, outputs["masked_lm_rows"], tf.shape(batch["example_weight"])[0])
