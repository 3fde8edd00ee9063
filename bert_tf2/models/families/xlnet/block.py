"""One block of XLNet: BERT's, with another attention and one more dropout."""

from typing import Any

import tensorflow as tf

from bert_tf2.models.block import TransformerBlock
from bert_tf2.models.config import BertConfig
from bert_tf2.models.dropout import Dropout
from bert_tf2.models.families.xlnet.attention import RelativeAttention
from bert_tf2.models.families.xlnet.context import Context

# Added to the salt of a block: above those of all blocks.
_INNER_SALT = 500_000


class XLNetBlock(TransformerBlock):
    """Relative attention and a feed-forward network, each with dropout, residual connection and layer normalisation.

    Args: as `TransformerBlock`.
    """

    attention = RelativeAttention

    def __init__(self, config: BertConfig, salt: int, *args: Any, **kwargs: Any):
        super().__init__(config, salt, *args, **kwargs)
        self._inner_dropout = Dropout(config.hidden_dropout_prob, salt + _INNER_SALT, name="inner_dropout")

    def _made(self, hidden: tf.Tensor, adder: Context, outputs: tf.Tensor | None, training: bool | None) -> tf.Tensor:
        dtype = self._product_dtype
        attended = self._attention_layer(tf.cast(hidden, dtype), adder, outputs, training=training)
        kept = hidden if outputs is None else tf.gather(hidden, outputs, batch_dims=1)
        flat = tf.reshape(kept, [-1, self.width])
        update = self._attention_dropout(attended, training=training)
        flat = self._attention_layer_norm(flat + tf.cast(update, tf.float32))
        inner = self._activation(self._intermediate_dense(tf.cast(flat, dtype)))
        update = self._output_dense(self._inner_dropout(inner, training=training))
        update = self._output_dropout(update, training=training)
        flat = self._output_layer_norm(flat + tf.cast(update, tf.float32))
        return tf.reshape(flat, tf.shape(kept))
