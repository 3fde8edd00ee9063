"""Activations that the gradient makes again instead of keeping them (https://arxiv.org/abs/1604.06174)."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from bert_tf2.models.dropout import drawing, dropout_seed, salted
from bert_tf2.models.own_weights import Substitutes, keeps_little, substituted, value
from bert_tf2.models.packing import current, packed


def recomputed(function: Callable[[tf.Tensor], tf.Tensor], variables: Sequence[tf.Variable], hidden: tf.Tensor) -> tf.Tensor:
    """function(hidden), of whose insides nothing is kept for the gradient: it calls it once more, and dropout draws the same.

    Args:
      function: of layers that read every weight by `own_weights.value`, and make nothing random but by `Dropout`.
      variables: all weights that they read.
      hidden: any floating tensor.
    """
    (seed, offset), packing = drawing(), current()

    def call(hidden: tf.Tensor, seed: tf.Tensor, weights: Sequence[tf.Tensor]) -> tf.Tensor:
        own = Substitutes({id(variable): tensor for variable, tensor in zip(variables, weights)})
        with dropout_seed(seed), salted(offset), packed(packing), substituted(own):
            return function(hidden)

    @tf.custom_gradient
    def apply(hidden, *weights):
        def gradient(upstream):
            again, same_seed, same = _not_before(upstream, hidden, seed, weights)
            with tf.GradientTape() as tape:
                tape.watch([again, *same])
                result = call(again, same_seed, same)
            return tape.gradient(result, [again, *same], upstream)

        return call(hidden, seed, weights), gradient

    return apply(hidden, *(tf.convert_to_tensor(value(variable)) for variable in variables))


def _not_before(upstream: tf.Tensor, hidden: tf.Tensor, seed: tf.Tensor, weights: Sequence[tf.Tensor]) -> tuple:
    """The tensors, with which nothing is computed before the gradient comes to where they are needed.

    Otherwise whoever runs or compiles the graph would do so at once, or find that it has been computed before, and keep it.
    """
    if keeps_little():
        # To compilers the order in which things are done is their own affair. That a product with 0 is 0 they must not think,
        # since it may be nan; and where it is, the whole gradient is of no use.
        nothing = tf.reshape(upstream, [-1])[0] * 0.0
        return hidden + nothing, seed + tf.cast(nothing, seed.dtype), weights
    with tf.control_dependencies([upstream]):
        return tf.identity(hidden), tf.identity(seed), [tf.identity(weight) for weight in weights]
