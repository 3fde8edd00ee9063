"""The metrics of generator and discriminator (google-research/electra's, by its names), from sums over any number of tokens."""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

METRICS = (
    "masked_lm_loss",
    "masked_lm_accuracy",
    "sampled_masked_lm_accuracy",
    "disc_loss",
    "disc_auc",
    "disc_accuracy",
    "disc_precision",
    "disc_recall",
)
OF_PREDICTIONS = ("masked_lm_predictions", "masked_lm_loss", "masked_lm_correct", "sampled_masked_lm_correct")
OF_TOKENS = ("tokens", "disc_loss", "disc_correct", "disc_found", "disc_called_replaced", "disc_replaced")
OF_PAIRS = ("disc_pairs_in_order", "disc_pairs")


def of_tokens(logits: tf.Tensor, losses: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> dict[str, tf.Tensor]:
    """What is summed for each example: float32 [B] by the names of `OF_TOKENS`.

    Args:
      logits, losses: of the discriminator, float32 [B, L].
      labels: 1 for a token that was replaced, float32 [B, L].
      weights: 1 for a token, 0 for padding, float32 [B, L].
    """
    called = tf.cast(logits > 0, tf.float32)
    values = (tf.ones_like(labels), losses, tf.cast(called == labels, tf.float32), called * labels, called, labels)
    return {name: tf.reduce_sum(value * weights, axis=1) for name, value in zip(OF_TOKENS, values)}


def pairs(logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> dict[str, tf.Tensor]:
    """Of all pairs of an original and a replaced token, those where the replaced one's logit is higher.

    Their share is the area under the ROC curve. Of equal logits those of later tokens count as the higher ones.

    Args:
      logits, labels, weights: as of `of_tokens`.

    Returns:
      Scalars by the names of `OF_PAIRS`.
    """
    order = tf.argsort(tf.reshape(logits, [-1]), stable=True)
    replaced, original = (tf.gather(tf.reshape(values * weights, [-1]), order) for values in (labels, 1.0 - labels))
    in_order = tf.reduce_sum(replaced * tf.cumsum(original))
    return dict(zip(OF_PAIRS, (in_order, tf.reduce_sum(original) * tf.reduce_sum(replaced))))


def told_apart(labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """1 for an original token, 2 for a replaced one, 0 for none: int8 [B, L], for `pairs_of_tokens`."""
    return tf.cast((1.0 + labels) * weights, tf.int8)


def pairs_of_tokens(logits: np.ndarray, kinds: np.ndarray) -> dict[str, float]:
    """As `pairs`, of tokens from anywhere, of which equal logits are half in order.

    Args:
      logits: any floating shape.
      kinds: what `told_apart` gave for them.
    """
    original, replaced = np.sort(logits[kinds == 1]), logits[kinds == 2]
    below = sum(np.searchsorted(original, replaced, side).sum(dtype=np.float64) for side in ("left", "right"))
    return dict(zip(OF_PAIRS, (below / 2, float(original.size) * float(replaced.size))))


def metrics_of_sums(sums: Mapping[str, float]) -> dict[str, float]:
    """The metrics by name; what is a mean of nothing is nan."""

    def share(name: str, number: str) -> float:
        return sums[name] / (sums[number] or math.nan)

    values = (
        share("masked_lm_loss", "masked_lm_predictions"),
        share("masked_lm_correct", "masked_lm_predictions"),
        share("sampled_masked_lm_correct", "masked_lm_predictions"),
        share("disc_loss", "tokens"),
        share(*OF_PAIRS),
        share("disc_correct", "tokens"),
        # As the paper's program: 0 where nothing was called replaced.
        sums["disc_found"] / (sums["disc_called_replaced"] or 1.0),
        share("disc_found", "disc_replaced"),
    )
    return dict(zip(METRICS, values))
