"""The losses of `bert_tf2.tasks.similarity.objectives`: from vectors of texts to a number for each row."""

import tensorflow as tf

# Low enough that a softmax gives it nothing, and finite, so that differences with it are.
_NEVER = -1e9


def unit(vectors: tf.Tensor) -> tf.Tensor:
    """Vectors float32 [..., H] at length 1, so that a product of two is their cosine; those of length 0 stay so."""
    return tf.math.l2_normalize(vectors, axis=-1, epsilon=1e-24)


def cosines(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """float32 [B, H] and [B, H] -> the cosine of each two, float32 [B]."""
    return tf.reduce_sum(unit(first) * unit(second), axis=-1)


def contrastive_losses(
    first: tf.Tensor, second: tf.Tensor, third: tf.Tensor | None, is_real: tf.Tensor, temperature: float
) -> tf.Tensor:
    """Each first text is to be found among the second texts of all rows, the third ones beside them
    (Gao, Yao and Chen 2021, "SimCSE", https://arxiv.org/abs/2104.08821, formulas 1 and 5):

        loss_i = -log(exp(cos(a_i, b_i) / t) / sum_j (exp(cos(a_i, b_j) / t) + exp(cos(a_i, c_j) / t)))

    The rows are those of the replica, the texts that they are compared with those of all replicas.

    Args:
      first, second: float32 [B, H].
      third: float32 [B, H], of texts that are unlike; None for none.
      is_real: float32 [B], 0 for rows that fill a batch up, whose texts are none.
      temperature: t.

    Returns:
      float32 [B].
    """
    before, others = 0, unit(tf.stack([second] if third is None else [second, third], axis=1))
    replica = tf.distribute.get_replica_context()
    if replica is not None and replica.num_replicas_in_sync > 1:
        # All replicas have as many rows.
        before = replica.replica_id_in_sync_group * tf.shape(first)[0]
        # One after the other: the gradient of several at once fails where their shapes differ (TensorFlow 2.20).
        others, is_real = replica.all_gather(others, axis=0), replica.all_gather(is_real, axis=0)
    texts = tf.unstack(others, num=1 if third is None else 2, axis=1)
    scores = tf.concat([tf.matmul(unit(first), one, transpose_b=True) for one in texts], axis=1) / temperature
    scores += tf.tile((1.0 - is_real) * _NEVER, [len(texts)])
    own = before + tf.range(tf.shape(first)[0])
    return tf.nn.sparse_softmax_cross_entropy_with_logits(own, scores)


def cosine_losses(first: tf.Tensor, second: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Squared difference of the cosine and the wanted one (Reimers and Gurevych 2019, "Sentence-BERT", section 3).

    float32 [B, H], [B, H] and [B] -> float32 [B].
    """
    return tf.square(cosines(first, second) - wanted)


def triplet_losses(first: tf.Tensor, second: tf.Tensor, third: tf.Tensor, margin: float) -> tf.Tensor:
    """max(0, cos(a, c) - cos(a, b) + margin): "Sentence-BERT", section 3, with cosines in place of distances.

    float32 [B, H] three times -> float32 [B].
    """
    return tf.nn.relu(cosines(first, third) - cosines(first, second) + margin)
