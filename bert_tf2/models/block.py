"""One block of the encoder.

It works on the flat matrix of tokens [B * L, H], so that every product with a kernel is of rank 2: TF 2.20 on CPU can corrupt its
heap in rank-4 by rank-2 products (tensorflow#117700), and rank 2 is also what oneDNN is fastest at.
"""

from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.activations import get_activation
from bert_tf2.models.attention import SelfAttention
from bert_tf2.models.block_loop import BlockLoop
from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import Dropout
from bert_tf2.models.layers import Projection, build_under_name, chosen_tokens, initializer
from bert_tf2.models.module_replacement import computed_in_place
from bert_tf2.models.normalization import LayerNormalization
from bert_tf2.models.observation import is_observed, note_layer
from bert_tf2.models.packing import current
from bert_tf2.models.parameter_efficient.low_rank import adapter_variables
from bert_tf2.models.recomputation import recomputed
from bert_tf2.tensorflow_internals import FormerParts


class TransformerBlock(FormerParts, tf_keras.layers.Layer):
    """Self-attention and a feed-forward network, each with dropout, residual connection and layer normalisation.

    Args:
      config: shape of the encoder.
      salt: the first of three numbers for the block's dropouts.
      compute_dtype: of the matrix products.
      recompute: in training nothing of the block is kept but its input, and the gradient makes the rest again.
      is_last: no block follows; where examples are packed it gives them their tokens back.
    """

    attention: type[tf_keras.layers.Layer] = SelfAttention

    def __init__(
        self,
        config: BertConfig,
        salt: int,
        compute_dtype: tf.DType,
        recompute: bool = False,
        is_last: bool = False,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self._is_last = is_last
        self._config = config
        self._product_dtype = compute_dtype
        self._recompute = recompute
        self._activation = get_activation(config.hidden_act)
        self.loop: BlockLoop | None = None
        width, inner = config.hidden_size, config.intermediate_size
        self._attention_layer = self.attention(config, salt, name="self_attention")
        self._attention_dropout = Dropout(config.hidden_dropout_prob, salt + 1, name="attention_dropout")
        self._attention_layer_norm = LayerNormalization(config.layer_norm_eps, name="self_attention_layer_norm")
        self._intermediate_dense = Projection([width, inner], [inner], [width, inner], initializer(config), name="intermediate")
        self._output_dense = Projection([inner, width], [width], [inner, width], initializer(config), name="output")
        self._output_dropout = Dropout(config.hidden_dropout_prob, salt + 2, name="output_dropout")
        self._output_layer_norm = LayerNormalization(config.layer_norm_eps, name="output_layer_norm")

    @property
    def width(self) -> int:
        """Of the hidden vectors."""
        return self._config.hidden_size

    @property
    def matrix_weights(self) -> int:
        """How many weights every token is multiplied with: those of the projections, without biases."""
        return self.width * (4 * self._config.attention_width + 2 * self._config.intermediate_size)

    def build(self, input_shape: tf.TensorShape) -> None:
        """Builds the parts in the garden's order."""
        for layer in (
            self._attention_layer,
            self._attention_layer_norm,
            self._intermediate_dense,
            self._output_dense,
            self._output_layer_norm,
        ):
            build_under_name(layer, input_shape)
        super().build(input_shape)

    def call(
        self, hidden: tf.Tensor, adder: tf.Tensor, outputs: int | tf.Tensor | None = None, training: bool | None = None
    ) -> tf.Tensor:
        """Transforms each row.

        Args:
          hidden: float32 [B, L, H].
          adder: float32 [B, 1, 1, L] or [B, 1, L, L], added to the attention scores.
          outputs: how many tokens of each row are computed (the first ones), or which, int32 [B, F]; None for all.
          training: whether there is dropout.

        Returns:
          float32 [B, L, H], or [B, F, H].
        """
        if self.loop is None or not self.loop.is_used:
            hidden = self.noted(hidden, adder, outputs, training)
        elif self is self.loop.blocks[0]:
            hidden = self.loop.run(hidden, adder, training)
        packing = current()
        return packing.examples(hidden, outputs) if packing is not None and self._is_last else hidden

    def noted(self, hidden: tf.Tensor, adder: tf.Tensor, outputs: int | tf.Tensor | None, training: bool | None) -> tf.Tensor:
        """As `computed`, told to whoever looks at what this layer makes of all tokens."""
        of_all = outputs is not None and is_observed()
        given = computed_in_place(self, hidden, adder, None if of_all else outputs, training)
        note_layer(hidden, given)
        return chosen_tokens(given, outputs) if of_all else given

    def computed(self, hidden: tf.Tensor, adder: tf.Tensor, outputs: int | tf.Tensor | None, training: bool | None) -> tf.Tensor:
        """As `call`, of this block alone."""
        if not (training and self._recompute):
            return self._made(hidden, adder, outputs, training)
        weights = [*self.variables, *adapter_variables(self)]
        return recomputed(lambda hidden: self._made(hidden, adder, outputs, training), weights, hidden)

    def attention_weights(self, hidden: tf.Tensor, adder: tf.Tensor) -> tf.Tensor:
        """What its attention weighs tokens with, float32 [B, N, L, L]; see `SelfAttention.weights_between`."""
        return self._attention_layer.weights_between(tf.cast(hidden, self._product_dtype), adder)

    def _made(self, hidden: tf.Tensor, adder: tf.Tensor, outputs: int | tf.Tensor | None, training: bool | None) -> tf.Tensor:
        dtype = self._product_dtype
        attended = self._attention_layer(tf.cast(hidden, dtype), adder, outputs, training=training)
        kept = chosen_tokens(hidden, outputs)
        flat = tf.reshape(kept, [-1, self.width])
        update = self._attention_dropout(attended, training=training)
        flat = self._attention_layer_norm(flat + tf.cast(update, tf.float32))
        inner = self._activation(self._intermediate_dense(tf.cast(flat, dtype)))
        update = self._output_dropout(self._output_dense(inner), training=training)
        flat = self._output_layer_norm(flat + tf.cast(update, tf.float32))
        return tf.reshape(flat, tf.shape(kept))

    def former_part(self, name: str) -> tf_keras.layers.Layer | None:
        """The attention's output projection, which checkpoints of 2020 keep on the block itself."""
        return self._attention_layer.output_dense if name == "_attention_output_dense" else None
