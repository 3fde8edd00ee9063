"""Losses between what two encoders compute on the way, of the tokens that are there.

Each gives a sum over the tokens (or pairs of tokens) of rows [R, L], which the caller divides by their weight in the whole batch.
"""

from collections.abc import Sequence

import tensorflow as tf
import tf_keras

from bert_tf2.models.config import BertConfig
from bert_tf2.models.layers import Projection, initializer
from bert_tf2.models.observation import Heads, States

# Low enough that a softmax gives it nothing.
_NEVER = -1e9


class WidthProjections(tf_keras.layers.Layer):
    """What brings a student's vectors to its teacher's width, learned along and of no use afterwards (TinyBERT's W_e and W_h).

    Args:
      student: configuration of the student; its `initializer_range` is theirs.
      teacher_width: of the teacher's vectors.
    """

    def __init__(self, student: BertConfig, teacher_width: int, **kwargs: object):
        super().__init__(autocast=False, **kwargs)
        shape = [student.hidden_size, teacher_width]
        self.of_embeddings, self.of_hidden = (
            Projection(shape, shape[1:], shape, initializer(student), name=name) for name in ("of_embeddings", "of_hidden")
        )

    def build(self, input_shape: tf.TensorShape) -> None:
        """Builds both."""
        for layer in (self.of_embeddings, self.of_hidden):
            layer.build(input_shape)
        super().build(input_shape)

    def call(self, vectors: tf.Tensor, of_embeddings: bool) -> tf.Tensor:
        """[R, L, H] -> [R, L, H of the teacher]."""
        layer = self.of_embeddings if of_embeddings else self.of_hidden
        flat = layer(tf.reshape(vectors, [-1, vectors.shape[-1]]))
        return tf.reshape(flat, tf.concat([tf.shape(vectors)[:2], [flat.shape[-1]]], axis=0))


def hidden_loss(
    student: States,
    teacher: States,
    layers: Sequence[tuple[int, int]],
    weights: tf.Tensor,
    projections: WidthProjections | None,
) -> tf.Tensor:
    """The squared difference of the embeddings, and of what each pair of layers gives, the mean over a vector's numbers, summed
    over the pairs (https://arxiv.org/abs/1909.10351, equations 8 and 9).

    Args:
      student, teacher: of the same rows.
      layers: pairs of layers, counted from 0.
      weights: of the tokens, float32 [R, L]; 0 for padding.
      projections: where the widths differ.
    """
    total = tf.constant(0.0)
    for mine, other in [(0, 0), *((mine + 1, other + 1) for mine, other in layers)]:
        vectors = student.hidden[mine]
        if projections is not None:
            vectors = projections(vectors, of_embeddings=mine == 0)
        differences = tf.reduce_mean(tf.math.squared_difference(vectors, teacher.hidden[other]), axis=-1)
        total += tf.reduce_sum(differences * weights)
    return total


def cosine_loss(student: tf.Tensor, teacher: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """One minus the cosine of the angle between the vectors of each token; DistilBERT has it of those that the last layers give
    (https://arxiv.org/abs/1910.01108).

    Args:
      student, teacher: float32 [R, L, H].
      weights: as for `hidden_loss`.
    """
    cosines = tf.reduce_sum(tf.math.l2_normalize(student, axis=-1) * tf.math.l2_normalize(teacher, axis=-1), axis=-1)
    return tf.reduce_sum((1 - cosines) * weights)


def attention_loss(student: States, teacher: States, layers: Sequence[tuple[int, int]], weights: tf.Tensor) -> tf.Tensor:
    """The squared difference of the attention scores before the softmax, the mean over the heads, summed over the pairs of layers
    (https://arxiv.org/abs/1909.10351, equation 7); of each token to each of its row.

    Args: as `hidden_loss`.
    """
    of_pairs, total = weights[:, :, tf.newaxis] * tf.cast(weights[:, tf.newaxis, :] > 0, tf.float32), tf.constant(0.0)
    for mine, other in layers:
        differences = tf.math.squared_difference(student.heads[mine].scores(), teacher.heads[other].scores())
        total += tf.reduce_sum(tf.reduce_mean(differences, axis=1) * of_pairs)
    return total


def minilm_loss(student: Heads, teacher: Heads, weights: tf.Tensor) -> tf.Tensor:
    """The divergence of the attention's distributions from the teacher's, and that of the values' relations, the mean over the
    heads, both summed (https://arxiv.org/abs/2002.10957, equations 6 to 9).

    Args:
      student, teacher: of their last layers.
      weights: as for `hidden_loss`.
    """
    never = tf.where(weights > 0, 0.0, _NEVER)[:, tf.newaxis, tf.newaxis, :]
    total = tf.constant(0.0)
    for mine, other in ((student.scores(), teacher.scores()), (student.value_relations(), teacher.value_relations())):
        given, wanted = tf.nn.log_softmax(mine + never), tf.nn.log_softmax(other + never)
        divergences = tf.reduce_sum(tf.exp(wanted) * (wanted - given), axis=-1)
        total += tf.reduce_sum(tf.reduce_mean(divergences, axis=1) * weights)
    return total
