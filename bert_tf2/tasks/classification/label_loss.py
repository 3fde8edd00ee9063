"""What a training minimises where labels are not to count alike: the losses of `losses.py` with weights, for both kinds."""

import abc
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf2.tasks.classification.label_numbers import BALANCED, WEIGHTS
from bert_tf2.tasks.classification.losses import balanced_weights, sigmoid_losses, softmax_losses

logger = logging.getLogger(__name__)


class LabelLoss(abc.ABC):
    """The loss of a batch is a weighted mean: the sum of weight times loss over all decisions, divided by the sum of the weights
    in the whole batch, as torch's `CrossEntropyLoss(weight=…)` has it. (Keras's `class_weight` divides by the number of examples
    instead, so that a batch with more of the heavy classes makes a larger step.) A decision weighs what its gold outcome does; so
    does the part of a smoothed target that the others have, which torch gives their own weights.

    Args:
      names: of the labels, in id order.
      class_weights: `balanced`, or a weight for each label in id order; None where all weigh 1.
      smoothing, gamma: see `bert_tf2.tasks.classification.losses`.
    """

    def __init__(
        self, names: Sequence[str], class_weights: str | Sequence[float] | None = None, smoothing: float = 0.0, gamma: float = 0.0
    ):
        self._names, self._given, self._smoothing, self._gamma = list(names), class_weights, smoothing, gamma
        # float [C] of classes, [2, C] of labels that are absent or there; None until they are counted.
        self._weights = None if class_weights in (None, BALANCED) else self._spread(np.asarray(class_weights, np.float64))

    @property
    def is_weighted(self) -> bool:
        """Whether decisions weigh differently."""
        return self._given is not None

    def begin(self, label_ids: np.ndarray) -> dict[str, Any]:
        """Counts the labels that are trained on, where the weights depend on them.

        Args:
          label_ids: of all training records, as these hold them.

        Returns:
          What identifies the loss instead of the options: the weights, however they were given.
        """
        if self._given is None:
            return {}
        if self._given != BALANCED:
            return {"class_weights": dict(zip(self._names, map(float, self._given)))}
        counts = self._counts(label_ids)
        self._weights = balanced_weights(counts)
        self._tell(counts)
        return {"class_weights": BALANCED}

    def _tell(self, counts: np.ndarray) -> None:
        gold = counts if counts.ndim == 1 else counts[1]
        weights = self._weights_of_gold()
        absent = [name for name, count in zip(self._names, gold) if not count]
        if absent:
            more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
            logger.warning("no training record has the label '%s'%s; the others are balanced without", absent[0], more)
        present = np.flatnonzero(gold)
        if len(present):
            least, most = (int(present[choose(weights[present])]) for choose in (np.argmin, np.argmax))
            told = weights[least], self._names[least], weights[most], self._names[most]
            logger.info("--class_weights=balanced: from %.3g ('%s') to %.3g ('%s')", *told)

    def _weights_of_gold(self) -> np.ndarray:
        return self._known if self._known.ndim == 1 else self._known[1]

    @property
    def _known(self) -> np.ndarray:
        assert self._weights is not None, "the labels of the training were not counted"
        return self._weights

    @abc.abstractmethod
    def _spread(self, weights: np.ndarray) -> np.ndarray:
        """The weights of all outcomes, from those of the labels [C]."""

    @abc.abstractmethod
    def _counts(self, label_ids: np.ndarray) -> np.ndarray:
        """How often each outcome is gold, in the form of the weights."""

    @abc.abstractmethod
    def weights(self, label_ids: tf.Tensor) -> tf.Tensor:
        """What each example weighs by its labels: float32 [B]. Where `is_weighted`."""

    @abc.abstractmethod
    def losses(self, logits: tf.Tensor, label_ids: tf.Tensor) -> tf.Tensor:
        """The loss of each example, times what it weighs: logits float32 [B, C], labels as records hold them -> float32 [B]."""


class ClassLoss(LabelLoss):
    """Of one label for each text."""

    def _spread(self, weights: np.ndarray) -> np.ndarray:
        return weights

    def _counts(self, label_ids: np.ndarray) -> np.ndarray:
        return np.bincount(label_ids, minlength=len(self._names))

    def weights(self, label_ids: tf.Tensor) -> tf.Tensor:
        """The weight of the gold class."""
        return tf.gather(tf.constant(self._known, tf.float32), label_ids)

    def losses(self, logits: tf.Tensor, label_ids: tf.Tensor) -> tf.Tensor:
        losses = softmax_losses(logits, label_ids, self._smoothing, self._gamma)
        return losses * self.weights(label_ids) if self.is_weighted else losses


class LabelSetLoss(LabelLoss):
    """Of any number of labels for each text: a label is a decision with two outcomes, and an example the mean of its decisions.

    A label's weight is that of its being there, beside 1 for its being absent (torch's `pos_weight`, in a weighted mean).
    Balanced are the two outcomes of each label, as in scikit-learn's `OneVsRestClassifier` of classifiers that balance.
    """

    def _spread(self, weights: np.ndarray) -> np.ndarray:
        return np.stack([np.ones_like(weights), weights])

    def _counts(self, label_ids: np.ndarray) -> np.ndarray:
        there = label_ids.astype(np.int64).sum(axis=0)
        return np.stack([len(label_ids) - there, there])

    def _of_decisions(self, label_ids: tf.Tensor) -> tf.Tensor:
        absent, there = tf.unstack(tf.constant(self._known, tf.float32))
        return tf.where(label_ids > 0, there, absent)

    def weights(self, label_ids: tf.Tensor) -> tf.Tensor:
        """The mean of the weights of its decisions."""
        return tf.reduce_mean(self._of_decisions(label_ids), axis=-1)

    def losses(self, logits: tf.Tensor, label_ids: tf.Tensor) -> tf.Tensor:
        losses = sigmoid_losses(logits, label_ids, self._smoothing, self._gamma)
        return tf.reduce_mean(losses * self._of_decisions(label_ids) if self.is_weighted else losses, axis=-1)


def label_loss(options: Any, names: Sequence[str], form: type[LabelLoss]) -> LabelLoss | None:
    """The loss that `LabelLossOptions` ask for; None where it is the plain cross-entropy.

    Args:
      options: of the training.
      names: of the labels, in id order.
      form: of the kind of task.

    Raises:
      UserError: weights of other labels than these.
    """
    if options.class_weights is None and not options.label_smoothing and not options.focal_gamma:
        return None
    weights = None if options.class_weights is None else WEIGHTS.read(options.class_weights, names)
    return form(names, weights, options.label_smoothing, options.focal_gamma)
