"""Losses against the outputs of a teacher (Hinton, Vinyals and Dean 2015, https://arxiv.org/abs/1503.02531)."""

import tensorflow as tf


def softmax_divergence(logits: tf.Tensor, targets: tf.Tensor, temperature: float) -> tf.Tensor:
    """T^2 KL(softmax(targets / T) || softmax(logits / T)) over the last axis: float32 [..., C] twice -> [...]."""
    wanted, given = tf.nn.log_softmax(targets / temperature), tf.nn.log_softmax(logits / temperature)
    return temperature**2 * tf.reduce_sum(tf.exp(wanted) * (wanted - given), axis=-1)


def sigmoid_cross_entropy(logits: tf.Tensor, targets: tf.Tensor, temperature: float) -> tf.Tensor:
    """T^2 times the cross-entropy with sigmoid(targets / T), the mean over the decisions of the last axis: [..., C] -> [...]."""
    wanted = tf.sigmoid(targets / temperature)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=wanted, logits=logits / temperature)
    return temperature**2 * tf.reduce_mean(losses, axis=-1)
