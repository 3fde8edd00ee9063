"""Vectors of a prompt, which stand for rows of the table of words while they are trained.

Prompt tuning trains them alone (Lester et al. 2021, https://arxiv.org/abs/2104.08691), P-tuning with the model (Liu et al. 2021,
https://arxiv.org/abs/2103.10385). As variables of their own they have gradients, moments and decay of their own, and the table
may stay as it is.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from bert_tf2.models.own_weights import OwnWeights, value

NONE, MLP, LSTM = ENCODERS = ("none", "mlp", "lstm")
"""What may be computed of vectors and added to them."""


@dataclasses.dataclass(frozen=True)
class RowsInstead:
    """What stands for some rows of a table.

    Attributes:
      ids: of the rows.
      vectors: gives them, float32 [N, width].
    """

    ids: Sequence[int]
    vectors: Callable[[], tf.Tensor]

    def placed(self, found: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
        """Vectors that were looked up, float32 [B, L, width], with these in their places; no gradient there goes to the table.

        A product with one-hot vectors, as of token types: the gradient of a gather would be a slow scatter.

        Args:
          found: as the table has them.
          ids: what was looked up, int32 [B, L].
        """
        width = found.shape[-1]
        here = tf.equal(tf.reshape(ids, [-1, 1]), tf.constant(self.ids, ids.dtype))
        vectors = tf.matmul(tf.cast(here, tf.float32), self.vectors())
        rows = tf.where(tf.reduce_any(here, axis=1, keepdims=True), vectors, tf.reshape(found, [-1, width]))
        return tf.reshape(rows, tf.shape(found))

    def in_table(self, table: tf.Variable | tf.Tensor) -> tf.Tensor:
        """The table with these rows, float32 [size, width]."""
        return tf.tensor_scatter_nd_update(table, tf.constant(self.ids, shape=[len(self.ids), 1]), self.vectors())


class PromptVectors(OwnWeights):
    """The vectors of a prompt, which begin as given.

    With an encoder they are v + f(v): f is two layers with a ReLU between them, of each vector (`mlp`) or of what an LSTM in both
    directions makes of those that stand together (`lstm`). Liu et al. have f(v) alone, with an LSTM of two layers. Here f
    begins at 0, so that vectors which begin as words do so with an encoder too (as Razdaibiedina et al. 2023,
    https://arxiv.org/abs/2305.03937, add vector and network).

    Args:
      beginnings: float32 [N, width].
      sizes: how many of them stand together, for each group in their order.
      encoder: one of `ENCODERS`.
    """

    def __init__(self, beginnings: np.ndarray, sizes: Sequence[int], encoder: str = NONE):
        super().__init__(autocast=False, name="prompt")
        self._sizes, self._encoder = list(sizes), encoder
        width = beginnings.shape[1]
        begins = tf_keras.initializers.Constant(beginnings)
        self.vectors = self.add_weight("vectors", beginnings.shape, tf.float32, begins)
        inner = width
        if encoder == LSTM:
            units = -(-width // 2)
            inner = 2 * units
            self._directions = [self._lstm_weights(name, width, units) for name in ("forward", "backward")]
        if encoder != NONE:
            self._hidden = self._dense_weights("hidden", inner, width, _uniform())
            self._output = self._dense_weights("output", width, width, "zeros")
        self.built = True

    def _dense_weights(self, name: str, inputs: int, outputs: int, initializer: object) -> tuple[tf.Variable, tf.Variable]:
        kernel = self.add_weight(f"{name}/kernel", [inputs, outputs], tf.float32, initializer)
        return kernel, self.add_weight(f"{name}/bias", [outputs], tf.float32, "zeros")

    def _lstm_weights(self, name: str, inputs: int, units: int) -> tuple[tf.Variable, tf.Variable, tf.Variable]:
        recurrent = self.add_weight(f"{name}/recurrent_kernel", [units, 4 * units], tf.float32, _uniform())
        return (*self._dense_weights(name, inputs, 4 * units, _uniform()), recurrent)

    def current(self) -> tf.Tensor:
        """The vectors as the model gets them, float32 [N, width]."""
        base = value(self.vectors)
        if self._encoder == NONE:
            return base
        seen = base
        if self._encoder == LSTM:
            seen = tf.concat([self._in_both_directions(part) for part in tf.split(base, self._sizes)], axis=0)
        return base + _dense(tf.nn.relu(_dense(seen, self._hidden)), self._output)

    def _in_both_directions(self, vectors: tf.Tensor) -> tf.Tensor:
        forward, backward = self._directions
        there = _lstm(vectors, *forward)
        return tf.concat([there, _lstm(vectors[::-1], *backward)[::-1]], axis=1)


def _uniform() -> tf_keras.initializers.Initializer:
    # Up to 1 / sqrt(inputs), as for adapters.
    return tf_keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def _dense(inputs: tf.Tensor, weights: tuple[tf.Variable, tf.Variable]) -> tf.Tensor:
    kernel, bias = weights
    return tf.nn.bias_add(tf.matmul(inputs, value(kernel)), value(bias))


def _lstm(vectors: tf.Tensor, kernel: tf.Variable, bias: tf.Variable, recurrent: tf.Variable) -> tf.Tensor:
    """The outputs of an LSTM (Hochreiter and Schmidhuber 1997, with a forget gate), one after the other: [N, I] -> [N, U].

    Gates stand side by side in Keras's order: input, forget, candidate, output.
    """
    entering = tf.unstack(_dense(vectors, (kernel, bias)))
    hidden = state = tf.zeros([1, recurrent.shape[0]])
    outputs = []
    for gates in entering:
        of_input, forget, candidate, of_output = tf.split(gates + tf.matmul(hidden, value(recurrent)), 4, axis=1)
        state = tf.sigmoid(forget) * state + tf.sigmoid(of_input) * tf.tanh(candidate)
        hidden = tf.sigmoid(of_output) * tf.tanh(state)
        outputs.append(hidden)
    return tf.concat(outputs, axis=0)


def begin_prompt(encoder: tf_keras.Model, groups: Sequence[Sequence[int]], prompt_encoder: str = NONE) -> PromptVectors:
    """Lets vectors stand for rows of an encoder's table of words, which they begin as, until `end_prompt`.

    Call it under the strategy's scope, with the values in place.

    Args:
      encoder: of any family with a table of words.
      groups: the rows, in groups that stand in one input, in their order there.
      prompt_encoder: one of `ENCODERS`.
    """
    words, ids = encoder._embedding_layer, [id for group in groups for id in group]
    encoder.prompt = PromptVectors(words.embeddings.numpy()[ids], list(map(len, groups)), prompt_encoder)
    words.instead = RowsInstead(ids, encoder.prompt.current)
    return encoder.prompt


def merge_prompt(encoder: tf_keras.Model) -> None:
    """Brings the rows up to date that the vectors stand for."""
    words = encoder._embedding_layer
    words.embeddings.assign(words.instead.in_table(words.embeddings))


def end_prompt(encoder: tf_keras.Model) -> None:
    """Makes an encoder one whose table holds what the vectors came to."""
    merge_prompt(encoder)
    encoder._embedding_layer.instead = None
    del encoder.prompt
