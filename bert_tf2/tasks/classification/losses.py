"""Cross-entropies that ask less certainty (label smoothing) or less of easy examples (focal loss), and balanced weights.

Both are one formula, the sum over the outcomes k of a decision, with the smoothed target y_k and the probability p_k:

    loss = -sum_k y_k (1 - p_k)^gamma log p_k,    y_k = (1 - e) [k is gold] + e / (number of outcomes)

e: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", https://arxiv.org/abs/1512.00567, section 7.
gamma: Lin et al. 2017, "Focal Loss for Dense Object Detection", https://arxiv.org/abs/1708.02002, formula 4; its alpha is the
weight of a class. With e = gamma = 0 it is the plain cross-entropy; with both it is Keras's `CategoricalFocalCrossentropy`.
"""

import numpy as np
import tensorflow as tf

# (1 - p)^gamma has no finite gradient at p = 1 where gamma < 1.
_LEAST = 1e-7


def softmax_losses(logits: tf.Tensor, label_ids: tf.Tensor, smoothing: float = 0.0, gamma: float = 0.0) -> tf.Tensor:
    """One of C outcomes: logits float32 [B, C], label ids [B] -> float32 [B]; see the module for the formula.

    Args:
      logits: of the outcomes.
      label_ids: the gold ones.
      smoothing: e, the mass that all outcomes share, the gold one too.
      gamma: how much less an outcome costs that is likely already.
    """
    outcomes = logits.shape[-1]
    targets = tf.one_hot(label_ids, outcomes, 1 - smoothing + smoothing / outcomes, smoothing / outcomes)
    log_likely = tf.nn.log_softmax(logits)
    costs = -log_likely
    if gamma:
        costs *= tf.pow(tf.maximum(-tf.math.expm1(log_likely), _LEAST), gamma)
    return tf.reduce_sum(targets * costs, axis=-1)


def sigmoid_losses(logits: tf.Tensor, label_ids: tf.Tensor, smoothing: float = 0.0, gamma: float = 0.0) -> tf.Tensor:
    """Each of C labels is there (1) or not (0), two outcomes each: [B, C] twice -> float32 [B, C]; as `softmax_losses`."""
    targets = (1 - smoothing) * tf.cast(label_ids, tf.float32) + smoothing / 2
    log_there, log_absent = tf.math.log_sigmoid(logits), tf.math.log_sigmoid(-logits)
    there, absent = -log_there, -log_absent
    if gamma:
        # 1 - p of the one outcome is the p of the other.
        there, absent = tf.exp(gamma * log_absent) * there, tf.exp(gamma * log_there) * absent
    return targets * there + (1 - targets) * absent


def balanced_weights(counts: np.ndarray) -> np.ndarray:
    """n / (k count): weights with which all outcomes of a decision weigh the same, as scikit-learn's `class_weight="balanced"`
    (King and Zeng 2001, "Logistic Regression in Rare Events Data").

    Args:
      counts: how often each outcome is gold, int [K, …]; n is their sum, k how many of them occur.

    Returns:
      float64 [K, …], 0 for an outcome that does not occur.
    """
    occur = (counts > 0).sum(axis=0)
    return np.where(counts > 0, counts.sum(axis=0) / np.maximum(occur * counts, 1), 0.0)
