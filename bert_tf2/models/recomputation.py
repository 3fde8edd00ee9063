"""Activations that the gradient makes again instead of keeping them (https://arxiv.org/abs/1604.06174)."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from bert_tf2.models.dropout import drawing, dropout_seed, salted
from bert_tf2.models.own_weights import Substitutes, keeps_little, substituted, value
from bert_tf2.models.packing import current, packed


class Called:
    """A function that is called again with the same weights and draws.

    Args:
      function: of layers that read every weight by `own_weights.value`, and make nothing random but by `Dropout`.
      variables: all weights that they read.

    Attributes:
      weights: the variables' values.
    """

    def __init__(self, function: Callable[[tf.Tensor], tf.Tensor], variables: Sequence[tf.Variable]):
        self._function, self._variables, self._packing = function, variables, current()
        self._seed, self._offset = drawing()
        self.weights = [tf.convert_to_tensor(value(variable)) for variable in variables]

    def __call__(self, hidden: tf.Tensor, weights: Sequence[tf.Tensor], seed: tf.Tensor | None = None) -> tf.Tensor:
        """The function's result with these weights."""
        own = Substitutes({id(variable): tensor for variable, tensor in zip(self._variables, weights)})
        with dropout_seed(self._seed if seed is None else seed), salted(self._offset), packed(self._packing), substituted(own):
            return self._function(hidden)

    def gradient(self, upstream: tf.Tensor, hidden: tf.Tensor, weights: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """That of `hidden` and of the weights, for which everything is made once more."""
        again, seed, same = _not_before(upstream, hidden, self._seed, weights)
        with tf.GradientTape() as tape:
            tape.watch([again, *same])
            result = self(again, same, seed)
        return tape.gradient(result, [again, *same], upstream)


def recomputed(function: Callable[[tf.Tensor], tf.Tensor], variables: Sequence[tf.Variable], hidden: tf.Tensor) -> tf.Tensor:
    """function(hidden), of whose insides nothing is kept for the gradient: it calls it once more, and dropout draws the same.

    Args:
      function, variables: as for `Called`.
      hidden: any floating tensor.
    """
    called = Called(function, variables)

    @tf.custom_gradient
    def apply(hidden, *weights):
        return called(hidden, weights), lambda upstream: called.gradient(upstream, hidden, weights)

    return apply(hidden, *called.weights)


def one_recomputed(condition: tf.Tensor, trained: Called, fixed: Called, hidden: tf.Tensor) -> tf.Tensor:
    """trained(hidden) or fixed(hidden), as `recomputed`; what is not called costs nothing.

    That nothing of their insides is kept is what a gradient across a condition needs: compiled code knows no tensor whose shape
    depends on it.

    Args:
      condition: whether `trained` is called, bool [].
      trained, fixed: give results of one shape. Of the weights of `fixed` there is no gradient.
      hidden: any floating tensor.
    """

    @tf.custom_gradient
    def apply(hidden, *weights):
        def of_trained(upstream):
            found = trained.gradient(upstream, hidden, weights)
            # A condition has as many results on either side.
            return [tf.zeros_like(known) if one is None else one for one, known in zip(found, (hidden, *weights))]

        def of_fixed(upstream):
            return [fixed.gradient(upstream, hidden, fixed.weights)[0], *map(tf.zeros_like, weights)]

        def gradient(upstream):
            return tf.cond(condition, lambda: of_trained(upstream), lambda: of_fixed(upstream))

        return tf.cond(condition, lambda: trained(hidden, weights), lambda: fixed(hidden, fixed.weights)), gradient

    return apply(hidden, *trained.weights)


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
