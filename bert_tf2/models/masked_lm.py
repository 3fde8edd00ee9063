"""The masked-LM head: what stood at a masked place, as a choice among the whole vocabulary."""

from typing import Any

import tensorflow as tf

from bert_tf2.models.activations import get_activation
from bert_tf2.models.config import BertConfig
from bert_tf2.models.layers import Embedding, Projection, build_under_name, initializer
from bert_tf2.models.normalization import LayerNormalization
from bert_tf2.models.own_weights import OwnWeights, value


class MaskedLM(OwnWeights):
    """Dense layer, activation, layer normalisation, product with the word embeddings, bias (Devlin et al. 2018, section 3.1).

    The names of its variables and references are those of the model garden's `MaskedLM`, whose checkpoints restore here and
    ours there.

    Args:
      config: shape of the encoder.
      words: the encoder's word embeddings, which are the output's too; built.
      compute_dtype: of the matrix products; logits are float32.
    """

    def __init__(self, config: BertConfig, words: Embedding, compute_dtype: tf.DType = tf.float32, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.embedding_table = words.embeddings
        self._table = words.table
        self._product_dtype = compute_dtype
        self._width = config.hidden_size
        self._embedding_width = width = config.embedding_width
        self._activation = get_activation(config.masked_lm_act)
        shape = [self._width, width]
        self.dense = Projection(shape, [width], shape, initializer(config), name="transform/dense")
        self.layer_norm = LayerNormalization(config.layer_norm_eps, name="transform/LayerNorm")

    def build(self, input_shape: tf.TensorShape) -> None:
        """Makes the dense layer, the normalisation and `output_bias/bias`, float32 [V]."""
        build_under_name(self.dense, input_shape)
        build_under_name(self.layer_norm, tf.TensorShape([None, self._embedding_width]))
        self.bias = self.add_weight("output_bias/bias", [self.embedding_table.shape[0]], dtype=tf.float32, initializer="zeros")
        super().build(input_shape)

    def call(
        self,
        sequence_output: tf.Tensor,
        places: tf.Tensor,
        label_ids: tf.Tensor,
        word_table: tf.Tensor,
        gives_logits: bool = False,
    ) -> tuple[tf.Tensor, ...]:
        """Predicts tokens and compares them with what stood there.

        Args:
          sequence_output: float32 [B, L, H].
          places: int32 [N], numbers of tokens among all B * L.
          label_ids: int32 [N], the ids that stood there.
          word_table: the word embeddings as `TiedEmbedding` gives them, float32 [V, E].
          gives_logits: for another loss of the whole distributions.

        Returns:
          The cross-entropy of each place, float32 [N]; and 1 where the most likely token is the right one, float32 [N]. With
          `gives_logits` also the unnormalised log-probabilities of all tokens, float32 [N, V].
        """
        if gives_logits:
            table = tf.cast(word_table, self._product_dtype)
            logits = self._of_all_tokens(self._transformed(sequence_output, places), table)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label_ids, logits=logits)
            right = tf.gather(logits, label_ids, batch_dims=1) >= tf.reduce_max(logits, axis=-1)
            return losses, tf.cast(right, tf.float32), logits
        return self.compared(sequence_output, places, label_ids, word_table)

    def compared(
        self,
        sequence_output: tf.Tensor,
        places: tf.Tensor,
        label_ids: tf.Tensor,
        word_table: tf.Tensor,
        gives_likelihoods: bool = False,
    ) -> tuple[tf.Tensor, ...]:
        """As `call`; with `gives_likelihoods` what `tied_cross_entropy` gives then."""
        bias = tf.convert_to_tensor(value(self.bias))
        table = tf.cast(word_table, self._product_dtype)
        return tied_cross_entropy(self._transformed(sequence_output, places), table, bias, label_ids, gives_likelihoods)

    def logits(self, sequence_output: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """The unnormalised log-probabilities of all tokens, from arguments as those of `call`: float32 [N, V]."""
        table = tf.cast(self._table(), self._product_dtype)
        return self._of_all_tokens(self._transformed(sequence_output, places), table)

    def _of_all_tokens(self, transformed: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
        product = tf.matmul(transformed, table, transpose_b=True)
        return tf.nn.bias_add(tf.cast(product, tf.float32), value(self.bias))

    def _transformed(self, sequence_output: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        tokens = tf.gather(tf.reshape(sequence_output, [-1, self._width]), places)
        hidden = self._activation(self.dense(tf.cast(tokens, self._product_dtype)))
        return tf.cast(self.layer_norm(tf.cast(hidden, tf.float32)), self._product_dtype)


def tied_cross_entropy(
    hidden: tf.Tensor, table: tf.Tensor, bias: tf.Tensor, label_ids: tf.Tensor, gives_likelihoods: bool = False
) -> tuple[tf.Tensor, ...]:
    """Cross-entropy of softmax(hidden table^T + bias), with few passes over the [N, V] logits.

    They are by far the largest tensor of a small model's step. So the softmax is never divided by its sum, nor multiplied
    with what comes from above: both are factors of a row, and go into the [N, H] side of the products of the gradient.

    Args:
      hidden: [N, H].
      table: [V, H].
      bias: float32 [V].
      label_ids: int32 [N].
      gives_likelihoods: see below.

    Returns:
      Cross-entropies, float32 [N]; and 1 where no token is likelier than the label, else 0, float32 [N], without gradient. With
      `gives_likelihoods` also how likely every token is beside the likeliest, float32 [N, V] from 0 to 1, without gradient.
    """

    @tf.custom_gradient
    def apply(hidden, table, bias):
        dtype = hidden.dtype
        logits = tf.nn.bias_add(tf.cast(tf.matmul(hidden, table, transpose_b=True), tf.float32), bias)
        highest = tf.reduce_max(logits, axis=-1, keepdims=True)
        of_label = tf.gather(logits, label_ids, batch_dims=1)
        exponentials = tf.exp(logits - highest)
        total = tf.reduce_sum(exponentials, axis=-1)
        highest = tf.squeeze(highest, axis=-1)

        def gradient(upstream, *_):
            share = tf.expand_dims(upstream / total, axis=-1)
            upstream = tf.expand_dims(upstream, axis=-1)
            labels = tf.expand_dims(label_ids, axis=-1)
            wide, narrow = tf.cast(exponentials, dtype), tf.cast(hidden, tf.float32)
            of_hidden = share * tf.cast(tf.matmul(wide, table), tf.float32)
            of_hidden -= upstream * tf.cast(tf.gather(table, label_ids), tf.float32)
            of_table = tf.matmul(wide, tf.cast(narrow * share, dtype), transpose_a=True)
            of_table = tf.tensor_scatter_nd_sub(of_table, labels, tf.cast(narrow * upstream, dtype))
            of_bias = tf.squeeze(tf.matmul(share, exponentials, transpose_a=True), axis=0)
            of_bias = tf.tensor_scatter_nd_sub(of_bias, labels, tf.squeeze(upstream, axis=-1))
            return tf.cast(of_hidden, dtype), of_table, of_bias

        right = tf.cast(of_label >= highest, tf.float32)
        found = (tf.math.log(total) + highest - of_label, tf.stop_gradient(right))
        return (*found, tf.stop_gradient(exponentials)) if gives_likelihoods else found, gradient

    return apply(hidden, table, bias)
